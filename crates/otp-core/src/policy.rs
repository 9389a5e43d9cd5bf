//! The limits behind the rules: attempts, lockouts and resends.

use std::{fmt, ops::RangeInclusive, time::Duration};

use thiserror::Error;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The limits as a configuration states them. [`Policy::new`] checks them.
///
/// Write `..Default::default()` after the fields that you set: a later version may have more.
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
    /// Attempts per challenge, counted before the code is compared.
    /// [Range](Policy::ATTEMPTS_PER_CHALLENGE_RANGE): 3 to 10. Default: 5.
    pub attempts_per_challenge: u8,
    /// Attempts per subject, over all its challenges, before the subject is locked.
    /// Range: `attempts_per_challenge` to `max_consecutive_failures`. Default: 10.
    pub attempts_per_subject: u8,
    /// Time without an attempt after which the subject's count of attempts returns to 0.
    /// [Range](Policy::QUIET_PERIOD_RANGE): 1 minute to 24 hours. Default: 15 minutes.
    pub quiet_period: Duration,
    /// Durations of consecutive locks. The last one repeats.
    /// [1 to 8](Policy::STEPS_RANGE) values, none shorter than the one before.
    /// [Range](Policy::LOCK_RANGE) of each: `quiet_period` to 24 hours. Default: 15, 30 and 60 minutes.
    pub locks: Vec<Duration>,
    /// Consecutive failures before the subject is blocked until an administrator unlocks it.
    /// [Range](Policy::MAX_CONSECUTIVE_FAILURES_RANGE): 50 to 100. Default: 100, the highest limit
    /// that NIST SP 800-63B-4 (3.2.2) allows.
    pub max_consecutive_failures: u8,
    /// Resends per challenge.
    /// [Range](Policy::RESENDS_PER_CHALLENGE_RANGE): 0 to 5. Default: 3.
    pub resends_per_challenge: u8,
    /// Waits before the first resend, the second, and so on. The last one repeats.
    /// [1 to 8](Policy::STEPS_RANGE) values, none shorter than the one before.
    /// [Range](Policy::RESEND_COOLDOWN_RANGE) of each: 30 to 300 seconds. Default: 60, 90 and 180
    /// seconds.
    pub resend_cooldowns: Vec<Duration>,
    /// Wait before a resend after the carrier reports that the message did not arrive.
    /// [Range](Policy::UNDELIVERED_COOLDOWN_RANGE): 5 seconds to the first resend cooldown.
    /// Default: 15 seconds.
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

/// Checked limits. The defaults are those of [`PolicySettings`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy(PolicySettings);

impl Policy {
    /// Allowed values of [`attempts_per_challenge`](PolicySettings::attempts_per_challenge).
    pub const ATTEMPTS_PER_CHALLENGE_RANGE: RangeInclusive<u8> = 3..=10;

    /// Widest range of [`attempts_per_subject`](PolicySettings::attempts_per_subject). The values of
    /// `attempts_per_challenge` and `max_consecutive_failures` narrow it.
    pub const ATTEMPTS_PER_SUBJECT_RANGE: RangeInclusive<u8> = 3..=100;

    /// Allowed values of [`quiet_period`](PolicySettings::quiet_period).
    pub const QUIET_PERIOD_RANGE: RangeInclusive<Duration> = MINUTE..=DAY;

    /// Widest range of each value of [`locks`](PolicySettings::locks). No lock may be shorter than
    /// `quiet_period`.
    pub const LOCK_RANGE: RangeInclusive<Duration> = MINUTE..=DAY;

    /// Allowed values of [`max_consecutive_failures`](PolicySettings::max_consecutive_failures).
    pub const MAX_CONSECUTIVE_FAILURES_RANGE: RangeInclusive<u8> = 50..=100;

    /// Allowed values of [`resends_per_challenge`](PolicySettings::resends_per_challenge).
    pub const RESENDS_PER_CHALLENGE_RANGE: RangeInclusive<u8> = 0..=5;

    /// Range of each value of [`resend_cooldowns`](PolicySettings::resend_cooldowns).
    pub const RESEND_COOLDOWN_RANGE: RangeInclusive<Duration> =
        Duration::from_secs(30)..=Duration::from_secs(300);

