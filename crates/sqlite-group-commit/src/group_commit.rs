//! How long the writer waits for more jobs before it commits. The callers that it has just replied
//! to often come back at once, and then one flush of the disk serves more of them.
//!
//! A lone call never waits. The repository explains the rule in
//! `docs/adr/0011-company-before-a-commit.md`.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time that a commit waits, however slow the disk is.
const MAX_DELAY: Duration = Duration::from_millis(1);

/// A call that comes within this time after the last reply is prompt.
const PROMPT: Duration = Duration::from_micros(100);

/// How long the writer stays awake for the next prompt call. That is about the cost of falling
/// asleep and being woken.
const SPIN_TIME: Duration = Duration::from_micros(50);

/// Returns how long the writer stays awake after its next reply.
///
/// If the last call was prompt, its caller probably makes one call after the other, and staying
/// awake saves a wake-up each time. A caller that takes its time would only cost processor time.
pub(crate) fn spin_time(since_reply: Duration) -> Duration {
    if since_reply < PROMPT { SPIN_TIME } else { Duration::ZERO }
}

/// What the last commit predicts about the next: how many jobs to expect, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupCommit {
    expected: usize,
    /// The latest instant until which a commit waits for more jobs.
    until: Instant,
    /// The longest time between two arrivals. After a longer pause no more jobs are expected.
    max_gap: Duration,
    last_arrival: Instant,
}

impl GroupCommit {
    /// Returns the state before the first commit, which expects no job.
    pub(crate) fn idle(now: Instant) -> Self {
        Self { expected: 0, until: now, max_gap: Duration::ZERO, last_arrival: now }
    }

    /// Returns the state after a commit that `took` this long and ended at `now`.
    ///
    /// It expects the `replied` callers to come back and join the `waiting` jobs. After a lone call
    /// it expects one job, so the next lone call does not wait.
    pub(crate) fn after(replied: usize, waiting: usize, took: Duration, now: Instant) -> Self {
        // Half a commit: a delayed job then still gains, because it shares a commit that would
        // otherwise run before its own.
        let max_delay = (took / 2).min(MAX_DELAY);
        Self {
            expected: replied.saturating_add(waiting),
            until: now + max_delay,
            max_gap: max_delay / 2,
            last_arrival: now,
        }
    }

    /// Notes that a job arrived at `now`.
    pub(crate) fn note_arrival(&mut self, now: Instant) {
        self.last_arrival = now;
    }

    /// Whether a commit of `gathered` jobs should wait for more at `now`.
    pub(crate) fn should_wait(&self, gathered: usize, now: Instant) -> bool {
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
    fn commit_waits_until_all_callers_with_a_reply_return() {
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
