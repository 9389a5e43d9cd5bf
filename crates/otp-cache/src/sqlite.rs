//! One durable SQLite file: the embedded default.
//!
//! A call returns once it is on the disk (write-ahead log, `synchronous = FULL`). One thread writes.
//! Calls that wait at the same time, up to 128, share one transaction and so one flush of the disk.
//! Several processes on one machine may use the same file.
//!
//! # When something fails
//!
//! The whole transaction is undone, and every call in it gets the error. The next call tries again,
//! with a new connection where that helps. So the store heals without a restart when the disk has
//! space again, when a lock is released, or when a file is put back.
//!
//! A file that is damaged, of another program or of another layout is refused as
//! [`Corrupt`](crate::StoreErrorKind::Corrupt). A file that vanished while in use is never replaced by
//! an empty one, and an empty one is never filled: that would reset every counter and every lock. A
//! full file refuses new rows. Calls about existing rows continue to work.
//!
//! # How long a call takes
//!
//! A transaction waits two seconds for another process that holds the file. A call whose work has not begun
//! after five seconds fails as [`Conflict`](crate::StoreErrorKind::Conflict), and the work never runs. So with any
//! number of callers, no caller waits longer than five seconds for a held file. The store cannot end a write of
//! a disk that hangs. After [`CALL_TIMEOUT`](SqliteStore::CALL_TIMEOUT) the call fails as
//! [`Unavailable`](crate::StoreErrorKind::Unavailable), and it takes effect once or not at all.
//!
//! # Layout, version 2
//!
//! `application_id` is `0x4F545043` ("OTPC") and `user_version` is 2. Table `subject` has one row per
//! subject that the store remembers: `key`, the 16 bytes of the [`SubjectKey`], and `record`, the bytes
//! of [`SubjectRecord::to_bytes`], which carry a version of their own. Table `quota` has one row per
//! charged key: `key`, the 16 bytes of the [`QuotaKey`], and `state`, the microseconds of its [`Tat`]
//! as 8 bytes, big-endian. Table `note` has one row per message: `key`, the 16 bytes of the
//! [`NoteKey`](crate::NoteKey), and `note`, the bytes of
//! [`DeliveryNote::to_bytes`](crate::DeliveryNote::to_bytes). Version 1 had no table `note`; opening a
//! file of version 1 adds it. Expired rows are deleted a few at a time. The file holds no code, no name
//! and no phone number, and only its owner can read it.

mod notes;
mod tables;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, SubjectRecord,
    Verified,
    gcra::{self, Tat},
};
use rusqlite::Connection;
use sqlite_group_commit::{Capacity, Database, ErrorKind, FailureScope, FileSettings};
use tokio::time::timeout;

use self::tables::{LAYOUT, Sweeper, Table, read_tat};
use crate::{
    ChallengeStore, Charge, Charged, ConsumeFailed, Quota, QuotaKey, QuotaRefused, StoreError,
    StoreErrorKind, SubjectStatus, charge_all,
};

/// Challenges, counters, quotas and delivery notes in one SQLite file.
///
/// It needs a Tokio runtime with its timer (`enable_time` or `enable_all`).
///
/// ```
/// use otp_cache::sqlite::SqliteStore;
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let folder = tempfile::tempdir()?;
///     let store = SqliteStore::open(folder.path().join("otp.db")).await?;
///     drop(store);
///     Ok(())
/// }
/// ```
pub struct SqliteStore {
    database: Database,
    sweeper: SharedSweeper,
    path: PathBuf,
}

/// The writer thread alone locks it, so no call waits for it.
#[derive(Clone)]
struct SharedSweeper(Arc<Mutex<Sweeper>>);

