//! The keys of the memory backend and their hashes.

use std::{collections::hash_map::RandomState, hash::BuildHasher as _};

/// A key of either map: 16 bytes of a cryptographic hash.
pub(super) type Key = [u8; 16];

/// Hashes keys with a seed that is generated at random for each map.
///
/// A subject's key is a digest without a secret. Without the seed, someone who chooses names could search
/// for keys that share a bucket.
#[derive(Debug, Default)]
pub(super) struct Seed(RandomState);

impl Seed {
    /// Returns the hash of `key`.
    pub(super) fn hash(&self, key: Key) -> u64 {
        self.0.hash_one(u128::from_le_bytes(key))
    }

    /// Returns `key` with its hash.
    pub(super) fn hashed(&self, key: Key) -> HashedKey {
        HashedKey { key, hash: self.hash(key) }
    }
}

/// A key with its hash, so that a call computes the hash once.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashedKey {
    pub(super) key: Key,
    pub(super) hash: u64,
}

impl HashedKey {
    /// Returns which of `shards` shards holds the key.
    pub(super) fn shard_index(self, shards: usize) -> usize {
        // The table within a shard uses the lowest bits and the highest seven. If the shards used them too,
        // all keys of a shard would agree in them, and the table could not tell its entries apart by them.
        usize::from((self.hash >> 48) as u16) % shards
    }
}