    /// Widest range of [`undelivered_cooldown`](PolicySettings::undelivered_cooldown). The first
    /// resend cooldown narrows it.
    pub const UNDELIVERED_COOLDOWN_RANGE: RangeInclusive<Duration> =
        Duration::from_secs(5)..=Duration::from_secs(300);

    /// Allowed number of values in [`locks`](PolicySettings::locks) and in
    /// [`resend_cooldowns`](PolicySettings::resend_cooldowns).
    pub const STEPS_RANGE: RangeInclusive<usize> = 1..=8;

    /// Checks the settings against their ranges.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`] with every setting that is out of range.
    pub fn new(settings: PolicySettings) -> Result<Self, InvalidPolicy> {
        let problems = problems(&settings);
        if problems.is_empty() { Ok(Self(settings)) } else { Err(InvalidPolicy(problems)) }
    }

    /// Returns the number of attempts per challenge.
    pub const fn attempts_per_challenge(&self) -> u8 {
        self.0.attempts_per_challenge
    }

    /// Returns the number of attempts per subject, over all its challenges, before it is locked.
    pub const fn attempts_per_subject(&self) -> u8 {
        self.0.attempts_per_subject
    }

    /// Returns the time without an attempt after which the subject's count returns to 0.
    pub const fn quiet_period(&self) -> Duration {
        self.0.quiet_period
    }

    /// Returns the durations of consecutive locks. Never empty; the last one repeats.
    pub fn locks(&self) -> &[Duration] {
        &self.0.locks
    }

    /// Returns the number of consecutive failures that blocks a subject.
    pub const fn max_consecutive_failures(&self) -> u8 {
        self.0.max_consecutive_failures
    }

    /// Returns the number of resends per challenge.
    pub const fn resends_per_challenge(&self) -> u8 {
        self.0.resends_per_challenge
    }

    /// Returns the waits before consecutive resends. Never empty; the last one repeats.
    pub fn resend_cooldowns(&self) -> &[Duration] {
        &self.0.resend_cooldowns
    }

    /// Returns the wait after the carrier reports that the message did not arrive.
    pub const fn undelivered_cooldown(&self) -> Duration {
        self.0.undelivered_cooldown
    }

    /// Returns the duration of the next lock after `consecutive_locks` earlier ones.
    pub fn lock_after(&self, consecutive_locks: u8) -> Duration {
        nth_or_last(&self.0.locks, consecutive_locks)
    }

    /// Returns the wait before the next message after `resends` resends.
    pub fn cooldown_after(&self, resends: u8) -> Duration {
        nth_or_last(&self.0.resend_cooldowns, resends)
    }
}

/// The error of [`Policy::new`]: one or more settings are out of range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the one-time-code policy is out of range: {}", join(.0))]
pub struct InvalidPolicy(Vec<PolicyProblem>);

impl InvalidPolicy {
    /// Returns every setting that is out of range, in the order of [`PolicySettings`].
    pub fn problems(&self) -> &[PolicyProblem] {
        &self.0
    }
}

/// A setting that is out of range. Its `Display` is the setting's name and the allowed range.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyProblem {
    /// The setting.
    pub setting: PolicySetting,
    /// The values that the other settings leave to it.
    pub allowed: AllowedValues,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.setting.name(), self.allowed)
    }
}

/// One field of [`PolicySettings`]. Exhaustive, so that a host names its own key for each setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is described at the field of the same name")]
pub enum PolicySetting {
    AttemptsPerChallenge,
    AttemptsPerSubject,
    QuietPeriod,
    Locks,
    MaxConsecutiveFailures,
    ResendsPerChallenge,
    ResendCooldowns,
    UndeliveredCooldown,
}

impl PolicySetting {
    /// Returns the name of the field in [`PolicySettings`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::AttemptsPerChallenge => "attempts_per_challenge",
            Self::AttemptsPerSubject => "attempts_per_subject",
            Self::QuietPeriod => "quiet_period",
            Self::Locks => "locks",
            Self::MaxConsecutiveFailures => "max_consecutive_failures",
            Self::ResendsPerChallenge => "resends_per_challenge",
            Self::ResendCooldowns => "resend_cooldowns",
            Self::UndeliveredCooldown => "undelivered_cooldown",
        }
    }
}

