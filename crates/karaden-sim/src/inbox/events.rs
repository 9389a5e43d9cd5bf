//! Live updates: a server-sent event for each change of the inbox page.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;

use super::messages::newest_messages;
use crate::{
    body::{Reply, reply, streamed, text},
    request::Call,
    shared::Shared,
    time::Instant,
};

/// Minimum time between two events, so that a load test does not overload the page.
const MIN_EVENT_INTERVAL: Duration = Duration::from_millis(150);
/// After this long without an event, a comment keeps the connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);
const CHANGE: &[u8] = b"event: change\ndata: 1\n\n";
const HEARTBEAT_COMMENT: &[u8] = b": still here\n\n";
/// How many of the newest messages are observed for changes that only time causes.
const MAX_OBSERVED: usize = 200;

/// `GET /inbox/events`.
pub(super) fn events(shared: &Arc<Shared>, _call: &Call<'_>) -> Reply {
    let Ok(permit) = Arc::clone(&shared.watchers).try_acquire_owned() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "too many live pages");
    };
    reply(StatusCode::OK, "text/event-stream", streamed(changes(shared, permit)))
}

/// Yields an event for each change of the page, and a comment from time to time.
fn changes(
    shared: &Arc<Shared>,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Bytes> + use<> {
    let mut changes = shared.changes();
    changes.mark_changed();
    let state = (Arc::clone(shared), changes, permit, shared.clock.now());
    stream::unfold(state, |(shared, mut changes, permit, seen)| async move {
        tokio::select! {
            () = shared.stop.cancelled() => return None,
            _ = changes.changed() => {}
            () = next_change(&shared, seen) => {}
            () = tokio::time::sleep(HEARTBEAT) => {
                // `seen` stays: a change during the heartbeat must still cause an event.
                let beat = Bytes::from_static(HEARTBEAT_COMMENT);
                return Some((beat, (shared, changes, permit, seen)));
            }
        }
        tokio::time::sleep(MIN_EVENT_INTERVAL).await;
        changes.mark_unchanged();
        let seen = shared.clock.now();
        Some((Bytes::from_static(CHANGE), (shared, changes, permit, seen)))
    })
}

/// Waits until one of the newest messages changes after `seen` because time passes. With a manual
/// clock it never returns: each move of the clock counts as a change of the inbox.
pub(super) async fn next_change(shared: &Shared, seen: Instant) {
    let next = newest_messages(&shared.world().history, None)
        .take(MAX_OBSERVED)
        .flat_map(|message| message.plan.change_times().filter(|at| *at > seen))
        .min();
    shared.clock.wait_until(next).await;
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::{body::Body, config::SimConfig};

    async fn next(body: &mut Body) -> Bytes {
        body.frame().await.expect("it goes on").expect("no error").into_data().expect("data")
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_during_a_heartbeat_causes_an_event_after_it() {
        let shared = Arc::new(Shared::new(SimConfig::default(), 1));
        let permit = Arc::clone(&shared.watchers).try_acquire_owned().expect("a permit");
        let mut body = streamed(changes(&shared, permit));
        assert_eq!(next(&mut body).await, CHANGE, "the initial event");
        let change = async {
            tokio::time::sleep(HEARTBEAT + MIN_EVENT_INTERVAL / 2).await;
            shared.changed();
        };
        let (beat, ()) = tokio::join!(next(&mut body), change);
        assert_eq!(beat, HEARTBEAT_COMMENT);
        assert_eq!(next(&mut body).await, CHANGE);
        assert_eq!(next(&mut body).await, HEARTBEAT_COMMENT, "no second event");
    }
}
