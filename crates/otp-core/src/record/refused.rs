//! What the record refuses, an enum per operation: each variant is a decision for the caller.

use std::time::SystemTime;

use thiserror::Error;

/// Why no challenge was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenRefused {
    /// Too many wrong codes in a row; only an administrator can unlock.
    #[error("the subject is blocked until an administrator unlocks it")]
    Blocked,
    /// The id is in use, so it was not drawn at random.
    #[error("a challenge of this id is open")]
    DuplicateId,
    /// Too many attempts in a short time.
    #[error("the subject is locked for some time")]
    Locked {
        /// The first instant at which a challenge can be opened again.
        until: SystemTime,
    },
    /// The subject has as many challenges for other purposes as it can have.
    #[error("the subject has too many open challenges")]
    TooManyOpen {
        /// The first instant at which one of them is gone.
        until: SystemTime,
    },
}

/// Why no attempt was handed out. It was not counted either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AttemptRefused {
    /// The challenge has used up its attempts; a new code is needed.
    #[error("the challenge has no attempts left")]
    AttemptsExhausted,
    /// Too many wrong codes in a row; only an administrator can unlock.
    #[error("the subject is blocked until an administrator unlocks it")]
    Blocked,
    /// The code is no longer worth anything; a new one is needed.
    #[error("the challenge has expired")]
    Expired,
    /// Too many attempts in a short time.
    #[error("the subject is locked for some time")]
    Locked {
        /// The first instant at which an attempt can be handed out again.
        until: SystemTime,
    },
    /// There is no such challenge: consumed, revoked, replaced, swept, or never opened.
    #[error("there is no such challenge")]
    NotFound,
}

/// Why a proof was worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConsumeRefused {
    /// The right code came in time, its consumption did not.
    #[error("the challenge has expired")]
    Expired,
    /// Somebody else consumed it first, or it was revoked or replaced.
    #[error("there is no such challenge")]
    NotFound,
}

/// Why the code must not be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResendRefused {
    /// The challenge has used up its attempts; sending its code would be of no use.
    #[error("the challenge has no attempts left")]
    AttemptsExhausted,
    /// Too many wrong codes in a row; only an administrator can unlock.
    #[error("the subject is blocked until an administrator unlocks it")]
    Blocked,
    /// The challenge has used up its resends.
    #[error("the challenge has no resends left")]
    Exhausted,
    /// The code is no longer worth anything; a new one is needed.
    #[error("the challenge has expired")]
    Expired,
    /// Too many attempts in a short time.
    #[error("the subject is locked for some time")]
    Locked {
        /// The first instant at which the subject may go on.
        until: SystemTime,
    },
    /// There is no such challenge: consumed, revoked, replaced, swept, or never opened.
    #[error("there is no such challenge")]
    NotFound,
    /// The last message is too young.
    #[error("it is too early for another message")]
    TooEarly {
        /// The first instant at which the code may be sent again.
        at: SystemTime,
    },
}
