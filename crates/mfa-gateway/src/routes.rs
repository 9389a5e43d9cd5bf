//! Everything under the gateway's own prefix: one table of routes over axum's router.
//!
//! A `POST` ends in a redirect (303), so that a reload posts nothing again: no attempt is counted twice and no
//! message is sent twice. Only a request that could not be processed gets its page without a redirect.

mod account;
mod assets;
pub(crate) mod events;
mod factor;
mod form_post;
mod login;
mod own;
pub(crate) mod refusal;
pub(crate) mod responses;
mod step_up;

use std::sync::Arc;

use axum::{
    Router,
    middleware::map_response,
    routing::{MethodRouter, get},
};
use http::{HeaderMap, Method, Request, Response, Uri, header::ALLOW};
use http_body_util::BodyExt as _;
use mfa_pages::{MessageKind, path as page};
use mfa_proxy::{Body, RequestBody};
use tower::ServiceExt as _;

use self::{own::Own, refusal::Refusal};
use crate::{
    http::cookies,
    state::{Context, Runtime},
};

/// The name of the route that a response comes from, for metrics and logs.
#[derive(Debug, Clone, Copy)]
struct RouteName(&'static str);

/// Routes that a page loads by itself.
const NOT_PAGES: [&str; 2] = ["asset", "factor-events"];

/// Returns the routes: path below the prefix, name for metrics and logs, and a handler for each method.
fn table() -> [(&'static str, &'static str, MethodRouter); 9] {
    [
        (page::LOGIN, "login", get(login::show).post(login::submit)),
        (page::FACTOR, "factor", get(factor::show).post(factor::submit)),
        (page::ACTION, "factor-action", get(factor::show_instead).post(factor::action)),
        (page::CANCEL, "factor-cancel", get(factor::show_instead).post(factor::cancel)),
        (page::EVENTS, "factor-events", get(event_stream)),
        (page::STEP_UP, "step-up", get(step_up::ask).post(step_up::start)),
        (page::ACCOUNT, "account", get(account::show)),
        (page::LOGOUT, "logout", get(account::ask_logout).post(account::logout)),
        (assets::PATH, "asset", get(assets::show)),
    ]
}

/// Returns the path of each route below the prefix, as the router writes it, for an inventory of what each needs.
pub fn own_paths() -> impl Iterator<Item = &'static str> {
    table().into_iter().map(|(path, ..)| path)
}

/// Builds the router from the table.
pub(crate) fn router() -> Router {
    let router = Router::new().fallback(async || Refusal::Message(MessageKind::NotFound));
    table().into_iter().fold(router, |router, (path, name, methods)| {
        let named = map_response(move |mut response: axum::response::Response| async move {
            response.extensions_mut().insert(RouteName(name));
            response
        });
        let methods = methods.fallback(async || Refusal::Message(MessageKind::MethodNotAllowed));
        router.route(&format!("/{path}"), methods.layer(named))
    })
}

/// Responds to a request for `path` below the prefix, and names the route.
pub(crate) async fn respond(
    router: &Router,
    runtime: &Arc<Runtime>,
    path: &str,
    request: Request<RequestBody>,
    context: Arc<Context>,
) -> (&'static str, Response<Body>) {
    let own = Own { runtime: Arc::clone(runtime), context };
    let is_head = request.method() == Method::HEAD;
    let mut request = request.map(axum::body::Body::new);
    // The router knows the paths below the prefix. The query is in the context already.
    *request.uri_mut() = Uri::try_from(format!("/{path}")).unwrap_or_default();
    request.extensions_mut().insert(own.clone());
    let Ok(mut response) = router.clone().oneshot(request).await;
    let name = response.extensions_mut().remove::<RouteName>().map_or("unknown", |name| name.0);
    let mut page = match response.extensions_mut().remove::<Refusal>() {
        None => response.map(|body| body.map_err(Into::into).boxed_unsync()),
        Some(refusal) => {
            let mut page = refusal.respond(&own.context);
            if let Some(allow) = response.headers_mut().remove(ALLOW) {
                page.headers_mut().insert(ALLOW, allow);
            }
            page
        }
    };
    // Nobody sees the page of a `HEAD`.
    if !is_head && !NOT_PAGES.contains(&name) {
        end_flash(&own.context, page.headers_mut());
    }
    (name, page)
}

/// Removes the flash cookie after the first page that follows the redirect, whichever page that is.
/// Otherwise a later login page could show a refused login to another person.
fn end_flash(context: &Context, response: &mut HeaderMap) {
    let is_carried = cookies::FLASH.is_carried(&context.headers);
    if is_carried && !cookies::FLASH.is_in(response) {
        responses::add_cookie(response, cookies::FLASH.clear());
    }
}

async fn event_stream(own: Own) -> Response<Body> {
    events::stream(&own.runtime, &own.context).await
}