impl SharedSweeper {
    fn lock(&self) -> MutexGuard<'_, Sweeper> {
        // After a panic it may sweep a row twice or late, and both are harmless.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A proof on its way to the writer thread and back. It comes back also if the transaction fails after the rule has
/// consumed it.
#[derive(Clone)]
struct SharedProof(Arc<Mutex<Option<Result<Consumed, Verified>>>>);

impl SharedProof {
    fn new(verified: Verified) -> Self {
        Self(Arc::new(Mutex::new(Some(Err(verified)))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Result<Consumed, Verified>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the rule, and returns why it refused.
    fn consume(&self, record: &mut SubjectRecord, now: SystemTime) -> Option<ConsumeRefused> {
        let mut proof = self.lock();
        let (outcome, refused) = match proof.take()? {
            Ok(consumed) => (Ok(consumed), None),
            Err(verified) => match record.consume(verified, now) {
                Ok(consumed) => (Ok(consumed), None),
                Err(not_consumed) => (Err(not_consumed.verified), Some(not_consumed.refused)),
            },
        };
        *proof = Some(outcome);
        refused
    }

    /// Returns what the call returns once the transaction is committed or has failed.
    fn outcome(
        &self,
        refused: Result<Option<ConsumeRefused>, StoreError>,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        match (refused, self.lock().take()) {
            (Ok(None), Some(Ok(consumed))) => Ok(Ok(consumed)),
            (Ok(Some(refused)), _) => Ok(Err(refused)),
            (Ok(None), _) => {
                Err(StoreError::new(StoreErrorKind::Unavailable, "the call did not finish").into())
            }
            (Err(error), Some(Ok(consumed))) => {
                Err(ConsumeFailed::new(error, consumed.into_verified()))
            }
            (Err(error), Some(Err(verified))) => Err(ConsumeFailed::new(error, verified)),
            (Err(error), None) => Err(error.into()),
        }
    }
}

impl SqliteStore {
    /// How long a call takes at most: 10 s.
    ///
    /// A call for a file that another process holds fails earlier, as [`Conflict`](StoreErrorKind::Conflict). After
    /// this time a call whose write is under way fails as [`Unavailable`](StoreErrorKind::Unavailable): it takes
    /// effect once or not at all.
    pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

    /// Opens the file, or creates it, readable for its owner only.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](StoreErrorKind::Corrupt) if the file is damaged, of another program or of another
    /// version's layout; [`Conflict`](StoreErrorKind::Conflict) if another process holds it for
    /// longer than two seconds; [`Capacity`](StoreErrorKind::Capacity) if the disk is full;
    /// otherwise [`Unavailable`](StoreErrorKind::Unavailable).
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path.as_ref(), |settings| settings).await
    }

    /// Opens the file like [`open`](Self::open), with a size limit. At `max_bytes` the file takes no
    /// new rows ([`Capacity`](StoreErrorKind::Capacity)) until some of its rows have expired.
    ///
    /// A subject takes about 150 bytes. The log next to the file (`-wal`) comes on top: a few megabytes.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_bounded(path: impl AsRef<Path>, max_bytes: u64) -> Result<Self, StoreError> {
        Self::open_with(path.as_ref(), |settings| settings.with_max_bytes(max_bytes)).await
    }

    async fn open_with(
        path: &Path,
        set: impl FnOnce(FileSettings) -> FileSettings,
    ) -> Result<Self, StoreError> {
        let sweeper = SharedSweeper(Arc::new(Mutex::new(Sweeper::new())));
        let reclaimer = sweeper.clone();
        let settings = FileSettings::new(path, LAYOUT)
            // No statement of this store fails unless the file does.
            .with_failure_scope(FailureScope::Batch)
            .with_reclaim(move |connection| reclaimer.lock().make_room(connection));
        let database = Database::open(set(settings)).await.map_err(to_store_error)?;
        Ok(Self { database, sweeper, path: path.to_owned() })
    }

    /// Does `work` in the next transaction.
    async fn call<T: Send + 'static>(
        &self,
        capacity: Capacity,
        work: impl FnOnce(&Connection) -> InTransaction<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        match timeout(Self::CALL_TIMEOUT, self.database.write(capacity, work)).await {
            Ok(done) => done.map_err(to_store_error)?,
            Err(_elapsed) => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "the disk of the database file did not respond in time",
            )),
        }
    }

    /// Applies `rule` in the next transaction. `rule` must add nothing to an empty record.
    async fn with_record<T: Send + 'static>(
        &self,
        subject: SubjectKey,
        rule: impl FnOnce(&mut SubjectRecord) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call(Capacity::NotNeeded, move |connection| {
            apply(connection, subject, rule).map(|(done, _)| done)
        })
        .await
    }

    /// Passes the record to `look`.
    ///
    /// Reads go through the writer too. They return after the commit, so they never show a state
    /// that a failed commit rolls back.
    async fn read<T: Send + 'static>(
        &self,
        subject: SubjectKey,
        look: impl FnOnce(&SubjectRecord) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call(Capacity::NotNeeded, move |connection| {
            Ok(fetch(connection, subject)?.map(|record| look(&record)))
        })
        .await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

