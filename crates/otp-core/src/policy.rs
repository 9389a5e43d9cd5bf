//! The numbers behind the rules: how many attempts, how long a lock, how soon a resend.

use std::time::Duration;

use thiserror::Error;

const MINUTE: Duration = Duration::from_secs(60);

/// The limits as a configuration states them; [`Policy::new`] checks them.
///
/// ```
/// use otp_core::{Policy, PolicySettings};
///
/// let policy = Policy::new(PolicySettings { attempts_per_challenge: 3, ..Default::default() })?;
/// assert_eq!(policy.attempts_per_challenge(), 3);
/// assert_eq!(policy.max_consecutive_failures(), 100);
/// # Ok::<(), otp_core::InvalidPolicy>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// Attempts at one challenge, counted before comparing: 3 to 10, default 5.
    pub attempts_per_challenge: u8,
    /// Attempts of one subject over all challenges until the factor is locked for it: no fewer than
    /// those per challenge, no more than `max_consecutive_failures`, default 10.
    pub attempts_per_subject: u8,
    /// After this long without an attempt the subject's count falls back to zero: 1 minute to 24
    /// hours, default 15 minutes.
    pub quiet_period: Duration,
    /// How long the first lock in a row lasts, the second, and so on; the last one repeats: 1 to 8
    /// values, none shorter than `quiet_period` or than the one before, none over 24 hours. Default
    /// 15, 30 and 60 minutes.
    pub locks: Vec<Duration>,
    /// Wrong codes in a row until only an administrator can unlock: 50 to 100, default 100, the most
    /// that NIST SP 800-63B-4 (3.2.2) allows.
    pub max_consecutive_failures: u8,
    /// How often the code of a challenge may be sent again: 0 to 5, default 3.
    pub resends_per_challenge: u8,
    /// How long after the first message the code may be sent again, after the second, and so on; the
    /// last one repeats: 1 to 8 values of 30 to 300 seconds, none shorter than the one before.
    /// Default 60, 90 and 180 seconds.
    pub resend_cooldowns: Vec<Duration>,
    /// The wait once the carrier reports that the message did not arrive: 5 seconds up to the first
    /// cooldown, default 15 seconds.
    pub undelivered_cooldown: Duration,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            attempts_per_challenge: 5,
            attempts_per_subject: 10,
            quiet_period: 15 * MINUTE,
            locks: vec![15 * MINUTE, 30 * MINUTE, 60 * MINUTE],
            max_consecutive_failures: 100,
            resends_per_challenge: 3,
            resend_cooldowns: [60, 90, 180].map(Duration::from_secs).to_vec(),
            undelivered_cooldown: Duration::from_secs(15),
        }
    }
}

/// Limits that have been checked; the defaults are those of [`PolicySettings`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy(PolicySettings);

impl Policy {
    /// Checks the settings against their ranges.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`] with every setting that is out of range.
    pub fn new(settings: PolicySettings) -> Result<Self, InvalidPolicy> {
        let problems = problems(&settings);
        if problems.is_empty() { Ok(Self(settings)) } else { Err(InvalidPolicy(problems)) }
    }

    /// Attempts at one challenge.
    pub const fn attempts_per_challenge(&self) -> u8 {
        self.0.attempts_per_challenge
    }

    /// Attempts of one subject over all challenges until the factor is locked for it.
    pub const fn attempts_per_subject(&self) -> u8 {
        self.0.attempts_per_subject
    }

    /// The time without an attempt after which the subject's count falls back to zero.
    pub const fn quiet_period(&self) -> Duration {
        self.0.quiet_period
    }

    /// The lengths of successive locks; never empty, the last one repeats.
    pub fn locks(&self) -> &[Duration] {
        &self.0.locks
    }

    /// Wrong codes in a row until only an administrator can unlock.
    pub const fn max_consecutive_failures(&self) -> u8 {
        self.0.max_consecutive_failures
    }

    /// How often the code of a challenge may be sent again.
    pub const fn resends_per_challenge(&self) -> u8 {
        self.0.resends_per_challenge
    }

