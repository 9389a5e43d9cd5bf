//! The login page: steps 1 and 2 of a login (ARCHITECTURE.md).

use auth_module::{Decision, Destination, KnownBrowserCookie};
use axum::extract::Request;
use http::{Response, StatusCode};
use mfa_controller::{LoginRequest, LoginStep, RejectedReason};
use mfa_pages::{
    CsrfToken, LoginNotice, LoginPage, LoginProblem, field, path as page, render_login,
};
use mfa_proxy::Body;
use secrecy::SecretString;

use super::{
    factor,
    form_post::own_form,
    own::{Own, Page},
    refusal::Refusal,
    responses,
};
use crate::{
    destination::to_relative_url,
    http::{cookies, flash::RefusedLogin},
    state::Context,
};

/// Responds to `GET login`.
pub(crate) async fn show(own: Own) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let asked = context.parameter(field::RETURN_TO).and_then(|url| context.destination(url));
    let destination = asked.clone().unwrap_or_else(|| context.start_page());
    if let Some(session) = &own.session().await? {
        let facts = context.facts("GET", destination.path(), Some(session));
        if runtime.auth.decide(&facts) == Decision::Allowed {
            return Ok(responses::see_other(&to_relative_url(&destination)));
        }
    }
    // The form is bound to a cookie. A browser without one gets a new one with the page.
    let known = cookies::BROWSER.value(&context.headers).map(str::to_owned);
    let is_new = known.is_none();
    let browser = match known {
        Some(browser) => browser,
        None => runtime
            .random_secret()
            .map_err(|error| Refusal::failed(context, "login.cookie", &error))?,
    };
    let token = runtime.form_tokens.issue(&browser);
    let return_to = asked.as_ref().map(to_relative_url);
    let mut shown = LoginPage::new(responses::frame(context), CsrfToken::new(&token));
    shown.return_to = return_to.as_deref();
    let refused = RefusedLogin::from_cookie(&context.headers, context.now);
    match &refused {
        Some(refused) => {
            shown = shown.with_username(&refused.username);
            shown.problem = Some(refused.problem);
        }
        None => shown.notice = notice(context, asked.is_some()),
    }
    let mut response = responses::page(context, StatusCode::OK, render_login(&shown));
    let headers = response.headers_mut();
    if is_new {
        responses::add_cookie(headers, cookies::BROWSER.set(&browser));
    }
    Ok(response)
}

/// Returns why the browser is at the login page, if it did not ask for the page itself.
fn notice(context: &Context, has_destination: bool) -> Option<LoginNotice> {
    match context.parameter("why") {
        Some("cancelled") => Some(LoginNotice::Cancelled),
        Some("expired") => Some(LoginNotice::Expired),
        Some("signed-out") => Some(LoginNotice::SignedOut),
        _ => has_destination.then_some(LoginNotice::LoginNeeded),
    }
}

/// Responds to `POST login`.
pub(crate) async fn submit(own: Own, request: Request) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let form = own_form(&own, request, cookies::BROWSER.value(&context.headers)).await?;
    let destination = context.destination(form.field(field::RETURN_TO));
    let username = form.field(field::USERNAME);
    let password = form.field(field::PASSWORD);
    let refuse = |problem| Ok(refuse(context, username, destination.as_ref(), problem));
    match (username.trim().is_empty(), password.is_empty()) {
        (true, true) => return refuse(LoginProblem::BothMissing),
        (true, false) => return refuse(LoginProblem::UsernameMissing),
        (false, true) => return refuse(LoginProblem::PasswordMissing),
        (false, false) => {}
    }
    let password = SecretString::from(password.to_owned());
    let login = LoginRequest {
        username,
        password: &password,
        client: &context.client,
        known_browser: cookies::KNOWN.value(&context.headers).map(KnownBrowserCookie::new),
        destination: destination.clone().unwrap_or_else(|| context.start_page()),
    };
    let step = runtime.controller.login(login, context.now).await;
    runtime.metrics.login(&step);
    match step {
        LoginStep::Rejected(RejectedReason::Credentials) => refuse(LoginProblem::Rejected),
        LoginStep::Rejected(RejectedReason::Busy) => refuse(LoginProblem::Busy),
        LoginStep::Rejected(RejectedReason::Throttled { until }) => {
            refuse(LoginProblem::Throttled { until })
        }
        step => factor::redirect(&own, step).await,
    }
}

/// Redirects to the login page, which says what was wrong.
fn refuse(
    context: &Context,
    username: &str,
    destination: Option<&Destination>,
    problem: LoginProblem,
) -> Response<Body> {
    let refused = RefusedLogin { username: username.to_owned(), problem };
    let mut response = responses::see_other(&responses::url_to(context, page::LOGIN, destination));
    responses::add_cookie(response.headers_mut(), refused.to_cookie());
    response
}
