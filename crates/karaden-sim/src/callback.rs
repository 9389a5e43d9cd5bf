//! Delivery callbacks: what became of a message, posted to the URL of its project.
//!
//! Retries are our decision, the service's are unknown: any answer but 2xx and any failure is tried
//! again after each of the project's waits, then given up. The answer's content is ignored.

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

use crate::{config::SmsProject, shared::Shared, sms, time::Instant, world::Due};

/// Most callbacks on their way at a time.
const MOST_AT_ONCE: usize = 32;
/// How long the receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Http = Client<HttpConnector, Full<Bytes>>;

/// Posts callbacks as they fall due, until the simulator stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    if shared.config.projects.iter().all(|project| project.callback_url.is_none()) {
        return;
    }
    let http: Http = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let places = Arc::new(Semaphore::new(MOST_AT_ONCE));
    let tasks = TaskTracker::new();
    let (mut changes, mut moves) = (shared.changes(), shared.clock.moves());
    loop {
        changes.mark_unchanged();
        moves.mark_unchanged();
        while let Some(due) = take_due(&shared) {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (shared, http) = (Arc::clone(&shared), http.clone());
            tasks.spawn(async move {
                deliver(&shared, &http, due).await;
                drop(place);
            });
        }
        tokio::select! {
            () = shared.stop.cancelled() => break,
            _ = changes.changed() => {}
            _ = moves.changed() => {}
            () = next_due(&shared) => {}
        }
    }
    tasks.close();
    let _ = tokio::time::timeout(Duration::from_secs(1), tasks.wait()).await;
}

fn take_due(shared: &Shared) -> Option<Due> {
    let now = shared.clock.now();
    shared.world().schedule.take(now)
}

/// Waits until the next callback falls due; for ever under a manual clock, which tells its moves.
async fn next_due(shared: &Shared) {
    let next = shared.world().schedule.next_at();
    match next {
        Some(at) if !shared.clock.is_manual() => {
            tokio::time::sleep(at.since(shared.clock.now()) + Duration::from_millis(1)).await;
        }
        _ => std::future::pending().await,
    }
}

async fn deliver(shared: &Shared, http: &Http, due: Due) {
    let now = shared.clock.now();
    let Some((index, body, twice)) = compose(shared, due, now) else { return };
    let Some(project) = shared.config.projects.get(usize::from(index)) else { return };
    let mut delivered = post(http, project, body.clone()).await;
    if delivered && twice {
        delivered = post(http, project, body).await;
    }
    if delivered {
        return;
    }
    let Some(wait) = project.callback_retries.get(usize::from(due.attempt)) else {
        tracing::warn!(attempts = due.attempt + 1, "a callback was given up");
        return;
    };
    let at = shared.clock.now().plus(*wait);
    shared.world().schedule.add(at, due.sequence, due.attempt + 1);
    shared.changed();
}

/// The callback's body, unless the message has no result (any more).
fn compose(shared: &Shared, due: Due, now: Instant) -> Option<(u16, Bytes, bool)> {
    let world = shared.world();
    let message = world.history.at(due.sequence)?;
    let project = shared.config.projects.get(usize::from(message.request.owner.index))?;
    let body = sms::callback_body(message, project, world.quirks.absent, now)?;
    Some((message.request.owner.index, Bytes::from(body), world.quirks.callback_twice))
}

async fn post(http: &Http, project: &SmsProject, body: Bytes) -> bool {
    let Some(url) = &project.callback_url else { return true };
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(CONTENT_TYPE, "application/json")
        .header("Karaden-Version", &project.callback_version)
        .body(Full::new(body));
    let Ok(request) = request else { return false };
    match tokio::time::timeout(PATIENCE, http.request(request)).await {
        Ok(Ok(response)) => response.status().is_success(),
        _ => false,
    }
}
