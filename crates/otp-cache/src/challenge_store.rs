//! Where open challenges and the counters of their subjects live.

use std::{fmt::Debug, time::SystemTime};

use async_trait::async_trait;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, Delivery,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, Verified,
};

use crate::{StoreError, SubjectStatus};

/// Keeps the challenges of every subject and the counters that limit guessing.
///
/// The rules themselves are [`otp_core::SubjectRecord`]; a store makes each of them **one atomic
/// step** over what is stored, and nothing else. All state of one subject is one unit.
///
/// # Contract
///
/// Every number has its function in [`conformance::challenge_store`](crate::conformance::challenge_store)
/// (feature `conformance`), which a store of your own can run too.
///
/// 1. **Counted first.** [`begin_attempt`](Self::begin_attempt) counts on the challenge and on its
///    subject before it hands out the [`Attempt`]. However many calls run in parallel, over any
///    number of challenges, tasks, processes or nodes, no more attempts are handed out than the
///    [`Policy`] allows.
/// 2. **One winner.** [`consume`](Self::consume) succeeds at most once for a challenge, ever.
/// 3. **Nothing forgets.** Only success or [`unlock`](Self::unlock) lowers a counter or lifts a
///    lock: not a resend, not a new challenge, not expiry, not sweeping, not a restart of a durable
///    backend. What a failover to an asynchronous replica can lose is stated by the backend.
/// 4. **The caller's clock decides.** `expires_at` against the `now` of the call; a backend's own
///    expiry only sweeps. At `expires_at` itself the challenge is gone, and so it is for a clock that
///    is behind the one that opened it by more than [`Challenge::CLOCK_TOLERANCE`].
/// 5. **A resend is the same challenge.** [`grant_resend`](Self::grant_resend) enforces cooldown and
///    count in one step, and keeps id, nonce, end and counters.
/// 6. **The newest replaces.** [`open`](Self::open) revokes the subject's older challenge of the same
///    purpose in the same step.
/// 7. **Acknowledged means kept.** A durable backend answers a call that counted, opened, consumed
///    or revoked only when that is on disk.
/// 8. **Full means refuse.** A bounded backend answers
///    [`Capacity`](crate::StoreErrorKind::Capacity) and never drops a live challenge or a counter
///    to make room.
/// 9. **Failed means refused.** Every error leaves the caller with nothing it could use: after
///    [`Unavailable`](crate::StoreErrorKind::Unavailable) an attempt may be counted that nobody
///    evaluated, never the reverse.
/// 10. **Subjects are apart.** A call changes nothing of any other subject.
/// 11. **Dropped means once or not at all.** A call that is dropped before it answers has happened
///     wholly, or not at all, or still will; what it counted stays counted.
///
/// # Time
///
/// Instants are kept in whole milliseconds since 1970; a finer part of `now` or of an `expires_at`
/// is cut off, so nothing lives longer than it says.
///
/// # Cancel safety
///
/// Number 11: whoever drops a call cannot know whether it happened, as after
/// [`Unavailable`](crate::StoreErrorKind::Unavailable).
#[async_trait]
pub trait ChallengeStore: Debug + Send + Sync + 'static {
    /// Opens `new` for `subject`; an older one of the same purpose is revoked in the same step.
    ///
    /// # Errors
    ///
    /// The inner error says that the rules refuse: the subject is locked until an instant, or
    /// blocked until an administrator helps. The outer one that the store could not do it;
    /// [`Capacity`](crate::StoreErrorKind::Capacity) when a bounded store is full.
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError>;

    /// The open challenge of this id; `None` if there is none, or none any more at `now`.
    ///
    /// Counts nothing, so what it answers must never decide whether a code is right: that is what
    /// [`begin_attempt`](Self::begin_attempt) is for.
    ///
    /// # Errors
    ///
    /// When the store could not look.
    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError>;

    /// Counts one attempt and then hands it out, to be verified by [`Attempt::verify`].
    ///
    /// # Errors
    ///
    /// The inner error says why the rules give no attempt; the outer that the store could not
    /// count, in which case nothing may be compared.
    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError>;

    /// Ends the challenge with success: for one caller only, who clears the subject's counters.
    ///
    /// # Errors
    ///
    /// The inner error: somebody else was first, or the challenge ended meanwhile. The outer:
    /// nobody may be let in by this call; a second call with a fresh attempt may tell more.
    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, StoreError>;

    /// Grants one more message with the same code, if cooldown and count allow it.
    ///
    /// # Errors
    ///
    /// The inner error says why not, and from when if it is only too early.
    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError>;

    /// Notes what is known about the delivery; a failed one shortens the resend cooldown.
    ///
    /// Does nothing for a challenge that is gone.
    ///
    /// # Errors
    ///
    /// When the store could not write it.
    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: Delivery,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError>;

    /// Ends the challenge without success. Counters stay. Does nothing if it is gone already.
    ///
    /// # Errors
    ///
    /// When the store could not do it: the challenge may still be open.
    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError>;

    /// The subject's counters, lock and block as of `now`.
    ///
    /// # Errors
    ///
    /// When the store could not look.
    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError>;

    /// Administrator: clears the subject's counters, lock and block.
    ///
    /// # Errors
    ///
    /// When the store could not do it.
    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError>;
}

const _: fn(&dyn ChallengeStore) = |_| {};
