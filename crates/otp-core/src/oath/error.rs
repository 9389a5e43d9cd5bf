//! Why a parameter or a code is refused.

use thiserror::Error;

/// A parameter is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
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

/// Why a code was not accepted. Exhaustive on purpose: the caller has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAccepted {
    /// The code is right, but it or a later one has already been accepted.
    #[error("the code has been used already")]
    Replayed,
    /// The code is right for no counter or step in range.
    #[error("the code is not right")]
    WrongCode,
}
