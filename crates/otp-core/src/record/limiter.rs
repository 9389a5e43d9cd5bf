//! The limits on guessing for one subject: counts, locks, and the block after too many failures.

use std::time::SystemTime;

use thiserror::Error;

use crate::{
    policy::Policy,
    record::invalid::InvalidRecord,
    time::{MAX_CLOCK_LEAD, Millis},
};

/// Whether a subject may use the factor.
///
/// Exhaustive on purpose: whoever lets a subject try has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockoutState {
    /// It may.
    Open,
    /// It may not before `until`, after too many attempts in a short time.
    Locked {
        /// The first instant at which it may use the factor again.
        until: SystemTime,
    },
    /// It may not until an administrator unlocks it, after too many consecutive failures.
    Blocked,
}

/// The limits on guessing for one subject and one factor: for codes of an app (TOTP, HOTP), passkeys, passwords.
///
/// A [`SubjectRecord`](crate::SubjectRecord) has these limits built in; use this type where there is no challenge.
/// Of the [`Policy`], it follows `attempts_per_subject`, `quiet_period`, `locks` and `max_consecutive_failures`.
///
/// * [`begin_attempt`](Self::begin_attempt) counts before the answer is compared. A store applies it in one atomic
///   step, so parallel callers get no more attempts than the limit.
/// * The count returns to 0 after a quiet period without an attempt, and when a lock begins.
/// * Consecutive locks grow longer. Only [`succeed`](Self::succeed) or an administrator's
///   [`unlock`](Self::unlock) resets consecutive failures and consecutive locks. Time does not.
/// * A wrong clock makes no lock longer by more than [`MAX_CLOCK_LEAD`].
///
/// With the feature `serde` it is serialised as its [`LimiterParts`].
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use otp_core::oath::{Algorithm, Drift, OathSecret, Totp};
/// use otp_core::{AttemptLimiter, LockedOut, LockoutState, Policy};
///
/// let secret = OathSecret::random(Algorithm::Sha1);
/// let totp = Totp::new(secret, Algorithm::Sha1, 6, Duration::from_secs(30))?;
/// let policy = Policy::default();
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// let yesterday = totp.code(now - Duration::from_secs(86_400));
/// let wrong = totp.format().normalise(yesterday.expose_secret())?;
///
/// // What is stored for each user: the limiter and the last step.
/// let (mut limiter, mut last) = (AttemptLimiter::new(), None);
///
/// let attempt = limiter.begin_attempt(&policy, now)?; // store the limiter before comparing
/// assert!(totp.verify(&wrong, now, Drift::default(), last).is_err());
/// assert_eq!((attempt.attempts_left(), attempt.lockout_state()), (9, LockoutState::Open));
///
/// let attempt = limiter.begin_attempt(&policy, now)?;
/// let right = totp.format().normalise(totp.code(now).expose_secret())?;
/// last = Some(totp.verify(&right, now, Drift::default(), last)?);
/// limiter.succeed(attempt); // store the limiter together with the step
/// assert!(limiter.is_empty() && last.is_some());
///
/// for _ in 0..10 {
///     let _wrong = limiter.begin_attempt(&policy, now)?;
/// }
/// let until = now + Duration::from_secs(15 * 60);
/// assert_eq!(limiter.begin_attempt(&policy, now).unwrap_err(), LockedOut::Locked { until });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "LimiterParts", into = "LimiterParts"))]
pub struct AttemptLimiter {
    pub(super) last_attempt_at: Millis,
    pub(super) locked_until: Millis,
    pub(super) consecutive_failures: u8,
    pub(super) attempts_in_window: u8,
    pub(super) consecutive_locks: u8,
    pub(super) is_blocked: bool,
}