fn to_store_error(error: sqlite_group_commit::Error) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::Busy | ErrorKind::QueueFull | ErrorKind::QueueTimeout => {
            StoreErrorKind::Conflict
        }
        ErrorKind::Corrupt
        | ErrorKind::ForeignFile
        | ErrorKind::Truncated
        | ErrorKind::UnknownLayout => StoreErrorKind::Corrupt,
        ErrorKind::OutOfSpace => StoreErrorKind::Capacity,
        _ => StoreErrorKind::Unavailable,
    };
    let converted = StoreError::new(kind, error.message());
    match error.into_source() {
        Some(source) => converted.with_source(source),
        None => converted,
    }
}

/// The outer error undoes the transaction. The inner error concerns this call only, which has then
/// written nothing.
type InTransaction<T> = rusqlite::Result<Result<T, StoreError>>;

fn fetch(connection: &Connection, subject: SubjectKey) -> InTransaction<SubjectRecord> {
    let found = Table::Subject.get(connection, subject.as_bytes(), SubjectRecord::from_bytes)?;
    Ok(found.unwrap_or_else(|| Ok(SubjectRecord::new())).map_err(|source| {
        StoreError::new(StoreErrorKind::Corrupt, "a stored subject cannot be read")
            .with_source(source)
    }))
}

/// Applies the rule, and stores the record if that changed it. Also returns whether a row was added.
fn apply<T>(
    connection: &Connection,
    subject: SubjectKey,
    rule: impl FnOnce(&mut SubjectRecord) -> T,
) -> rusqlite::Result<(Result<T, StoreError>, bool)> {
    let mut record = match fetch(connection, subject)? {
        Ok(record) => record,
        Err(error) => return Ok((Err(error), false)),
    };
    let before = record.clone();
    let outcome = rule(&mut record);
    if record == before {
        return Ok((Ok(outcome), false));
    }
    if record.is_empty() {
        Table::Subject.delete(connection, subject.as_bytes())?;
    } else {
        Table::Subject.put(connection, subject.as_bytes(), &record.to_bytes())?;
    }
    Ok((Ok(outcome), before.is_empty()))
}

#[async_trait]
impl ChallengeStore for SqliteStore {
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        let policy = policy.clone();
        let sweeper = self.sweeper.clone();
        self.call(Capacity::MayGrow, move |connection| {
            let rule = |record: &mut SubjectRecord| record.open(new, &policy, now);
            let (opened, is_added) = apply(connection, subject, rule)?;
            if is_added {
                sweeper.lock().sweep_step(connection, Table::Subject, now)?;
            }
            Ok(opened)
        })
        .await
    }

    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError> {
        self.read(subject, move |record| record.challenge(id, now).cloned()).await
    }

    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
        let policy = policy.clone();
        self.with_record(subject, move |record| record.begin_attempt(subject, id, &policy, now))
            .await
    }

    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        let subject = verified.subject();
        let proof = SharedProof::new(verified);
        let on_writer = proof.clone();
        let refused = self.with_record(subject, move |record| on_writer.consume(record, now)).await;
        proof.outcome(refused)
    }

    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
        let policy = policy.clone();
        self.with_record(subject, move |record| record.grant_resend(id, &policy, now)).await
    }

    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let policy = policy.clone();
        self.with_record(subject, move |record| {
            record.record_delivery(id, delivery, &policy, now);
        })
        .await
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        self.with_record(subject, move |record| {
            record.revoke(id);
        })
        .await
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        let policy = policy.clone();
        self.read(subject, move |record| SubjectStatus::of(record, &policy, now)).await
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.with_record(subject, SubjectRecord::unlock).await
    }
}

