//! The record of one subject and its rules.

use std::time::SystemTime;

use super::{
    attempt::{Attempt, Consumed, NotConsumed, Verified},
    challenge::{Challenge, DeliveryStatus, NewChallenge},
    challenges::Challenges,
    limiter::{AttemptLimiter, LockoutState},
    refused::{AttemptRefused, ConsumeRefused, OpenRefused, ResendRefused},
};
use crate::{
    id::{ChallengeId, SubjectKey},
    policy::Policy,
    time::Millis,
};

/// The counters and open challenges of one subject, and the rules over them. The counters are those of an
/// [`AttemptLimiter`].
///
/// A store keeps one [`SubjectRecord`] per [`SubjectKey`] and applies each method in one atomic step. The
/// instant is an argument, so every rule can be tested on both sides of its boundary, and every store
/// decides alike. All instants are whole milliseconds, rounded down.
///
/// ```text
///  one challenge                                   one subject
///
///    open ──▶ ┌──────┐ ─ grant_resend ─┐             ┌──────┐ ◀─ consume, unlock ─┐
///             │ open │ ◀───────────────┘       ┌───▶ │ open │ ─ 10th attempt ─▶ ┌────────┐
///             └──┬───┘ ─ begin_attempt ─┐      │     └──┬───┘ ◀─ locked_until ─ │ locked │
///                │  ▲  ◀────────────────┘      │        │                      └───┬────┘
///    consume ────┤  (refused from the 6th)     │        ▼ 100th in a row           │
///    revoke  ────┤                             │   ┌─────────┐ ◀──────────────────┘
///    expires_at ─┤                             └── │ blocked │
///                ▼                     unlock,     └─────────┘
///              ended           a consume in flight
/// ```
///
/// * An attempt is counted before it is handed out, on the challenge and on the subject.
/// * The subject's count returns to 0 after a quiet period without an attempt, and when a lock begins. So no
///   period of that length contains more attempts than the limit.
/// * The lock begins when the last allowed attempt is handed out. If that attempt has the right code,
///   consuming it clears the lock.
/// * Consecutive locks grow longer. Only a success or an administrator resets consecutive failures and
///   consecutive locks. A resend, a new challenge or time does not.
/// * A wrong clock makes no lock longer by more than [`MAX_CLOCK_LEAD`](crate::MAX_CLOCK_LEAD).
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use otp_core::*;
///
/// let keys = KeyRing::new(KeyId::new(1), DigestKey::random());
/// let six = CodeFormat::digits(6)?;
/// let policy = Policy::default();
/// let phone = PhoneNumber::from_japanese("090-1234-5678")?;
/// let binding = Binding {
///     tenant: "",
///     subject: "alice",
///     flow: "f1",
///     purpose: Purpose::LOGIN,
///     destination: phone.as_e164().as_bytes(),
/// };
/// let subject = SubjectKey::derive(binding.tenant, binding.subject);
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
///
/// let mut record = SubjectRecord::new();
/// let new = NewChallenge {
///     id: ChallengeId::random(),
///     purpose: Purpose::LOGIN,
///     kid: keys.current_id(),
///     nonce: Nonce::random(),
///     expires_at: now + Duration::from_secs(300),
/// };
/// let challenge = record.open(new, &policy, now)?;
/// let sent = challenge.code(&keys, &binding, &six)?;
///
/// let typed = six.normalise(sent.expose_secret())?;
/// let attempt = record.begin_attempt(subject, challenge.id(), &policy, now)?;
/// let verified = attempt.verify(&keys, &binding, &six, &typed, now)?;
/// let consumed = record.consume(verified, now)?;
/// assert_eq!(consumed.attempts(), 1);
/// assert!(record.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectRecord {
    pub(super) challenges: Challenges,
    pub(super) limiter: AttemptLimiter,
}

impl SubjectRecord {
    /// How many challenges of different purposes one subject can have open: 8.
    pub const MAX_OPEN: usize = 8;

