//! Numbers of things that are open at once, by key.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts open things by key. Clones share the counts.
#[derive(Debug)]
pub(crate) struct Slots<K> {
    open: Arc<Mutex<HashMap<K, usize>>>,
}

/// One thing that is open. It is closed on drop.
#[derive(Debug)]
pub(crate) struct Slot<K: Eq + Hash> {
    open: Arc<Mutex<HashMap<K, usize>>>,
    keys: Vec<K>,
}

impl<K> Clone for Slots<K> {
    fn clone(&self) -> Self {
        Self { open: Arc::clone(&self.open) }
    }
}

impl<K: Eq + Hash + Clone> Slots<K> {
    pub(crate) fn new() -> Self {
        Self { open: Arc::default() }
    }

    /// Opens one thing that counts for each of these keys. `None` if one of them is at its limit.
    pub(crate) fn take(&self, limits: &[(K, usize)]) -> Option<Slot<K>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = |(key, limit): &(K, usize)| open.get(key).copied().unwrap_or(0) < *limit;
        if !limits.iter().all(is_free) {
            return None;
        }
        let keys: Vec<K> = limits.iter().map(|(key, _)| key.clone()).collect();
        for key in &keys {
            *open.entry(key.clone()).or_default() += 1;
        }
        Some(Slot { open: Arc::clone(&self.open), keys })
    }
}

impl<K: Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(count) = open.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    open.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_limit_and_a_drop_makes_room() {
        let slots = Slots::new();
        let alice = slots.take(&[("alice", 1), ("all", 2)]).expect("a slot");
        assert!(slots.take(&[("alice", 1), ("all", 2)]).is_none());
        let bob = slots.take(&[("bob", 1), ("all", 2)]).expect("a slot");
        assert!(slots.take(&[("carol", 1), ("all", 2)]).is_none());
        drop(alice);
        // The refused one took nothing.
        let carol = slots.take(&[("carol", 1), ("all", 2)]).expect("a slot");
        drop((bob, carol));
        assert!(slots.open.lock().expect("no panic").is_empty());
    }
}
