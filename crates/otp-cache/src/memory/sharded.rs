//! A bounded map of many shards, each with its own lock.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use super::{
    key::{HashedKey, Key, Seed},
    shard::{Entry, Shard},
};

/// Many more shards than processors, so that two callers rarely wait for the same lock.
const SHARDS: usize = 256;

/// Buckets that one call sweeps when there is no room for an addition.
const SWEPT_WHEN_FULL: usize = 4096;

#[derive(Debug)]
pub(super) struct Sharded<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    /// One seed chooses the shard and the bucket, each by bits of its own.
    seed: Seed,
    len: AtomicUsize,
    capacity: usize,
    /// The shard and its bucket at which the next search for room begins. Two searches at once may read them
    /// in between; then one of them looks at some buckets again.
    search_shard: AtomicUsize,
    search_bucket: AtomicUsize,
}

impl<V: Entry> Sharded<V> {
    /// Creates a map for up to `capacity` entries. Memory is taken as entries are added.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            seed: Seed::default(),
            len: AtomicUsize::new(0),
            capacity,
            search_shard: AtomicUsize::new(0),
            search_bucket: AtomicUsize::new(0),
        }
    }

    /// Returns how many entries the map holds or has reserved room for.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Returns how many entries the map may hold.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns `key` with its hash.
    pub(super) fn hashed(&self, key: Key) -> HashedKey {
        self.seed.hashed(key)
    }

    /// Returns the index of the shard that holds this key.
    pub(super) fn shard_index(&self, key: HashedKey) -> usize {
        key.shard_index(self.shards.len())
    }

    /// Locks the shard that holds this key.
    pub(super) fn lock(&self, key: HashedKey) -> MutexGuard<'_, Shard<V>> {
        self.lock_shard(self.shard_index(key))
    }

    /// Locks the shard at `index`.
    pub(super) fn lock_shard(&self, index: usize) -> MutexGuard<'_, Shard<V>> {
        // A rule that panicked has left its record unchanged or partly changed. Its counters can only have
        // risen, so it is safe to go on.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves room for `entries` entries. Returns whether there was room for all of them.
    pub(super) fn reserve(&self, entries: usize) -> bool {
        let fits = |len: usize| len.checked_add(entries).filter(|sum| *sum <= self.capacity);
        // `Relaxed`: the counter only bounds memory. The shards' mutexes guard the entries.
        entries == 0 || self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// Releases the room of `entries` entries.
    fn release(&self, entries: usize) {
        if entries > 0 {
            // Saturating: a count that wrapped below 0 would refuse every addition from then on.
            let less = |len: usize| Some(len.saturating_sub(entries));
            let _ = self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// Adds an entry for which room has been reserved, and sweeps a few buckets of its shard.
    pub(super) fn insert(&self, shard: &mut Shard<V>, key: HashedKey, value: V, now: SystemTime) {
        self.release(shard.sweep_step(now, &self.seed));
        shard.insert(key, value, &self.seed);
    }

    /// Removes the entry of `key`, if there is one.
    pub(super) fn remove(&self, shard: &mut Shard<V>, key: HashedKey) {
        self.release(usize::from(shard.remove(key, &self.seed)));
    }

    /// Searches for entries that can be dropped, because there is no room. Returns whether it dropped one.
    ///
    /// Each search sweeps a limited number of buckets, and the next one continues where it ended. So every
    /// refused addition costs about the same, and the searches reach every shard in turn.
    pub(super) fn make_room(&self, now: SystemTime) -> bool {
        let mut left = SWEPT_WHEN_FULL;
        let mut index = self.search_shard.load(Ordering::Relaxed);
        let mut bucket = self.search_bucket.load(Ordering::Relaxed);
        let mut dropped = 0;
        // One round more than there are shards: the search may begin in the middle of a shard, whose first
        // buckets then come last.
        for _ in 0..=self.shards.len() {
            let swept = self.lock_shard(index).sweep(bucket, left, now, &self.seed);
            dropped = swept.dropped;
            left -= swept.buckets;
            (index, bucket) = if swept.is_at_end {
                ((index + 1) % self.shards.len(), 0)
            } else {
                (index, swept.stop)
            };
            if dropped > 0 || left == 0 {
                break;
            }
        }
        self.search_shard.store(index, Ordering::Relaxed);
        self.search_bucket.store(bucket, Ordering::Relaxed);
        self.release(dropped);
        dropped > 0
    }

    /// Returns how many entries the shards hold. [`len`](Self::len) must agree with it.
    #[cfg(test)]
    pub(super) fn counted(&self) -> usize {
        (0..self.shards.len()).map(|index| self.lock_shard(index).len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Forgettable from the instant that it names, in seconds.
    #[derive(Debug)]
    struct Until(u64);

    impl Entry for Until {
        fn is_forgettable(&self, now: SystemTime) -> bool {
            now >= at(self.0)
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key(map: &Sharded<Until>, number: u32) -> HashedKey {
        let mut key = [7; 16];
        key[..4].copy_from_slice(&number.to_le_bytes());
        map.hashed(key)
    }

    fn add(map: &Sharded<Until>, number: u32, until: u64, now: u64) -> bool {
        let key = key(map, number);
        let mut shard = map.lock(key);
        let has_room = map.reserve(1);
        if has_room {
            map.insert(&mut shard, key, Until(until), at(now));
        }
        has_room
    }

    fn change(map: &Sharded<Until>, number: u32, until: u64) {
        let key = key(map, number);
        map.lock(key).get_mut(key).expect("it was added").0 = until;
    }

    fn has(map: &Sharded<Until>, number: u32) -> bool {
        let key = key(map, number);
        map.lock(key).get(key).is_some()
    }

    #[test]
    fn a_full_map_refuses_and_drops_no_live_entry() {
        let map = Sharded::new(1_000);
        for number in 0..1_000 {
            assert!(add(&map, number, 100, 0));
        }
        assert!(!add(&map, 1_000, 100, 0));
        assert!(!map.make_room(at(99)));
        assert!((0..1_000).all(|number| has(&map, number)));
    }

    #[test]
    fn one_expired_entry_among_many_makes_room_within_a_few_searches() {
        let map = Sharded::new(20_000);
        for number in 0..20_000 {
            assert!(add(&map, number, if number == 9_000 { 10 } else { 100 }, 0));
        }
        // 256 tables of 128 buckets are eight searches. A few tables may have 256 buckets.
        assert!((0..9).any(|_| map.make_room(at(10))));
        assert_eq!(map.len(), 19_999);
        assert!(add(&map, 20_000, 100, 10));
    }

    /// A shard with more buckets than one search sweeps must not keep it from the other shards.
    #[test]
    fn a_large_live_shard_does_not_hide_an_expired_entry_of_another() {
        let map = Sharded::new(5_001);
        let numbers_of = |shard| {
            let map = &map;
            (0..).filter(move |number| map.shard_index(key(map, *number)) == shard)
        };
        for number in numbers_of(0).take(5_000) {
            assert!(add(&map, number, 100, 0));
        }
        let other = numbers_of(200).next().expect("a number of each shard");
        assert!(add(&map, other, 10, 0));
        assert!((0..4).any(|_| map.make_room(at(10))));
    }

    #[test]
    fn additions_keep_expired_entries_from_piling_up() {
        let map = Sharded::new(1_000_000);
        for number in 0..200_000_u32 {
            let now = u64::from(number);
            assert!(add(&map, number, now + 1_000, now));
        }
        // 1,000 are live at any time; the sweep with each addition bounds the others.
        assert!(map.len() < 4_000, "{} entries for 1,000 live ones", map.len());
        assert_eq!(map.counted(), map.len());
    }

    #[test]
    fn an_entry_that_expires_early_is_swept_by_the_next_additions() {
        let map = Sharded::new(1_000_000);
        (0..10_000).for_each(|number| assert!(add(&map, number, 1_000, 0)));
        (0..10_000).for_each(|number| change(&map, number, 1));
        (10_000..30_000).for_each(|number| assert!(add(&map, number, 1_000, 1)));
        assert_eq!(map.len(), 20_000);
        assert_eq!(map.counted(), 20_000);
    }

    #[test]
    fn an_entry_that_is_extended_stays_until_its_new_end() {
        let map = Sharded::new(1_000_000);
        for number in 0..10_000 {
            assert!(add(&map, number, 10, 0));
        }
        for number in 0..10_000 {
            change(&map, number, 200);
        }
        for number in 10_000..40_000 {
            assert!(add(&map, number, 300, 199));
        }
        assert_eq!(map.len(), 40_000);
        for number in 40_000..80_000 {
            assert!(add(&map, number, 300, 200));
        }
        assert_eq!(map.len(), 70_000);
    }

    #[test]
    fn keys_spread_over_the_shards() {
        let map = Sharded::<Until>::new(1);
        let mut hits = [0_u32; SHARDS];
        for number in 0..25_600 {
            hits[map.shard_index(key(&map, number))] += 1;
        }
        assert!(hits.iter().all(|hits| (40..200).contains(hits)), "{hits:?}");
    }
}
