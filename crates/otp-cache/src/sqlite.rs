//! One durable SQLite file: the embedded default.
//!
//! Every call is answered only when it is on disk (write-ahead log, `synchronous = FULL`). One
//! thread writes; calls that wait at the same time, up to 128, share one transaction and so one
//! flush of the disk. Several processes on one machine may use the same file.
//!
//! # When something fails
//!
//! The whole transaction is undone and every call in it gets the error; the next call tries again,
//! with the file opened anew where that can help. So a disk with room again, a lock given up or a
//! file put back heals by itself. A file that is damaged, of another program or of another layout
//! is refused as [`Corrupt`](crate::StoreErrorKind::Corrupt), and a file that vanished while in use
//! is never replaced by an empty one, nor an empty one filled: that would forget every counter and
//! every lock. A file that is full refuses what is new and goes on with what it has.
//!
//! # How long a call takes
//!
//! A transaction waits two seconds for another process that holds the file. A call whose turn has not
//! come within five seconds is answered [`Conflict`](crate::StoreErrorKind::Conflict), and nothing is
//! done for it; so with any number of callers none waits longer than ten seconds for a held file. A
//! disk that hangs in the middle of a write cannot be bounded: a caller with a deadline drops the
//! call, which has then happened once or not at all.
//!
//! # Layout, version 1
//!
//! `application_id` is `0x4F545043` ("OTPC") and `user_version` is 1. Table `subject` has one row per
//! subject with something to remember: `key`, the 16 bytes of the [`SubjectKey`], and `record`, the
//! bytes of [`SubjectRecord::to_bytes`], which carry a version of their own. Table `quota` has one row
//! per charged key: `key`, the 16 bytes of the [`QuotaKey`], and `state`, the
//! microseconds of its [`Tat`] as 8 bytes, big-endian. What has expired is deleted by and by. The
//! file holds no code, no name and no phone number, and only its owner can read it.

mod database;
mod group_commit;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use async_trait::async_trait;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, Delivery,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, SubjectRecord,
    Verified,
    gcra::{self, Tat},
};

use self::{
    database::{Database, Failure, FileSettings, Table, read_mark},
    writer::{Capacity, Writer},
};
use crate::{
    ChallengeStore, Charge, Charged, Quota, QuotaKey, QuotaRefused, StoreError, StoreErrorKind,
    SubjectStatus, charging::decide,
};

/// Challenges, counters and quotas in one SQLite file.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use otp_cache::sqlite::SqliteStore;
///
/// let folder = tempfile::tempdir()?;
/// let store = SqliteStore::open(folder.path().join("otp.db")).await?;
/// # drop(store);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStore {
    writer: Writer,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the file, or makes it, readable for its owner only.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](StoreErrorKind::Corrupt) if the file is damaged, of another program or of another
    /// version's layout; [`Conflict`](StoreErrorKind::Conflict) if another process holds it for
    /// longer than two seconds; otherwise [`Unavailable`](StoreErrorKind::Unavailable).
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_at(FileSettings { path: path.as_ref().to_owned(), max_bytes: None }).await
    }

    /// The same with a bound: at `max_bytes` the file takes nothing new
    /// ([`Capacity`](StoreErrorKind::Capacity)) until something in it has expired.
    ///
    /// A subject takes about 150 bytes. The log beside the file (`-wal`) comes on top: a few megabytes.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_bounded(path: impl AsRef<Path>, max_bytes: u64) -> Result<Self, StoreError> {
        let max_bytes = Some(max_bytes);
        Self::open_at(FileSettings { path: path.as_ref().to_owned(), max_bytes }).await
    }

    async fn open_at(settings: FileSettings) -> Result<Self, StoreError> {
        let path = settings.path.clone();
        let writer = tokio::task::spawn_blocking(move || {
            let database =
                Database::create_or_open(&settings).map_err(|failure| failure.to_store_error())?;
            Writer::start(database, settings)
        });
        let writer = writer.await.map_err(|source| {
            StoreError::new(StoreErrorKind::Unavailable, "opening the store file was given up")
                .with_source(source)
        })??;
        Ok(Self { writer, path })
    }

    /// Applies `rule`, which adds nothing to a record that is empty, in the next transaction.
    async fn with_record<T: Send + 'static>(
        &self,
        subject: SubjectKey,
        rule: impl FnOnce(&mut SubjectRecord) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer
            .call(Capacity::NotNeeded, move |database| {
                apply(database, subject, rule).map(|(done, _)| done)
            })
            .await
    }

    async fn read<T: Send + 'static>(
        &self,
        subject: SubjectKey,
        look: impl FnOnce(&SubjectRecord) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer
            .call(Capacity::NotNeeded, move |database| {
                Ok(fetch(database, subject)?.map(|record| look(&record)))
            })
            .await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The outer error undoes the transaction, the inner concerns this call only.
