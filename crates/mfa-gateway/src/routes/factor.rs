//! The page of the current factor: steps 3 to 10 of a login (ARCHITECTURE.md).

use std::time::SystemTime;

use auth_module::{
    KNOWN_BROWSER_LIFETIME, KnownBrowserCookie, PendingToken, Session, SessionToken,
};
use axum::extract::Request;
use http::{HeaderValue, Response, StatusCode};
use mfa_controller::{Failure, Finished, LoginStep, Pending, PromptStep, RestartReason};
use mfa_pages::{
    CsrfToken, Frame, MessageKind, MessagePage, PromptPage, field, path as page, render_prompt,
};
use mfa_plugin_api::{ActionId, FactorId, Message, Submission};
use mfa_proxy::Body;

use super::{
    form_post::{forged, same_origin_form},
    own::{Own, Page},
    refusal::Refusal,
    responses,
};
use crate::{
    destination::to_relative_url,
    http::{cookies, form::Form},
    state::Context,
};

/// Returns the token of the browser's pending login, and the cookie that its forms are bound to.
fn pending(context: &Context) -> Option<(PendingToken, &str)> {
    let cookie = cookies::PENDING.value(&context.headers)?;
    Some((PendingToken::parse(cookie)?, cookie))
}

/// A form that was posted for the pending login.
struct Posted {
    token: PendingToken,
    form: Form,
}

impl Posted {
    async fn read(own: &Own, request: Request) -> Result<Self, Refusal> {
        let Some((token, cookie)) = pending(&own.context) else {
            return Err(without_login(own).await);
        };
        let form = same_origin_form(own, request).await?;
        let (tokens, given) = (&own.runtime.form_tokens, form.field(field::CSRF));
        if tokens.verify(cookie, given) {
            return Ok(Self { token, form });
        }
        // A page of an older login of this browser: another tab has begun the one that stands.
        let browser = cookies::BROWSER.value(&own.context.headers);
        let is_older = browser.is_some_and(|browser| tokens.is_of_browser(browser, given));
        Err(if is_older { Refusal::OtherLogin } else { forged(own) })
    }

    /// Returns the factor whose page was filled in. If another tab has completed that factor, the values are
    /// not submitted to the next one.
    ///
    /// # Errors
    ///
    /// [`Refusal::Message`] if the form names no factor. The forms of our own pages always name one.
    fn factor(&self) -> Result<FactorId, Refusal> {
        let factor = self.form.field(field::FACTOR).parse();
        factor.map_err(|_| Refusal::Message(MessageKind::BadRequest))
    }
}

/// Responds to `GET factor`.
pub(crate) async fn show(own: Own) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let Some((token, _)) = pending(context) else {
        return Err(without_login(&own).await);
    };
    match runtime.controller.view(&token, &context.client, context.now).await {
        LoginStep::Prompt(step) => Ok(prompt(&own, &step)),
        LoginStep::Unavailable(step) => {
            let kind = MessageKind::Unavailable;
            Ok(notice(&own, kind, &step.message, &step.pending, step.retry_at))
        }
        LoginStep::Denied(step) => {
            let kind =
                if step.until.is_some() { MessageKind::Locked } else { MessageKind::Blocked };
            Ok(notice(&own, kind, &step.message, &step.pending, step.until))
        }
        LoginStep::Restart(RestartReason::Ended) => ended(&own).await,
        step => redirect(&own, step).await,
    }
}

/// Responds to a `GET` of a path that only takes a `POST`, as after a reload: redirects to the factor's page.
pub(crate) async fn show_instead(own: Own) -> Response<Body> {
    responses::see_other(&own.context.settings.site.url(page::FACTOR))
}

