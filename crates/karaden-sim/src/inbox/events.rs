//! Live updates: a server-sent event each time the page would look different.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;

use super::walk;
use crate::body::{Body, Reply, reply, text};
use crate::running::Shared;
use crate::time::Instant;

/// At most one event in this time, so that a load test does not drown the page.
const PACE: Duration = Duration::from_millis(150);
/// A comment after this long without events keeps the connection up.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many of the newest messages can cause an event by time passing.
const WATCHED: usize = 200;

/// `GET /inbox/events`.
pub(super) fn events(shared: &Arc<Shared>) -> Reply {
    let Ok(place) = Arc::clone(&shared.watchers).try_acquire_owned() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "too many watch already");
    };
    let mut changes = shared.changes();
    changes.mark_changed();
    let state = (Arc::clone(shared), changes, place, shared.clock.now());
    let events = stream::unfold(state, |(shared, mut changes, place, seen)| async move {
        let event = tokio::select! {
            () = shared.stop.cancelled() => return None,
            _ = changes.changed() => "event: change\ndata: 1\n\n",
            () = next_change(&shared, seen) => "event: change\ndata: 1\n\n",
            () = tokio::time::sleep(HEARTBEAT) => ": still here\n\n",
        };
        tokio::time::sleep(PACE).await;
        changes.mark_unchanged();
        let seen = shared.clock.now();
        Some((Bytes::from_static(event.as_bytes()), (shared, changes, place, seen)))
    });
    reply(StatusCode::OK, "text/event-stream", Body::stream(events))
}

/// Waits until time alone changes a message; under a manual clock moves are told as changes.
async fn next_change(shared: &Shared, seen: Instant) {
    let next = {
        let world = shared.world();
        walk(&world.history, None)
            .take(WATCHED)
            .flat_map(|message| message.plan.changes().filter(|at| *at > seen))
            .min()
    };
    match next {
        Some(at) if !shared.clock.is_manual() => {
            tokio::time::sleep(at.since(shared.clock.now()) + Duration::from_millis(1)).await;
        }
        _ => std::future::pending().await,
    }
}
