//! How long the writer waits for more calls before it commits: those it has just answered often come
//! back at once, and one flush of the disk then does for all of them.
//!
//! A call that nobody keeps company never waits. See `docs/adr/0011-company-before-a-commit.md`.

use std::time::Duration;

use tokio::time::Instant;

/// No commit is held up for longer, however slow the disk is.
const LONGEST: Duration = Duration::from_millis(1);

/// A call that comes this soon after the last answer is prompt.
const PROMPT: Duration = Duration::from_micros(100);

/// How long the writer stays awake for the next prompt call: about what it costs to fall asleep and
/// be woken.
const AWAKE: Duration = Duration::from_micros(50);

/// How long the writer stays awake with nothing to do after an answer, if the call before it was
/// prompt: whoever makes one call after the other is spared a wake-up each time, and one who takes
/// time to think costs nothing.
pub(super) fn awake_for(since_answer: Duration) -> Duration {
    if since_answer < PROMPT { AWAKE } else { Duration::ZERO }
}

/// What the last commit says about the next: how many calls to expect, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathering {
    expected: usize,
    /// From here on no call is held up any more.
    until: Instant,
    /// How long after the last call came it is clear that no more will.
    patience: Duration,
    last_came: Instant,
}

impl Gathering {
    /// Before any commit: nobody is expected.
    pub(super) fn of_none(now: Instant) -> Self {
        Self { expected: 0, until: now, patience: Duration::ZERO, last_came: now }
    }

    /// After a commit that `took` so long and ended at `now`: the calls that it answered may come
    /// back and join those that have been waiting meanwhile.
    ///
    /// A call that was alone expects nobody but itself; so the one after it does not wait.
    pub(super) fn after(answered: usize, waiting: usize, took: Duration, now: Instant) -> Self {
        let longest = (took / 2).min(LONGEST);
        Self {
            expected: answered.saturating_add(waiting),
            until: now + longest,
            patience: longest / 2,
            last_came: now,
        }
    }

    /// Notes that calls came.
    pub(super) fn came(&mut self, now: Instant) {
        self.last_came = now;
    }

    /// Whether a commit of `gathered` calls had better wait for more at `now`.
    pub(super) fn is_worth_waiting(&self, gathered: usize, now: Instant) -> bool {
        gathered < self.expected
            && now < self.until
            && now.duration_since(self.last_came) < self.patience
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
    fn the_writer_stays_awake_for_prompt_callers_only() {
        assert_eq!(awake_for(micros(99)), AWAKE);
        assert_eq!(awake_for(micros(100)), Duration::ZERO);
    }

    #[test]
    fn a_call_alone_never_waits() {
        let now = Instant::now();
        assert!(!Gathering::of_none(now).is_worth_waiting(1, now));
        assert!(!Gathering::after(1, 0, COMMIT, now).is_worth_waiting(1, now));
    }

    #[test]
    fn those_who_were_answered_are_waited_for_until_all_are_back() {
        let now = Instant::now();
        let gathering = Gathering::after(3, 1, COMMIT, now);
        assert!(gathering.is_worth_waiting(1, now));
        assert!(gathering.is_worth_waiting(3, now));
        assert!(!gathering.is_worth_waiting(4, now));
    }

    #[test]
    fn two_who_take_turns_come_together() {
        let now = Instant::now();
        assert!(Gathering::after(1, 1, COMMIT, now).is_worth_waiting(1, now));
    }

    #[test]
    fn half_a_commit_later_at_most_nobody_waits() {
        let now = Instant::now();
        let mut gathering = Gathering::after(64, 0, COMMIT, now);
        gathering.came(now + micros(199));
        assert!(gathering.is_worth_waiting(1, now + micros(199)));
        gathering.came(now + micros(200));
        assert!(!gathering.is_worth_waiting(1, now + micros(200)));
    }

    #[test]
    fn once_calls_stop_coming_nobody_waits() {
        let now = Instant::now();
        let mut gathering = Gathering::after(64, 0, COMMIT, now);
        gathering.came(now + micros(50));
        assert!(gathering.is_worth_waiting(9, now + micros(149)));
        assert!(!gathering.is_worth_waiting(9, now + micros(150)));
    }

    #[test]
    fn a_slow_disk_holds_nobody_up_for_more_than_a_millisecond() {
        let now = Instant::now();
        let mut gathering = Gathering::after(64, 0, Duration::from_secs(1), now);
        gathering.came(now + micros(999));
        assert!(gathering.is_worth_waiting(1, now + micros(999)));
        gathering.came(now + micros(1000));
        assert!(!gathering.is_worth_waiting(1, now + micros(1000)));
    }
}