    /// Creates the record of a subject without counters and challenges.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a challenge. Revokes the open one for the same purpose, drops expired ones, resets no counter.
    ///
    /// # Errors
    ///
    /// [`OpenRefused::Blocked`] or [`OpenRefused::Locked`] if the subject is. [`OpenRefused::DuplicateId`] if a
    /// challenge with this id is open. [`OpenRefused::TooManyOpen`] if [`MAX_OPEN`](Self::MAX_OPEN)
    /// challenges for other purposes are open. A refusal changes nothing.
    pub fn open(
        &mut self,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Challenge, OpenRefused> {
        let at = Millis::from(now);
        self.limiter.check(policy, at)?;
        let slice = self.challenges.as_slice();
        if slice.iter().any(|c| c.id == new.id) {
            return Err(OpenRefused::DuplicateId);
        }
        let stays = |c: &Challenge| c.purpose != new.purpose && !c.is_expired_at(at);
        if slice.iter().filter(|c| stays(c)).count() >= Self::MAX_OPEN {
            let until = slice.iter().filter(|c| stays(c)).map(|c| c.expires_at).min();
            return Err(OpenRefused::TooManyOpen { until: until.unwrap_or(at).into() });
        }
        self.challenges.retain(stays);
        let challenge = Challenge::open(new, policy, at);
        self.challenges.push(challenge.clone());
        Ok(challenge)
    }

    /// Counts an attempt at the challenge `id` and returns it for verification.
    ///
    /// `subject` is the key of this record.
    ///
    /// # Errors
    ///
    /// [`AttemptRefused`]. A refused attempt is not counted and changes nothing.
    pub fn begin_attempt(
        &mut self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Attempt, AttemptRefused> {
        let at = Millis::from(now);
        self.limiter.check(policy, at)?;
        let challenge = self.find_mut(id).ok_or(AttemptRefused::NotFound)?;
        if challenge.is_expired_at(at) {
            return Err(AttemptRefused::Expired);
        }
        if challenge.attempts >= policy.attempts_per_challenge() {
            return Err(AttemptRefused::AttemptsExhausted);
        }
        challenge.attempts += 1;
        let challenge = challenge.clone();
        let counted = self.limiter.count(policy, at);
        let of_challenge = policy.attempts_per_challenge().saturating_sub(challenge.attempts);
        Ok(Attempt {
            subject,
            challenge,
            attempts_left: of_challenge.min(counted.attempts_left()),
            lockout_state: counted.lockout_state(),
        })
    }

    /// Consumes a proof: removes its challenge and clears the subject's counters, lock and block.
    ///
    /// The subject's challenges for other purposes stay open.
    ///
    /// A store that cannot write the changed record gets the proof back with [`Consumed::into_verified`].
    ///
    /// # Errors
    ///
    /// [`ConsumeRefused::NotFound`] if the challenge was consumed, revoked or replaced, or belongs to another
    /// record. [`ConsumeRefused::Expired`] at or after `expires_at`. The error gives the proof back. A refusal
    /// changes nothing.
    pub fn consume(
        &mut self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Consumed, NotConsumed> {
        let at = Millis::from(now);
        let id = verified.challenge_id();
        let refused = match self.find(id) {
            None => Some(ConsumeRefused::NotFound),
            Some(challenge) if challenge.is_expired_at(at) => Some(ConsumeRefused::Expired),
            Some(_) => None,
        };
        if let Some(refused) = refused {
            return Err(NotConsumed { verified, refused });
        }
        self.challenges.retain(|c| c.id != id);
        self.unlock();
        Ok(verified.consumed(at))
    }

    /// Counts a resend of the challenge `id` and returns the permission for it.
    ///
    /// Code, expiry and attempt counters stay as they are.
    ///
    /// # Errors
    ///
    /// [`ResendRefused`]. A refusal changes nothing.
    pub fn grant_resend(
        &mut self,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<ResendPermit, ResendRefused> {
        let at = Millis::from(now);
        self.limiter.check(policy, at)?;
        let challenge = self.find_mut(id).ok_or(ResendRefused::NotFound)?;
        if challenge.is_expired_at(at) {
            return Err(ResendRefused::Expired);
        }
        if challenge.attempts >= policy.attempts_per_challenge() {
            return Err(ResendRefused::AttemptsExhausted);
        }
        if challenge.resends >= policy.resends_per_challenge() {
            return Err(ResendRefused::Exhausted);
        }
        if at < challenge.resend_at {
            return Err(ResendRefused::TooEarly { at: challenge.resend_at.into() });
        }
        challenge.resends += 1;
        challenge.resend_at = at.after(policy.cooldown_after(challenge.resends));
        challenge.delivery = DeliveryStatus::Pending;
        Ok(ResendPermit::of(challenge.clone(), policy))
    }

    /// Records what the carrier reports about the last message. Returns whether that changed anything.
    ///
    /// If the message did not arrive, a resend is allowed after the short cooldown, counted from `now`. A
    /// delivered message stays delivered, and a number that changed hands stays that. An undelivered message
    /// changes only to one of these two. So repeated or
    /// reordered reports shorten the wait at most once per message.
    pub fn record_delivery(
        &mut self,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> bool {
        let at = Millis::from(now);
        let Some(challenge) = self.find_mut(id).filter(|c| !c.is_expired_at(at)) else {
            return false;
        };
        let is_news = match challenge.delivery {
            DeliveryStatus::Pending => delivery != DeliveryStatus::Pending,
            DeliveryStatus::OutOfRange | DeliveryStatus::Failed => {
                matches!(delivery, DeliveryStatus::Delivered | DeliveryStatus::ChangedHands)
            }
            DeliveryStatus::Delivered | DeliveryStatus::ChangedHands => false,
        };
        if is_news {
            challenge.delivery = delivery;
            if delivery.is_undelivered() {
                let soon = at.after(policy.undelivered_cooldown());
                challenge.resend_at = challenge.resend_at.min(soon);
            }
        }
        is_news
    }

    /// Removes the challenge `id` and returns whether it was there. Counters stay as they are.
    pub fn revoke(&mut self, id: ChallengeId) -> bool {
        self.challenges.retain(|c| c.id != id)
    }

    /// Clears counters, lock and block, for administrators. Open challenges and their attempts stay.
    pub fn unlock(&mut self) {
        self.limiter.unlock();
    }

    /// Returns the challenge `id` if it is open. At its `expires_at` it has expired.
    pub fn challenge(&self, id: ChallengeId, now: SystemTime) -> Option<&Challenge> {
        self.find(id).filter(|c| !c.is_expired(now))
    }

    /// Returns all challenges in the record. Some may have expired.
    pub fn challenges(&self) -> &[Challenge] {
        self.challenges.as_slice()
    }

    /// Returns whether the subject may use the factor at `now`.
    pub fn lockout_state(&self, policy: &Policy, now: SystemTime) -> LockoutState {
        self.limiter.lockout_state(policy, now)
    }

    /// Returns the attempts since the last success. Each was wrong, is in flight or was given up.
    pub const fn consecutive_failures(&self) -> u8 {
        self.limiter.consecutive_failures()
    }

    /// Returns the locks since the last success.
    pub const fn consecutive_locks(&self) -> u8 {
        self.limiter.consecutive_locks()
    }

    /// Returns the attempts that count towards the next lock at `now`.
    pub fn attempts_in_window(&self, policy: &Policy, now: SystemTime) -> u8 {
        self.limiter.attempts_in_window(policy, now)
    }

    /// Whether the record has no challenge and no failure since the last success, so that a store may drop
    /// it. A record with failures must be kept, however old they are.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the first instant at which a store may delete the record: when all its challenges have expired.
    ///
    /// `None` if the record has a failure or a lock since the last success. Then a store must keep it, however old
    /// it is. For a record that [is empty](Self::is_empty) it is the Unix epoch: at once.
    ///
    /// The instant changes with each call that changes the record. A store with a column or a time to live for it
    /// writes both together.
    pub fn sweep_at(&self) -> Option<SystemTime> {
        let challenges = self.challenges.as_slice();
        let last = challenges.iter().map(|c| c.expires_at).max().unwrap_or_default();
        self.limiter.is_empty().then(|| last.into())
    }

    fn find(&self, id: ChallengeId) -> Option<&Challenge> {
        self.challenges.as_slice().iter().find(|c| c.id == id)
    }

    fn find_mut(&mut self, id: ChallengeId) -> Option<&mut Challenge> {
        self.challenges.as_mut_slice().iter_mut().find(|c| c.id == id)
    }
}

/// Permission to send the code of a challenge again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResendPermit {
    /// The challenge with the resend counted. Its code is the same as before.
    pub challenge: Challenge,
    /// How many resends are left.
    pub resends_left: u8,
    /// The first instant of the next resend; `None` if none is left.
    pub next_at: Option<SystemTime>,
}

impl ResendPermit {
    /// Returns the permission for a challenge whose resend has just been counted.
    pub fn of(challenge: Challenge, policy: &Policy) -> Self {
        Self {
            resends_left: challenge.resends_left(policy),
            next_at: challenge.resend_at(policy),
            challenge,
        }
    }
}
