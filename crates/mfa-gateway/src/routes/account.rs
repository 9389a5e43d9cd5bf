//! The account page and the way out.

use auth_module::{Session, SessionToken};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use mfa_pages::{
    AccountPage, CsrfToken, LogoutPage, SessionFacts, path as page, render_account, render_logout,
};
use mfa_proxy::Body;

use super::{own_form, responses};
use crate::{
    app::{App, Context},
    http::cookies,
};

/// `GET account`
pub(crate) async fn show(app: &App, context: &Context) -> Response<Body> {
    with_session(app, context, |session, csrf| {
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
            AccountPage::new(responses::frame(app, context), csrf, user.login_name.as_str(), facts)
                .with_display_name(Some(&user.display_name))
                .with_phone(phone.as_deref());
        render_account(&shown)
    })
    .await
}

/// `GET logout`: signing out takes a `POST`, so a link asks first.
pub(crate) async fn ask_logout(app: &App, context: &Context) -> Response<Body> {
    with_session(app, context, |_, csrf| {
        render_logout(&LogoutPage::new(responses::frame(app, context), csrf))
    })
    .await
}

async fn with_session(
    app: &App,
    context: &Context,
    render: impl FnOnce(&Session, CsrfToken<'_>) -> String,
) -> Response<Body> {
    match (app.session(context).await, cookies::SESSION.value(&context.headers)) {
        (Ok(Some(session)), Some(cookie)) => {
            let token = app.form_tokens.issue(cookie);
            responses::page(app, context, StatusCode::OK, render(&session, CsrfToken::new(&token)))
        }
        (Ok(_), _) => responses::see_other(&app.site.url(page::LOGIN)),
        (Err(error), _) => responses::failed(app, context, "session.load", &error),
    }
}

/// `POST logout`
pub(crate) async fn logout(
    app: &App,
    request: Request<Incoming>,
    context: &Context,
) -> Response<Body> {
    let Some(cookie) = cookies::SESSION.value(&context.headers) else {
        return signed_out(app);
    };
    if let Err(response) = own_form(app, request, context, Some(cookie)).await {
        return response;
    }
    if let Some(token) = SessionToken::parse(cookie)
        && let Err(error) = app.auth.logout(&token, &context.client, context.now).await
    {
        return responses::failed(app, context, "session.end", &error);
    }
    signed_out(app)
}

fn signed_out(app: &App) -> Response<Body> {
    let mut response =
        responses::see_other(&format!("{}?why=signed-out", app.site.url(page::LOGIN)));
    responses::add_cookie(response.headers_mut(), cookies::SESSION.clear());
    response
}
