//! Notes in Redis.

use std::time::SystemTime;

use async_trait::async_trait;

use super::{
    RedisStore, millis,
    prelude::status,
    scripts::{get, run, unexpected_reply},
};
use crate::{DeliveryNote, DeliveryNotes, NoteKey, StoreError, StoreErrorKind};

impl RedisStore {
    fn note_key(&self, key: NoteKey) -> Vec<u8> {
        format!("{}:{{{key}}}:n", self.prefix).into_bytes()
    }
}

#[async_trait]
impl DeliveryNotes for RedisStore {
    async fn keep(
        &self,
        key: NoteKey,
        note: DeliveryNote,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let (expires_at, now) = (millis(note.expires_at), millis(now));
        let args = [&note.to_bytes(), expires_at.as_bytes(), now.as_bytes()];
        let key = self.note_key(key);
        match *run(&self.link, &self.scripts.keep_note, &key, &args, self.acks).await? {
            [status::OK] => Ok(()),
            _ => Err(unexpected_reply()),
        }
    }

    async fn find(
        &self,
        key: NoteKey,
        now: SystemTime,
    ) -> Result<Option<DeliveryNote>, StoreError> {
        let Some(stored) = get(&self.link, &self.note_key(key)).await? else {
            return Ok(None);
        };
        let note = DeliveryNote::from_bytes(&stored).ok_or_else(|| {
            StoreError::new(StoreErrorKind::Corrupt, "a stored note cannot be read")
        })?;
        Ok((!note.is_expired(now)).then_some(note))
    }
}
