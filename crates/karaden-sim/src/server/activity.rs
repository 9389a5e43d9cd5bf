//! Notices a connection on which nothing moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// When a connection last moved a byte, and whether its client waits for a response. Clones share this.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<State>);

#[derive(Debug)]
struct State {
    began: Instant,
    /// The last movement, in milliseconds since `began`.
    moved_at: AtomicU64,
    /// How many requests are being handled.
    handled: AtomicUsize,
}

/// A request is being handled. Dropping it counts as a movement.
#[derive(Debug)]
pub(super) struct Handling(Activity);

impl Activity {
    pub(super) fn new() -> Self {
        let began = Instant::now();
        Self(Arc::new(State {
            began,
            moved_at: AtomicU64::default(),
            handled: AtomicUsize::default(),
        }))
    }

    /// Notes that bytes were read or written.
    pub(super) fn moved(&self) {
        let at = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.moved_at.store(at, Relaxed);
    }

    /// Notes that a request is being handled: silence is then no fault of the client.
    pub(super) fn handling(&self) -> Handling {
        self.0.handled.fetch_add(1, Relaxed);
        Handling(self.clone())
    }

    /// Waits until nothing has moved for `limit` while no request was being handled.
    pub(super) async fn ended(&self, limit: Duration) {
        loop {
            let moved_at = Duration::from_millis(self.0.moved_at.load(Relaxed));
            let silence = self.0.began.elapsed().saturating_sub(moved_at);
            let is_handling = self.0.handled.load(Relaxed) > 0;
            match limit.checked_sub(silence) {
                Some(left) if !left.is_zero() => sleep(left).await,
                _ if is_handling => sleep(limit).await,
                _ => return,
            }
        }
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.0.handled.fetch_sub(1, Relaxed);
        self.0.moved();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Returns after how many seconds `activity` has ended.
    async fn seconds(activity: &Activity) -> u64 {
        let began = Instant::now();
        activity.ended(LIMIT).await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_at_the_limit_and_each_movement_begins_it_anew() {
        let activity = Activity::new();
        assert_eq!(seconds(&activity).await, 60);
        activity.moved();
        let moving = async {
            for _ in 0..10 {
                sleep(Duration::from_secs(59)).await;
                activity.moved();
            }
        };
        let (ended, ()) = tokio::join!(seconds(&activity), moving);
        assert_eq!(ended, 10 * 59 + 60);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_does_not_count_while_a_request_is_handled() {
        let activity = Activity::new();
        let handling = activity.handling();
        let handled = async {
            sleep(Duration::from_secs(3_600)).await;
            drop(handling);
        };
        let (ended, ()) = tokio::join!(seconds(&activity), handled);
        assert_eq!(ended, 3_600 + 60);
    }
}
