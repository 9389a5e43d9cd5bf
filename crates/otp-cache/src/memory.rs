//! The memory backend: the fastest one, for one process and for tests.
//!
//! It is bounded: a full store refuses new subjects and new quota keys, and drops no live entry. Each
//! addition sweeps a few entries and drops those that have expired, so no timer and no thread is needed.
//!
//! A restart loses everything, **counters and locks too**: someone who can restart the process can start
//! guessing again. For production on one machine, use [`sqlite`](crate::sqlite).

mod key;
mod notes;
mod shard;
mod sharded;

use std::{fmt, sync::MutexGuard, time::SystemTime};

use async_trait::async_trait;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, SubjectRecord,
    Verified,
    gcra::{self, Tat},
};

use self::{
    key::HashedKey,
    shard::{Entry, Shard},
    sharded::Sharded,
};
use crate::{
    ChallengeStore, Charge, Charged, ConsumeFailed, DeliveryNote, Quota, QuotaKey, QuotaRefused,
    StoreError, StoreErrorKind, SubjectStatus,
    charging::{GrantedCharges, charge_all},
};

/// Keeps challenges, counters, quotas and delivery notes in the memory of this process.
///
/// ```
/// use otp_cache::memory::MemoryStore;
///
/// let store = MemoryStore::with_capacity(1_000_000);
/// assert_eq!(store.subjects(), 0);
/// ```
pub struct MemoryStore {
    subjects: Sharded<SubjectRecord>,
    quotas: Sharded<Tat>,
    notes: Sharded<DeliveryNote>,
}

impl MemoryStore {
    /// Creates a store for 1 million subjects, as many quota keys, and as many notes.
    pub fn new() -> Self {
        Self::with_capacity(1_000_000)
    }

    /// Creates a store for `capacity` subjects, as many quota keys, and as many notes.
    ///
    /// A subject counts while it has an open challenge or a failure since its last success. Memory is taken
    /// as entries are added: 300 bytes or less per subject with one challenge.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            subjects: Sharded::new(capacity),
            quotas: Sharded::new(capacity),
            notes: Sharded::new(capacity),
        }
    }

    /// Returns how many subjects the store holds, with those that have expired and are not swept yet.
    pub fn subjects(&self) -> usize {
        self.subjects.len()
    }

    /// Returns how many quota keys the store holds, with those that have refilled and are not swept yet.
    pub fn quota_keys(&self) -> usize {
        self.quotas.len()
    }

    /// Applies `rule` to the subject's record, if it exists. Removes the record if it is empty afterwards.
    fn with_record<T>(
        &self,
        subject: SubjectKey,
        rule: impl FnOnce(&mut SubjectRecord) -> T,
    ) -> Option<T> {
        let key = self.subjects.hashed(*subject.as_bytes());
        let mut shard = self.subjects.lock(key);
        let record = shard.get_mut(key)?;
        let outcome = rule(record);
        if record.is_empty() {
            self.subjects.remove(&mut shard, key);
        }
        Some(outcome)
    }

    fn read<T>(&self, subject: SubjectKey, look: impl FnOnce(&SubjectRecord) -> T) -> Option<T> {
        let key = self.subjects.hashed(*subject.as_bytes());
        self.subjects.lock(key).get(key).map(look)
    }

    fn open_now(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        let key = self.subjects.hashed(*subject.as_bytes());
        // Starts again after `make_room`: while no lock was held, another call may have taken the room or
        // inserted this subject.
        loop {
            let mut shard = self.subjects.lock(key);
            if let Some(record) = shard.get_mut(key) {
                return Ok(record.open(new, policy, now));
            }
            let mut record = SubjectRecord::new();
            let opened = record.open(new, policy, now);
            if opened.is_err() {
                return Ok(opened);
            }
            if self.subjects.reserve(1) {
                self.subjects.insert(&mut shard, key, record, now);
                return Ok(opened);
            }
            // `make_room` locks every shard, this one too, and `Mutex` is not reentrant.
            drop(shard);
            if !self.subjects.make_room(now) {
                return Err(full("no room left for another subject"));
            }
        }
    }

    fn charge_now(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        loop {
            let mut locked = LockedShards::of(&self.quotas, charges);
            let granted = match charge_all(charges, |key| locked.get(key), now) {
                Ok(granted) => granted,
                Err(refused) => return Ok(Err(refused)),
            };
            if locked.put(&granted, now) {
                return Ok(Ok(granted.receipt));
            }
            // As in `open_now`: `make_room` locks these shards too.
            drop(locked);
            if !self.quotas.make_room(now) {
                return Err(full("no room left for another quota key"));
            }
        }
    }
}

fn full(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Capacity, what)
}

/// The locked shards of all keys of some charges.
struct LockedShards<'a> {
    map: &'a Sharded<Tat>,
    /// The shards with their indices, in ascending order.
    shards: Vec<(usize, MutexGuard<'a, Shard<Tat>>)>,
}

