//! One shard of the memory backend: a dense vector of entries, an index into it, and a hand that
//! walks over the entries to sweep the dead ones.
//!
//! Beside the entries stands, four bytes each, when to look at them next: so the hand passes over the
//! living without touching them.

use std::{
    hash::BuildHasher as _,
    time::{Duration, SystemTime},
};

use super::index::Index;
use crate::layout::since_epoch;

/// Keys of both maps: sixteen bytes of a cryptographic hash.
pub(super) type Key = [u8; 16];

/// What a shard holds.
pub(super) trait Entry {
    /// Whether the entry can be forgotten at `now` without anybody noticing.
    fn is_dead(&self, now: SystemTime) -> bool;

    /// From how long after 1970 on the entry as it is will be dead; `None` if it lives until somebody
    /// changes it.
    fn dies_at(&self) -> Option<Duration>;
}

/// Entries looked at for every entry added, so that the dead never outnumber the living for long and
/// sweeping costs every addition the same. A dead one is replaced by the last one, which is young and
/// mostly alive: so four looks make two that can find something.
const SWEPT_PER_INSERT: usize = 4;

/// An entry is looked at no later than this many seconds after the last look: by then it may have
/// been changed into one that dies earlier than it did.
const NEXT_LOOK: u32 = 600;

#[derive(Debug)]
pub(super) struct Shard<V> {
    index: Index,
    seed: Seed,
    entries: Vec<(Key, V)>,
    /// For each entry the second since 1970 from which on sweeping looks at it.
    looks: Vec<u32>,
    hand: usize,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self {
            index: Index::default(),
            seed: Seed::draw(),
            entries: Vec::new(),
            looks: Vec::new(),
            hand: 0,
        }
    }
}

impl<V: Entry> Shard<V> {
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut V> {
        let at = self.place(key)?;
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    pub(super) fn get(&self, key: Key) -> Option<&V> {
        let at = self.place(key)?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// Where in the vector the entry of this key stands.
    fn place(&self, key: Key) -> Option<usize> {
        self.index.find(self.hash(key), is_key(&self.entries, key)).map(|at| at as usize)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    fn hash(&self, key: Key) -> u32 {
        self.seed.hash(key) as u32
    }

    /// Adds an entry whose key is not there.
    pub(super) fn insert(&mut self, key: Key, value: V, now: SystemTime) {
        let at = u32::try_from(self.entries.len()).expect("a shard holds less than 2^32 entries");
        self.grow();
        self.looks.push(next_look(&value, now));
        self.entries.push((key, value));
        self.index.insert(self.hash(key), at);
    }

    /// Grows by a quarter instead of doubling: memory per entry stays flat.
    fn grow(&mut self) {
        let len = self.entries.len();
        if len == self.entries.capacity() {
            self.entries.reserve_exact(len / 4 + 4);
            self.looks.reserve_exact(len / 4 + 4);
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> bool {
        let hash = self.hash(key);
        let found = self.index.remove(hash, is_key(&self.entries, key));
        if let Some(at) = found {
            self.forget(at);
        }
        found.is_some()
    }

    /// Takes the entry out of the vector, whose index entry is gone already.
    fn forget(&mut self, place: u32) {
        let at = place as usize;
        self.entries.swap_remove(at);
        self.looks.swap_remove(at);
        if let Some((moved, _)) = self.entries.get(at) {
            // The last one: its place in the index still says so.
            let last = u32::try_from(self.entries.len()).expect("a place of this shard");
            self.index.relocate(self.hash(*moved), last, place);
        }
        self.shrink();
    }

    /// Gives memory back once three quarters of it lie idle.
    fn shrink(&mut self) {
        let len = self.entries.len();
        if self.entries.capacity() > 64 && len < self.entries.capacity() / 4 {
            self.entries.shrink_to(len * 2);
            self.looks.shrink_to(len * 2);
            self.index.shrink_to(len * 2);
        }
    }

    /// The usual share of sweeping that comes with an addition: looks only where something may be
    /// dead. Returns how many entries went.
    pub(super) fn sweep_a_little(&mut self, now: SystemTime) -> usize {
        let second = seconds(since_epoch(now));
        self.sweep_where(SWEPT_PER_INSERT, now, |look| look <= second)
    }

    /// Looks at `steps` entries from where the hand stands and forgets the dead ones.
    pub(super) fn sweep(&mut self, steps: usize, now: SystemTime) -> usize {
        self.sweep_where(steps, now, |_| true)
    }

    fn sweep_where(
        &mut self,
        steps: usize,
        now: SystemTime,
        is_due: impl Fn(u32) -> bool,
    ) -> usize {
        let mut swept = 0;
        for _ in 0..steps.min(self.entries.len()) {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let at = self.hand;
            if !self.looks.get(at).is_some_and(|look| is_due(*look)) {
                self.hand += 1;
                continue;
            }
            let Some((key, value)) = self.entries.get(at) else { break };
            if value.is_dead(now) {
                let key = *key;
                self.remove(key);
                swept += 1;
            } else {
                self.looks[at] = next_look(value, now);
                self.hand += 1;
            }
        }
        swept
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Whether the entry at a place has this key.
fn is_key<V>(entries: &[(Key, V)], key: Key) -> impl Fn(u32) -> bool {
    move |at| entries.get(at as usize).is_some_and(|(stored, _)| *stored == key)
}

/// The second from which on sweeping has to look at the entry.
fn next_look<V: Entry>(value: &V, now: SystemTime) -> u32 {
    let latest = seconds(since_epoch(now)).saturating_add(NEXT_LOOK);
    // The second in which it dies: rounded down, so never too late.
    value.dies_at().map_or(latest, seconds).min(latest)
}

/// Whole seconds, as many as fit: those of 1970 until the year 2106.
fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

/// Mixes the sixteen key bytes with a seed drawn for this process.
///
/// The keys are hashes already; the seed keeps those who choose names from choosing places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(u64, u64);

impl Seed {
    /// Draws a seed from the standard library's source for hash maps.
    pub(super) fn draw() -> Self {
        let state = std::collections::hash_map::RandomState::new();
        Self(state.hash_one(1_u8), state.hash_one(2_u8) | 1)
    }

    /// The hash of a key: its upper bits choose the shard.
    pub(super) fn hash(self, key: Key) -> u64 {
        let (low, high) = halves(u128::from_le_bytes(key));
        let product = u128::from(low ^ self.0).wrapping_mul(u128::from(high ^ self.1 | 1));
        let (low, high) = halves(product);
        low ^ high
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn halves(number: u128) -> (u64, u64) {
    (number as u64, (number >> 64) as u64)
}
