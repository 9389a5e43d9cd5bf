//! Answers as a fault wants them.

use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{
    StatusCode,
    header::{CONTENT_ENCODING, HeaderValue, LOCATION, RETRY_AFTER},
};
use http_body_util::BodyExt as _;

use super::{bomb, calls::api, cut::Cut};
use crate::{
    body::{Body, JSON, Reply, html, json, reply, streamed},
    fault::{Fault, FaultMode, Target},
    operation::{Api, Operation},
    push,
    request::{Call, Form},
    shared::Shared,
    sms::Failure,
};

/// Answers a call while faults are in force.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    call: &Call<'_>,
    operation: Operation,
    cut: &Cut,
) -> Reply {
    let Some(fault) = take(shared, call, operation) else { return api(shared, call, operation) };
    let right = fault.mode.accepts().then(|| api(shared, call, operation));
    match fault.mode {
        FaultMode::Timeout | FaultMode::AcceptThenTimeout => std::future::pending().await,
        FaultMode::Drop | FaultMode::AcceptThenDrop => {
            cut.now();
            std::future::pending::<()>().await;
        }
        FaultMode::Slow => tokio::time::sleep(fault.delay()).await,
        _ => {}
    }
    match right {
        Some(right) => garble(fault.mode, right, cut).await,
        None => refuse(shared, call, operation, &fault),
    }
}

/// The fault that hits this request, if any.
fn take(shared: &Shared, call: &Call<'_>, operation: Operation) -> Option<Fault> {
    let (query, form) = (call.query(), call.form());
    let mut world = shared.world();
    let target = target(&query, &form, operation);
    let fault = world.faults.take(&target);
    shared.note_faults(&world);
    fault
}

fn target<'a>(query: &'a Form<'_>, form: &'a Form<'_>, operation: Operation) -> Target<'a> {
    let field = |name| form.get(name).or_else(|| query.get(name));
    let mut tags: Vec<_> = form.array("tags").collect();
    tags.extend(field("tag"));
    tags.extend(field("TrackingCode"));
    Target { operation, to: field("to").or_else(|| field("To")), tags }
}

/// An answer in place of a request that had its effect.
async fn garble(mode: FaultMode, right: Reply, cut: &Cut) -> Reply {
    match mode {
        FaultMode::Malformed => json(StatusCode::OK, r#"{"object":"message","id":"82bdf9"#),
        FaultMode::Empty => json(StatusCode::OK, ""),
        FaultMode::Huge => reply(StatusCode::OK, JSON, huge()),
        FaultMode::GzipBomb => {
            let mut reply = json(StatusCode::OK, bomb::gzip());
            reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            reply
        }
        FaultMode::DropMidBody => half(right, cut.clone()).await,
        _ => right,
    }
}

/// A JSON string of 1 GiB, made as it is read.
fn huge() -> Body {
    let chunk = Bytes::from(vec![b'a'; 64 * 1024]);
    let middle = stream::repeat(chunk).take(16 * 1024);
    let start = stream::once(async { Bytes::from_static(br#"{"object":"message","id":""#) });
    let end = stream::once(async { Bytes::from_static(br#""}"#) });
    streamed(start.chain(middle).chain(end))
}

/// The first half of an answer, then the connection is cut.
async fn half(right: Reply, cut: Cut) -> Reply {
    let (parts, body) = right.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    let rest = stream::once(async move {
        // Asked for more, the connection has taken the first half and writes it out before it waits.
        cut.once_flushed();
        std::future::pending().await
    });
    Reply::from_parts(parts, streamed(stream::once(async { half }).chain(rest)))
}

/// An answer to a request that had no effect.
fn refuse(shared: &Shared, call: &Call<'_>, operation: Operation, fault: &Fault) -> Reply {
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

/// The error body that fits the API; the push API has none for HTTP errors but a page.
fn error(shared: &Shared, operation: Operation, status: StatusCode) -> Reply {
    match operation.api() {
        Api::Sms => {
            let mut reply = Failure::for_status(status).reply(&shared.world().quirks);
            *reply.status_mut() = status;
            reply
        }
        Api::Push if status.is_success() => {
            push::bare(push::Status::Internal, &shared.world().quirks)
        }
        Api::Push => html(status, PAGE),
    }
}

/// An error that repeats the request, secrets and all, as a careless server might.
fn echo(shared: &Shared, call: &Call<'_>, operation: Operation) -> Reply {
    let mut quoted = format!("{} {}?{}", call.method, call.path, call.query);
    for (name, value) in call.headers {
        let _ = write!(quoted, "\n{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    let _ = write!(quoted, "\n\n{}", String::from_utf8_lossy(call.body));
    let quirks = shared.world().quirks.clone();
    match operation.api() {
        Api::Sms => {
            Failure::for_status(StatusCode::UNPROCESSABLE_ENTITY).reply_saying(&quirks, &quoted)
        }
        Api::Push => push::saying(push::Status::Internal, &quoted, &quirks),
    }
}