impl<'a> LockedShards<'a> {
    fn of(map: &'a Sharded<Tat>, charges: &[Charge]) -> Self {
        let index = |charge: &Charge| map.shard_index(map.hashed(*charge.key.as_bytes()));
        let mut indices: Vec<usize> = charges.iter().map(index).collect();
        // Sorted, so that two calls never wait for each other. Deduplicated, because locking one shard
        // twice would deadlock.
        indices.sort_unstable();
        indices.dedup();
        let shards = indices.into_iter().map(|index| (index, map.lock_shard(index))).collect();
        Self { map, shards }
    }

    fn shard(&mut self, key: HashedKey) -> &mut Shard<Tat> {
        let index = self.map.shard_index(key);
        let at = self.shards.binary_search_by_key(&index, |(index, _)| *index);
        let at = at.expect("the shard of every charge is locked");
        &mut self.shards[at].1
    }

    /// Returns what is stored for `key`.
    fn get(&mut self, key: QuotaKey) -> Option<Tat> {
        let key = self.map.hashed(*key.as_bytes());
        self.shard(key).get(key).copied()
    }

    /// Stores what was granted, or nothing if there is no room for it.
    fn put(&mut self, granted: &GrantedCharges, now: SystemTime) -> bool {
        let map = self.map;
        if !map.reserve(granted.new_keys) {
            return false;
        }
        // Stored keys first: the sweep of an addition could drop one that has refilled. It would then be
        // added again, without room reserved for it.
        let mut missing = Vec::with_capacity(granted.new_keys);
        for (key, tat) in &granted.tats {
            let key = map.hashed(*key.as_bytes());
            match self.shard(key).get_mut(key) {
                Some(stored) => *stored = *tat,
                None => missing.push((key, *tat)),
            }
        }
        for (key, tat) in missing {
            map.insert(self.shard(key), key, tat, now);
        }
        true
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("subjects", &self.subjects())
            .field("quota_keys", &self.quota_keys())
            .field("capacity", &self.subjects.capacity())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ChallengeStore for MemoryStore {
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        self.open_now(subject, new, policy, now)
    }

    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError> {
        Ok(self.read(subject, |record| record.challenge(id, now).cloned()).flatten())
    }

    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
        Ok(self
            .with_record(subject, |record| record.begin_attempt(subject, id, policy, now))
            .unwrap_or(Err(AttemptRefused::NotFound)))
    }

    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        let consumed = self.with_record(verified.subject(), |record| record.consume(verified, now));
        Ok(match consumed {
            Some(consumed) => consumed.map_err(|not_consumed| not_consumed.refused),
            None => Err(ConsumeRefused::NotFound),
        })
    }

    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
        Ok(self
            .with_record(subject, |record| record.grant_resend(id, policy, now))
            .unwrap_or(Err(ResendRefused::NotFound)))
    }

    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.with_record(subject, |record| record.record_delivery(id, delivery, policy, now));
        Ok(())
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        self.with_record(subject, |record| record.revoke(id));
        Ok(())
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        Ok(self
            .read(subject, |record| SubjectStatus::of(record, policy, now))
            .unwrap_or_else(|| SubjectStatus::of(&SubjectRecord::new(), policy, now)))
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.with_record(subject, SubjectRecord::unlock);
        Ok(())
    }
}

#[async_trait]
impl Quota for MemoryStore {
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        self.charge_now(charges, now)
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        for (key, span) in charged.refunds(now) {
            // One shard at a time is enough: a charge that runs in between sees a part of the refund. That
            // makes it stricter, never laxer.
            let key = self.quotas.hashed(*key.as_bytes());
            let mut shard = self.quotas.lock(key);
            if let Some(tat) = shard.get_mut(key) {
                *tat = gcra::refund(*tat, span);
                if tat.is_past(now) {
                    self.quotas.remove(&mut shard, key);
                }
            }
        }
        Ok(())
    }
}

impl Entry for SubjectRecord {
    fn is_forgettable(&self, now: SystemTime) -> bool {
        self.sweep_at().is_some_and(|at| at <= now)
    }
}

impl Entry for Tat {
    fn is_forgettable(&self, now: SystemTime) -> bool {
        self.is_past(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Returns a charge of one of a few keys. With a clock that goes on, a charge often finds a key that is
    /// stored and has refilled.
    fn charge(name: u8, events: u32) -> Charge {
        let rate = gcra::Rate::new(3, Duration::from_secs(3)).expect("a sound rate");
        Charge { key: QuotaKey::derive("", &name.to_string()), rate, events }
    }

    proptest! {
        #[test]
        fn the_count_of_quota_keys_is_the_number_stored(
            calls in prop::collection::vec(
                (prop::collection::btree_map(0_u8..40, 0_u32..3, 1..16), 0_u64..4),
                1..60,
            ),
        ) {
            let store = MemoryStore::with_capacity(40);
            let mut now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
            for (charges, pause) in calls {
                let charges: Vec<Charge> =
                    charges.into_iter().map(|(name, events)| charge(name, events)).collect();
                let _ = store.charge_now(&charges, now);
                prop_assert_eq!(store.quotas.len(), store.quotas.counted());
                now += Duration::from_secs(pause);
            }
        }
    }
}
