//! Reading a form that our own page posted.

use auth_module::SuspectRequest;
use axum::extract::Request;
use mfa_pages::{MessageKind, field};

use super::{own::Own, refusal::Refusal};
use crate::http::{
    csrf::is_same_origin,
    form::{Form, FormError, MAX_BYTES},
};

/// Reads a form that our own page posted for the holder of `cookie`.
///
/// # Errors
///
/// When the request comes from elsewhere, or its form cannot be read.
pub(crate) async fn own_form(
    own: &Own,
    request: Request,
    cookie: Option<&str>,
) -> Result<Form, Refusal> {
    let form = same_origin_form(own, request).await?;
    let tokens = &own.runtime.form_tokens;
    if cookie.is_some_and(|cookie| tokens.verify(cookie, form.field(field::CSRF))) {
        return Ok(form);
    }
    Err(forged(own))
}

/// Records that the token of a form does not belong to its cookie, and returns the refusal.
pub(crate) fn forged(own: &Own) -> Refusal {
    let context = &own.context;
    let (client, now) = (context.client.address, context.now);
    own.runtime.auth.record_suspect(SuspectRequest::ForgedForm, client, now);
    tracing::warn!(event = "csrf.token_mismatch", client = %client, "the token of a form does not belong to its cookie");
    Refusal::Message(MessageKind::Csrf)
}

/// Reads a form that a page of ours posted, according to the browser. The caller verifies its token.
///
/// # Errors
///
/// When the request comes from elsewhere, or its form cannot be read.
pub(crate) async fn same_origin_form(own: &Own, request: Request) -> Result<Form, Refusal> {
    let (runtime, context) = (&own.runtime, &own.context);
    if !is_same_origin(&context.headers, &context.settings.origins) {
        let (client, now) = (context.client.address, context.now);
        runtime.auth.record_suspect(SuspectRequest::CrossOriginForm, client, now);
        tracing::warn!(event = "csrf.cross_origin", client = %context.client.address, "a form came from another origin");
        return Err(Refusal::Message(MessageKind::Csrf));
    }
    Form::read(&context.headers, request.into_body()).await.map_err(|error| {
        tracing::warn!(event = "form.invalid", error = &error as &dyn std::error::Error, client = %context.client.address, "a form was refused");
        match error {
            FormError::TooLarge => Refusal::Message(MessageKind::TooLarge { max_bytes: MAX_BYTES }),
            FormError::TooSlow => Refusal::Message(MessageKind::RequestTimeout),
            FormError::Duplicate | FormError::Malformed | FormError::WrongType => {
                Refusal::Message(MessageKind::BadRequest)
            }
        }
    })
}
