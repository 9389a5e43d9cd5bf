//! Codes of authenticator apps: HOTP (RFC 4226) and TOTP (RFC 6238), and the `otpauth:` URI that carries the
//! secret to an app.
//!
//! The host stores what prevents a second use of a code: each verification takes the last accepted counter or
//! step and returns the one to store instead. Store it atomically (compare and swap). Count and limit
//! attempts as for any code that can be guessed (RFC 4226, 7.3).

mod base32;
mod error;
mod hotp;
mod otpauth;
mod secret;
#[cfg(test)]
mod tests;
mod totp;

pub use error::{InvalidParameter, NotAccepted};
pub use hotp::{Counter, Hotp};
pub use otpauth::{InvalidUri, Label, Moving, Otpauth};
pub use secret::{Algorithm, InvalidSecret, OathSecret};
pub use totp::{Drift, Step, Totp};
