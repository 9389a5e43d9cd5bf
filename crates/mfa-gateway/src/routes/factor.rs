//! Steps 3 to 10 for the browser: the page of the current factor.

use auth_module::{PendingToken, SessionToken};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use mfa_controller::{Failure, Finished, LoginStep, PromptStep, RestartReason, StepClass};
use mfa_pages::{
    CsrfToken, Frame, MessageKind, MessagePage, PromptPage, field, path as page, render_prompt,
};
use mfa_plugin_api::{ActionId, Message, Submission};
use mfa_proxy::Body;

use super::{form_post::own_form, responses};
use crate::{
    destination::to_relative_url,
    http::{cookies, form::Form},
    state::{Context, Runtime},
};

/// The request that led to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// A reload, or the redirect after a right password.
    View,
    /// A right password. The response is a redirect, so that a reload posts nothing.
    Login,
    /// A submission or an action.
    Post,
}

/// Returns the pending login of this browser: its token, and the cookie that forms are bound to.
fn pending(context: &Context) -> Option<(PendingToken, &str)> {
    let cookie = cookies::PENDING.value(&context.headers)?;
    Some((PendingToken::parse(cookie)?, cookie))
}

/// Returns the pending login and the form that was posted for it; otherwise the response to send.
async fn posted(
    runtime: &Runtime,
    request: Request<Incoming>,
    context: &Context,
) -> Result<(PendingToken, Form), Response<Body>> {
    let Some((token, cookie)) = pending(context) else {
        return Err(without_login(runtime, context).await);
    };
    let form = own_form(runtime, request, context, Some(cookie)).await?;
    Ok((token, form))
}

/// Responds to `GET factor`.
pub(crate) async fn show(runtime: &Runtime, context: &Context) -> Response<Body> {
    let Some((token, _)) = pending(context) else {
        return without_login(runtime, context).await;
    };
    let step = runtime.controller.view(&token, &context.client, context.now).await;
    respond(runtime, context, step, RequestKind::View).await
}

/// Responds to `POST factor`.
pub(crate) async fn submit(
    runtime: &Runtime,
    request: Request<Incoming>,
    context: &Context,
) -> Response<Body> {
    let (token, form) = match posted(runtime, request, context).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let answers = form.fields().filter(|(name, _)| *name != field::CSRF);
    let submission = answers.fold(Submission::new(), |all, (name, value)| all.with(name, value));
    // `None` switches off the guard against a submission meant for another factor: the form does not
    // name its factor yet. The same holds for actions.
    let step =
        runtime.controller.submit(&token, None, submission, &context.client, context.now).await;
    runtime.metrics.verification(&step);
    respond(runtime, context, step, RequestKind::Post).await
}

/// Responds to `POST factor/action`.
pub(crate) async fn action(
    runtime: &Runtime,
    request: Request<Incoming>,
    context: &Context,
) -> Response<Body> {
    let (token, form) = match posted(runtime, request, context).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let action = ActionId::new(form.field(field::ACTION));
    let step = runtime.controller.action(&token, None, action, &context.client, context.now).await;
    respond(runtime, context, step, RequestKind::Post).await
}

/// Responds to `POST factor/cancel`.
pub(crate) async fn cancel(
    runtime: &Runtime,
    request: Request<Incoming>,
    context: &Context,
) -> Response<Body> {
    let (token, _) = match posted(runtime, request, context).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let step = runtime.controller.cancel(&token).await;
    respond(runtime, context, step, RequestKind::Post).await
}

/// Responds if this browser has no pending login: it has ended, or its cookie is lost.
async fn without_login(runtime: &Runtime, context: &Context) -> Response<Body> {
    match runtime.session(context).await {
        // The login was completed in another tab, or the user stepped back in the browser.
        Ok(Some(_)) => responses::see_other("/"),
        Ok(None) => responses::message(context, MessageKind::SessionLost),
        Err(error) => responses::failed(context, "session.load", &error),
    }
}

/// Makes the response to a step of the login.
pub(crate) async fn respond(
    runtime: &Runtime,
    context: &Context,
    step: LoginStep,
    request: RequestKind,
) -> Response<Body> {
    let class = step.class();
    let retry_at = step.retry_at();
    let mut response = match step {
        LoginStep::Prompt(step) => prompt(runtime, context, &step, status(class), request),
        LoginStep::Finished(finished) => finish(runtime, context, finished).await,
        LoginStep::Restart(RestartReason::Cancelled) => restart(context, "cancelled"),
        LoginStep::Restart(RestartReason::Ended) => ended(runtime, context, request).await,
        LoginStep::Restart(RestartReason::PasswordNeeded) => restart(context, "expired"),
        LoginStep::Unavailable(step) => notice(
            runtime,
            context,
            MessageKind::Unavailable,
            &step.message,
            step.pending.new_token.as_ref(),
            step.retry_at,
        ),
        LoginStep::Denied(step) => {
            let kind =
                if step.until.is_some() { MessageKind::Locked } else { MessageKind::Blocked };
            notice(
                runtime,
                context,
                kind,
                &step.message,
                step.pending.new_token.as_ref(),
                step.until,
            )
        }
        LoginStep::Failed(Failure::Outage) => responses::message(context, MessageKind::Busy),
        // Only a password can be rejected, and the login page handles that.
        _ => responses::message(context, MessageKind::Internal),
    };
    responses::set_retry_after(response.headers_mut(), retry_at, context.now);
    response
}