/// The values that a setting allows. Its `Display` completes the phrase *must be …*.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedValues {
    /// A whole number in this range.
    Count(RangeInclusive<u8>),
    /// A duration in this range.
    Duration(RangeInclusive<Duration>),
    /// A list of durations.
    Steps {
        /// How many values the list may have.
        len: RangeInclusive<usize>,
        /// The range of each value. No value may be shorter than the one before.
        each: RangeInclusive<Duration>,
    },
}

impl fmt::Display for AllowedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(range) => write!(f, "between {} and {}", range.start(), range.end()),
            Self::Duration(range) => {
                write!(f, "between {} and {}", Units(*range.start()), Units(*range.end()))
            }
            Self::Steps { len, each } => write!(
                f,
                "{} to {} ascending durations between {} and {}",
                len.start(),
                len.end(),
                Units(*each.start()),
                Units(*each.end())
            ),
        }
    }
}

/// A duration in the largest unit in which it is a whole number: `90 seconds`, `15 minutes`.
struct Units(Duration);

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if self.0.subsec_nanos() > 0 {
            return write!(f, "{:?}", self.0);
        }
        let (count, unit) = match seconds {
            0 => (0, "second"),
            s if s.is_multiple_of(3600) => (s / 3600, "hour"),
            s if s.is_multiple_of(60) => (s / 60, "minute"),
            s => (s, "second"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

fn join(problems: &[PolicyProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn problems(s: &PolicySettings) -> Vec<PolicyProblem> {
    use PolicySetting as Setting;

    let checks = [
        count(
            Setting::AttemptsPerChallenge,
            s.attempts_per_challenge,
            Policy::ATTEMPTS_PER_CHALLENGE_RANGE,
        ),
        count(Setting::AttemptsPerSubject, s.attempts_per_subject, attempts_per_subject(s)),
        duration(Setting::QuietPeriod, s.quiet_period, Policy::QUIET_PERIOD_RANGE),
        steps(Setting::Locks, &s.locks, clamp(s.quiet_period, &Policy::LOCK_RANGE)..=DAY),
        count(
            Setting::MaxConsecutiveFailures,
            s.max_consecutive_failures,
            Policy::MAX_CONSECUTIVE_FAILURES_RANGE,
        ),
        count(
            Setting::ResendsPerChallenge,
            s.resends_per_challenge,
            Policy::RESENDS_PER_CHALLENGE_RANGE,
        ),
        steps(Setting::ResendCooldowns, &s.resend_cooldowns, Policy::RESEND_COOLDOWN_RANGE),
        duration(Setting::UndeliveredCooldown, s.undelivered_cooldown, undelivered_cooldown(s)),
    ];
    checks.into_iter().flatten().collect()
}

// A range that depends on another setting uses that setting's nearest allowed value. So a wrong value
// is reported once, and no reported range is empty.

fn attempts_per_subject(s: &PolicySettings) -> RangeInclusive<u8> {
    let least = clamp(s.attempts_per_challenge, &Policy::ATTEMPTS_PER_CHALLENGE_RANGE);
    let most = clamp(s.max_consecutive_failures, &Policy::MAX_CONSECUTIVE_FAILURES_RANGE);
    least..=most
}

fn undelivered_cooldown(s: &PolicySettings) -> RangeInclusive<Duration> {
    let first = s.resend_cooldowns.first().copied().unwrap_or(Duration::MAX);
    *Policy::UNDELIVERED_COOLDOWN_RANGE.start()..=clamp(first, &Policy::RESEND_COOLDOWN_RANGE)
}

fn clamp<T: Ord + Copy>(value: T, range: &RangeInclusive<T>) -> T {
    value.clamp(*range.start(), *range.end())
}

fn count(setting: PolicySetting, value: u8, range: RangeInclusive<u8>) -> Option<PolicyProblem> {
    let is_allowed = range.contains(&value);
    (!is_allowed).then_some(PolicyProblem { setting, allowed: AllowedValues::Count(range) })
}

fn duration(
    setting: PolicySetting,
    value: Duration,
    range: RangeInclusive<Duration>,
) -> Option<PolicyProblem> {
    let is_allowed = range.contains(&value);
    (!is_allowed).then_some(PolicyProblem { setting, allowed: AllowedValues::Duration(range) })
}

fn steps(
    setting: PolicySetting,
    values: &[Duration],
    each: RangeInclusive<Duration>,
) -> Option<PolicyProblem> {
    let len = Policy::STEPS_RANGE;
    let is_allowed = len.contains(&values.len())
        && values.is_sorted()
        && values.iter().all(|value| each.contains(value));
    (!is_allowed).then_some(PolicyProblem { setting, allowed: AllowedValues::Steps { len, each } })
}

fn nth_or_last(spans: &[Duration], n: u8) -> Duration {
    spans.get(usize::from(n)).or(spans.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(change: impl FnOnce(&mut PolicySettings)) -> Vec<&'static str> {
        let mut settings = PolicySettings::default();
        change(&mut settings);
        let problems = Policy::new(settings).map_err(|e| e.0).err().unwrap_or_default();
        problems.iter().map(|problem| problem.setting.name()).collect()
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
                assert_eq!(!problems.contains(&name), is_good, "{name} = {value}");
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
        assert!(quiet(day + millisecond).contains(&"quiet_period"));

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
    fn new_reports_every_problem_with_its_range() {
        let settings = PolicySettings {
            attempts_per_challenge: 11,
            attempts_per_subject: 0,
            quiet_period: Duration::ZERO,
            locks: vec![],
            max_consecutive_failures: 0,
            resends_per_challenge: 9,
            resend_cooldowns: vec![],
            undelivered_cooldown: Duration::ZERO,
        };
        let error = Policy::new(settings).unwrap_err();
        assert_eq!(error.problems().len(), 8);
        assert_eq!(
            error.to_string(),
            "the one-time-code policy is out of range: \
             attempts_per_challenge must be between 3 and 10; \
             attempts_per_subject must be between 10 and 50; \
             quiet_period must be between 1 minute and 24 hours; \
             locks must be 1 to 8 ascending durations between 1 minute and 24 hours; \
             max_consecutive_failures must be between 50 and 100; \
             resends_per_challenge must be between 0 and 5; \
             resend_cooldowns must be 1 to 8 ascending durations between 30 seconds and 5 minutes; \
             undelivered_cooldown must be between 5 seconds and 5 minutes"
        );
    }

    #[test]
    fn a_range_is_narrowed_by_the_other_settings() {
        let settings = PolicySettings {
            attempts_per_challenge: 7,
            attempts_per_subject: 61,
            max_consecutive_failures: 60,
            quiet_period: Duration::from_millis(900_500),
            locks: vec![MINUTE],
            resend_cooldowns: vec![30 * Duration::from_secs(1)],
            undelivered_cooldown: Duration::from_secs(31),
            ..Default::default()
        };
        let seconds = Duration::from_secs;
        let problem = |setting, allowed| PolicyProblem { setting, allowed };
        assert_eq!(
            Policy::new(settings).unwrap_err().problems(),
            [
                problem(PolicySetting::AttemptsPerSubject, AllowedValues::Count(7..=60)),
                problem(
                    PolicySetting::Locks,
                    AllowedValues::Steps { len: 1..=8, each: Duration::from_millis(900_500)..=DAY },
                ),
                problem(
                    PolicySetting::UndeliveredCooldown,
                    AllowedValues::Duration(seconds(5)..=seconds(30)),
                ),
            ]
        );
    }

    /// A setting that is wrong by itself must not make another one look wrong.
    #[test]
    fn a_wrong_setting_is_reported_once() {
        assert_eq!(problems_of(|s| s.max_consecutive_failures = 0), ["max_consecutive_failures"]);
        assert_eq!(problems_of(|s| s.attempts_per_challenge = 200), ["attempts_per_challenge"]);
        assert_eq!(problems_of(|s| s.resend_cooldowns.clear()), ["resend_cooldowns"]);
    }

    #[test]
    fn durations_are_shown_in_their_largest_whole_unit() {
        for (duration, shown) in [
            (Duration::ZERO, "0 seconds"),
            (Duration::from_secs(1), "1 second"),
            (Duration::from_secs(90), "90 seconds"),
            (MINUTE, "1 minute"),
            (60 * MINUTE, "1 hour"),
            (DAY, "24 hours"),
            (Duration::from_millis(1500), "1.5s"),
        ] {
            assert_eq!(Units(duration).to_string(), shown);
        }
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
