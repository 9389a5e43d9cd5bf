//! The account page and the logout.

use auth_module::{Session, SessionToken};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use mfa_pages::{
    AccountPage, CsrfToken, LogoutPage, SessionFacts, path as page, render_account, render_logout,
};
use mfa_proxy::Body;

use super::{form_post::own_form, responses};
use crate::{
    http::cookies,
    state::{Context, Runtime},
};

/// Responds to `GET account`.
pub(crate) async fn show(runtime: &Runtime, context: &Context) -> Response<Body> {
    with_session(runtime, context, |session, csrf| {
        let user = session.user();
        let methods = session.amr();
        let facts = SessionFacts {
            signed_in_at: session.auth_time(),
            expires_at: session.expires_at(),
            methods: &methods,
            address: None,
        };
        let phone = user.phone_number.as_ref().map(otp_core::PhoneNumber::masked);
        let shown =
            AccountPage::new(responses::frame(context), csrf, user.login_name.as_str(), facts)
                .with_display_name(Some(&user.display_name))
                .with_phone(phone.as_deref());
        render_account(&shown)
    })
    .await
}

/// Responds to `GET logout`. A logout takes a `POST`, so this page asks first.
pub(crate) async fn ask_logout(runtime: &Runtime, context: &Context) -> Response<Body> {
    with_session(runtime, context, |_, csrf| {
        render_logout(&LogoutPage::new(responses::frame(context), csrf))
    })
    .await
}

async fn with_session(
    runtime: &Runtime,
    context: &Context,
    render: impl FnOnce(&Session, CsrfToken<'_>) -> String,
) -> Response<Body> {
    match (runtime.session(context).await, cookies::SESSION.value(&context.headers)) {
        (Ok(Some(session)), Some(cookie)) => {
            let token = runtime.form_tokens.issue(cookie);
            responses::page(context, StatusCode::OK, render(&session, CsrfToken::new(&token)))
        }
        (Ok(_), _) => responses::see_other(&context.settings.site.url(page::LOGIN)),
        (Err(error), _) => responses::failed(context, "session.load", &error),
    }
}

/// Responds to `POST logout`.
pub(crate) async fn logout(
    runtime: &Runtime,
    request: Request<Incoming>,
    context: &Context,
) -> Response<Body> {
    let Some(cookie) = cookies::SESSION.value(&context.headers) else {
        return signed_out(context);
    };
    if let Err(response) = own_form(runtime, request, context, Some(cookie)).await {
        return response;
    }
    if let Some(token) = SessionToken::parse(cookie)
        && let Err(error) = runtime.auth.logout(&token, &context.client, context.now).await
    {
        return responses::failed(context, "session.end", &error);
    }
    signed_out(context)
}

fn signed_out(context: &Context) -> Response<Body> {
    let mut response =
        responses::see_other(&format!("{}?why=signed-out", context.settings.site.url(page::LOGIN)));
    responses::add_cookie(response.headers_mut(), cookies::SESSION.clear());
    response
}