/// Returns the status of a prompt's page.
fn status(class: StepClass) -> StatusCode {
    match class {
        StepClass::Asked | StepClass::Finished | StepClass::Restart => StatusCode::OK,
        StepClass::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        StepClass::TooMany => StatusCode::TOO_MANY_REQUESTS,
        StepClass::Denied => StatusCode::FORBIDDEN,
        StepClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        StepClass::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Makes the frame of a factor's page. A `GET` of `here` shows the page again.
fn factor_frame<'a>(context: &'a Context, here: &'a str) -> Frame<'a> {
    Frame::new(&context.settings.site, context.language, context.now).at(here)
}

fn prompt(
    runtime: &Runtime,
    context: &Context,
    step: &PromptStep,
    status: StatusCode,
    request: RequestKind,
) -> Response<Body> {
    let here = context.settings.site.url(page::FACTOR);
    let mut response = if request == RequestKind::Login {
        responses::see_other(&here)
    } else {
        let token = form_token(runtime, context, step.pending.new_token.as_ref());
        let address = context.client.address.to_string();
        let mut shown =
            PromptPage::new(factor_frame(context, &here), CsrfToken::new(&token), &step.prompt)
                .with_client_address(&address);
        if step.has_live_status {
            shown = shown.with_live_status();
        }
        responses::page(context, status, render_prompt(&shown))
    };
    keep_login(&mut response, step.pending.new_token.as_ref());
    response
}

fn notice(
    runtime: &Runtime,
    context: &Context,
    kind: MessageKind,
    words: &Message,
    new_token: Option<&PendingToken>,
    retry_at: Option<std::time::SystemTime>,
) -> Response<Body> {
    let here = context.settings.site.url(page::FACTOR);
    let token = form_token(runtime, context, new_token);
    let mut shown = MessagePage::new(factor_frame(context, &here), kind)
        .with_body(words)
        .with_retry_at(retry_at);
    if kind == MessageKind::Unavailable {
        shown = shown.with_retry(CsrfToken::new(&token));
    }
    let mut response = responses::message_page(context, &shown);
    keep_login(&mut response, new_token);
    response
}

/// Returns the token of the forms on a page of this login.
fn form_token(runtime: &Runtime, context: &Context, new_token: Option<&PendingToken>) -> String {
    match new_token {
        Some(token) => runtime.form_tokens.issue(&token.expose_secret()),
        None => {
            runtime.form_tokens.issue(cookies::PENDING.value(&context.headers).unwrap_or_default())
        }
    }
}

fn keep_login(response: &mut Response<Body>, new_token: Option<&PendingToken>) {
    if let Some(token) = new_token {
        responses::add_cookie(response.headers_mut(), cookies::PENDING.set(&token.expose_secret()));
    }
}

/// Sets the cookie of the session and redirects to the place that the user asked for.
async fn finish(runtime: &Runtime, context: &Context, finished: Finished) -> Response<Body> {
    end_older_session(runtime, context).await;
    let mut response = responses::see_other(&to_relative_url(&finished.destination));
    let headers = response.headers_mut();
    responses::add_cookie(headers, cookies::SESSION.set(&finished.session_token.expose_secret()));
    responses::add_cookie(headers, cookies::PENDING.clear());
    response
}

/// Ends the browser's older session, which the new one replaces (OWASP ASVS 7.2.4).
async fn end_older_session(runtime: &Runtime, context: &Context) {
    let Some(token) = cookies::SESSION.value(&context.headers).and_then(SessionToken::parse) else {
        return;
    };
    if let Err(error) = runtime.auth.logout(&token, &context.client, context.now).await {
        tracing::error!(event = "session.replace_failed", error = %error, "the older session could not be ended");
    }
}

fn restart(context: &Context, why: &str) -> Response<Body> {
    let mut response =
        responses::see_other(&format!("{}?why={why}", context.settings.site.url(page::LOGIN)));
    responses::add_cookie(response.headers_mut(), cookies::PENDING.clear());
    response
}

/// Responds if the login has ended. After a double click the first response sets the session's cookie,
/// but the browser shows the second response. So a post redirects once more, and finds the session.
async fn ended(runtime: &Runtime, context: &Context, request: RequestKind) -> Response<Body> {
    if request == RequestKind::Post {
        return responses::see_other(&context.settings.site.url(page::FACTOR));
    }
    let mut response = match runtime.session(context).await {
        Ok(Some(_)) => responses::see_other("/"),
        Ok(None) => responses::message(context, MessageKind::Expired),
        Err(error) => return responses::failed(context, "session.load", &error),
    };
    responses::add_cookie(response.headers_mut(), cookies::PENDING.clear());
    response
}
