//! Codes from a shared secret without a message: HOTP (RFC 4226) and TOTP (RFC 6238), as authenticator
//! apps make them, and the `otpauth:` URI that brings the secret into an app.
//!
//! What must be remembered between two codes, so that none is accepted twice, is data: each
//! verification takes the last accepted counter or step and returns the one to store in its place.
//! Storing it has to be atomic (compare and swap), and attempts have to be counted and limited as for
//! any guessable code (RFC 4226, 7.3).

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

/// A number of digits, a period or a drift out of range.
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
    /// The code is right, but it or a later one has been accepted before.
    #[error("the code has been used already")]
    Replayed,
    /// The code is right for no counter or step in reach.
    #[error("the code is not right")]
    WrongCode,
}
