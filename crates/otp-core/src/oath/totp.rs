//! Codes by time (RFC 6238).

use std::time::{Duration, SystemTime};

use super::{
    error::{InvalidParameter, NotAccepted},
    hotp::{Counter, Hotp},
    secret::{Algorithm, OathSecret},
};
use crate::{
    code::{OtpCode, TypedCode},
    format::CodeFormat,
};

/// The number of a time step since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Step(pub u64);

/// How far the clock of an authenticator may be off, in steps. Default: one step either way (RFC 6238, 5.2
/// recommends at most one for the transmission delay).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drift {
    past: u8,
    future: u8,
}

impl Drift {
    /// Maximum steps either way, as in the example of RFC 6238, 6. Each step is one more code that a guess can
    /// hit. For a clock that is known to be further off, move the `now` given to [`Totp::verify`].
    pub const MAX: u8 = 2;

    /// Allows `past` steps behind and `future` steps ahead.
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

    /// Returns how many steps the clock may be behind.
    pub const fn past(self) -> u8 {
        self.past
    }

    /// Returns how many steps the clock may be ahead.
    pub const fn future(self) -> u8 {
        self.future
    }
}

impl Default for Drift {
    fn default() -> Self {
        Self { past: 1, future: 1 }
    }
}

/// An app that shows a new code at each time step.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use otp_core::oath::{Algorithm, Drift, NotAccepted, OathSecret, Totp};
///
/// let secret = OathSecret::random(Algorithm::Sha1);
/// let totp = Totp::new(secret, Algorithm::Sha1, 6, Duration::from_secs(30))?;
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// let shown = totp.code(now);
/// let typed = totp.format().normalise(shown.expose_secret())?;
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
    /// Creates an app with codes of 6 to 8 `digits` and a `period` of 5 to 120 whole seconds. Apps expect 30
    /// seconds; NIST SP 800-63B-4 (3.1.4) allows at most two minutes.
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

    /// Returns the format of the codes, for reading what a user typed.
    pub const fn format(&self) -> &CodeFormat {
        self.hotp.format()
    }

    /// Returns the hash.
    pub const fn algorithm(&self) -> Algorithm {
        self.hotp.algorithm()
    }

    /// Returns the secret.
    pub const fn secret(&self) -> &OathSecret {
        self.hotp.secret()
    }

    /// Returns how long a step lasts.
    pub const fn period(&self) -> Duration {
        Duration::from_secs(self.period)
    }

    /// Returns the step at `now`; step 0 before the Unix epoch.
    pub fn step(&self, now: SystemTime) -> Step {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Step(since.as_secs() / self.period)
    }

    /// Returns the code of the step at `now`.
    pub fn code(&self, now: SystemTime) -> OtpCode {
        self.hotp.code(Counter(self.step(now).0))
    }

    /// Checks whether the user typed the code of a step within `drift` of `now` and later than `last`. Returns
    /// the step to store as the new `last`.
    ///
    /// All candidates are always computed and compared, so the time does not depend on which one is right. A
    /// code is accepted once (RFC 6238, 5.2), even if a later step happens to have the same code.
    ///
    /// # Errors
    ///
    /// [`NotAccepted::Replayed`] if the code is right for a step within `drift` that is not later than `last`.
    /// Otherwise [`NotAccepted::WrongCode`].
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
