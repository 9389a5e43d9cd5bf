//! The step-up: a page asks for a factor again, and the session goes on.

use auth_module::Decision;
use axum::extract::Request;
use http::StatusCode;
use mfa_controller::{LoginStep, RestartReason};
use mfa_pages::{CsrfToken, StepUpPage, field, path as page, render_step_up};

use super::{
    factor,
    form_post::own_form,
    own::{Own, Page},
    responses,
};
use crate::{destination::to_relative_url, http::cookies};

/// Responds to `GET step-up` with a question, because a step-up sends a message. A link from another site
/// must not cause one.
pub(crate) async fn ask(own: Own) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let asked = context.parameter(field::RETURN_TO).and_then(|url| context.destination(url));
    let destination = asked.clone().unwrap_or_else(|| context.start_page());
    let cookie = cookies::SESSION.value(&context.headers);
    let (Some(session), Some(cookie)) = (own.session().await?, cookie) else {
        return Ok(responses::see_other(&responses::url_to(context, page::LOGIN, asked.as_ref())));
    };
    let return_to = to_relative_url(&destination);
    let facts = context.facts("GET", destination.path(), Some(&session));
    if !matches!(runtime.auth.decide(&facts), Decision::StepUpRequired(_)) {
        return Ok(responses::see_other(&return_to));
    }
    let token = runtime.form_tokens.issue(cookie);
    let shown = StepUpPage::new(responses::frame(context), CsrfToken::new(&token), &return_to);
    Ok(responses::page(context, StatusCode::OK, render_step_up(&shown)))
}

/// Responds to `POST step-up`: begins the factor that the destination asks for again.
pub(crate) async fn start(own: Own, request: Request) -> Page {
    let (runtime, context) = (&own.runtime, &own.context);
    let cookie = cookies::SESSION.value(&context.headers);
    let form = own_form(&own, request, cookie).await?;
    let asked = context.destination(form.field(field::RETURN_TO));
    let to_login = responses::url_to(context, page::LOGIN, asked.as_ref());
    let Some(session) = own.session().await? else { return Ok(responses::see_other(&to_login)) };
    let destination = asked.unwrap_or_else(|| context.start_page());
    // Only if the policy asks for a step-up: one that it does not ask for would send a message, or replace the
    // session without a proof.
    let facts = context.facts("GET", destination.path(), Some(&session));
    if !matches!(runtime.auth.decide(&facts), Decision::StepUpRequired(_)) {
        return Ok(responses::see_other(&to_relative_url(&destination)));
    }
    let step =
        runtime.controller.step_up(&session, &context.client, destination, context.now).await;
    match step {
        // Only the login page can take a password again.
        LoginStep::Restart(RestartReason::PasswordNeeded) => Ok(responses::see_other(&to_login)),
        step => factor::redirect(&own, step).await,
    }
}
