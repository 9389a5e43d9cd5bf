//! A bounded map of many shards, each behind a lock of its own.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use super::shard::{Entry, Key, Seed, Shard};

/// Many more than processors, so that two callers rarely meet.
const SHARDS: usize = 256;

/// Entries looked at, over the shards in turn, when there is no room for an addition.
const SWEPT_WHEN_FULL: usize = 4096;

#[derive(Debug)]
pub(super) struct Sharded<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    seed: Seed,
    count: AtomicUsize,
    capacity: usize,
    hand: AtomicUsize,
}

impl<V: Entry> Sharded<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            seed: Seed::draw(),
            count: AtomicUsize::new(0),
            capacity,
            hand: AtomicUsize::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The place of the shard that holds this key.
    pub(super) fn place(&self, key: Key) -> usize {
        // The upper bits: the index inside the shard uses the lower ones.
        (self.seed.hash(key) >> 56) as usize % SHARDS
    }

    pub(super) fn lock(&self, key: Key) -> MutexGuard<'_, Shard<V>> {
        self.lock_place(self.place(key))
    }

    /// A rule that panicked has left its record as the rule before it did, or as itself began to
    /// change it: counters only ever rise there, so going on is safe.
    pub(super) fn lock_place(&self, place: usize) -> MutexGuard<'_, Shard<V>> {
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries the shards really hold: what [`len`](Self::len) has to say.
    #[cfg(test)]
    pub(super) fn counted(&self) -> usize {
        (0..SHARDS).map(|place| self.lock_place(place).len()).sum()
    }

    /// Takes room for this many entries, if there is.
    pub(super) fn reserve(&self, entries: usize) -> bool {
        let fits = |count: usize| count.checked_add(entries).filter(|sum| *sum <= self.capacity);
        entries == 0 || self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// Gives room back. Never below none: a wrapped count would refuse every addition for ever.
    fn release(&self, entries: usize) {
        if entries > 0 {
            let less = |count: usize| Some(count.saturating_sub(entries));
            let _ = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// Adds an entry, for which room has been reserved, and sweeps a little in exchange.
    pub(super) fn insert(&self, shard: &mut Shard<V>, key: Key, value: V, now: SystemTime) {
        self.release(shard.sweep_a_little(now));
        shard.insert(key, value, now);
    }

    pub(super) fn remove(&self, shard: &mut Shard<V>, key: Key) {
        self.release(usize::from(shard.remove(key)));
    }

    /// Looks for entries to forget because there is no room; says whether it found one.
    ///
    /// Bounded, and goes on where the last call left off: a flood of refused additions costs the
    /// same each, and what has expired is found by and by.
    pub(super) fn make_room(&self, now: SystemTime) -> bool {
        let mut left = SWEPT_WHEN_FULL;
        for _ in 0..SHARDS {
            let place = self.hand.load(Ordering::Relaxed) % SHARDS;
            let mut shard = self.lock_place(place);
            let steps = left.min(shard.len());
            let swept = shard.sweep(steps, now);
            let is_done = steps == shard.len() + swept;
            drop(shard);
            if is_done {
                self.hand.store(place + 1, Ordering::Relaxed);
            }
            self.release(swept);
            if swept > 0 {
                return true;
            }
            left -= steps;
            if left == 0 {
                break;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Dead from the instant on that it names, in seconds.
    #[derive(Debug)]
    struct Until(u64);

    impl Entry for Until {
        fn is_dead(&self, now: SystemTime) -> bool {
            now >= at(self.0)
        }

        fn dies_at(&self) -> Option<Duration> {
            Some(Duration::from_secs(self.0))
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key(number: u32) -> Key {
        let mut key = [7; 16];
        key[..4].copy_from_slice(&number.to_le_bytes());
        key
    }

    fn add(map: &Sharded<Until>, number: u32, until: u64, now: u64) -> bool {
        let mut shard = map.lock(key(number));
        let has_room = map.reserve(1);
        if has_room {
            map.insert(&mut shard, key(number), Until(until), at(now));
        }
        has_room
    }

    #[test]
    fn the_number_of_entries_never_passes_the_capacity_and_nothing_live_goes() {
        let map = Sharded::new(1_000);
        for number in 0..1_000 {
            assert!(add(&map, number, 100, 0));
        }
        assert!(!add(&map, 1_000, 100, 0));
        assert!(!map.make_room(at(99)));
        assert!((0..1_000).all(|number| map.lock(key(number)).get(key(number)).is_some()));
    }

    #[test]
    fn the_dead_make_room() {
        let map = Sharded::new(20_000);
        for number in 0..20_000 {
            assert!(add(&map, number, if number == 9_000 { 10 } else { 100 }, 0));
        }
        // One dead among many is found within a few bounded searches.
        assert!((0..7).any(|_| map.make_room(at(10))));
        assert_eq!(map.len(), 19_999);
        assert!(add(&map, 20_000, 100, 10));
    }

    #[test]
    fn additions_keep_the_dead_from_piling_up() {
        let map = Sharded::new(1_000_000);
        for number in 0..200_000_u32 {
            let now = u64::from(number);
            assert!(add(&map, number, now + 1_000, now));
        }
        // 1,000 live at any time; sweeping with each addition keeps the rest of the same order.
        assert!(map.len() < 4_000, "{} entries for 1,000 live ones", map.len());
    }

    /// Dead as soon as somebody says so, at an instant that nobody could foresee.
    #[derive(Debug)]
    struct Told(bool);

    impl Entry for Told {
        fn is_dead(&self, _: SystemTime) -> bool {
            self.0
        }

        fn dies_at(&self) -> Option<Duration> {
            None
        }
    }

    #[test]
    fn what_dies_unforeseen_is_swept_within_some_minutes_too() {
        let map = Sharded::new(1_000_000);
        let add = |number: u32, now| {
            assert!(map.reserve(1));
            map.insert(&mut map.lock(key(number)), key(number), Told(false), at(now));
        };
        (0..10_000).for_each(|number| add(number, 0));
        for number in 0..10_000 {
            let mut shard = map.lock(key(number));
            shard.get_mut(key(number)).expect("it was added").0 = true;
        }
        (10_000..20_000).for_each(|number| add(number, 599));
        assert_eq!(map.len(), 20_000);
        (20_000..40_000).for_each(|number| add(number, 600));
        assert_eq!(map.len(), 30_000);
        assert_eq!(map.counted(), 30_000);
    }

    #[test]
    fn what_lives_longer_than_it_said_stays() {
        let map = Sharded::new(1_000_000);
        for number in 0..10_000 {
            assert!(add(&map, number, 10, 0));
        }
        for number in 0..10_000 {
            map.lock(key(number)).get_mut(key(number)).expect("it was added").0 = 200;
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
    fn a_clock_out_of_all_bounds_sweeps_nothing_live_and_everything_dead() {
        let map = Sharded::new(1_000_000);
        let end = u64::from(u32::MAX);
        for number in 0..10_000 {
            assert!(add(&map, number, end + 100, end + 10));
        }
        for number in 10_000..40_000 {
            assert!(add(&map, number, end + 200, end + 99));
        }
        assert_eq!(map.len(), 40_000);
        for number in 40_000..80_000 {
            assert!(add(&map, number, end + 200, end + 100));
        }
        assert_eq!(map.len(), 70_000);
    }

    #[test]
    fn keys_spread_over_the_shards() {
        let map = Sharded::<Until>::new(1);
        let mut hits = [0_u32; SHARDS];
        for number in 0..25_600 {
            hits[map.place(key(number))] += 1;
        }
        assert!(hits.iter().all(|hits| (40..200).contains(hits)), "{hits:?}");
    }
}
