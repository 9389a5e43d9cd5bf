//! The login page: steps 1 and 2 of a login (ARCHITECTURE.md).

use std::sync::Arc;

use auth_module::{Decision, Destination, FactorChoice, KnownBrowserCookie};
use axum::extract::Request;
use http::{Response, StatusCode};
use mfa_controller::{LoginRequest, LoginStep, RejectedReason};
use mfa_pages::{
    CsrfToken, LoginNotice, LoginPage, LoginProblem, MessageKind, field, path as page, render_login,
};
use mfa_plugin_api::FactorId;
use mfa_proxy::{Body, empty};
use secrecy::SecretString;
use tracing::Instrument as _;

use super::{
    factor,
    form_post::{forged, same_origin_form},
    own::{Own, Page},
    refusal::Refusal,
    responses,
};
use crate::{
    destination::to_relative_url,
    http::{cookies, flash::RefusedLogin, form::Form},
    state::Context,
};

/// Responds to `GET login`.
pub(crate) async fn show(own: Own) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let asked = context.parameter(field::RETURN_TO).and_then(|url| context.destination(url));
    let destination = asked.clone().unwrap_or_else(|| context.start_page());
    if let Some(session) = &own.session().await? {
        let facts = context.facts("GET", destination.path(), Some(session));
        match runtime.auth.decide(&facts) {
            // The application's page itself says that it is forbidden.
            Decision::Allowed | Decision::Public | Decision::Forbidden => {
                return Ok(responses::see_other(&to_relative_url(&destination)));
            }
            Decision::StepUpRequired(factors) if !needs_password(&factors) => {
                let url = responses::url_to(context, page::STEP_UP, asked.as_ref());
                return Ok(responses::see_other(&url));
            }
            // Only this page takes a password.
            Decision::StepUpRequired(_) | Decision::LoginRequired => {}
        }
    }
    // The form is bound to a cookie. A browser without one gets a new one with the page.
    let known = cookies::BROWSER.value(&context.headers).map(str::to_owned);
    let is_new = known.is_none();
    let browser = match known {
        Some(browser) => browser,
        None => runtime
            .random_secret()
            .map_err(|error| Refusal::failed(runtime, "login.cookie", &error))?,
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

fn needs_password(factors: &[FactorChoice]) -> bool {
    factors.iter().any(|choice| *choice.first() == FactorId::PASSWORD)
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

/// Responds to `POST login`. A form that is posted twice at once, as by a double click, begins one login, and
/// both posts get its response: the browser shows the last one.
pub(crate) async fn submit(own: Own, request: Request) -> Page {
    let browser = cookies::BROWSER.value(&own.context.headers);
    let form = same_origin_form(&own, request).await?;
    let token = form.field(field::CSRF);
    match browser {
        None if !cookies::BROWSER.is_carried(&own.context.headers) => {
            return Err(Refusal::Message(MessageKind::CookiesNeeded));
        }
        Some(browser) if own.runtime.form_tokens.verify(browser, token) => {}
        _ => return Err(forged(&own)),
    }
    let fields = [token, form.field(field::USERNAME), form.field(field::PASSWORD)];
    let digest = own.runtime.form_tokens.digest(&fields);
    let answer = own.runtime.login_posts.answer(digest);
    let runtime = Arc::clone(&own.runtime);
    // In a task, because a browser that posts again drops its first request.
    let login = async move {
        let first =
            answer.get_or_try_init(|| async { Ok(log_in(&own, &form).await?.into_parts().0) });
        first.await.cloned()
    };
    match tokio::spawn(login.in_current_span()).await {
        Ok(parts) => Ok(Response::from_parts(parts?, empty())),
        Err(error) => Err(Refusal::failed(&runtime, "login.task", &error)),
    }
}

async fn log_in(own: &Own, form: &Form) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
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
        LoginStep::Rejected(RejectedReason::MustChange) => refuse(LoginProblem::MustChange),
        LoginStep::Rejected(RejectedReason::Throttled { until }) => {
            refuse(LoginProblem::Throttled { until })
        }
        step => factor::redirect(own, step).await,
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
