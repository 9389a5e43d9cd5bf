//! From a counted attempt to a proof. A code is compared nowhere else.

use std::time::SystemTime;

use subtle::Choice;
use thiserror::Error;

use crate::{
    binding::Binding,
    code::TypedCode,
    format::CodeFormat,
    id::{ChallengeId, Purpose, SubjectKey},
    key::{KeyRing, UnknownKey},
    record::{challenge::Challenge, limiter::LockoutState, refused::ConsumeRefused},
    time::Millis,
};

/// One attempt that the store has counted. Neither `Clone` nor `Copy`, so it verifies one code.
#[derive(Debug)]
#[must_use = "the attempt has been counted; verify the code with it"]
pub struct Attempt {
    pub(crate) subject: SubjectKey,
    pub(crate) challenge: Challenge,
    pub(crate) attempts_left: u8,
    pub(crate) lockout_state: LockoutState,
}

impl Attempt {
    /// Returns the challenge, with this attempt counted.
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// Returns the key of the subject.
    pub const fn subject(&self) -> SubjectKey {
        self.subject
    }

    /// Returns how many attempts the challenge has left if this one is wrong. 0 also if the subject is then
    /// locked or blocked.
    pub const fn attempts_left(&self) -> u8 {
        self.attempts_left
    }

    /// Returns the subject's lockout state if this attempt is wrong.
    pub const fn lockout_state(&self) -> LockoutState {
        self.lockout_state
    }

    /// Compares what the user typed with the code of the challenge, at the instant `now`.
    ///
    /// The code is derived from `binding` again. A wrong code takes as long as a right one. At `expires_at`
    /// the challenge has expired.
    ///
    /// # Errors
    ///
    /// [`Rejected::Expired`] at or after `expires_at`, whatever was typed. [`Rejected::KeyRetired`] if the
    /// ring no longer has the key. Otherwise [`Rejected::WrongCode`], also if `binding` differs in any field
    /// from the one that the code was issued for.
    pub fn verify(
        self,
        keys: &KeyRing,
        binding: &Binding<'_>,
        format: &CodeFormat,
        typed: &TypedCode,
        now: SystemTime,
    ) -> Result<Verified, Rejected> {
        if self.challenge.is_expired(now) {
            return Err(Rejected::Expired);
        }
        let code = self
            .challenge
            .code(keys, binding, format)
            .map_err(|UnknownKey(_)| Rejected::KeyRetired)?;
        let same_purpose = Choice::from(u8::from(binding.purpose == self.challenge.purpose));
        let matches: bool = (code.matches(typed) & same_purpose).into();
        if matches {
            Ok(Verified { subject: self.subject, challenge: self.challenge })
        } else {
            let (attempts_left, lockout_state) = (self.attempts_left, self.lockout_state);
            Err(Rejected::WrongCode { attempts_left, lockout_state })
        }
    }
}

/// Why a counted attempt failed.
///
/// Exhaustive on purpose: the caller has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// The challenge has expired.
    #[error("the code has expired")]
    Expired,
    /// The ring no longer has the key of the challenge. The user needs a new code.
    #[error("the key of the code has been retired")]
    KeyRetired,
    /// The code is not the one that was issued.
    #[error("the code is not the one that was issued")]
    WrongCode {
        /// How many attempts the challenge has left. 0 also if the subject is now locked or blocked.
        attempts_left: u8,
        /// The subject's lockout state now.
        lockout_state: LockoutState,
    },
}

/// Proof that the right code was typed in time. Only [`Attempt::verify`] makes one. It counts once, when the
/// store [consumes](crate::SubjectRecord::consume) it.
#[derive(Debug)]
#[must_use = "a verified challenge has to be consumed in the store"]
pub struct Verified {
    subject: SubjectKey,
    challenge: Challenge,
}

impl Verified {
    /// Returns the id of the challenge.
    pub const fn challenge_id(&self) -> ChallengeId {
        self.challenge.id
    }

    /// Returns the key of the subject.
    pub const fn subject(&self) -> SubjectKey {
        self.subject
    }

    /// Returns what the code was for.
    pub const fn purpose(&self) -> Purpose {
        self.challenge.purpose
    }

    /// Returns when the challenge expires. At that instant it can no longer be consumed.
    pub fn expires_at(&self) -> SystemTime {
        self.challenge.expires_at()
    }

    pub(crate) fn consumed(self, now: Millis) -> Consumed {
        Consumed { subject: self.subject, challenge: self.challenge, at: now }
    }
}

/// The error of [`SubjectRecord::consume`](crate::SubjectRecord::consume): why, and the proof again.
///
/// The record has not changed. A store that had read an old record can read it again and try once more.
#[derive(Debug, Error)]
#[error("{refused}")]
#[non_exhaustive]
pub struct NotConsumed {
    /// The proof.
    pub verified: Verified,
    /// Why it was refused.
    pub refused: ConsumeRefused,
}

/// The one success of a challenge. The store has removed the challenge and cleared the subject's failures.
#[derive(Debug)]
pub struct Consumed {
    subject: SubjectKey,
    challenge: Challenge,
    at: Millis,
}

impl Consumed {
    /// Returns the id of the challenge.
    pub const fn challenge_id(&self) -> ChallengeId {
        self.challenge.id
    }

    /// Returns the key of the subject.
    pub const fn subject(&self) -> SubjectKey {
        self.subject
    }

    /// Returns what the code was for.
    pub const fn purpose(&self) -> Purpose {
        self.challenge.purpose
    }

    /// Returns when the challenge was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.challenge.opened_at()
    }

    /// Returns when it was consumed.
    pub fn consumed_at(&self) -> SystemTime {
        self.at.into()
    }

    /// Returns how many attempts it took, including the right one.
    pub const fn attempts(&self) -> u8 {
        self.challenge.attempts
    }

    /// Returns the proof again, for a store that could not write the changed record.
    ///
    /// A store that writes with compare-and-set, or in serializable transactions, reads the record again and
    /// tries once more. It must know that its write did not happen.
    pub fn into_verified(self) -> Verified {
        Verified { subject: self.subject, challenge: self.challenge }
    }
}
