//! The contract of a store for open challenges and the counters of their subjects.

use std::{fmt::Debug, time::SystemTime};

use async_trait::async_trait;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, Verified,
};

use crate::{ConsumeFailed, StoreError, SubjectStatus};

/// Keeps the challenges of every subject and the counters that limit guessing.
///
/// The rules are those of [`otp_core::SubjectRecord`]. A store applies each of them in **one atomic step** to
/// what is stored. All state of one subject is one unit, and it is one before the store has a record of the subject,
/// too.
///
/// # Two errors
///
/// | result of a call | means | the host |
/// |---|---|---|
/// | outer `Err`, a [`StoreError`] | the store failed | refuses, alerts or retries by its [kind](crate::StoreErrorKind) |
/// | inner `Err`, such as [`AttemptRefused`] | the store works, and the rules refuse | tells the user what the refusal says |
/// | `Ok(Ok(…))` | granted and stored | goes on |
///
/// The inner `Result` is a value of the rules, so `store.open(…).await?` leaves a `Result` that must be looked at.
/// Where one error type takes both, write `??`.
///
/// # Contract
///
/// Each number has a function in [`conformance::challenge_store`](crate::conformance::challenge_store) (feature
/// `conformance`). Your own store can run it too.
///
/// 1. **Counted first.** [`begin_attempt`](Self::begin_attempt) counts on the challenge and on its subject before
///    it returns the [`Attempt`]. However many calls run in parallel, over any number of challenges, tasks,
///    processes or nodes, they return no more attempts than the [`Policy`] allows.
/// 2. **One winner.** [`consume`](Self::consume) succeeds at most once for a challenge, ever.
/// 3. **Counters persist.** Only a success or [`unlock`](Self::unlock) lowers a counter, and a lock ends before its
///    instant only by them. A resend, a new challenge, expiry, sweeping or a restart of a durable backend changes
///    neither. Each backend states what a failover to an asynchronous replica can lose.
/// 4. **The caller's clock decides.** `expires_at` is compared with the `now` of the call. A backend's own expiry
///    only sweeps. At `expires_at` the challenge has expired. It also counts as expired for a clock that is
///    behind the one that opened it by more than [`Challenge::CLOCK_TOLERANCE`]. A lock does not apply while its last
///    attempt is ahead of `now` by more than [`MAX_CLOCK_LEAD`](otp_core::MAX_CLOCK_LEAD).
/// 5. **A resend is the same challenge.** [`grant_resend`](Self::grant_resend) enforces cooldown and count in one
///    step. Id, nonce, expiry and attempt counters stay.
/// 6. **The newest replaces.** [`open`](Self::open) revokes the subject's older challenge for the same purpose in
///    the same step. Challenges for other purposes stay, whoever opens them at the same time.
/// 7. **Acknowledged means kept.** A durable backend returns from a call that counted, opened, consumed or
///    revoked only when the change is on disk.
/// 8. **Full means refuse.** A full backend returns [`Capacity`](crate::StoreErrorKind::Capacity). It never drops a
///    live challenge or a counter to make room.
/// 9. **Failed means refused.** A call that fails returns no challenge, attempt or permission. After
///    [`Unavailable`](crate::StoreErrorKind::Unavailable) an attempt may be counted without being returned.
///    An attempt that is returned is always counted.
/// 10. **Subjects are apart.** A call changes nothing of another subject.
/// 11. **Dropped means once or not at all.** A call that is dropped before it returns takes effect completely or
///     not at all, now or a little later. What it counted stays counted.
/// 12. **In time.** Every call ends within the time that the backend states, also if the backend neither replies nor
///     refuses, and for any number of callers.
///
/// # Time
///
/// Instants are stored in whole milliseconds since 1970. A finer part of `now` or `expires_at` is cut off, so
/// nothing lives longer than stated.
///
/// # Cancel safety
///
/// See number 11. After a dropped call the outcome is unknown, as after
/// [`Unavailable`](crate::StoreErrorKind::Unavailable).
#[async_trait]
pub trait ChallengeStore: Debug + Send + Sync + 'static {
    /// Opens `new` for `subject`. Revokes an older challenge for the same purpose in the same step.
    ///
    /// # Errors
    ///
    /// The inner [`OpenRefused`] is for the user: the subject is locked until an instant, or blocked until an
    /// administrator unlocks it. On the outer [`StoreError`], send no message. It is
    /// [`Capacity`](crate::StoreErrorKind::Capacity) if the store is full.
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError>;

    /// Returns the open challenge with this id; `None` if there is none at `now`.
    ///
    /// It counts nothing, so never use its result to decide whether a code is right. Use
    /// [`begin_attempt`](Self::begin_attempt) for that.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not read.
    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError>;

    /// Counts one attempt at a challenge and returns it for [`Attempt::verify`].
    ///
    /// The counters are stored first: a crash can cost an attempt but never adds one.
    ///
    /// # Errors
    ///
    /// The inner [`AttemptRefused`] is for the user. On the outer [`StoreError`], do not compare the code.
    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError>;

    /// Ends the challenge with success, for one caller only. Clears the subject's counters.
    ///
    /// # Errors
    ///
    /// The inner [`ConsumeRefused`]: another caller was first, or the challenge has ended. On either error, do
    /// not let the user in.
    ///
    /// The outer [`ConsumeFailed`] gives the proof back if it is certain that nothing was done. Then try again with
    /// it: a right code should not be lost to a [`Conflict`](crate::StoreErrorKind::Conflict). Without the proof, the
    /// challenge may have been consumed.
    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed>;

    /// Counts a resend and permits one more message with the same code.
    ///
    /// # Errors
    ///
    /// The inner [`ResendRefused`] is for the user. If it is only too early, it says from when a resend is
    /// allowed. On the outer [`StoreError`], send no message.
    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError>;

    /// Records the delivery of the last message. A failed delivery shortens the resend cooldown.
    ///
    /// Does nothing for a challenge that is not open.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not write.
    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError>;

    /// Ends the challenge without success. Counters stay. Does nothing if the challenge is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not write. The challenge may still be open.
    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError>;

    /// Returns the subject's counters, lock and block at `now`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not read.
    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError>;

    /// Clears the subject's counters, lock and block. For administrators.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not write.
    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError>;
}

