//! A store that counts its calls, and fails some of them on demand.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

use async_trait::async_trait;
use otp_cache::{
    ChallengeStore, ConsumeFailed, StoreError, StoreErrorKind, SubjectStatus, memory::MemoryStore,
};
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, Verified,
};

#[derive(Debug, Default)]
pub(crate) struct CountingStore {
    store: MemoryStore,
    calls: AtomicUsize,
    conflicts: AtomicUsize,
}

impl CountingStore {
    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Lets the next `calls` of `consume` meet another writer.
    pub(crate) fn conflict(&self, calls: usize) {
        self.conflicts.store(calls, Ordering::SeqCst);
    }

    fn counted(&self) -> &MemoryStore {
        self.calls.fetch_add(1, Ordering::SeqCst);
        &self.store
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChallengeStore for CountingStore {
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        self.counted().open(subject, new, policy, now).await
    }

    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError> {
        self.counted().load(subject, id, now).await
    }

    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
        self.counted().begin_attempt(subject, id, policy, now).await
    }

    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        let store = self.counted();
        let left = |left: usize| left.checked_sub(1);
        if self.conflicts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
            let error = StoreError::new(StoreErrorKind::Conflict, "another writer was first");
            return Err(ConsumeFailed::new(error, verified));
        }
        store.consume(verified, now).await
    }

    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
        self.counted().grant_resend(subject, id, policy, now).await
    }

    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.counted().record_delivery(subject, id, delivery, policy, now).await
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        self.counted().revoke(subject, id).await
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        self.counted().subject_status(subject, policy, now).await
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.counted().unlock(subject).await
    }
}
