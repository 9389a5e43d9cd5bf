//! The routes below the gateway's own prefix, in one table.

mod account;
mod events;
mod factor;
mod form_post;
mod login;
pub(crate) mod responses;

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use mfa_pages::{MessageKind, path as page};
use mfa_proxy::{Body, empty, full};

use crate::state::{Context, Runtime};

/// Responds to a request for `own`, the path after the prefix. Also returns the route's name, for metrics.
pub(crate) async fn answer(
    runtime: &Arc<Runtime>,
    own: &str,
    request: Request<Incoming>,
    context: &Context,
) -> (&'static str, Response<Body>) {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_post = *request.method() == Method::POST;
    match own {
        page::LOGIN if is_read => ("login", login::show(runtime, context).await),
        page::LOGIN if is_post => ("login", login::submit(runtime, request, context).await),
        page::FACTOR if is_read => ("factor", factor::show(runtime, context).await),
        page::FACTOR if is_post => ("factor", factor::submit(runtime, request, context).await),
        page::ACTION if is_post => {
            ("factor-action", factor::action(runtime, request, context).await)
        }
        page::CANCEL if is_post => {
            ("factor-cancel", factor::cancel(runtime, request, context).await)
        }
        // A reload or a step back in the browser requests these paths with `GET`.
        page::ACTION | page::CANCEL if is_read => {
            ("factor", responses::see_other(&context.settings.site.url(page::FACTOR)))
        }
        page::EVENTS if is_read => ("factor-events", events::stream(runtime, context)),
        page::ACCOUNT if is_read => ("account", account::show(runtime, context).await),
        page::LOGOUT if is_read => ("logout", account::ask_logout(runtime, context).await),
        page::LOGOUT if is_post => ("logout", account::logout(runtime, request, context).await),
        _ => match own.strip_prefix(page::ASSETS).and_then(mfa_pages::asset) {
            Some(asset) if is_read => ("asset", asset_response(context, &asset)),
            Some(_) => ("asset", method_not_allowed(context, "GET, HEAD")),
            None => other(own, context),
        },
    }
}

/// Returns 404 for an unknown page, 405 for a known page with another method.
fn other(own: &str, context: &Context) -> (&'static str, Response<Body>) {
    let allowed = match own {
        page::LOGIN | page::FACTOR | page::ACTION | page::CANCEL | page::LOGOUT => {
            "GET, HEAD, POST"
        }
        page::EVENTS | page::ACCOUNT => "GET, HEAD",
        _ => return ("unknown", responses::message(context, MessageKind::NotFound)),
    };
    ("unknown", method_not_allowed(context, allowed))
}

fn method_not_allowed(context: &Context, allowed: &'static str) -> Response<Body> {
    let mut response = responses::message(context, MessageKind::MethodNotAllowed);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn asset_response(context: &Context, asset: &mfa_pages::Asset) -> Response<Body> {
    let is_known = context
        .headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes());
    let mut response = if is_known {
        let mut response = Response::new(empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(full(asset.bytes))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(asset.cache_control));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}
