//! Why the record refuses: one enum per operation, one variant per decision of the caller. All are exhaustive on
//! purpose: the caller has to handle each case.

use std::time::SystemTime;

use thiserror::Error;

use super::limiter::LockedOut;

/// Why no challenge was opened. Exhaustive: the caller has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenRefused {
    /// Too many consecutive failures. Only an administrator can unlock the subject.
    #[error("the subject is blocked until an administrator unlocks it")]
    Blocked,
    /// A challenge with this id is open, so the id was not generated at random.
    #[error("a challenge of this id is open")]
    DuplicateId,
    /// Too many attempts in a short time.
    #[error("the subject is locked for some time")]
    Locked {
        /// The first instant at which a challenge can be opened again.
        until: SystemTime,
    },
    /// The subject has the maximum number of challenges for other purposes.
    #[error("the subject has too many open challenges")]
    TooManyOpen {
        /// The first instant at which one of them has expired.
        until: SystemTime,
    },
}

/// Why no attempt was handed out. Nothing was counted. Exhaustive: the caller has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AttemptRefused {
    /// The challenge has no attempts left. The user needs a new code.
    #[error("the challenge has no attempts left")]
    AttemptsExhausted,
    /// Too many consecutive failures. Only an administrator can unlock the subject.
    #[error("the subject is blocked until an administrator unlocks it")]
    Blocked,
    /// The code has expired. The user needs a new one.
    #[error("the challenge has expired")]
    Expired,
    /// Too many attempts in a short time.
    #[error("the subject is locked for some time")]
    Locked {
        /// The first instant at which an attempt can be handed out again.
        until: SystemTime,
    },
    /// There is no such challenge: it was consumed, revoked, replaced, dropped after expiry, or never opened.
    #[error("there is no such challenge")]
    NotFound,
}

/// Why a proof was not accepted. Exhaustive: the caller has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConsumeRefused {
    /// The right code came in time, but the challenge expired before it was consumed.
    #[error("the challenge has expired")]
    Expired,
    /// Another caller consumed it first, or it was revoked or replaced.
    #[error("there is no such challenge")]
    NotFound,
}

/// Why the code must not be sent again now. Exhaustive: the caller has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResendRefused {
    /// The challenge has no attempts left, so its code would be useless.
    #[error("the challenge has no attempts left")]
    AttemptsExhausted,
    /// Too many consecutive failures. Only an administrator can unlock the subject.
    #[error("the subject is blocked until an administrator unlocks it")]
    Blocked,
    /// The challenge has no resends left.
    #[error("the challenge has no resends left")]
    Exhausted,
    /// The code has expired. The user needs a new one.
    #[error("the challenge has expired")]
    Expired,
    /// Too many attempts in a short time.
    #[error("the subject is locked for some time")]
    Locked {
        /// The first instant at which the subject may use the factor again.
        until: SystemTime,
    },
    /// There is no such challenge: it was consumed, revoked, replaced, dropped after expiry, or never opened.
    #[error("there is no such challenge")]
    NotFound,
    /// The resend cooldown has not passed.
    #[error("it is too early for another message")]
    TooEarly {
        /// The first instant at which the code may be sent again.
        at: SystemTime,
    },
}

macro_rules! from_locked_out {
    ($($refused:ty),+) => {$(
        impl From<LockedOut> for $refused {
            fn from(locked_out: LockedOut) -> Self {
                match locked_out {
                    LockedOut::Blocked => Self::Blocked,
                    LockedOut::Locked { until } => Self::Locked { until },
                }
            }
        }
    )+};
}

from_locked_out!(OpenRefused, AttemptRefused, ResendRefused);
