//! A store that fails on command.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::SystemTime,
};

use async_trait::async_trait;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, Verified,
};

use super::outage::Outage;
use crate::{
    ChallengeStore, Charge, Charged, ConsumeFailed, DeliveryNote, DeliveryNotes, NoteKey, Quota,
    QuotaRefused, StoreError, StoreErrorKind, SubjectStatus,
};

/// How a call of a [`Faulty`] store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call does not reach the store.
    NotDone,
    /// The store executes the call, and its result is lost.
    Done,
    /// The call does not reach the store, and the error says so: [`Conflict`](StoreErrorKind::Conflict).
    Conflict,
    /// The call never returns, not even after the fault has ended.
    Hangs,
}

/// A wrapper of a store with faults that can be switched on and off. It tests what a host does when its store
/// fails, without a server to stop.
///
/// A call that meets [`Fault::NotDone`] or [`Fault::Done`] returns [`Unavailable`](StoreErrorKind::Unavailable), so the
/// caller cannot tell one from the other.
///
/// ```
/// use otp_cache::conformance::{Fault, Faulty};
/// use otp_cache::{Quota, memory::MemoryStore};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = Faulty::new(MemoryStore::new());
/// let now = std::time::SystemTime::UNIX_EPOCH;
/// store.fail(Fault::NotDone);
/// assert!(store.charge(&[], now).await.is_err());
/// store.heal();
/// assert!(store.charge(&[], now).await.is_ok());
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Faulty<S> {
    store: S,
    fault: AtomicU8,
    in_outage: Fault,
}

const SOUND: u8 = 0;
const NOT_DONE: u8 = 1;
const DONE: u8 = 2;
const CONFLICT: u8 = 3;
const HANGS: u8 = 4;

const OUT: StoreError = StoreError::new(StoreErrorKind::Unavailable, "the store was told to fail");
const BLOCKED: StoreError =
    StoreError::new(StoreErrorKind::Conflict, "the store was told to be blocked");

impl<S> Faulty<S> {
    /// Wraps the store, without a fault.
    pub const fn new(store: S) -> Self {
        Self { store, fault: AtomicU8::new(SOUND), in_outage: Fault::NotDone }
    }

    /// Sets how it fails when it is used as an [`Outage`].
    #[must_use]
    pub const fn with_outage(mut self, fault: Fault) -> Self {
        self.in_outage = fault;
        self
    }

    /// Makes every call fail in this way.
    pub fn fail(&self, fault: Fault) {
        let fault = match fault {
            Fault::NotDone => NOT_DONE,
            Fault::Done => DONE,
            Fault::Conflict => CONFLICT,
            Fault::Hangs => HANGS,
        };
        self.fault.store(fault, Ordering::SeqCst);
    }

    /// Ends the fault.
    pub fn heal(&self) {
        self.fault.store(SOUND, Ordering::SeqCst);
    }

    /// Returns the wrapped store.
    pub const fn inner(&self) -> &S {
        &self.store
    }

    fn fault(&self) -> Option<Fault> {
        match self.fault.load(Ordering::SeqCst) {
            SOUND => None,
            DONE => Some(Fault::Done),
            CONFLICT => Some(Fault::Conflict),
            HANGS => Some(Fault::Hangs),
            _ => Some(Fault::NotDone),
        }
    }

    async fn answer<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.fault() {
            None => call.await,
            Some(Fault::Done) => match call.await {
                Ok(_) => Err(OUT.into()),
                Err(error) => Err(error),
            },
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Conflict) => Err(BLOCKED.into()),
            Some(Fault::NotDone) => Err(OUT.into()),
        }
    }
}

#[async_trait]
impl<S: Send + Sync> Outage for Faulty<S> {
    async fn begin(&self) {
        self.fail(self.in_outage);
    }

    async fn end(&self) {
        self.heal();
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: ChallengeStore> ChallengeStore for Faulty<S> {
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        self.answer(self.store.open(subject, new, policy, now)).await
    }

    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError> {
        self.answer(self.store.load(subject, id, now)).await
    }

    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
        self.answer(self.store.begin_attempt(subject, id, policy, now)).await
    }

    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        if self.fault() == Some(Fault::Conflict) {
            return Err(ConsumeFailed::new(BLOCKED, verified));
        }
        self.answer(self.store.consume(verified, now)).await
    }

    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
        self.answer(self.store.grant_resend(subject, id, policy, now)).await
    }

    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.answer(self.store.record_delivery(subject, id, delivery, policy, now)).await
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        self.answer(self.store.revoke(subject, id)).await
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        self.answer(self.store.subject_status(subject, policy, now)).await
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.answer(self.store.unlock(subject)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Quota> Quota for Faulty<S> {
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        self.answer(self.store.charge(charges, now)).await
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        self.answer(self.store.refund(charged, now)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DeliveryNotes> DeliveryNotes for Faulty<S> {
    async fn keep(
        &self,
        key: NoteKey,
        note: DeliveryNote,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.answer(self.store.keep(key, note, now)).await
    }

    async fn find(
        &self,
        key: NoteKey,
        now: SystemTime,
    ) -> Result<Option<DeliveryNote>, StoreError> {
        self.answer(self.store.find(key, now)).await
    }
}
