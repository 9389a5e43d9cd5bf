//! Delivery callbacks: the result of each message, posted to the URL of its project.
//!
//! How the service retries is not public; these rules are our decision. If the receiver responds with
//! a status other than 2xx, or not at all, the callback is posted again after each of the project's
//! waits. Then it is dropped. The body of the receiver's response is ignored.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::{config::SmsProject, log, shared::Shared, sms, world::Due};

/// Maximum count of callbacks that are posted at the same time.
const MAX_CONCURRENT_CALLBACKS: usize = 32;
/// How long the receiver may take to respond.
const RECEIVER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long callbacks in progress may take to finish when the simulator stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

type Http = Client<HttpConnector, Full<Bytes>>;

/// Posts callbacks as they fall due, until the simulator stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    if shared.config.projects.iter().all(|project| project.callback_url.is_none()) {
        return;
    }
    let http: Http = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let permits = Arc::new(Semaphore::new(MAX_CONCURRENT_CALLBACKS));
    let tasks = TaskTracker::new();
    let (mut changes, mut moves) = (shared.changes(), shared.clock.moves());
    loop {
        // Before the schedule is read: a change meanwhile then ends the wait below.
        changes.mark_unchanged();
        moves.mark_unchanged();
        while let Some(due) = take_due_callback(&shared) {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let (shared, http) = (Arc::clone(&shared), http.clone());
            tasks.spawn(async move {
                deliver(&shared, &http, due).await;
                drop(permit);
            });
        }
        let next = shared.world().schedule.next_at();
        tokio::select! {
            () = shared.stop.cancelled() => break,
            _ = changes.changed() => {}
            _ = moves.changed() => {}
            () = shared.clock.wait_until(next) => {}
        }
    }
    tasks.close();
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, tasks.wait()).await;
}

fn take_due_callback(shared: &Shared) -> Option<Due> {
    let now = shared.clock.now();
    shared.world().schedule.take(now)
}

/// A callback that is ready to be posted.
struct Callback<'a> {
    project: &'a SmsProject,
    body: Bytes,
    /// How often to post it: twice with the quirk `callback_twice`.
    copies: u8,
}

async fn deliver(shared: &Shared, http: &Http, due: Due) {
    let Some(callback) = prepare(shared, due) else { return };
    let mut is_delivered = true;
    for _ in 0..callback.copies {
        is_delivered = is_delivered && post(http, &callback).await;
    }
    if is_delivered {
        return;
    }
    let Some(wait) = callback.project.callback_retries.get(usize::from(due.attempt)) else {
        log::callback_dropped(due.attempt + 1);
        return;
    };
    let at = shared.clock.now().plus(*wait);
    shared.world().schedule.add(at, due.sequence, due.attempt + 1);
    shared.changed();
}

/// Writes the callback. Returns `None` if the message has no result, or no longer exists.
fn prepare(shared: &Shared, due: Due) -> Option<Callback<'_>> {
    let now = shared.clock.now();
    let world = shared.world();
    let message = world.history.at(due.sequence)?;
    let project = shared.config.projects.get(usize::from(message.request.owner.index))?;
    let body = sms::callback_body(message, project, world.quirks.absent, now)?;
    let copies = if world.quirks.callback_twice { 2 } else { 1 };
    Some(Callback { project, body: body.into(), copies })
}

/// Posts a callback once and returns whether the receiver took it.
async fn post(http: &Http, callback: &Callback<'_>) -> bool {
    let Some(url) = &callback.project.callback_url else { return true };
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(CONTENT_TYPE, "application/json")
        .header("Karaden-Version", callback.project.callback_version.as_str())
        .body(Full::new(callback.body.clone()));
    let Ok(request) = request else { return false };
    match tokio::time::timeout(RECEIVER_TIMEOUT, http.request(request)).await {
        Ok(Ok(response)) => response.status().is_success(),
        _ => false,
    }
}
