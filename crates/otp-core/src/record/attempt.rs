//! From a counted attempt to a proof: the only way that a code is compared.

use std::time::SystemTime;

use subtle::Choice;
use thiserror::Error;

use crate::{
    binding::Binding,
    code::TypedCode,
    format::CodeFormat,
    id::{ChallengeId, Purpose, SubjectKey},
    key::{KeyRing, UnknownKey},
    record::challenge::Challenge,
    time::Millis,
};

/// Whether a subject may use the factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockoutState {
    /// Yes.
    Open,
    /// Not before `until`: too many attempts in a short time.
    Locked {
        /// The first instant at which it may again.
        until: SystemTime,
    },
    /// Not until an administrator unlocks it: too many wrong codes in a row.
    Blocked,
}

/// One attempt that the store has counted. It can be spent once: it is neither `Clone` nor `Copy`.
#[derive(Debug)]
#[must_use = "the attempt has been counted; verify the code with it"]
pub struct Attempt {
    pub(crate) subject: SubjectKey,
    pub(crate) challenge: Challenge,
    pub(crate) attempts_left: u8,
    pub(crate) lockout_state: LockoutState,
}

impl Attempt {
    /// The challenge, this attempt counted.
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// Whose attempt it is.
    pub const fn subject(&self) -> SubjectKey {
        self.subject
    }

    /// How many attempts this challenge still has if this one is wrong; 0 too if the subject is then
    /// locked or blocked.
    pub const fn attempts_left(&self) -> u8 {
        self.attempts_left
    }

    /// How the subject stands if this attempt is wrong.
    pub const fn lockout_state(&self) -> LockoutState {
        self.lockout_state
    }

    /// Compares what the user typed with the code of the challenge, at the instant `now`.
    ///
    /// The code is derived anew from `binding`. A wrong code takes as long as a right one, and
    /// `expires_at` itself is already too late.
    ///
    /// # Errors
    ///
    /// [`Rejected::Expired`] at or after `expires_at`, whatever was typed; [`Rejected::KeyRetired`] if
    /// the ring has lost the key; otherwise [`Rejected::WrongCode`], also if `binding` differs in
    /// anything from what the code was issued for.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// The code was no longer worth anything.
    #[error("the code has expired")]
    Expired,
    /// The key of the challenge is in the ring no more; a new code is needed.
    #[error("the key of the code has been retired")]
    KeyRetired,
    /// Another code was issued.
    #[error("the code is not the one that was issued")]
    WrongCode {
        /// How many attempts the challenge has left; 0 too if the subject is now locked or blocked.
        attempts_left: u8,
        /// How the subject stands now.
        lockout_state: LockoutState,
    },
}

/// Proof that the right code was typed in time. Only [`Attempt::verify`] makes one, and it is worth
/// something only once: to the store that [consumes](crate::SubjectRecord::consume) it.
#[derive(Debug)]
#[must_use = "a verified challenge has to be consumed in the store"]
pub struct Verified {
    subject: SubjectKey,
    challenge: Challenge,
}

impl Verified {
    /// The challenge that was answered.
    pub const fn challenge_id(&self) -> ChallengeId {
        self.challenge.id
    }

    /// Whose challenge it was.
    pub const fn subject(&self) -> SubjectKey {
        self.subject
    }

    /// What the code was for.
    pub const fn purpose(&self) -> Purpose {
        self.challenge.purpose
    }

    /// When the challenge expires: consuming it at that instant is too late.
    pub fn expires_at(&self) -> SystemTime {
        self.challenge.expires_at()
    }

    pub(crate) fn consumed(self, now: Millis) -> Consumed {
        Consumed { subject: self.subject, challenge: self.challenge, at: now }
    }
}

/// The one success of a challenge: it is gone from the store, and its subject's failures with it.
#[derive(Debug)]
pub struct Consumed {
    subject: SubjectKey,
    challenge: Challenge,
    at: Millis,
}

impl Consumed {
    /// The challenge that was answered.
    pub const fn challenge_id(&self) -> ChallengeId {
        self.challenge.id
    }

    /// Who answered it.
    pub const fn subject(&self) -> SubjectKey {
        self.subject
    }

    /// What the code was for.
    pub const fn purpose(&self) -> Purpose {
        self.challenge.purpose
    }

    /// When the challenge was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.challenge.opened_at()
    }

    /// When it was consumed.
    pub fn consumed_at(&self) -> SystemTime {
        self.at.into()
    }

    /// How many attempts it took, the right one counted.
    pub const fn attempts(&self) -> u8 {
        self.challenge.attempts
    }
}
