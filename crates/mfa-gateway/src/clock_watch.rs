//! Compares the machine's clock with the time that has passed.
//!
//! Codes, locks and sessions are bound to the clock. While it is wrong, another node may serve better, so `/readyz`
//! fails: for [`SETTLING`] after a jump, and while the clock is behind what it showed before. If it stays behind, it
//! was probably wrong before. Then it counts as right after [`ACCEPTED_AFTER`].

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// A difference up to this is no jump. Challenges have the same tolerance.
const TOLERANCE: Duration = otp_core::Challenge::CLOCK_TOLERANCE;
const SETTLING: Duration = Duration::from_secs(15);
/// The longest lifetime of a code and of a pending login. None from before a jump can be used after it.
const ACCEPTED_AFTER: Duration = Duration::from_secs(10 * 60);

/// What is wrong with the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ClockState {
    /// It shows an earlier time than before.
    Behind,
    /// It was set a moment ago.
    Jumped,
    #[default]
    Right,
}

/// Watches the clock.
#[derive(Debug)]
pub(crate) struct ClockWatch(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    /// The latest time that the clock has shown.
    newest: SystemTime,
    /// The last check: what the clock showed, and when that was.
    last: Option<(SystemTime, Instant)>,
    jumped_at: Option<Instant>,
    behind_since: Option<Instant>,
}

impl ClockWatch {
    /// Watches a clock that has shown `newest` before.
    pub(crate) fn new(newest: SystemTime) -> Self {
        Self(Mutex::new(Seen { newest, last: None, jumped_at: None, behind_since: None }))
    }

    /// Notes that the clock shows `now` at this instant. Call it every few seconds. Logs each change.
    pub(crate) fn check(&self, now: SystemTime, at: Instant) -> ClockState {
        let mut seen = self.seen();
        if let Some((last, last_at)) = seen.last.replace((now, at)) {
            let expected = last + (at - last_at);
            let jump = now.duration_since(expected).unwrap_or_else(|error| error.duration());
            if jump > TOLERANCE {
                tracing::warn!(
                    event = "clock.jumped",
                    seconds = jump.as_secs(),
                    is_back = now < expected,
                    "the clock was set"
                );
                seen.jumped_at = Some(at);
                seen.behind_since = None;
            }
        }
        if seen.is_behind(now, at) {
            return ClockState::Behind;
        }
        let is_settling = seen.jumped_at.is_some_and(|jumped_at| at - jumped_at < SETTLING);
        if is_settling { ClockState::Jumped } else { ClockState::Right }
    }

    /// Whether what has expired may be deleted. After a jump it may not have expired, and deleting it would forget
    /// limits and sessions.
    pub(crate) fn may_delete(&self, at: Instant) -> bool {
        let seen = self.seen();
        let is_recent = |jumped_at: Instant| at - jumped_at < ACCEPTED_AFTER;
        seen.behind_since.is_none() && !seen.jumped_at.is_some_and(is_recent)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn is_behind(&mut self, now: SystemTime, at: Instant) -> bool {
        if now + TOLERANCE >= self.newest {
            self.newest = self.newest.max(now);
            if self.behind_since.take().is_some() {
                tracing::info!(event = "clock.recovered", "the clock has caught up");
            }
            return false;
        }
        let seconds = self.newest.duration_since(now).unwrap_or_default().as_secs();
        let since = *self.behind_since.get_or_insert_with(|| {
            tracing::error!(
                event = "clock.behind",
                seconds,
                "the clock is behind what it showed before; set the clock of the machine"
            );
            at
        });
        if at - since < ACCEPTED_AFTER {
            return true;
        }
        tracing::warn!(
            event = "clock.accepted",
            seconds,
            "the clock has stayed behind and now counts as right"
        );
        self.newest = now;
        self.behind_since = None;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock, and the time that passes.
    struct World {
        watch: ClockWatch,
        clock: SystemTime,
        at: Instant,
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    impl World {
        fn new() -> Self {
            let clock = SystemTime::UNIX_EPOCH + seconds(1_800_000_000);
            Self { watch: ClockWatch::new(clock), clock, at: Instant::now() }
        }

        fn pass(&mut self, time: Duration) -> ClockState {
            self.clock += time;
            self.at += time;
            self.watch.check(self.clock, self.at)
        }

        fn may_delete(&self) -> bool {
            self.watch.may_delete(self.at)
        }
    }

    #[tokio::test]
    async fn a_clock_that_runs_is_right() {
        let mut world = World::new();
        for step in [5, 5, 3600, 5] {
            assert_eq!(world.pass(seconds(step)), ClockState::Right);
            assert!(world.may_delete());
        }
        for set in [60, 59] {
            world.clock += seconds(set);
            assert_eq!(world.pass(seconds(5)), ClockState::Right, "{set} s are no jump");
            world.clock -= seconds(set);
            assert_eq!(world.pass(seconds(5)), ClockState::Right, "{set} s are no jump");
        }
    }

    #[tokio::test]
    async fn after_a_jump_ahead_the_gateway_is_unready_for_a_moment_and_deletes_nothing_for_longer()
    {
        let mut world = World::new();
        world.pass(seconds(5));
        world.clock += seconds(86_400);
        assert_eq!(world.pass(seconds(5)), ClockState::Jumped);
        assert_eq!(world.pass(seconds(14)), ClockState::Jumped);
        assert_eq!(world.pass(seconds(1)), ClockState::Right);
        assert!(!world.may_delete());
        assert_eq!(world.pass(seconds(585)), ClockState::Right);
        assert!(world.may_delete());
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_is_behind_until_it_has_caught_up() {
        let mut world = World::new();
        world.pass(seconds(5));
        world.clock -= seconds(300);
        assert_eq!(world.pass(seconds(5)), ClockState::Behind);
        assert!(!world.may_delete());
        assert_eq!(world.pass(seconds(234)), ClockState::Behind);
        assert_eq!(world.pass(seconds(1)), ClockState::Right);
    }

    #[tokio::test]
    async fn a_clock_that_stays_behind_is_accepted_in_the_end() {
        let mut world = World::new();
        world.pass(seconds(5));
        world.clock -= seconds(365 * 86_400);
        assert_eq!(world.pass(seconds(5)), ClockState::Behind);
        assert_eq!(world.pass(seconds(599)), ClockState::Behind);
        assert_eq!(world.pass(seconds(1)), ClockState::Right);
        assert_eq!(world.pass(seconds(5)), ClockState::Right);
    }

    #[tokio::test]
    async fn a_start_behind_the_newest_record_is_noticed() {
        let newest = SystemTime::UNIX_EPOCH + seconds(1_800_000_000);
        let at = Instant::now();
        for (behind, expected) in [(61, ClockState::Behind), (60, ClockState::Right)] {
            let watch = ClockWatch::new(newest);
            assert_eq!(watch.check(newest - seconds(behind), at), expected, "{behind}");
        }
        assert_eq!(ClockWatch::new(newest).check(SystemTime::UNIX_EPOCH, at), ClockState::Behind);
    }
}