impl AttemptLimiter {
    /// Creates the limiter of a subject without attempts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts an attempt. Compare the answer only after the counted limiter has been stored.
    ///
    /// # Errors
    ///
    /// [`LockedOut`]. A refused attempt is not counted and changes nothing.
    pub fn begin_attempt(
        &mut self,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<CountedAttempt, LockedOut> {
        let at = Millis::from(now);
        self.check(policy, at)?;
        Ok(self.count(policy, at))
    }

    /// Clears counters, lock and block after the right answer to a counted attempt.
    pub fn succeed(&mut self, _attempt: CountedAttempt) {
        self.unlock();
    }

    /// Clears counters, lock and block, for administrators.
    pub fn unlock(&mut self) {
        *self = Self::default();
    }

    /// Returns whether the subject may use the factor at `now`.
    pub fn lockout_state(&self, policy: &Policy, now: SystemTime) -> LockoutState {
        self.lockout_state_at(policy, now.into())
    }

    /// Returns the attempts since the last success. Each was wrong, is in flight or was given up.
    pub const fn consecutive_failures(&self) -> u8 {
        self.consecutive_failures
    }

    /// Returns the locks since the last success.
    pub const fn consecutive_locks(&self) -> u8 {
        self.consecutive_locks
    }

    /// Returns the attempts that count towards the next lock at `now`.
    pub fn attempts_in_window(&self, policy: &Policy, now: SystemTime) -> u8 {
        self.counted(policy, now.into())
    }

    /// Whether there was no attempt since the last success, so that a store may drop the limiter. One with failures
    /// must be kept, however old they are.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns all fields as plain values, for a store with its own format.
    pub const fn to_parts(&self) -> LimiterParts {
        LimiterParts {
            consecutive_failures: self.consecutive_failures,
            attempts_in_window: self.attempts_in_window,
            consecutive_locks: self.consecutive_locks,
            is_blocked: self.is_blocked,
            last_attempt_at_millis: self.last_attempt_at.as_u64(),
            locked_until_millis: self.locked_until.as_u64(),
        }
    }

    /// Creates a limiter from what [`to_parts`](Self::to_parts) returned.
    ///
    /// # Errors
    ///
    /// [`InvalidRecord`] if an instant is after the year 9999.
    pub fn from_parts(parts: &LimiterParts) -> Result<Self, InvalidRecord> {
        Ok(Self {
            last_attempt_at: Millis::from_u64(parts.last_attempt_at_millis).ok_or(InvalidRecord)?,
            locked_until: Millis::from_u64(parts.locked_until_millis).ok_or(InvalidRecord)?,
            consecutive_failures: parts.consecutive_failures,
            attempts_in_window: parts.attempts_in_window,
            consecutive_locks: parts.consecutive_locks,
            is_blocked: parts.is_blocked,
        })
    }

    pub(super) fn check(&self, policy: &Policy, at: Millis) -> Result<(), LockedOut> {
        match self.lockout_state_at(policy, at) {
            LockoutState::Open => Ok(()),
            LockoutState::Locked { until } => Err(LockedOut::Locked { until }),
            LockoutState::Blocked => Err(LockedOut::Blocked),
        }
    }

    /// Counts an attempt, and locks or blocks the subject if it was the last one allowed.
    pub(super) fn count(&mut self, policy: &Policy, at: Millis) -> CountedAttempt {
        self.attempts_in_window = self.counted(policy, at).saturating_add(1);
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        if self.is_of_wrong_clock(at) {
            (self.last_attempt_at, self.locked_until) = (at, Millis::default());
        }
        // The clock of another machine may be ahead. That must not shorten the lock or move the quiet period.
        self.last_attempt_at = self.last_attempt_at.max(at);
        self.is_blocked = self.consecutive_failures >= policy.max_consecutive_failures();
        if self.attempts_in_window >= policy.attempts_per_subject() {
            self.locked_until =
                self.last_attempt_at.after(policy.lock_after(self.consecutive_locks));
            self.consecutive_locks = self.consecutive_locks.saturating_add(1);
            self.attempts_in_window = 0;
        }
        let lockout_state = self.lockout_state_at(policy, at);
        let attempts_left = match lockout_state {
            LockoutState::Open => {
                let of_window =
                    policy.attempts_per_subject().saturating_sub(self.attempts_in_window);
                let of_failures =
                    policy.max_consecutive_failures().saturating_sub(self.consecutive_failures);
                of_window.min(of_failures)
            }
            LockoutState::Locked { .. } | LockoutState::Blocked => 0,
        };
        CountedAttempt { attempts_left, lockout_state }
    }

    pub(super) fn lockout_state_at(&self, policy: &Policy, at: Millis) -> LockoutState {
        if self.is_blocked || self.consecutive_failures >= policy.max_consecutive_failures() {
            LockoutState::Blocked
        } else if at < self.locked_until && !self.is_of_wrong_clock(at) {
            LockoutState::Locked { until: self.locked_until.into() }
        } else {
            LockoutState::Open
        }
    }

    /// Returns the attempts that count towards the next lock: 0 after a quiet period.
    fn counted(&self, policy: &Policy, at: Millis) -> u8 {
        if self.is_of_wrong_clock(at) {
            // How long ago they were is unknown, so they count. Those before a lock are no longer in the window.
            let is_locked = self.last_attempt_at < self.locked_until;
            let before_the_last = policy.attempts_per_subject().saturating_sub(1);
            return if is_locked { before_the_last } else { self.attempts_in_window };
        }
        let is_quiet = self.last_attempt_at.until(at) >= policy.quiet_period();
        if is_quiet { 0 } else { self.attempts_in_window }
    }

    /// Whether the last attempt is so far ahead of `at` that its clock was wrong.
    fn is_of_wrong_clock(&self, at: Millis) -> bool {
        at.after(MAX_CLOCK_LEAD) < self.last_attempt_at
    }
}

/// One attempt that an [`AttemptLimiter`] has counted. Neither `Clone` nor `Copy`, so it succeeds once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the attempt has been counted; compare the answer"]
pub struct CountedAttempt {
    attempts_left: u8,
    lockout_state: LockoutState,
}

impl CountedAttempt {
    /// Returns how many attempts the subject has left before the next lock or block if this one is wrong.
    pub const fn attempts_left(&self) -> u8 {
        self.attempts_left
    }