    /// The waits before successive resends; never empty, the last one repeats.
    pub fn resend_cooldowns(&self) -> &[Duration] {
        &self.0.resend_cooldowns
    }

    /// The wait once the carrier reports that the message did not arrive.
    pub const fn undelivered_cooldown(&self) -> Duration {
        self.0.undelivered_cooldown
    }

    /// How long the next lock lasts after `consecutive_locks` earlier ones.
    pub fn lock_after(&self, consecutive_locks: u8) -> Duration {
        nth_or_last(&self.0.locks, consecutive_locks)
    }

    /// How long to wait for the next message after `resends` resends.
    pub fn cooldown_after(&self, resends: u8) -> Duration {
        nth_or_last(&self.0.resend_cooldowns, resends)
    }
}

/// Settings that are out of range, all of them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the one-time-code policy is out of range: {}", .0.join("; "))]
pub struct InvalidPolicy(Vec<&'static str>);

impl InvalidPolicy {
    /// One phrase per setting that is out of range, each starting with the name of the setting.
    pub fn problems(&self) -> &[&'static str] {
        &self.0
    }
}

fn problems(s: &PolicySettings) -> Vec<&'static str> {
    let day = 24 * 60 * MINUTE;
    let seconds = Duration::from_secs;
    let first_cooldown = s.resend_cooldowns.first().copied().unwrap_or_default();
    let rules = [
        (
            (3..=10).contains(&s.attempts_per_challenge),
            "attempts_per_challenge must be between 3 and 10",
        ),
        (
            (s.attempts_per_challenge..=s.max_consecutive_failures)
                .contains(&s.attempts_per_subject),
            "attempts_per_subject must be between attempts_per_challenge and max_consecutive_failures",
        ),
        (
            (MINUTE..=day).contains(&s.quiet_period),
            "quiet_period must be between 1 minute and 24 hours",
        ),
        (
            rises_within(&s.locks, s.quiet_period, day),
            "locks must be 1 to 8 rising spans between quiet_period and 24 hours",
        ),
        (
            (50..=100).contains(&s.max_consecutive_failures),
            "max_consecutive_failures must be between 50 and 100",
        ),
        (s.resends_per_challenge <= 5, "resends_per_challenge must be at most 5"),
        (
            rises_within(&s.resend_cooldowns, seconds(30), seconds(300)),
            "resend_cooldowns must be 1 to 8 rising spans between 30 and 300 seconds",
        ),
        (
            (seconds(5)..=first_cooldown).contains(&s.undelivered_cooldown),
            "undelivered_cooldown must be between 5 seconds and the first resend cooldown",
        ),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, problem)| problem).collect()
}

fn rises_within(spans: &[Duration], least: Duration, most: Duration) -> bool {
    (1..=8).contains(&spans.len())
        && spans.is_sorted()
        && spans.iter().all(|span| (least..=most).contains(span))
}

