//! Codes by time (RFC 6238).

use std::time::{Duration, SystemTime};

use super::{Algorithm, Counter, Hotp, InvalidParameter, NotAccepted, OathSecret};
use crate::{
    code::{OtpCode, TypedCode},
    format::CodeFormat,
};

/// The number of a time step since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(pub u64);

/// How far the clock of an authenticator may be off, in steps of its own: one either way by default
/// (RFC 6238, 5.2 recommends at most one for the delay of transmission).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drift {
    past: u8,
    future: u8,
}

impl Drift {
    /// The most steps either way: the example of RFC 6238, 6. Each step more is one more code that a
    /// guess can hit. For a clock known to be further off, move the `now` given to [`Totp::verify`].
    pub const MAX: u8 = 2;

    /// Up to `past` steps behind and `future` steps ahead.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter::Drift`] for more than 2 either way.
    pub const fn new(past: u8, future: u8) -> Result<Self, InvalidParameter> {
        if past > Self::MAX || future > Self::MAX {
            return Err(InvalidParameter::Drift);
        }
        Ok(Self { past, future })
    }

    /// Steps that it may be behind.
    pub const fn past(self) -> u8 {
        self.past
    }

    /// Steps that it may be ahead.
    pub const fn future(self) -> u8 {
        self.future
    }
}

impl Default for Drift {
    fn default() -> Self {
        Self { past: 1, future: 1 }
    }
}

/// An app that makes a new code at each step of time.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use otp_core::oath::{Algorithm, Drift, NotAccepted, OathSecret, Totp};
///
/// let secret = OathSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")?;
/// let totp = Totp::new(secret, Algorithm::Sha1, 6, Duration::from_secs(30))?;
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_111_111_109);
/// let typed = totp.format().normalise("081 804")?;
///
/// let used = totp.verify(&typed, now, Drift::default(), None)?; // store it with the user
/// assert_eq!(totp.verify(&typed, now, Drift::default(), Some(used)), Err(NotAccepted::Replayed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Totp {
    hotp: Hotp,
    period: u64,
}

impl Totp {
    /// Codes of 6 to 8 `digits`, a new one every `period` of 5 to 120 whole seconds; apps expect 30, and
    /// NIST SP 800-63B-4 (3.1.4) allows at most two minutes.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`] for another number of digits or another period.
    pub fn new(
        secret: OathSecret,
        algorithm: Algorithm,
        digits: u8,
        period: Duration,
    ) -> Result<Self, InvalidParameter> {
        let hotp = Hotp::new(secret, algorithm, digits)?;
        let seconds = period.as_secs();
        if !(5..=120).contains(&seconds) || period.subsec_nanos() != 0 {
            return Err(InvalidParameter::Period);
        }
        Ok(Self { hotp, period: seconds })
    }

    /// What the codes look like, for reading what a user typed.
    pub const fn format(&self) -> &CodeFormat {
        self.hotp.format()
    }

    /// The hash.
    pub const fn algorithm(&self) -> Algorithm {
        self.hotp.algorithm()
    }

    /// The secret.
    pub const fn secret(&self) -> &OathSecret {
        self.hotp.secret()
    }

    /// How long a step lasts.
    pub const fn period(&self) -> Duration {
        Duration::from_secs(self.period)
    }

    /// The step that `now` falls into; before the Unix epoch, step 0.
    pub fn step(&self, now: SystemTime) -> Step {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Step(since.as_secs() / self.period)
    }

    /// The code of the step that `now` falls into.
    pub fn code(&self, now: SystemTime) -> OtpCode {
        self.hotp.code(Counter(self.step(now).0))
    }

    /// Whether the user typed the code of a step within `drift` of `now`, later than the one that was
    /// accepted last; if so, the step to store as the new `last`.
    ///
    /// All candidates are computed and compared, whichever is right: time tells nothing. A code is
    /// accepted once (RFC 6238, 5.2), even if a later step happens to have the same one.
    ///
    /// # Errors
    ///
    /// [`NotAccepted::Replayed`] if the code is right for a step within `drift` that is not later than
    /// `last`; otherwise [`NotAccepted::WrongCode`].
    pub fn verify(
        &self,
        typed: &TypedCode,
        now: SystemTime,
        drift: Drift,
        last: Option<Step>,
    ) -> Result<Step, NotAccepted> {
        let Step(current) = self.step(now);
        let first = current.saturating_sub(drift.past.into());
        let final_step = current.saturating_add(drift.future.into());
        let (mut found, mut is_replay) = (None, false);
        for step in (first..=final_step).map(Step) {
            let is_right: bool = self.hotp.code(Counter(step.0)).matches(typed).into();
            let is_used = last.is_some_and(|last| step <= last);
            if is_right && found.is_none() {
                found = Some(step);
            }
            is_replay |= is_right && is_used;
        }
        if is_replay { Err(NotAccepted::Replayed) } else { found.ok_or(NotAccepted::WrongCode) }
    }
}
