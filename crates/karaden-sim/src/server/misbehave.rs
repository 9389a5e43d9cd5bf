//! Responses with faults.

use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{
    StatusCode,
    header::{CONTENT_ENCODING, HeaderValue, LOCATION, RETRY_AFTER},
};
use http_body_util::BodyExt as _;

use super::{bomb, calls::handle_api, cut::Cut};
use crate::{
    body::{Body, JSON, Reply, html, json, reply, streamed},
    fault::{Fault, FaultMode, RequestSummary},
    operation::{Api, Operation},
    push,
    request::{Call, Form},
    shared::Shared,
    sms::Failure,
};

/// Handles an API call while faults are active.
pub(super) async fn handle(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    operation: Operation,
    cut: &Cut,
) -> Reply {
    let Some(fault) = take(shared, call, operation) else {
        return handle_api(shared, call, operation);
    };
    let normal = fault.mode.accepts().then(|| handle_api(shared, call, operation));
    match fault.mode {
        FaultMode::Timeout | FaultMode::AcceptThenTimeout => std::future::pending().await,
        FaultMode::Drop | FaultMode::AcceptThenDrop => {
            cut.now();
            std::future::pending::<()>().await;
        }
        FaultMode::Slow => tokio::time::sleep(fault.delay()).await,
        _ => {}
    }
    match normal {
        Some(normal) => distort(fault.mode, normal, cut).await,
        None => error_response(shared, call, operation, &fault),
    }
}

/// Returns the fault for this request and counts it.
fn take(shared: &Shared, call: &Call<'_>, operation: Operation) -> Option<Fault> {
    let (query, form) = (call.query(), call.form());
    let mut world = shared.world();
    let summary = summarise(&query, &form, operation);
    let fault = world.faults.take(&summary);
    shared.update_has_faults(&world);
    fault
}

fn summarise<'a>(
    query: &'a Form<'_>,
    form: &'a Form<'_>,
    operation: Operation,
) -> RequestSummary<'a> {
    let field = |name| form.get(name).or_else(|| query.get(name));
    let mut tags: Vec<_> = form.array("tags").collect();
    tags.extend(field("tag"));
    tags.extend(field("TrackingCode"));
    RequestSummary { operation, to: field("to").or_else(|| field("To")), tags }
}

/// Makes the response to a request that took effect.
async fn distort(mode: FaultMode, normal: Reply, cut: &Cut) -> Reply {
    match mode {
        FaultMode::Malformed => json(StatusCode::OK, r#"{"object":"message","id":"82bdf9"#),
        FaultMode::Empty => json(StatusCode::OK, ""),
        FaultMode::Huge => reply(StatusCode::OK, JSON, huge()),
        FaultMode::GzipBomb => {
            let mut reply = json(StatusCode::OK, bomb::gzip());
            reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            reply
        }
        FaultMode::DropMidBody => half(normal, cut.clone()).await,
        _ => normal,
    }
}

/// Makes a body of 1 GiB: a JSON string, produced while it is sent.
fn huge() -> Body {
    let chunk = Bytes::from(vec![b'a'; 64 * 1024]);
    let middle = stream::repeat(chunk).take(16 * 1024);
    let start = stream::once(async { Bytes::from_static(br#"{"object":"message","id":""#) });
    let end = stream::once(async { Bytes::from_static(br#""}"#) });
    streamed(start.chain(middle).chain(end))
}

/// Makes a response that ends after half of the body of `normal`: the connection closes then.
async fn half(normal: Reply, cut: Cut) -> Reply {
    let (parts, body) = normal.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    let rest = stream::once(async move {
        // hyper polls for more after it has taken the first half, and flushes that before it waits.
        cut.after_flush();
        std::future::pending().await
    });
    Reply::from_parts(parts, streamed(stream::once(async { half }).chain(rest)))
}

/// Makes the response to a request that had no effect.
fn error_response(shared: &Shared, call: &Call<'_>, operation: Operation, fault: &Fault) -> Reply {
    let mut reply = match fault.mode {
        FaultMode::Html => html(status(fault.status, StatusCode::SERVICE_UNAVAILABLE), PAGE),
        FaultMode::Redirect => {
            let mut reply = html(status(fault.status, StatusCode::TEMPORARY_REDIRECT), PAGE);
            let location = fault.location.as_deref().unwrap_or("/faults/redirected");
            if let Ok(location) = HeaderValue::from_str(location) {
                reply.headers_mut().insert(LOCATION, location);
            }
            reply
        }
        FaultMode::EchoError => echo(shared, call, operation),
        FaultMode::Status(code) => {
            error(shared, operation, status(Some(code), StatusCode::INTERNAL_SERVER_ERROR))
        }
        _ => error(shared, operation, StatusCode::INTERNAL_SERVER_ERROR),
    };
    if let Some(seconds) = fault.retry_after {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

const PAGE: &str = "<!DOCTYPE html><html><head><title>Service Unavailable</title></head>\
    <body><h1>Service Unavailable</h1><p>The server is temporarily unable to service your \
    request.</p></body></html>";

fn status(code: Option<u16>, default: StatusCode) -> StatusCode {
    code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(default)
}

/// Makes the error response of the API; the push API has only an HTML page for HTTP errors.
fn error(shared: &Shared, operation: Operation, status: StatusCode) -> Reply {
    match operation.api() {
        Api::Sms => {
            let mut reply = Failure::for_status(status).reply(&shared.world().quirks);
            *reply.status_mut() = status;
            reply
        }
        Api::Push if status.is_success() => {
            push::status_reply(push::Status::Internal, &shared.world().quirks)
        }
        Api::Push => html(status, PAGE),
    }
}

/// Makes an error response that quotes the request with its secrets: a client must not log it.
fn echo(shared: &Shared, call: &Call<'_>, operation: Operation) -> Reply {
    let mut quoted = format!("{} {}?{}", call.method, call.path, call.query);
    for (name, value) in call.headers {
        let _ = write!(quoted, "\n{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    let _ = write!(quoted, "\n\n{}", String::from_utf8_lossy(call.body));
    let quirks = shared.world().quirks.clone();
    match operation.api() {
        Api::Sms => Failure::for_status(StatusCode::UNPROCESSABLE_ENTITY)
            .reply_with_message(&quirks, &quoted),
        Api::Push => push::status_reply_with_text(push::Status::Internal, &quoted, &quirks),
    }
}