type InTransaction<T> = Result<Result<T, StoreError>, Failure>;

fn fetch(database: &Database, subject: SubjectKey) -> InTransaction<SubjectRecord> {
    let found = database.get(Table::Subject, subject.as_bytes(), SubjectRecord::from_bytes)?;
    Ok(found.unwrap_or_else(|| Ok(SubjectRecord::new())).map_err(|source| {
        StoreError::new(StoreErrorKind::Corrupt, "a stored subject cannot be read")
            .with_source(source)
    }))
}

/// Applies the rule and stores the record if that changed it. Says too whether a row was added.
fn apply<T>(
    database: &mut Database,
    subject: SubjectKey,
    rule: impl FnOnce(&mut SubjectRecord) -> T,
) -> Result<(Result<T, StoreError>, bool), Failure> {
    let mut record = match fetch(database, subject)? {
        Ok(record) => record,
        Err(error) => return Ok((Err(error), false)),
    };
    let before = record.clone();
    let outcome = rule(&mut record);
    if record == before {
        return Ok((Ok(outcome), false));
    }
    if record.is_empty() {
        database.delete(Table::Subject, subject.as_bytes())?;
    } else {
        database.put(Table::Subject, subject.as_bytes(), &record.to_bytes())?;
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
        self.writer
            .call(Capacity::MayGrow, move |database| {
                let rule = |record: &mut SubjectRecord| record.open(new, &policy, now);
                let (opened, is_added) = apply(database, subject, rule)?;
                if is_added {
                    database.sweep_a_little(Table::Subject, now)?;
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
    ) -> Result<Result<Consumed, ConsumeRefused>, StoreError> {
        self.with_record(verified.subject(), move |record| record.consume(verified, now)).await
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
        delivery: Delivery,
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
        self.writer.call(Capacity::MayGrow, move |database| charge(database, &charges, now)).await
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        let charged = charged.clone();
        self.writer.call(Capacity::NotNeeded, move |database| refund(database, &charged, now)).await
    }
}

fn charge(
    database: &mut Database,
    charges: &[Charge],
    now: SystemTime,
) -> InTransaction<Result<Charged, QuotaRefused>> {
    let mut stored = Vec::with_capacity(charges.len());
    for charge in charges {
        match fetch_mark(database, charge.key)? {
            Ok(mark) => stored.push(mark),
            Err(error) => return Ok(Err(error)),
        }
    }
    let decision = match decide(charges, stored, now) {
        Ok(decision) => decision,
        Err(refused) => return Ok(Ok(Err(refused))),
    };
    for (key, mark) in &decision.marks {
        put_mark(database, *key, *mark)?;
    }
    for _ in 0..decision.new_keys {
        database.sweep_a_little(Table::Quota, now)?;
    }
    Ok(Ok(Ok(decision.receipt)))
}

fn refund(database: &mut Database, charged: &Charged, now: SystemTime) -> InTransaction<()> {
    for (key, span) in charged.refunds(now) {
        match fetch_mark(database, key)? {
            Ok(None) => {}
            Ok(Some(mark)) => {
                let mark = gcra::refund(mark, span);
                if mark.is_past(now) {
                    database.delete(Table::Quota, key.as_bytes())?;
                } else {
                    put_mark(database, key, mark)?;
                }
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

fn fetch_mark(database: &Database, key: QuotaKey) -> InTransaction<Option<Tat>> {
    let stored = database.get(Table::Quota, key.as_bytes(), read_mark)?;
    Ok(match stored {
        Some(None) => {
            Err(StoreError::new(StoreErrorKind::Corrupt, "a stored quota cannot be read"))
        }
        stored => Ok(stored.flatten()),
    })
}

fn put_mark(database: &Database, key: QuotaKey, mark: Tat) -> Result<(), Failure> {
    database.put(Table::Quota, key.as_bytes(), &mark.as_micros().to_be_bytes())
}
