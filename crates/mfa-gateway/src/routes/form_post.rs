//! Reading a form that our own page posted.

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use mfa_pages::{MessageKind, field};
use mfa_proxy::Body;

use super::responses;
use crate::{
    http::{
        csrf::is_same_origin,
        form::{Form, FormError},
    },
    state::{Context, Runtime},
};

/// Reads a form that our own page posted for the holder of `cookie`.
///
/// # Errors
///
/// The response to send if the request comes from another origin or its form is invalid.
pub(crate) async fn own_form(
    runtime: &Runtime,
    request: Request<Incoming>,
    context: &Context,
    cookie: Option<&str>,
) -> Result<Form, Response<Body>> {
    if !is_same_origin(&context.headers, &context.settings.origins) {
        tracing::warn!(event = "csrf.cross_origin", client = %context.client.address, "a form came from another origin");
        return Err(responses::message(context, MessageKind::Csrf));
    }
    let form = Form::read(&context.headers, request.into_body()).await.map_err(|error| {
        let kind = match error {
            FormError::TooLarge => MessageKind::TooLarge,
            FormError::Duplicate
            | FormError::Malformed
            | FormError::TooSlow
            | FormError::WrongType => MessageKind::BadRequest,
        };
        tracing::warn!(event = "form.invalid", error = %error, client = %context.client.address, "a form was refused");
        let mut response = responses::message(context, kind);
        if error == FormError::TooSlow {
            *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
        }
        response
    })?;
    let is_ours =
        cookie.is_some_and(|cookie| runtime.form_tokens.verify(cookie, form.field(field::CSRF)));
    if is_ours {
        return Ok(form);
    }
    tracing::warn!(event = "csrf.token_mismatch", client = %context.client.address, "the token of a form does not belong to its cookie");
    Err(responses::message(context, MessageKind::Csrf))
}
