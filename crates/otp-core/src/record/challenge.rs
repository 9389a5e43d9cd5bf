//! One issued code waiting for its answer.

use std::time::{Duration, SystemTime};

use crate::{
    binding::Binding,
    code::OtpCode,
    format::CodeFormat,
    id::{ChallengeId, KeyId, Nonce, Purpose},
    key::{KeyRing, UnknownKey},
    policy::Policy,
    time::Millis,
};

/// What a caller brings to open a challenge.
#[derive(Clone, Copy, Debug)]
pub struct NewChallenge {
    /// Its name: 16 fresh random bytes.
    pub id: ChallengeId,
    /// What the code is for; an open challenge for the same purpose is revoked.
    pub purpose: Purpose,
    /// The key that the code is derived under: the ring's current one.
    pub kid: KeyId,
    /// What the code is derived from: 16 more fresh random bytes.
    pub nonce: Nonce,
    /// The first instant at which the code is worth nothing any more.
    pub expires_at: SystemTime,
}

/// What is known about the way of the last message of a challenge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Nothing yet.
    #[default]
    Pending,
    /// The phone has it.
    Delivered,
    /// The carrier could not reach the phone.
    OutOfRange,
    /// The message failed on its way.
    Error,
}

impl Delivery {
    /// Whether the carrier reported that the message did not arrive.
    pub const fn is_undelivered(self) -> bool {
        matches!(self, Self::OutOfRange | Self::Error)
    }

    /// The number that stands for it in a record: 0 to 3, in the order of the variants.
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Delivered => 1,
            Self::OutOfRange => 2,
            Self::Error => 3,
        }
    }

    /// The delivery that a number stands for.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Pending),
            1 => Some(Self::Delivered),
            2 => Some(Self::OutOfRange),
            3 => Some(Self::Error),
            _ => None,
        }
    }
}

/// One issued code waiting for its answer: all that a store keeps of it, and never the code.
///
/// A value of this type is a view; changing the stored challenge goes through
/// [`SubjectRecord`](crate::SubjectRecord).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub(crate) id: ChallengeId,
    pub(crate) nonce: Nonce,
    pub(crate) purpose: Purpose,
    pub(crate) delivery: Delivery,
    pub(crate) attempts: u8,
    pub(crate) resends: u8,
    pub(crate) kid: KeyId,
    pub(crate) opened_at: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) resend_at: Millis,
}

impl Challenge {
    /// How far the clocks of several machines may be apart: 60 seconds.
    ///
    /// A clock that goes back lets a code live longer by as much. By up to this much it may; a code that
    /// seems to have been opened later than that counts as expired, until the clock has caught up.
    pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

    pub(crate) fn open(new: NewChallenge, policy: &Policy, now: Millis) -> Self {
        let NewChallenge { id, purpose, kid, nonce, expires_at } = new;
        Self {
            id,
            nonce,
            purpose,
            delivery: Delivery::Pending,
            attempts: 0,
            resends: 0,
            kid,
            opened_at: now,
            expires_at: expires_at.into(),
            resend_at: now.after(policy.cooldown_after(0)),
        }
    }

    /// Its name.
    pub const fn id(&self) -> ChallengeId {
        self.id
    }

    /// What the code is for.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The key that the code is derived under.
    pub const fn kid(&self) -> KeyId {
        self.kid
    }

    /// What the code is derived from.
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// When it was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.opened_at.into()
    }

    /// The first instant at which the code is worth nothing any more.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at.into()
    }

    /// Whether the code is worth nothing any more: at `expires_at` itself it is not, nor at an instant
    /// more than [`CLOCK_TOLERANCE`](Self::CLOCK_TOLERANCE) before `opened_at`.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.is_expired_at(now.into())
    }

    /// How many attempts have been handed out.
    pub const fn attempts(&self) -> u8 {
        self.attempts
    }

    /// How often the code has been sent again.
    pub const fn resends(&self) -> u8 {
        self.resends
    }

    /// How often the code may still be sent again.
    pub const fn resends_left(&self, policy: &Policy) -> u8 {
        policy.resends_per_challenge().saturating_sub(self.resends)
    }

    /// The first instant at which the code may be sent again, if it may be at all.
    pub fn resend_at(&self, policy: &Policy) -> Option<SystemTime> {
        (self.resends_left(policy) > 0).then(|| self.resend_at.into())
    }

    /// What is known about the way of its last message.
    pub const fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// The code of this challenge: for the first message, and the same again for each resend.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`] if the ring has lost the key since the challenge was opened.
    pub fn code(
        &self,
        keys: &KeyRing,
        binding: &Binding<'_>,
        format: &CodeFormat,
    ) -> Result<OtpCode, UnknownKey> {
        keys.derive(self.kid, binding, self.id, &self.nonce, format)
    }

    /// All fields as plain values, for a store that keeps them in a form of its own.
    pub fn to_parts(&self) -> ChallengeParts {
        ChallengeParts {
            id: self.id,
            nonce: self.nonce,
            purpose: self.purpose,
            kid: self.kid,
            opened_at_millis: self.opened_at.as_u64(),
            expires_at_millis: self.expires_at.as_u64(),
            resend_at_millis: self.resend_at.as_u64(),
            attempts: self.attempts,
            resends: self.resends,
            delivery: self.delivery,
        }
    }

    /// Takes back what [`to_parts`](Self::to_parts) gave; `None` if an instant is out of range.
    pub fn from_parts(parts: &ChallengeParts) -> Option<Self> {
        Some(Self {
            id: parts.id,
            nonce: parts.nonce,
            purpose: parts.purpose,
            delivery: parts.delivery,
            attempts: parts.attempts,
            resends: parts.resends,
            kid: parts.kid,
            opened_at: Millis::from_u64(parts.opened_at_millis)?,
            expires_at: Millis::from_u64(parts.expires_at_millis)?,
            resend_at: Millis::from_u64(parts.resend_at_millis)?,
        })
    }

    pub(crate) fn is_expired_at(&self, now: Millis) -> bool {
        now >= self.expires_at || now.after(Self::CLOCK_TOLERANCE) < self.opened_at
    }
}

/// The fields of a [`Challenge`] as plain values, instants in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is described at the getter of the same name")]
pub struct ChallengeParts {
    pub id: ChallengeId,
    pub nonce: Nonce,
    pub purpose: Purpose,
    pub kid: KeyId,
    pub opened_at_millis: u64,
    pub expires_at_millis: u64,
    pub resend_at_millis: u64,
    pub attempts: u8,
    pub resends: u8,
    pub delivery: Delivery,
}