/// Responds to `POST factor`.
pub(crate) async fn submit(own: Own, request: Request) -> Page {
    let posted = Posted::read(&own, request).await?;
    let (runtime, context) = (&own.runtime, &own.context);
    let of_the_plugin = |name: &str| !matches!(name, field::CSRF | field::FACTOR);
    let values = posted.form.fields().filter(|(name, _)| of_the_plugin(name));
    let submission = values.fold(Submission::new(), |all, (name, value)| all.with(name, value));
    let (factor, client) = (posted.factor()?, &context.client);
    let step = runtime
        .controller
        .submit(&posted.token, Some(&factor), submission, client, context.now)
        .await;
    runtime.metrics.verification(&step);
    redirect(&own, step).await
}

/// Responds to `POST factor/action`.
pub(crate) async fn action(own: Own, request: Request) -> Page {
    let posted = Posted::read(&own, request).await?;
    let (runtime, context) = (&own.runtime, &own.context);
    let action = ActionId::new(posted.form.field(field::ACTION).to_owned());
    let (factor, client) = (posted.factor()?, &context.client);
    let step =
        runtime.controller.action(&posted.token, Some(&factor), action, client, context.now).await;
    redirect(&own, step).await
}

/// Responds to `POST factor/cancel`.
pub(crate) async fn cancel(own: Own, request: Request) -> Page {
    let posted = Posted::read(&own, request).await?;
    let step = own.runtime.controller.cancel(&posted.token, own.context.now).await;
    redirect(&own, step).await
}

/// Returns what to show to a browser without a pending login: it has ended, or its cookie is lost.
async fn without_login(own: &Own) -> Refusal {
    match own.session().await {
        // Another tab was faster, or the user stepped back: the login is completed.
        Ok(Some(_)) => Refusal::SignedIn,
        Ok(None) => Refusal::Message(MessageKind::SessionLost),
        Err(failed) => failed,
    }
}

/// Turns the outcome of a call into a redirect. The factor's page then shows what the controller stored.
pub(crate) async fn redirect(own: &Own, step: LoginStep) -> Page {
    let context = &own.context;
    let factor = |pending: &Pending| {
        let mut response = responses::see_other(&context.settings.site.url(page::FACTOR));
        if let Some(token) = &pending.new_token {
            let cookie = cookies::PENDING.set(&token.expose_secret());
            responses::add_cookie(response.headers_mut(), cookie);
        }
        response
    };
    match step {
        LoginStep::Prompt(step) => Ok(factor(&step.pending)),
        LoginStep::Unavailable(step) => Ok(factor(&step.pending)),
        LoginStep::Denied(step) => Ok(factor(&step.pending)),
        LoginStep::Finished(finished) => Ok(finish(own, finished).await),
        // Of two equal posts, the first has completed the login. This browser sends its session cookie with
        // the next request, so that the factor's page finds the session.
        LoginStep::Restart(RestartReason::Ended) => {
            Ok(responses::see_other(&context.settings.site.url(page::FACTOR)))
        }
        LoginStep::Restart(RestartReason::Cancelled) => Ok(restart(context, "cancelled")),
        LoginStep::Restart(RestartReason::PasswordNeeded) => Ok(restart(context, "expired")),
        LoginStep::Failed(Failure::Outage) => Err(Refusal::Message(MessageKind::Outage)),
        // Only a password can be rejected, and the login page shows that itself.
        LoginStep::Failed(Failure::Internal) | LoginStep::Rejected(_) => {
            Err(Refusal::Message(MessageKind::Internal))
        }
    }
}

/// Makes the frame of a factor's page. Its language switch leads back to `here`.
fn factor_frame<'a>(context: &'a Context, here: &'a str) -> Frame<'a> {
    Frame::new(&context.settings.site, context.language, context.now).at(here)
}

fn prompt(own: &Own, step: &PromptStep) -> Response<Body> {
    let context = &own.context;
    let here = context.settings.site.url(page::FACTOR);
    let token = form_token(own);
    let address = context.client.address.to_string();
    let frame = factor_frame(context, &here);
    let mut shown =
        PromptPage::new(frame, CsrfToken::new(&token), &step.pending.factor, &step.prompt)
            .with_client_address(&address);
    if context.parameter("why") == Some(responses::OTHER_LOGIN) {
        shown = shown.after_other_login();
    }
    if step.has_live_status {
        shown = shown.with_live_status();
    }
    responses::page(context, StatusCode::OK, render_prompt(&shown))
}

