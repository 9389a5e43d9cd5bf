//! All contracts for `Arc<T>` and `Box<T>`, so that a host can share a store behind a trait.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, Verified,
};

use crate::{
    ChallengeStore, Charge, Charged, ConsumeFailed, DeliveryNote, DeliveryNotes, NoteKey, Notifier,
    Quota, QuotaRefused, StoreError, SubjectStatus, Subscription,
};

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: ChallengeStore + ?Sized> ChallengeStore for $pointer<T> {
            async fn open(
                &self,
                subject: SubjectKey,
                new: NewChallenge,
                policy: &Policy,
                now: SystemTime,
            ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
                (**self).open(subject, new, policy, now).await
            }

            async fn load(
                &self,
                subject: SubjectKey,
                id: ChallengeId,
                now: SystemTime,
            ) -> Result<Option<Challenge>, StoreError> {
                (**self).load(subject, id, now).await
            }

            async fn begin_attempt(
                &self,
                subject: SubjectKey,
                id: ChallengeId,
                policy: &Policy,
                now: SystemTime,
            ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
                (**self).begin_attempt(subject, id, policy, now).await
            }

            async fn consume(
                &self,
                verified: Verified,
                now: SystemTime,
            ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
                (**self).consume(verified, now).await
            }

            async fn grant_resend(
                &self,
                subject: SubjectKey,
                id: ChallengeId,
                policy: &Policy,
                now: SystemTime,
            ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
                (**self).grant_resend(subject, id, policy, now).await
            }

            async fn record_delivery(
                &self,
                subject: SubjectKey,
                id: ChallengeId,
                delivery: DeliveryStatus,
                policy: &Policy,
                now: SystemTime,
            ) -> Result<(), StoreError> {
                (**self).record_delivery(subject, id, delivery, policy, now).await
            }

            async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
                (**self).revoke(subject, id).await
            }

            async fn subject_status(
                &self,
                subject: SubjectKey,
                policy: &Policy,
                now: SystemTime,
            ) -> Result<SubjectStatus, StoreError> {
                (**self).subject_status(subject, policy, now).await
            }

            async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
                (**self).unlock(subject).await
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: Quota + ?Sized> Quota for $pointer<T> {
            async fn charge(
                &self,
                charges: &[Charge],
                now: SystemTime,
            ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
                (**self).charge(charges, now).await
            }

            async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
                (**self).refund(charged, now).await
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: DeliveryNotes + ?Sized> DeliveryNotes for $pointer<T> {
            async fn keep(
                &self,
                key: NoteKey,
                note: DeliveryNote,
                now: SystemTime,
            ) -> Result<(), StoreError> {
                (**self).keep(key, note, now).await
            }

            async fn find(
                &self,
                key: NoteKey,
                now: SystemTime,
            ) -> Result<Option<DeliveryNote>, StoreError> {
                (**self).find(key, now).await
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: Notifier + ?Sized> Notifier for $pointer<T> {
            async fn notify(&self, subject: SubjectKey) -> Result<(), StoreError> {
                (**self).notify(subject).await
            }

            fn subscribe(&self, subject: SubjectKey) -> Result<Box<dyn Subscription>, StoreError> {
                (**self).subscribe(subject)
            }
        }
    };
}

forward!(Arc);
forward!(Box);
