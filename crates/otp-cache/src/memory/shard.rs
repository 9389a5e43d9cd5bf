//! One shard of the memory backend: a hash table, and a clock hand that sweeps its buckets.

use std::time::SystemTime;

use hashbrown::HashTable;

use super::key::{HashedKey, Key, Seed};

/// What a shard holds.
pub(super) trait Entry {
    /// Whether the store may drop the entry at `now`, because it has the same effect as a missing entry.
    fn is_forgettable(&self, now: SystemTime) -> bool;
}

/// Buckets that are swept for each entry added.
///
/// A table keeps at least 7 entries in 32 buckets (see [`Shard::shrink`]), so this passes 1.75 entries or
/// more for each one added. Entries that have expired never outnumber the live ones for long.
const SWEPT_PER_INSERT: usize = 8;

/// A table with room for no more entries than this is never shrunk.
const MIN_CAPACITY: usize = 64;

#[derive(Debug)]
pub(super) struct Shard<V> {
    table: HashTable<(Key, V)>,
    /// The bucket at which the next sweep for an added entry begins.
    clock_hand: usize,
}

/// What one sweep did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Swept {
    /// Buckets that it looked at.
    pub(super) buckets: usize,
    /// Entries that it dropped.
    pub(super) dropped: usize,
    /// The bucket after the last one that it looked at.
    pub(super) stop: usize,
    /// Whether that is the end of the table.
    pub(super) is_at_end: bool,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { table: HashTable::new(), clock_hand: 0 }
    }
}

impl<V: Entry> Shard<V> {
    /// Returns the entry of `key`.
    pub(super) fn get(&self, key: HashedKey) -> Option<&V> {
        self.table.find(key.hash, |entry| entry.0 == key.key).map(|entry| &entry.1)
    }

    /// Returns the entry of `key`, to be changed.
    pub(super) fn get_mut(&mut self, key: HashedKey) -> Option<&mut V> {
        self.table.find_mut(key.hash, |entry| entry.0 == key.key).map(|entry| &mut entry.1)
    }

    /// Adds an entry. The shard must not hold one of this key.
    pub(super) fn insert(&mut self, key: HashedKey, value: V, seed: &Seed) {
        self.table.insert_unique(key.hash, (key.key, value), |entry| seed.hash(entry.0));
    }

    /// Removes the entry of `key` and returns whether there was one.
    pub(super) fn remove(&mut self, key: HashedKey, seed: &Seed) -> bool {
        let Ok(entry) = self.table.find_entry(key.hash, |entry| entry.0 == key.key) else {
            return false;
        };
        entry.remove();
        self.shrink(seed);
        true
    }

    /// Sweeps [`SWEPT_PER_INSERT`] buckets for one added entry, and returns how many entries it dropped.
    pub(super) fn sweep_step(&mut self, now: SystemTime, seed: &Seed) -> usize {
        // The table may have shrunk since the last step.
        let start = if self.clock_hand < self.table.num_buckets() { self.clock_hand } else { 0 };
        let to_end = self.sweep(start, SWEPT_PER_INSERT, now, seed);
        self.clock_hand = to_end.stop;
        if !to_end.is_at_end {
            return to_end.dropped;
        }
        let rest = self.sweep(0, SWEPT_PER_INSERT - to_end.buckets, now, seed);
        self.clock_hand = rest.stop;
        to_end.dropped + rest.dropped
    }

    /// Sweeps up to `max_buckets` buckets from `start` on, at most to the end of the table.
    pub(super) fn sweep(
        &mut self,
        start: usize,
        max_buckets: usize,
        now: SystemTime,
        seed: &Seed,
    ) -> Swept {
        let end = self.table.num_buckets();
        let start = start.min(end);
        let stop = start.saturating_add(max_buckets).min(end);
        let mut dropped = 0;
        for bucket in start..stop {
            if let Ok(entry) = self.table.get_bucket_entry(bucket)
                && entry.get().1.is_forgettable(now)
            {
                entry.remove();
                dropped += 1;
            }
        }
        if dropped > 0 {
            self.shrink(seed);
        }
        Swept { buckets: stop - start, dropped, stop, is_at_end: stop == end }
    }

    /// Shrinks the table once more than three quarters of its capacity are unused.
    fn shrink(&mut self, seed: &Seed) {
        let (len, capacity) = (self.table.len(), self.table.capacity());
        if capacity > MIN_CAPACITY && len < capacity / 4 {
            // Twice the entries, so that the table does not have to grow again at once.
            self.table.shrink_to(len * 2, |entry| seed.hash(entry.0));
        }
    }

    /// Returns how many entries the shard holds, with those that no sweep has dropped yet.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct IsForgettable(bool);

    impl Entry for IsForgettable {
        fn is_forgettable(&self, _: SystemTime) -> bool {
            self.0
        }
    }

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn key(seed: &Seed, number: u32) -> HashedKey {
        let mut key = [7; 16];
        key[..4].copy_from_slice(&number.to_le_bytes());
        seed.hashed(key)
    }

    fn filled(seed: &Seed, count: u32) -> Shard<IsForgettable> {
        let mut shard = Shard::default();
        (0..count).for_each(|n| shard.insert(key(seed, n), IsForgettable(false), seed));
        shard
    }

    #[test]
    fn entries_are_found_until_they_are_removed() {
        let seed = Seed::default();
        let mut shard = filled(&seed, 1_000);
        for number in 0..1_000 {
            assert!(shard.get(key(&seed, number)).is_some());
            assert!(shard.remove(key(&seed, number), &seed));
            assert!(!shard.remove(key(&seed, number), &seed));
            assert!(shard.get_mut(key(&seed, number)).is_none());
        }
        assert_eq!(shard.len(), 0);
    }

    #[test]
    fn unused_memory_is_given_back() {
        let seed = Seed::default();
        let mut shard = filled(&seed, 10_000);
        (100..10_000).for_each(|number| assert!(shard.remove(key(&seed, number), &seed)));
        assert!(shard.table.capacity() <= 448, "{}", shard.table.capacity());
        assert!((0..100).all(|number| shard.get(key(&seed, number)).is_some()));
    }

    #[test]
    fn sweeps_of_any_length_pass_every_bucket() {
        for max_buckets in [1, 8, 100, 10_000] {
            let seed = Seed::default();
            let mut shard = filled(&seed, 1_000);
            shard.get_mut(key(&seed, 17)).unwrap().0 = true;
            let (mut passed, mut dropped, mut start) = (0, 0, 0);
            loop {
                let swept = shard.sweep(start, max_buckets, NOW, &seed);
                passed += swept.buckets;
                dropped += swept.dropped;
                start = swept.stop;
                if swept.is_at_end {
                    break;
                }
            }
            assert_eq!((passed, dropped), (shard.table.num_buckets(), 1));
            assert!(shard.get(key(&seed, 17)).is_none());
            assert_eq!(shard.len(), 999);
        }
    }

    /// The clock hand of a step goes round the end of the table.
    #[test]
    fn steps_pass_every_bucket_again_and_again() {
        let seed = Seed::default();
        let mut shard = filled(&seed, 1_000);
        let steps = shard.table.num_buckets().div_ceil(SWEPT_PER_INSERT);
        for number in 0..3 {
            shard.get_mut(key(&seed, number)).unwrap().0 = true;
            assert_eq!((0..steps).map(|_| shard.sweep_step(NOW, &seed)).sum::<usize>(), 1);
        }
    }
}
