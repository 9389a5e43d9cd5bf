//! Everything in this process: the fastest backend, for one process and for tests.
//!
//! Exact and bounded: when full it refuses what is new and drops nothing that is live. What has
//! expired is swept a little with each addition, so no timer and no thread is needed.
//!
//! A restart forgets everything, **counters and locks too**: whoever can make the process restart
//! can guess anew. For production on one machine take [`sqlite`](crate::sqlite).

mod index;
mod shard;
mod sharded;

use std::{
    fmt,
    sync::MutexGuard,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, Delivery,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, SubjectRecord,
    Verified,
    gcra::{self, Tat},
};

use self::{
    shard::{Entry, Shard},
    sharded::Sharded,
};
use crate::{
    ChallengeStore, Charge, Charged, Quota, QuotaRefused, StoreError, StoreErrorKind,
    SubjectStatus,
    charging::{Decision, decide},
    layout::{forgettable_at, is_forgettable, since_epoch},
};

/// Challenges, counters and quotas in this process.
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
}

impl MemoryStore {
    /// Room for 1 million subjects with something to remember, and as many quota keys.
    pub fn new() -> Self {
        Self::with_capacity(1_000_000)
    }

    /// Room for this many subjects with something to remember, and as many quota keys.
    ///
    /// A subject counts while it has an open challenge or a failure since its last success. Memory
    /// is taken as it is needed: below 300 bytes a subject.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { subjects: Sharded::new(capacity), quotas: Sharded::new(capacity) }
    }

    /// How many subjects the store remembers something of, what has expired and was not swept yet
    /// included.
    pub fn subjects(&self) -> usize {
        self.subjects.len()
    }

    /// How many quota keys the store remembers, those not swept yet included.
    pub fn quota_keys(&self) -> usize {
        self.quotas.len()
    }

    /// Applies `rule` to the subject's record, if there is one, and forgets a record that then says
    /// nothing.
    fn with_record<T>(
        &self,
        subject: SubjectKey,
        rule: impl FnOnce(&mut SubjectRecord) -> T,
    ) -> Option<T> {
        let key = *subject.as_bytes();
        let mut shard = self.subjects.lock(key);
        let record = shard.get_mut(key)?;
        let outcome = rule(record);
        if record.is_empty() {
            self.subjects.remove(&mut shard, key);
        }
        Some(outcome)
    }

    fn read<T>(&self, subject: SubjectKey, look: impl FnOnce(&SubjectRecord) -> T) -> Option<T> {
        let key = *subject.as_bytes();
        self.subjects.lock(key).get(key).map(look)
    }

    fn open_now(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        let key = *subject.as_bytes();
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
            let mut held = Held::lock(&self.quotas, charges);
            let marks = charges.iter().map(|charge| held.mark(&self.quotas, charge));
            let decision = match decide(charges, marks, now) {
                Ok(decision) => decision,
                Err(refused) => return Ok(Err(refused)),
            };
            if held.put(&self.quotas, &decision, now) {
                return Ok(Ok(decision.receipt));
            }
            drop(held);
            if !self.quotas.make_room(now) {
                return Err(full("no room left for another quota key"));
            }
        }
    }
}

fn full(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Capacity, what)
}

/// The locks of all shards that some charges touch, taken in one order by everybody.
struct Held<'a>(Vec<(usize, MutexGuard<'a, Shard<Tat>>)>);

impl<'a> Held<'a> {
    fn lock(map: &'a Sharded<Tat>, charges: &[Charge]) -> Self {
        let mut places: Vec<usize> =
            charges.iter().map(|charge| map.place(*charge.key.as_bytes())).collect();
        places.sort_unstable();
        places.dedup();
        Self(places.into_iter().map(|place| (place, map.lock_place(place))).collect())
    }

    fn shard(&mut self, place: usize) -> &mut Shard<Tat> {
        let at = self.0.binary_search_by_key(&place, |(place, _)| *place);
        let at = at.expect("the shard of every charge is locked");
        &mut self.0[at].1
    }

    /// What is stored for the key of this charge.
    fn mark(&mut self, map: &Sharded<Tat>, charge: &Charge) -> Option<Tat> {
        let key = *charge.key.as_bytes();
        self.shard(map.place(key)).get(key).copied()
    }

    /// Stores the new marks, or nothing if there is no room for them.
    fn put(&mut self, map: &Sharded<Tat>, decision: &Decision, now: SystemTime) -> bool {
        if !map.reserve(decision.new_keys) {
            return false;
        }
        // What is stored first: the sweeping that comes with an addition could take a spent mark away
        // that is to be replaced, and it would be added again without room reserved for it.
        let mut missing = Vec::with_capacity(decision.new_keys);
        for (key, mark) in &decision.marks {
            let key = *key.as_bytes();
            match self.shard(map.place(key)).get_mut(key) {
                Some(stored) => *stored = *mark,
                None => missing.push((key, *mark)),
            }
        }
        for (key, mark) in missing {
            map.insert(self.shard(map.place(key)), key, mark, now);
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
    ) -> Result<Result<Consumed, ConsumeRefused>, StoreError> {
        Ok(self
            .with_record(verified.subject(), |record| record.consume(verified, now))
            .unwrap_or(Err(ConsumeRefused::NotFound)))
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
        delivery: Delivery,
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
            let key = *key.as_bytes();
            let mut shard = self.quotas.lock(key);
            if let Some(mark) = shard.get_mut(key) {
                *mark = gcra::refund(*mark, span);
                if mark.is_past(now) {
                    self.quotas.remove(&mut shard, key);
                }
            }
        }
        Ok(())
    }
}

impl Entry for SubjectRecord {
    fn is_dead(&self, now: SystemTime) -> bool {
        is_forgettable(self, now)
    }

    fn dies_at(&self) -> Option<Duration> {
        forgettable_at(self).map(since_epoch)
    }
}

impl Entry for Tat {
    fn is_dead(&self, now: SystemTime) -> bool {
        self.is_past(now)
    }

    fn dies_at(&self) -> Option<Duration> {
        Some(Duration::from_micros(self.as_micros()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::QuotaKey;

    /// Few keys, so that a charge often finds one of its keys stored and spent, and a clock that
    /// goes on and makes them so.
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