const _: fn(&dyn ChallengeStore) = |_| {};

/// How often [`consume_with_retries`] calls the store.
const CONSUME_TRIES: u32 = 3;

/// Consumes the challenge of a right code. If the store says that nothing was done and that another try may succeed,
/// tries again, three times in all: the user need not type a right code twice.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// use otp_cache::{ChallengeStore, consume_with_retries, memory::MemoryStore};
/// # use otp_cache::otp_core::{
/// #     Binding, ChallengeId, CodeFormat, DigestKey, KeyId, KeyRing, NewChallenge, Nonce, Policy, Purpose, SubjectKey,
/// # };
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let (store, policy, six) = (MemoryStore::new(), Policy::default(), CodeFormat::digits(6)?);
/// # let keys = KeyRing::new(KeyId::new(1), DigestKey::random());
/// # let (id, now) = (ChallengeId::random(), SystemTime::now());
/// # let subject = SubjectKey::derive("", "alice");
/// # let binding = Binding {
/// #     tenant: "", subject: "alice", flow: "f", purpose: Purpose::LOGIN, destination: b"+819012345678",
/// # };
/// # let expires_at = now + Duration::from_secs(300);
/// # let (kid, nonce) = (keys.current_id(), Nonce::random());
/// # let new = NewChallenge { id, purpose: Purpose::LOGIN, kid, nonce, expires_at };
/// # let sent = store.open(subject, new, &policy, now).await??.code(&keys, &binding, &six)?;
/// # let typed = six.normalise(sent.expose_secret())?;
/// let attempt = store.begin_attempt(subject, id, &policy, now).await??;
/// let verified = attempt.verify(&keys, &binding, &six, &typed, now)?;
/// let consumed = consume_with_retries(&store, verified, || now).await??;
/// assert_eq!(consumed.attempts(), 1);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(example())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `now` returns the instant of each try.
///
/// # Errors
///
/// The [`StoreError`] of the last try. Do not let the user in.
///
/// # Cancel safety
///
/// As of [`ChallengeStore::consume`]: after a dropped call the challenge may be consumed.
pub async fn consume_with_retries<S: ChallengeStore + ?Sized>(
    store: &S,
    verified: Verified,
    now: impl Fn() -> SystemTime,
) -> Result<Result<Consumed, ConsumeRefused>, StoreError> {
    let (mut verified, mut tries_left) = (verified, CONSUME_TRIES);
    loop {
        tries_left -= 1;
        match store.consume(verified, now()).await.map_err(ConsumeFailed::into_parts) {
            Ok(consumed) => return Ok(consumed),
            Err((error, Some(proof))) if error.is_retryable() && tries_left > 0 => verified = proof,
            Err((error, _)) => return Err(error),
        }
    }
}
