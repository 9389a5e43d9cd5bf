//! A third party's store of notes: without a flaw, or with one that somebody might make.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_cache::{
    DeliveryNote, DeliveryNotes, NoteKey, StoreError, StoreErrorKind, conformance::Outage,
};
use tokio::task::yield_now;

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Still finds a note at the instant at which it expires.
    IsLate,
    /// Keeps the finer part of an expiry.
    CutsNothingOff,
    /// Deletes what has expired by its own clock.
    HasItsOwnClock,
    /// Gives every note an hour to live.
    NotesExpire,
    /// Tells keys apart by their first byte only.
    ShortensKeys,
    /// Leaves the first note of a key.
    KeepsTheFirst,
    /// Replaces a note, but never by an earlier expiry.
    KeepsTheLongerLife,
    /// Writes the subject first, and the challenge after a while.
    WritesInTwoSteps,
    /// Is one write behind when it returns.
    ReturnsBeforeItWrites,
    /// Drops a note when it is full.
    Evicts,
    /// Has no bound.
    NeverFull,
    /// Is full for ever.
    SweepsNothing,
    /// Finds nothing while the backend is out.
    FindsNothingInAnOutage,
    /// Returns from `keep` as if it were done while the backend is out.
    SaysDone,
    /// Waits for the end of the outage.
    Hangs,
    /// Forgets everything in an outage.
    ForgetsInAnOutage,
}

type Notes = HashMap<NoteKey, DeliveryNote>;

/// What a durable store leaves behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Notes>>);

#[derive(Debug)]
pub(crate) struct Flawed {
    flaw: Flaw,
    notes: Mutex<Notes>,
    disk: Option<Disk>,
    capacity: usize,
    is_out: AtomicBool,
}

const OUT: StoreError = StoreError::new(StoreErrorKind::Unavailable, "the backend is out");
const FULL: StoreError = StoreError::new(StoreErrorKind::Capacity, "the store is full");

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self::with_capacity(flaw, usize::MAX)
    }

    pub(crate) fn with_capacity(flaw: Flaw, capacity: usize) -> Self {
        let is_out = AtomicBool::new(false);
        Self { flaw, notes: Mutex::default(), disk: None, capacity, is_out }
    }

    pub(crate) fn on(disk: Disk, flaw: Flaw) -> Self {
        let notes = Mutex::new(disk.0.lock().expect("no panic holds it").clone());
        Self { notes, disk: Some(disk), ..Self::new(flaw) }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// Lets time pass for the backend, which deletes what has no time to live left.
    pub(crate) fn pass_time(&self, time: Duration) {
        if self.has(Flaw::NotesExpire) && time >= Duration::from_secs(3600) {
            self.notes.lock().expect("no panic holds it").clear();
        }
    }

    fn key(&self, key: NoteKey) -> NoteKey {
        match self.flaw {
            Flaw::ShortensKeys => NoteKey::from_bytes([key.as_bytes()[0]; 16]),
            _ => key,
        }
    }

    async fn outage(&self) -> Option<StoreError> {
        let is_out = self.is_out.load(Ordering::SeqCst);
        if is_out && self.has(Flaw::Hangs) {
            std::future::pending::<()>().await;
        }
        is_out.then_some(OUT)
    }

    /// Returns the note to write in place of `found`.
    fn merged(&self, found: Option<DeliveryNote>, note: DeliveryNote) -> DeliveryNote {
        let note = if self.has(Flaw::CutsNothingOff) { note } else { note.in_millis() };
        match (self.flaw, found) {
            (Flaw::KeepsTheFirst, Some(first)) => first,
            (Flaw::KeepsTheLongerLife, Some(first)) => {
                DeliveryNote { expires_at: note.expires_at.max(first.expires_at), ..note }
            }
            _ => note,
        }
    }

    fn has_room(&self, notes: &mut Notes, key: NoteKey, now: SystemTime) -> bool {
        if notes.contains_key(&key) || self.has(Flaw::NeverFull) {
            return true;
        }
        if notes.len() >= self.capacity && !self.has(Flaw::SweepsNothing) {
            notes.retain(|_, note| !note.is_expired(now));
        }
        if notes.len() >= self.capacity && self.has(Flaw::Evicts) {
            let victim = *notes.keys().next().expect("it is full");
            notes.remove(&victim);
        }
        notes.len() < self.capacity
    }

    fn write(&self, key: NoteKey, note: DeliveryNote, now: SystemTime) -> Result<(), StoreError> {
        let mut notes = self.notes.lock().expect("no panic holds it");
        if !self.has_room(&mut notes, key, now) {
            return Err(FULL);
        }
        let before = notes.clone();
        let merged = self.merged(notes.get(&key).copied(), note);
        notes.insert(key, merged);
        if let Some(disk) = &self.disk {
            let written =
                if self.has(Flaw::ReturnsBeforeItWrites) { before } else { notes.clone() };
            *disk.0.lock().expect("no panic holds it") = written;
        }
        Ok(())
    }
}

#[async_trait]
impl Outage for Flawed {
    async fn begin(&self) {
        self.is_out.store(true, Ordering::SeqCst);
        if self.has(Flaw::ForgetsInAnOutage) {
            self.notes.lock().expect("no panic holds it").clear();
        }
    }

    async fn end(&self) {
        self.is_out.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl DeliveryNotes for Flawed {
    async fn keep(
        &self,
        key: NoteKey,
        note: DeliveryNote,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        match self.outage().await {
            Some(_) if self.has(Flaw::SaysDone) => return Ok(()),
            Some(error) => return Err(error),
            None => {}
        }
        let key = self.key(key);
        if self.has(Flaw::WritesInTwoSteps) {
            let found = self.notes.lock().expect("no panic holds it").get(&key).copied();
            if let Some(found) = found {
                self.write(key, DeliveryNote { subject: note.subject, ..found }, now)?;
                yield_now().await;
            }
        }
        self.write(key, note, now)?;
        yield_now().await;
        Ok(())
    }

    async fn find(
        &self,
        key: NoteKey,
        now: SystemTime,
    ) -> Result<Option<DeliveryNote>, StoreError> {
        match self.outage().await {
            Some(_) if self.has(Flaw::FindsNothingInAnOutage) => return Ok(None),
            Some(error) => return Err(error),
            None => {}
        }
        let found = self.notes.lock().expect("no panic holds it").get(&self.key(key)).copied();
        let late = if self.has(Flaw::IsLate) { Duration::from_millis(1) } else { Duration::ZERO };
        // In the year 2026.
        let own_clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let is_swept =
            |note: &DeliveryNote| self.has(Flaw::HasItsOwnClock) && note.is_expired(own_clock);
        Ok(found.filter(|note| !note.is_expired(now - late) && !is_swept(note)))
    }
}
