//! Codes of authenticator apps: HOTP (RFC 4226) and TOTP (RFC 6238), and the `otpauth:` URI that carries the
//! secret to an app.
//!
//! The host stores what prevents a second use of a code: each verification takes the last accepted counter or
//! step and returns the one to store instead. Store it atomically (compare and swap). Count and limit
//! attempts as for any code that can be guessed (RFC 4226, 7.3).

mod base32;
mod hotp;
mod otpauth;
mod secret;
#[cfg(test)]
mod tests;
mod totp;

pub use hotp::{Counter, Hotp};
pub use otpauth::{InvalidUri, Label, Moving, Otpauth};
pub use secret::{Algorithm, InvalidSecret, OathSecret};
pub use totp::{Drift, Step, Totp};

use thiserror::Error;

/// A parameter is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidParameter {
    /// Codes have 6 to 8 digits.
    #[error("a code has 6 to 8 digits")]
    Digits,
    /// A clock may be off by up to 2 steps either way.
    #[error("a clock may be off by up to 2 steps")]
    Drift,
    /// Steps last 5 to 120 whole seconds.
    #[error("a step lasts 5 to 120 whole seconds")]
    Period,
}

/// Why a code was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAccepted {
    /// The code is right, but it or a later one has already been accepted.
    #[error("the code has been used already")]
    Replayed,
    /// The code is right for no counter or step in range.
    #[error("the code is not right")]
    WrongCode,
}
