//! How long the writer waits for more calls before it commits: those it has just answered often come
//! back at once, and one flush of the disk then does for all of them.
//!
//! A call that nobody keeps company never waits. See `docs/adr/0011-company-before-a-commit.md`.

use std::time::Duration;

use tokio::time::Instant;

/// No commit is held up for longer, however slow the disk is.
const MAX_DELAY: Duration = Duration::from_millis(1);

/// A call that comes this soon after the last answer is prompt.
const PROMPT: Duration = Duration::from_micros(100);

/// How long the writer stays awake for the next prompt call: about what it costs to fall asleep and
/// be woken.
const SPIN_TIME: Duration = Duration::from_micros(50);

/// How long the writer stays awake with nothing to do after an answer, if the call before it was
/// prompt: whoever makes one call after the other is spared a wake-up each time, and one who takes
/// time to think costs nothing.
pub(super) fn spin_time(since_answer: Duration) -> Duration {
    if since_answer < PROMPT { SPIN_TIME } else { Duration::ZERO }
}

/// What the last commit says about the next: how many calls to expect, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupCommit {
    expected: usize,
    /// From here on no call is held up any more.
    until: Instant,
    /// How long after the last call came it is clear that no more will.
    max_gap: Duration,
    last_arrival: Instant,
}

impl GroupCommit {
    /// Before any commit: nobody is expected.
    pub(super) fn idle(now: Instant) -> Self {
        Self { expected: 0, until: now, max_gap: Duration::ZERO, last_arrival: now }
    }

    /// After a commit that `took` so long and ended at `now`: the calls that it answered may come
    /// back and join those that have been waiting meanwhile.
    ///
    /// A call that was alone expects nobody but itself; so the one after it does not wait.
    pub(super) fn after(answered: usize, waiting: usize, took: Duration, now: Instant) -> Self {
        let max_delay = (took / 2).min(MAX_DELAY);
        Self {
            expected: answered.saturating_add(waiting),
            until: now + max_delay,
            max_gap: max_delay / 2,
            last_arrival: now,
        }
    }

    /// Notes that calls came.
    pub(super) fn note_arrival(&mut self, now: Instant) {
        self.last_arrival = now;
    }

    /// Whether a commit of `gathered` calls had better wait for more at `now`.
    pub(super) fn should_wait(&self, gathered: usize, now: Instant) -> bool {
        gathered < self.expected
            && now < self.until
            && now.duration_since(self.last_arrival) < self.max_gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: Duration = Duration::from_micros(400);

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn writer_spins_for_prompt_callers_only() {
        assert_eq!(spin_time(micros(99)), SPIN_TIME);
        assert_eq!(spin_time(micros(100)), Duration::ZERO);
    }

    #[test]
    fn lone_call_never_waits() {
        let now = Instant::now();
        assert!(!GroupCommit::idle(now).should_wait(1, now));
        assert!(!GroupCommit::after(1, 0, COMMIT, now).should_wait(1, now));
    }

    #[test]
    fn commit_waits_until_all_answered_callers_return() {
        let now = Instant::now();
        let group_commit = GroupCommit::after(3, 1, COMMIT, now);
        assert!(group_commit.should_wait(1, now));
        assert!(group_commit.should_wait(3, now));
        assert!(!group_commit.should_wait(4, now));
    }

    #[test]
    fn alternating_callers_share_a_commit() {
        let now = Instant::now();
        assert!(GroupCommit::after(1, 1, COMMIT, now).should_wait(1, now));
    }

    #[test]
    fn no_call_waits_longer_than_half_a_commit() {
        let now = Instant::now();
        let mut group_commit = GroupCommit::after(64, 0, COMMIT, now);
        group_commit.note_arrival(now + micros(199));
        assert!(group_commit.should_wait(1, now + micros(199)));
        group_commit.note_arrival(now + micros(200));
        assert!(!group_commit.should_wait(1, now + micros(200)));
    }

    #[test]
    fn no_call_waits_once_arrivals_stop() {
        let now = Instant::now();
        let mut group_commit = GroupCommit::after(64, 0, COMMIT, now);
        group_commit.note_arrival(now + micros(50));
        assert!(group_commit.should_wait(9, now + micros(149)));
        assert!(!group_commit.should_wait(9, now + micros(150)));
    }

    #[test]
    fn slow_disk_delays_a_commit_by_one_millisecond_at_most() {
        let now = Instant::now();
        let mut group_commit = GroupCommit::after(64, 0, Duration::from_secs(1), now);
        group_commit.note_arrival(now + micros(999));
        assert!(group_commit.should_wait(1, now + micros(999)));
        group_commit.note_arrival(now + micros(1000));
        assert!(!group_commit.should_wait(1, now + micros(1000)));
    }
}
