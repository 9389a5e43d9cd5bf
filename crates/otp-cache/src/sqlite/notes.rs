//! The table of notes.

use std::time::SystemTime;

use async_trait::async_trait;
use sqlite_group_commit::Capacity;

use super::{SqliteStore, tables::Table};
use crate::{DeliveryNote, DeliveryNotes, NoteKey, StoreError, StoreErrorKind};

#[async_trait]
impl DeliveryNotes for SqliteStore {
    async fn keep(
        &self,
        key: NoteKey,
        note: DeliveryNote,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let sweeper = self.sweeper.clone();
        self.call(Capacity::MayGrow, move |connection| {
            let is_added = Table::Note.get(connection, key.as_bytes(), |_| ())?.is_none();
            Table::Note.put(connection, key.as_bytes(), &note.to_bytes())?;
            if is_added {
                sweeper.lock().sweep_step(connection, Table::Note, now)?;
            }
            Ok(Ok(()))
        })
        .await
    }

    async fn find(
        &self,
        key: NoteKey,
        now: SystemTime,
    ) -> Result<Option<DeliveryNote>, StoreError> {
        self.call(Capacity::NotNeeded, move |connection| {
            let stored = Table::Note.get(connection, key.as_bytes(), DeliveryNote::from_bytes)?;
            Ok(match stored {
                Some(None) => {
                    Err(StoreError::new(StoreErrorKind::Corrupt, "a stored note cannot be read"))
                }
                Some(Some(note)) => Ok((!note.is_expired(now)).then_some(note)),
                None => Ok(None),
            })
        })
        .await
    }
}
