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

/// Responds to `GET account`.
pub(crate) async fn show(own: Own) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let Some((session, token)) = session(&own).await? else { return Ok(to_login(context)) };
    // The session's snapshot of the user has no phone number.
    let user = runtime.auth.find_user_by_id(&session.user().id).await;
    let user = user.map_err(|error| Refusal::failed(runtime, "user.load", &error))?;
    let phone = user.and_then(|user| user.phone_number);
    let ending = phone.as_ref().map(|phone| phone.last_digits(context.settings.shown_digits));
    let methods = session.amr();
    let facts = SessionFacts {
        signed_in_at: session.auth_time(),
        expires_at: session.expires_at(),
        idle_timeout: context.settings.idle_timeout,
        methods: &methods,
        address: None,
    };
    let (frame, csrf) = (responses::frame(context), CsrfToken::new(&token));
    let user = session.user();
    let shown = AccountPage::new(frame, csrf, user.login_name.as_str(), facts)
        .with_display_name(Some(&user.display_name))
        .with_phone_ending(ending);
    Ok(responses::page(context, StatusCode::OK, render_account(&shown)))
}

/// Responds to `GET logout` with a question. Only a `POST` signs out, so that a link cannot.
pub(crate) async fn ask_logout(own: Own) -> Page {
    let context = &own.context;
    let Some((_, token)) = session(&own).await? else { return Ok(to_login(context)) };
    let shown = LogoutPage::new(responses::frame(context), CsrfToken::new(&token));
    Ok(responses::page(context, StatusCode::OK, render_logout(&shown)))
}

/// Returns the browser's session, and the token of a form for it.
async fn session(own: &Own) -> Result<Option<(Session, String)>, Refusal> {
    let form_tokens = &own.runtime.form_tokens;
    let cookie = cookies::SESSION.value(&own.context.headers);
    let session = own.session().await?;
    Ok(session.zip(cookie).map(|(session, cookie)| (session, form_tokens.issue(cookie))))
}

fn to_login(context: &Context) -> Response<Body> {
    responses::see_other(&context.settings.site.url(page::LOGIN))
}

/// Responds to `POST logout`.
pub(crate) async fn logout(own: Own, request: Request) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let Some(cookie) = cookies::SESSION.value(&context.headers) else {
        return Ok(signed_out(context));
    };
    own_form(&own, request, Some(cookie)).await?;
    if let Some(token) = SessionToken::parse(cookie) {
        let ended = runtime.auth.logout(&token, &context.client, context.now).await;
        ended.map_err(|error| Refusal::failed(runtime, "session.end", &error))?;
        runtime.session_ended.notify_waiters();
    }
    Ok(signed_out(context))
}

fn signed_out(context: &Context) -> Response<Body> {
    let mut response =
        responses::see_other(&format!("{}?why=signed-out", context.settings.site.url(page::LOGIN)));
    responses::add_cookie(response.headers_mut(), cookies::SESSION.clear());
    response
}
