//! Steps 1 and 2: the login page.

use auth_module::{Decision, Destination};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use mfa_controller::{LoginRequest, LoginStep, RejectedReason};
use mfa_pages::{CsrfToken, LoginNotice, LoginPage, LoginProblem, field, render_login};
use mfa_proxy::Body;
use secrecy::SecretString;

use super::{factor, form_post::own_form, responses};
use crate::{
    destination::to_relative_url,
    http::cookies,
    state::{Context, Runtime},
};

/// Responds to `GET login`.
pub(crate) async fn show(runtime: &Runtime, context: &Context) -> Response<Body> {
    let asked = context.parameter(field::RETURN_TO).and_then(|url| context.destination(url));
    let destination = asked.clone().unwrap_or_else(|| context.start_page());
    match runtime.session(context).await {
        Ok(Some(session)) => {
            let facts = context.facts("GET", destination.path(), Some(&session));
            if runtime.auth.decide(&facts) == Decision::Allowed {
                return responses::see_other(&to_relative_url(&destination));
            }
        }
        Ok(None) => {}
        Err(error) => return responses::failed(context, "session.load", &error),
    }
    let notice = match context.parameter("why") {
        Some("cancelled") => Some(LoginNotice::Cancelled),
        Some("expired") => Some(LoginNotice::Expired),
        Some("signed-out") => Some(LoginNotice::SignedOut),
        _ => asked.as_ref().map(|_| LoginNotice::LoginNeeded),
    };
    render(runtime, context, StatusCode::OK, "", asked.as_ref(), &Outcome::Fresh(notice))
}

enum Outcome {
    Fresh(Option<LoginNotice>),
    Refused(LoginProblem),
}

/// Renders the login page for the browser's cookie. If there is none, the response sets a new one.
fn render(
    runtime: &Runtime,
    context: &Context,
    status: StatusCode,
    username: &str,
    asked: Option<&Destination>,
    outcome: &Outcome,
) -> Response<Body> {
    let known = cookies::BROWSER.value(&context.headers).map(str::to_owned);
    let (browser, is_new) = match known {
        Some(browser) => (browser, false),
        None => match runtime.random_secret() {
            Ok(fresh) => (fresh, true),
            Err(error) => return responses::failed(context, "login.cookie", &error),
        },
    };
    let token = runtime.form_tokens.issue(&browser);
    let return_to = asked.map(to_relative_url);
    let mut shown =
        LoginPage::new(responses::frame(context), CsrfToken::new(&token)).with_username(username);
    shown.return_to = return_to.as_deref();
    match outcome {
        Outcome::Fresh(notice) => shown.notice = *notice,
        Outcome::Refused(problem) => shown.problem = Some(*problem),
    }
    let mut response = responses::page(context, status, render_login(&shown));
    if is_new {
        responses::add_cookie(response.headers_mut(), cookies::BROWSER.set(&browser));
    }
    if let Some(LoginProblem::Throttled { until }) = shown.problem {
        responses::set_retry_after(response.headers_mut(), Some(until), context.now);
    }
    if status == StatusCode::UNAUTHORIZED {
        responses::set_challenge(response.headers_mut());
    }
    response
}

/// Responds to `POST login`.
pub(crate) async fn submit(
    runtime: &Runtime,
    request: Request<Incoming>,
    context: &Context,
) -> Response<Body> {
    let browser = cookies::BROWSER.value(&context.headers);
    let form = match own_form(runtime, request, context, browser).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let asked = context.destination(form.field(field::RETURN_TO));
    let username = form.field(field::USERNAME);
    let password = form.field(field::PASSWORD);
    let missing = match (username.trim().is_empty(), password.is_empty()) {
        (true, true) => Some(LoginProblem::BothMissing),
        (true, false) => Some(LoginProblem::UsernameMissing),
        (false, true) => Some(LoginProblem::PasswordMissing),
        (false, false) => None,
    };
    let refuse = |status, problem| {
        render(runtime, context, status, username, asked.as_ref(), &Outcome::Refused(problem))
    };
    if let Some(problem) = missing {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, problem);
    }
    let password = SecretString::from(password.to_owned());
    let login = LoginRequest {
        username,
        password: &password,
        client: &context.client,
        destination: asked.clone().unwrap_or_else(|| context.start_page()),
    };
    let step = runtime.controller.login(login, context.now).await;
    runtime.metrics.login(&step);
    match step {
        LoginStep::Rejected(RejectedReason::Credentials) => {
            refuse(StatusCode::UNAUTHORIZED, LoginProblem::Rejected)
        }
        LoginStep::Rejected(RejectedReason::Busy) => {
            refuse(StatusCode::SERVICE_UNAVAILABLE, LoginProblem::Busy)
        }
        LoginStep::Rejected(RejectedReason::Throttled { until }) => {
            refuse(StatusCode::TOO_MANY_REQUESTS, LoginProblem::Throttled { until })
        }
        step => factor::respond(runtime, context, step, factor::RequestKind::Login).await,
    }
}
