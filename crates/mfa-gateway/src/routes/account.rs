//! The account page and the logout.

use auth_module::{Session, SessionToken};
use axum::extract::Request;
use http::{Response, StatusCode};
use mfa_pages::{
    AccountPage, CsrfToken, LogoutPage, SessionFacts, path as page, render_account, render_logout,
};
use mfa_proxy::Body;

use super::{
    form_post::own_form,
    own::{Own, Page},
    refusal::Refusal,
    responses,
};
use crate::{http::cookies, state::Context};

/// `GET account`
pub(crate) async fn show(own: Own) -> Page {
    with_session(&own, |session, csrf| {
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
            AccountPage::new(responses::frame(&own.context), csrf, user.login_name.as_str(), facts)
                .with_display_name(Some(&user.display_name))
                .with_phone(phone.as_deref());
        render_account(&shown)
    })
    .await
}

/// `GET logout`: signing out takes a `POST`, so a link asks first.
pub(crate) async fn ask_logout(own: Own) -> Page {
    with_session(&own, |_, csrf| {
        render_logout(&LogoutPage::new(responses::frame(&own.context), csrf))
    })
    .await
}

/// Renders a page for the browser's session. Without one it leads to the login page.
async fn with_session(own: &Own, render: impl FnOnce(&Session, CsrfToken<'_>) -> String) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let session = runtime.session(context).await;
    let session = session.map_err(|error| Refusal::failed("session.load", &error))?;
    let (Some(session), Some(cookie)) = (session, cookies::SESSION.value(&context.headers)) else {
        return Ok(responses::see_other(&context.settings.site.url(page::LOGIN)));
    };
    let token = runtime.form_tokens.issue(cookie);
    Ok(responses::page(context, StatusCode::OK, render(&session, CsrfToken::new(&token))))
}

/// `POST logout`
pub(crate) async fn logout(own: Own, request: Request) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let Some(cookie) = cookies::SESSION.value(&context.headers) else {
        return Ok(signed_out(context));
    };
    own_form(&own, request, Some(cookie)).await?;
    if let Some(token) = SessionToken::parse(cookie) {
        let ended = runtime.auth.logout(&token, &context.client, context.now).await;
        ended.map_err(|error| Refusal::failed("session.end", &error))?;
    }
    Ok(signed_out(context))
}

fn signed_out(context: &Context) -> Response<Body> {
    let mut response =
        responses::see_other(&format!("{}?why=signed-out", context.settings.site.url(page::LOGIN)));
    responses::add_cookie(response.headers_mut(), cookies::SESSION.clear());
    response
}