fn notice(
    own: &Own,
    kind: MessageKind,
    words: &Message,
    pending: &Pending,
    retry_at: Option<SystemTime>,
) -> Response<Body> {
    let context = &own.context;
    let here = context.settings.site.url(page::FACTOR);
    let token = form_token(own);
    let mut shown = MessagePage::new(factor_frame(context, &here), kind)
        .with_body(words)
        .with_retry_at(retry_at);
    if kind == MessageKind::Unavailable {
        shown = shown.with_retry(CsrfToken::new(&token), &pending.factor);
    }
    responses::message_page(context, &shown)
}

/// Makes the token of the forms on a page of the pending login.
fn form_token(own: &Own) -> String {
    let (headers, tokens) = (&own.context.headers, &own.runtime.form_tokens);
    let cookie = cookies::PENDING.value(headers).unwrap_or_default();
    match cookies::BROWSER.value(headers) {
        Some(browser) => tokens.issue_in(browser, cookie),
        None => tokens.issue(cookie),
    }
}

/// Sets the session's cookie and redirects to where the user wanted to go (step 11).
async fn finish(own: &Own, finished: Finished) -> Response<Body> {
    end_older_session(own).await;
    own.context.noted.session(&finished.session);
    let mut response = responses::see_other(&to_relative_url(&finished.destination));
    let headers = response.headers_mut();
    responses::add_cookie(headers, cookies::SESSION.set(&finished.session_token.expose_secret()));
    responses::add_cookie(headers, cookies::PENDING.clear());
    responses::add_cookie(headers, known_browser(own, &finished.session));
    response
}

/// Makes the cookie by which this browser is known to the user. The login is complete, so a failure is only logged.
fn known_browser(own: &Own, session: &Session) -> Option<HeaderValue> {
    let (runtime, context) = (&own.runtime, &own.context);
    let cookie = cookies::KNOWN.value(&context.headers).map(KnownBrowserCookie::new);
    let remembered =
        runtime.auth.remember_browser(session, cookie, &*runtime.randomness, context.now);
    match remembered {
        Ok(value) => cookies::KNOWN.set_for(&value?, KNOWN_BROWSER_LIFETIME),
        Err(error) => {
            tracing::error!(
                event = "browser.remember_failed",
                error = &error as &dyn std::error::Error,
                "the browser of a login was not remembered"
            );
            None
        }
    }
}

/// Ends the browser's older session, which the new one replaces (OWASP ASVS 7.2.4).
async fn end_older_session(own: &Own) {
    let (runtime, context) = (&own.runtime, &own.context);
    let Some(token) = cookies::SESSION.value(&context.headers).and_then(SessionToken::parse) else {
        return;
    };
    if let Err(error) = runtime.auth.logout(&token, &context.client, context.now).await {
        tracing::error!(
            event = "session.replace_failed",
            error = &error as &dyn std::error::Error,
            "the older session could not be ended"
        );
    }
}

fn restart(context: &Context, why: &str) -> Response<Body> {
    let mut response =
        responses::see_other(&format!("{}?why={why}", context.settings.site.url(page::LOGIN)));
    responses::add_cookie(response.headers_mut(), cookies::PENDING.clear());
    response
}

/// Responds for a pending login that has ended. If the browser has a session, another tab has completed the
/// login.
async fn ended(own: &Own) -> Page {
    let mut response = match own.session().await? {
        Some(_) => responses::see_other("/"),
        None => responses::message(&own.context, MessageKind::Expired),
    };
    responses::add_cookie(response.headers_mut(), cookies::PENDING.clear());
    Ok(response)
}
