//! The live status of a prompt as server-sent events. It shows what a reload would show.

use std::{sync::Arc, time::Duration};

use auth_module::PendingToken;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame as BodyFrame;
use mfa_controller::LoginStep;
use mfa_pages::{Frame, Language, MessageKind, live_status};
use mfa_plugin_api::ClientFacts;
use mfa_proxy::{Body, BoxError};

use super::responses;
use crate::{
    http::cookies,
    state::{Context, Runtime, Settings},
};

const INTERVAL: Duration = Duration::from_secs(2);
/// Ends the stream after the lifetime of a pending login. The page reconnects if it is still open.
const MAX_EVENTS: usize = 300;

struct Watch {
    runtime: Arc<Runtime>,
    settings: Arc<Settings>,
    token: PendingToken,
    client: ClientFacts,
    language: Language,
    last: String,
    events: usize,
    _slot: tokio::sync::OwnedSemaphorePermit,
}

/// Responds to `GET factor/events`.
pub(crate) fn stream(runtime: &Arc<Runtime>, context: &Context) -> Response<Body> {
    let cookie = cookies::PENDING.value(&context.headers);
    let Some(token) = cookie.and_then(PendingToken::parse) else {
        return responses::message(context, MessageKind::SessionLost);
    };
    let Ok(slot) = Arc::clone(&runtime.event_streams).try_acquire_owned() else {
        return responses::message(context, MessageKind::Busy);
    };
    let watch = Watch {
        runtime: Arc::clone(runtime),
        settings: Arc::clone(&context.settings),
        token,
        client: context.client.clone(),
        language: context.language,
        last: String::new(),
        events: 0,
        _slot: slot,
    };
    let frames = stream::unfold(Some(watch), |watch| async { next(watch?).await })
        .map(|text| Ok::<_, BoxError>(BodyFrame::data(Bytes::from(text))));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Returns the next event, and the watch unless the stream has ended.
async fn next(mut watch: Watch) -> Option<(String, Option<Watch>)> {
    if watch.events > 0 {
        tokio::select! {
            () = watch.runtime.stop.cancelled() => return None,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    watch.events += 1;
    let now = watch.runtime.clock.now();
    let step = watch.runtime.controller.watch(&watch.token, &watch.client, now).await;
    let LoginStep::Prompt(step) = step else {
        return Some(("event: end\ndata: {}\n\n".to_owned(), None));
    };
    if watch.events > MAX_EVENTS {
        return None;
    }
    let data = live_status(&Frame::new(&watch.settings.site, watch.language, now), &step.prompt);
    let event = if data == watch.last {
        ": same\n\n".to_owned()
    } else {
        format!("event: status\ndata: {data}\n\n")
    };
    watch.last = data;
    Some((event, Some(watch)))
}
