//! One issued code that waits for the user to type it.

use std::time::{Duration, SystemTime};

use crate::{
    binding::Binding,
    code::OtpCode,
    format::CodeFormat,
    id::{ChallengeId, KeyId, Nonce, Purpose},
    key::{KeyRing, UnknownKey},
    policy::Policy,
    record::invalid::InvalidRecord,
    time::Millis,
};

/// The arguments of a challenge that is to be opened.
///
/// Exhaustive on purpose: a store that does not keep a field has to fail to compile.
#[derive(Clone, Copy, Debug)]
pub struct NewChallenge {
    /// Its id: 16 new random bytes.
    pub id: ChallengeId,
    /// What the code is for. An open challenge for the same purpose is revoked.
    pub purpose: Purpose,
    /// The id of the key for the code: the ring's current one.
    pub kid: KeyId,
    /// What the code is derived from: 16 more new random bytes.
    pub nonce: Nonce,
    /// The first instant at which the code has expired.
    pub expires_at: SystemTime,
}

/// What the carrier reported about the last message of a challenge.
///
/// A later version may add variants. Treat one that you do not know as [`Pending`](Self::Pending).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// No report yet, or none that says anything.
    #[default]
    Pending,
    /// The message arrived at the phone.
    Delivered,
    /// The carrier could not reach the phone, which is off or out of range.
    OutOfRange,
    /// The message will not arrive.
    Failed,
    /// The number now belongs to another person, so the message was not sent to it. Another message to the
    /// number does not help.
    ChangedHands,
}

impl DeliveryStatus {
    /// Whether the message did not arrive, but another one to the same number may.
    pub const fn is_undelivered(self) -> bool {
        matches!(self, Self::OutOfRange | Self::Failed)
    }

    /// Returns its number in a record: 0 to 4, in the order of the variants.
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Delivered => 1,
            Self::OutOfRange => 2,
            Self::Failed => 3,
            Self::ChangedHands => 4,
        }
    }

    /// Returns the status with this number in a record.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Pending),
            1 => Some(Self::Delivered),
            2 => Some(Self::OutOfRange),
            3 => Some(Self::Failed),
            4 => Some(Self::ChangedHands),
            _ => None,
        }
    }
}

/// One issued code, as a store keeps it: everything but the code itself.
///
/// A value of this type is a copy. To change the stored challenge, use
/// [`SubjectRecord`](crate::SubjectRecord).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub(crate) id: ChallengeId,
    pub(crate) nonce: Nonce,
    pub(crate) purpose: Purpose,
    pub(crate) delivery: DeliveryStatus,
    pub(crate) attempts: u8,
    pub(crate) resends: u8,
    pub(crate) kid: KeyId,
    pub(crate) opened_at: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) resend_at: Millis,
}

impl Challenge {
    /// How far the clocks of two machines may differ: 60 seconds. Limits allow more: see
    /// [`MAX_CLOCK_LEAD`](crate::MAX_CLOCK_LEAD).
    ///
    /// A clock that is behind extends a code's lifetime by the difference. If a code seems to have been
    /// opened more than this in the future, it counts as expired until the clock has caught up.
    pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

    pub(crate) fn open(new: NewChallenge, policy: &Policy, now: Millis) -> Self {
        let NewChallenge { id, purpose, kid, nonce, expires_at } = new;
        Self {
            id,
            nonce,
            purpose,
            delivery: DeliveryStatus::Pending,
            attempts: 0,
            resends: 0,
            kid,
            opened_at: now,
            expires_at: expires_at.into(),
            resend_at: now.after(policy.cooldown_after(0)),
        }
    }

    /// Returns the id.
    pub const fn id(&self) -> ChallengeId {
        self.id
    }

    /// Returns what the code is for.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns the id of the key for the code.
    pub const fn kid(&self) -> KeyId {
        self.kid
    }

    /// Returns what the code is derived from.
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// Returns when it was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.opened_at.into()
    }

    /// Returns the first instant at which the code has expired.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at.into()
    }

    /// Whether the code has expired: `now >= expires_at`, or `now` is more than
    /// [`CLOCK_TOLERANCE`](Self::CLOCK_TOLERANCE) before `opened_at`.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.is_expired_at(now.into())
    }

    /// Returns how many attempts have been handed out.
    pub const fn attempts(&self) -> u8 {
        self.attempts
    }

    /// Returns how often the code has been sent again.
    pub const fn resends(&self) -> u8 {
        self.resends
    }

    /// Returns how often the code may still be sent again.
    pub const fn resends_left(&self, policy: &Policy) -> u8 {
        policy.resends_per_challenge().saturating_sub(self.resends)
    }

    /// Returns the first instant at which the code may be sent again; `None` if no resend is left.
    pub fn resend_at(&self, policy: &Policy) -> Option<SystemTime> {
        (self.resends_left(policy) > 0).then(|| self.resend_at.into())
    }

    /// Returns what the carrier reported about its last message.
    pub const fn delivery(&self) -> DeliveryStatus {
        self.delivery
    }

    /// Derives the code of this challenge. Each resend carries the same code.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`] if the ring no longer has the key of the challenge.
    pub fn code(
        &self,
        keys: &KeyRing,
        binding: &Binding<'_>,
        format: &CodeFormat,
    ) -> Result<OtpCode, UnknownKey> {
        keys.derive(self.kid, binding, self.id, &self.nonce, format)
    }

    /// Returns all fields as plain values, for a store with its own format.
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

    /// Creates a challenge from what [`to_parts`](Self::to_parts) returned.
    ///
    /// # Errors
    ///
    /// [`InvalidRecord`] if an instant is after the year 9999.
    pub fn from_parts(parts: &ChallengeParts) -> Result<Self, InvalidRecord> {
        let millis = |millis| Millis::from_u64(millis).ok_or(InvalidRecord);
        Ok(Self {
            id: parts.id,
            nonce: parts.nonce,
            purpose: parts.purpose,
            delivery: parts.delivery,
            attempts: parts.attempts,
            resends: parts.resends,
            kid: parts.kid,
            opened_at: millis(parts.opened_at_millis)?,
            expires_at: millis(parts.expires_at_millis)?,
            resend_at: millis(parts.resend_at_millis)?,
        })
    }

    pub(crate) fn is_expired_at(&self, now: Millis) -> bool {
        now >= self.expires_at || now.after(Self::CLOCK_TOLERANCE) < self.opened_at
    }
}

/// The fields of a [`Challenge`] as plain values. Instants are milliseconds since the Unix epoch.
///
/// Exhaustive on purpose: a store that does not keep a field has to fail to compile.
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
    pub delivery: DeliveryStatus,
}
