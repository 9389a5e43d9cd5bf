//! Notes in memory.

use std::time::SystemTime;

use async_trait::async_trait;

use super::{MemoryStore, full, shard::Entry};
use crate::{DeliveryNote, DeliveryNotes, NoteKey, StoreError};

impl Entry for DeliveryNote {
    fn is_forgettable(&self, now: SystemTime) -> bool {
        self.is_expired(now)
    }
}

#[async_trait]
impl DeliveryNotes for MemoryStore {
    async fn keep(
        &self,
        key: NoteKey,
        note: DeliveryNote,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let (key, note) = (self.notes.hashed(*key.as_bytes()), note.in_millis());
        // Starts again after `make_room`: while no lock was held, another call may have taken the room.
        loop {
            let mut shard = self.notes.lock(key);
            if let Some(stored) = shard.get_mut(key) {
                *stored = note;
                return Ok(());
            }
            if self.notes.reserve(1) {
                self.notes.insert(&mut shard, key, note, now);
                return Ok(());
            }
            // `make_room` locks every shard, this one too, and `Mutex` is not reentrant.
            drop(shard);
            if !self.notes.make_room(now) {
                return Err(full("no room left for another note"));
            }
        }
    }

    async fn find(
        &self,
        key: NoteKey,
        now: SystemTime,
    ) -> Result<Option<DeliveryNote>, StoreError> {
        let key = self.notes.hashed(*key.as_bytes());
        let found = self.notes.lock(key).get(key).copied();
        Ok(found.filter(|note| !note.is_expired(now)))
    }
}