    /// Returns the subject's lockout state if this attempt is wrong.
    pub const fn lockout_state(&self) -> LockoutState {
        self.lockout_state
    }
}

/// Why a subject may not try now.
///
/// Exhaustive on purpose: the caller has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LockedOut {
    /// Too many consecutive failures. Only an administrator can unlock the subject.
    #[error("the subject is blocked until an administrator unlocks it")]
    Blocked,
    /// Too many attempts in a short time.
    #[error("the subject is locked for some time")]
    Locked {
        /// The first instant at which the subject may use the factor again.
        until: SystemTime,
    },
}

/// The fields of an [`AttemptLimiter`] as plain values. Instants are milliseconds since the Unix epoch.
///
/// Exhaustive on purpose: a store that forgets a field would forget failures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LimiterParts {
    /// Attempts since the last success.
    pub consecutive_failures: u8,
    /// Attempts that counted towards the next lock at the last attempt.
    pub attempts_in_window: u8,
    /// Locks since the last success.
    pub consecutive_locks: u8,
    /// Whether an administrator has to unlock the subject.
    pub is_blocked: bool,
    /// When the last attempt was; 0 if there was none.
    pub last_attempt_at_millis: u64,
    /// When the last lock ends; 0 if there was none.
    pub locked_until_millis: u64,
}

impl TryFrom<LimiterParts> for AttemptLimiter {
    type Error = InvalidRecord;

    fn try_from(parts: LimiterParts) -> Result<Self, InvalidRecord> {
        Self::from_parts(&parts)
    }
}

impl From<AttemptLimiter> for LimiterParts {
    fn from(limiter: AttemptLimiter) -> Self {
        limiter.to_parts()
    }
}
