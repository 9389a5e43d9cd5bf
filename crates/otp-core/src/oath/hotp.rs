//! Codes by counter (RFC 4226).

use super::{
    error::{InvalidParameter, NotAccepted},
    secret::{Algorithm, OathSecret},
};
use crate::{
    code::{OtpCode, TypedCode},
    format::CodeFormat,
};

/// The number of a code in the sequence of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counter(pub u64);

/// A device that shows the next code at each push of a button.
///
/// ```
/// use otp_core::oath::{Algorithm, Counter, Hotp, OathSecret};
///
/// let hotp = Hotp::new(OathSecret::random(Algorithm::Sha1), Algorithm::Sha1, 6)?;
///
/// // The user pushed the button twice without logging in; the server still expects the first code.
/// let shown = hotp.code(Counter(2));
/// let typed = hotp.format().normalise(shown.expose_secret())?;
/// let next = hotp.verify(&typed, Counter(0), 5)?;
/// assert_eq!(next, Counter(3)); // store this in place of 0
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hotp {
    secret: OathSecret,
    algorithm: Algorithm,
    format: CodeFormat,
}

impl Hotp {
    /// Creates a device with codes of 6 to 8 `digits`.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter::Digits`] for another number of digits.
    pub fn new(
        secret: OathSecret,
        algorithm: Algorithm,
        digits: u8,
    ) -> Result<Self, InvalidParameter> {
        if !(6..=8).contains(&digits) {
            return Err(InvalidParameter::Digits);
        }
        let format = CodeFormat::digits(digits).map_err(|_| InvalidParameter::Digits)?;
        Ok(Self { secret, algorithm, format })
    }

    /// Returns the format of the codes, for reading what a user typed.
    pub const fn format(&self) -> &CodeFormat {
        &self.format
    }

    /// Returns the hash.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the secret.
    pub const fn secret(&self) -> &OathSecret {
        &self.secret
    }

    /// Returns the code with this number.
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic, as the message says")]
    pub fn code(&self, counter: Counter) -> OtpCode {
        let code = self.secret.code(self.algorithm, counter.0, self.format.len());
        code.expect("hmac takes a key of any length and a code has 6 to 8 digits")
    }

    /// Checks whether the user typed one of the codes from `next` to `next + look_ahead`. Returns the counter
    /// to store as the new `next` (RFC 4226, 7.4).
    ///
    /// All candidates are always computed and compared, so the time does not depend on which one is right.
    ///
    /// # Errors
    ///
    /// [`NotAccepted::WrongCode`], also for a code before `next`.
    pub fn verify(
        &self,
        typed: &TypedCode,
        next: Counter,
        look_ahead: u8,
    ) -> Result<Counter, NotAccepted> {
        let mut found = None;
        for ahead in 0..=u64::from(look_ahead) {
            let Some(counter) = next.0.checked_add(ahead) else { break };
            let is_right: bool = self.code(Counter(counter)).matches(typed).into();
            if is_right && found.is_none() {
                found = counter.checked_add(1).map(Counter);
            }
        }
        found.ok_or(NotAccepted::WrongCode)
    }
}