fn nth_or_last(spans: &[Duration], n: u8) -> Duration {
    spans.get(usize::from(n)).or(spans.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(change: impl FnOnce(&mut PolicySettings)) -> Vec<String> {
        let mut settings = PolicySettings::default();
        change(&mut settings);
        let problems = Policy::new(settings).map_err(|e| e.problems().to_vec()).err();
        let first_word = |problem: &&str| problem.split(' ').next().unwrap_or_default().to_owned();
        problems.unwrap_or_default().iter().map(first_word).collect()
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Policy::new(PolicySettings::default()), Ok(Policy::default()));
    }

    #[test]
    fn numbers_on_both_sides_of_each_boundary() {
        type Case = (&'static str, fn(&mut PolicySettings, u8), [(u8, bool); 4]);
        let cases: [Case; 4] = [
            (
                "attempts_per_challenge",
                |s, n| s.attempts_per_challenge = n,
                [(2, false), (3, true), (10, true), (11, false)],
            ),
            (
                "attempts_per_subject",
                |s, n| s.attempts_per_subject = n,
                [(4, false), (5, true), (100, true), (101, false)],
            ),
            (
                "max_consecutive_failures",
                |s, n| s.max_consecutive_failures = n,
                [(49, false), (50, true), (100, true), (101, false)],
            ),
            (
                "resends_per_challenge",
                |s, n| s.resends_per_challenge = n,
                [(0, true), (1, true), (5, true), (6, false)],
            ),
        ];
        for (name, set, values) in cases {
            for (value, is_good) in values {
                let problems = problems_of(|s| set(s, value));
                assert_eq!(!problems.contains(&name.to_owned()), is_good, "{name} = {value}");
            }
        }
    }

    #[test]
    fn spans_on_both_sides_of_each_boundary() {
        let seconds = Duration::from_secs;
        let millisecond = Duration::from_millis(1);
        let day = 24 * 60 * MINUTE;
        let quiet = |span: Duration| {
            problems_of(|s| {
                s.quiet_period = span;
                s.locks = vec![span.max(15 * MINUTE)];
            })
        };
        assert_eq!(quiet(MINUTE.saturating_sub(millisecond)), ["quiet_period"]);
        assert!(quiet(MINUTE).is_empty());
        assert!(quiet(day).is_empty());
        assert!(quiet(day + millisecond).contains(&"quiet_period".to_owned()));

        let locks = |locks: &[Duration]| problems_of(|s| s.locks = locks.to_vec()).is_empty();
        assert!(!locks(&[]));
        assert!(locks(&[15 * MINUTE]));
        assert!(!locks(&[(15 * MINUTE).saturating_sub(millisecond)]));
        assert!(locks(&[day]));
        assert!(!locks(&[day + millisecond]));
        assert!(locks(&[15 * MINUTE, 15 * MINUTE]));
        assert!(!locks(&[16 * MINUTE, 15 * MINUTE]));
        assert!(locks(&[day; 8]));
        assert!(!locks(&[day; 9]));

        let cooldowns = |spans: &[u64]| {
            problems_of(|s| s.resend_cooldowns = spans.iter().copied().map(seconds).collect())
        };
        assert!(cooldowns(&[30]).is_empty());
        assert!(cooldowns(&[30, 300]).is_empty());
        assert_eq!(cooldowns(&[29]), ["resend_cooldowns"]);
        assert_eq!(cooldowns(&[301]), ["resend_cooldowns"]);
        assert_eq!(cooldowns(&[90, 60]), ["resend_cooldowns"]);

        let undelivered = |span| problems_of(|s| s.undelivered_cooldown = span).is_empty();
        assert!(!undelivered(seconds(5).saturating_sub(millisecond)));
        assert!(undelivered(seconds(5)));
        assert!(undelivered(seconds(60)));
        assert!(!undelivered(seconds(60) + millisecond));
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let settings = PolicySettings {
            max_consecutive_failures: 0,
            resends_per_challenge: 9,
            ..Default::default()
        };
        let error = Policy::new(settings).unwrap_err();
        assert_eq!(error.problems().len(), 3);
        assert_eq!(
            error.to_string(),
            "the one-time-code policy is out of range: attempts_per_subject must be between \
             attempts_per_challenge and max_consecutive_failures; max_consecutive_failures must be between 50 and 100; \
             resends_per_challenge must be at most 5"
        );
    }

    #[test]
    fn the_last_lock_and_the_last_cooldown_repeat() {
        let policy = Policy::default();
        let locks: Vec<_> = [0, 1, 2, 3, 255].map(|n| policy.lock_after(n) / 60).to_vec();
        assert_eq!(locks, [15, 30, 60, 60, 60].map(Duration::from_secs));
        let waits: Vec<_> = [0, 1, 2, 3, 255].map(|n| policy.cooldown_after(n)).to_vec();
        assert_eq!(waits, [60, 90, 180, 180, 180].map(Duration::from_secs));
        assert_eq!(policy.locks().len(), 3);
        assert_eq!(policy.resend_cooldowns().len(), 3);
    }
}
