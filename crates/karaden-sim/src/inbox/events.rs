//! Live updates: a server-sent event each time the page would look different.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;

use super::messages::walk;
use crate::{
    body::{Reply, reply, streamed, text},
    shared::Shared,
    time::Instant,
};

/// At most one event in this time, so that a load test does not drown the page.
const PACE: Duration = Duration::from_millis(150);
/// A comment after this long without events keeps the connection up.
const HEARTBEAT: Duration = Duration::from_secs(15);
const CHANGE: &[u8] = b"event: change\ndata: 1\n\n";
const STILL_HERE: &[u8] = b": still here\n\n";
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
        tokio::select! {
            () = shared.stop.cancelled() => return None,
            _ = changes.changed() => {}
            () = next_change(&shared, seen) => {}
            () = tokio::time::sleep(HEARTBEAT) => {
                // It says nothing of what changes meanwhile: that is told next.
                let beat = Bytes::from_static(STILL_HERE);
                return Some((beat, (shared, changes, place, seen)));
            }
        }
        tokio::time::sleep(PACE).await;
        changes.mark_unchanged();
        let seen = shared.clock.now();
        Some((Bytes::from_static(CHANGE), (shared, changes, place, seen)))
    });
    reply(StatusCode::OK, "text/event-stream", streamed(events))
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::{body::Body, config::SimConfig};

    async fn next(body: &mut Body) -> Bytes {
        body.frame().await.expect("it goes on").expect("no error").into_data().expect("data")
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_beside_a_heartbeat_is_told_after_it() {
        let shared = Arc::new(Shared::new(SimConfig::default(), 1));
        let mut body = events(&shared).into_body();
        assert_eq!(next(&mut body).await, CHANGE, "one to begin with");
        let change = async {
            tokio::time::sleep(HEARTBEAT + PACE / 2).await;
            shared.changed();
        };
        let (beat, ()) = tokio::join!(next(&mut body), change);
        assert_eq!(beat, STILL_HERE);
        assert_eq!(next(&mut body).await, CHANGE);
        assert_eq!(next(&mut body).await, STILL_HERE, "once");
    }
}