#[async_trait]
impl Quota for SqliteStore {
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        let charges = charges.to_vec();
        let sweeper = self.sweeper.clone();
        self.call(Capacity::MayGrow, move |connection| charge(connection, &sweeper, &charges, now))
            .await
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        let charged = charged.clone();
        self.call(Capacity::NotNeeded, move |connection| refund(connection, &charged, now)).await
    }
}

fn charge(
    connection: &Connection,
    sweeper: &SharedSweeper,
    charges: &[Charge],
    now: SystemTime,
) -> InTransaction<Result<Charged, QuotaRefused>> {
    let mut stored = Vec::with_capacity(charges.len());
    for charge in charges {
        match fetch_tat(connection, charge.key)? {
            Ok(tat) => stored.push((charge.key, tat)),
            Err(error) => return Ok(Err(error)),
        }
    }
    let of_key = |key| stored.iter().find(|(stored, _)| *stored == key).and_then(|(_, tat)| *tat);
    let granted = match charge_all(charges, of_key, now) {
        Ok(granted) => granted,
        Err(refused) => return Ok(Ok(Err(refused))),
    };
    for (key, tat) in &granted.tats {
        put_tat(connection, *key, *tat)?;
    }
    for _ in 0..granted.new_keys {
        sweeper.lock().sweep_step(connection, Table::Quota, now)?;
    }
    Ok(Ok(Ok(granted.receipt)))
}

fn refund(connection: &Connection, charged: &Charged, now: SystemTime) -> InTransaction<()> {
    for (key, span) in charged.refunds(now) {
        match fetch_tat(connection, key)? {
            Ok(None) => {}
            Ok(Some(tat)) => {
                let tat = gcra::refund(tat, span);
                if tat.is_past(now) {
                    Table::Quota.delete(connection, key.as_bytes())?;
                } else {
                    put_tat(connection, key, tat)?;
                }
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

fn fetch_tat(connection: &Connection, key: QuotaKey) -> InTransaction<Option<Tat>> {
    let stored = Table::Quota.get(connection, key.as_bytes(), read_tat)?;
    Ok(match stored {
        Some(None) => {
            Err(StoreError::new(StoreErrorKind::Corrupt, "a stored quota cannot be read"))
        }
        stored => Ok(stored.flatten()),
    })
}

fn put_tat(connection: &Connection, key: QuotaKey, tat: Tat) -> rusqlite::Result<()> {
    Table::Quota.put(connection, key.as_bytes(), &tat.as_micros().to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A disk that hangs in the middle of a write. The clock stands still until nothing else can happen.
    #[tokio::test(start_paused = true)]
    async fn calls_behind_a_write_that_hangs_end_in_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SqliteStore::open(folder.path().join("otp.db")).await.expect("a fresh folder");
        let (release, hangs) = mpsc::channel::<()>();
        let (start, started) = mpsc::channel();
        let hanging = store.call(Capacity::NotNeeded, move |_| {
            start.send(()).expect("the test waits for it");
            let _ = hangs.recv();
            Ok(Ok(()))
        });
        let subject = SubjectKey::derive("", "alice");
        let behind = async {
            // The clock stands still while a thread for blocking work is busy.
            let started = tokio::task::spawn_blocking(move || started.recv()).await;
            started.expect("no panic").expect("the write begins");
            store.unlock(subject).await
        };
        let limit = SqliteStore::CALL_TIMEOUT + Duration::from_secs(1);
        let both = tokio::time::timeout(limit, async { tokio::join!(hanging, behind) }).await;
        let (hung, behind) = both.expect("both end in time");
        let hung = hung.expect_err("no reply");
        assert_eq!(hung.kind(), StoreErrorKind::Unavailable, "it may take effect: {hung:?}");
        let behind = behind.expect_err("no turn");
        assert_eq!(behind.kind(), StoreErrorKind::Conflict, "it never runs: {behind:?}");
        drop(release);
        tokio::time::resume();
        store.unlock(subject).await.expect("works again");
    }
}
