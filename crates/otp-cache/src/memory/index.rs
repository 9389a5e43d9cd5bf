//! The index of a shard: from the hash of a key to the place where its entry stands.
//!
//! Open addressing with linear probing. A slot of eight bytes holds the place and the hash, so a
//! look-up among millions waits for one line of memory and then for the entry itself, where a table
//! that keeps its control bytes apart waits for two; and to grow, no entry has to be read.

/// Places by 32 bits of their keys' hashes.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// None, or a power of two of them, of which at least a quarter is free.
    slots: Box<[Slot]>,
    len: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    /// Counted from one; zero is a free slot.
    place: u32,
}

impl Slot {
    fn is_free(self) -> bool {
        self.place == 0
    }
}

impl Index {
    /// The place with this hash that `is_it`.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.position(hash, is_it).map(|at| self.slots[at].place - 1)
    }

    /// Adds a place that is not there.
    ///
    /// # Panics
    ///
    /// If the place is [`u32::MAX`], which no slot can hold.
    pub(super) fn insert(&mut self, hash: u32, place: u32) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.resize((self.slots.len() * 2).max(8));
        }
        self.put(Slot { hash, place: place.checked_add(1).expect("a place that fits") });
        self.len += 1;
    }

    /// Takes out the place with this hash that `is_it`.
    pub(super) fn remove(&mut self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut hole = self.position(hash, is_it)?;
        let place = self.slots[hole].place - 1;
        // Whatever a look-up reaches past the hole only moves up into it, so that none ends there.
        let mut at = self.after(hole);
        while !self.slots[at].is_free() {
            let from_home = self.distance(self.slots[at].hash as usize, at);
            if from_home >= self.distance(hole, at) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.slots[hole] = Slot::default();
        self.len -= 1;
        Some(place)
    }

    /// Lets the place with this hash be another.
    pub(super) fn relocate(&mut self, hash: u32, from: u32, to: u32) {
        if let Some(at) = self.position(hash, |place| place == from) {
            self.slots[at].place = to + 1;
        }
    }

    /// Gives back the memory that it does not need for `capacity` places.
    pub(super) fn shrink_to(&mut self, capacity: usize) {
        let slots = (capacity.max(self.len) * 4 / 3 + 1).next_power_of_two();
        if slots < self.slots.len() {
            self.resize(slots);
        }
    }

    fn resize(&mut self, slots: usize) {
        let before = std::mem::replace(&mut self.slots, vec![Slot::default(); slots].into());
        before.iter().filter(|slot| !slot.is_free()).for_each(|slot| self.put(*slot));
    }

    /// Puts the slot in the first free place from its home on.
    fn put(&mut self, slot: Slot) {
        let mut at = self.distance(0, slot.hash as usize);
        while !self.slots[at].is_free() {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    fn position(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<usize> {
        let mut at = self.distance(0, hash as usize);
        loop {
            let slot = self.slots.get(at).filter(|slot| !slot.is_free())?;
            if slot.hash == hash && is_it(slot.place - 1) {
                return Some(at);
            }
            at = self.after(at);
        }
    }

    fn after(&self, at: usize) -> usize {
        self.distance(0, at + 1)
    }

    /// How many slots it is from one to another, going up and round.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_one_finds_nothing_and_takes_no_memory() {
        let mut index = Index::default();
        assert_eq!(index.find(7, |_| true), None);
        assert_eq!(index.remove(7, |_| true), None);
        assert_eq!(index.slots.len(), 0);
    }

    #[test]
    fn a_quarter_is_free_and_what_is_not_needed_is_given_back() {
        let mut index = Index::default();
        for place in 0..10_000 {
            index.insert(place % 100, place);
            assert!(index.len * 4 <= index.slots.len() * 3);
            assert!(index.slots.len() <= (index.len * 8 / 3 + 1).max(8));
        }
        for place in 100..10_000 {
            assert_eq!(index.remove(place % 100, |it| it == place), Some(place));
        }
        index.shrink_to(200);
        assert_eq!(index.slots.len(), 512);
        for place in 0..100 {
            assert_eq!(index.find(place, |_| true), Some(place));
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Add(u32),
        Remove(u32),
        Move(u32),
        Shrink,
    }

    proptest! {
        /// Hashes so few that runs of slots are long, meet and go round the end.
        #[test]
        fn it_does_what_a_map_does(
            steps in prop::collection::vec(
                prop_oneof![
                    4 => (0_u32..60).prop_map(Step::Add),
                    3 => (0_u32..60).prop_map(Step::Remove),
                    1 => (0_u32..60).prop_map(Step::Move),
                    1 => Just(Step::Shrink),
                ],
                0..200,
            ),
            spread in prop_oneof![Just(1_u32), Just(7), Just(0x9E37_79B9)],
        ) {
            let hash = |key: u32| (key / 3).wrapping_mul(spread).wrapping_sub(5);
            let (mut index, mut places, mut keys) = (Index::default(), BTreeMap::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Add(key) if !places.contains_key(&key) => {
                        let place = u32::try_from(keys.len()).expect("few");
                        index.insert(hash(key), place);
                        places.insert(key, place);
                        keys.push(key);
                    }
                    Step::Remove(key) => {
                        let is_it = |place: u32| keys[place as usize] == key;
                        prop_assert_eq!(index.remove(hash(key), is_it), places.remove(&key));
                    }
                    Step::Move(key) => if let Some(place) = places.get_mut(&key) {
                        let to = u32::try_from(keys.len()).expect("few");
                        keys.push(key);
                        index.relocate(hash(key), *place, to);
                        *place = to;
                    },
                    Step::Shrink => index.shrink_to(0),
                    Step::Add(_) => {}
                }
                prop_assert_eq!(index.len, places.len());
                for key in 0..60 {
                    let found = index.find(hash(key), |place| keys[place as usize] == key);
                    prop_assert_eq!(found, places.get(&key).copied());
                }
            }
        }
    }
}
