//! The audit trail in SQLite.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use auth_module::{
    AuditArchive, AuditId, AuditQuery, AuditReader, AuditRecord, AuditTrail, AuthError,
    AuthErrorKind, ChainHead, ChainKey, ChainedRecord, SealRule, Segment, StoredAuditRecord,
};

use crate::{audit_chain, audit_reader::SqliteAuditReader, file::File};

/// The audit trail of a [`Database`](crate::Database). Triggers forbid to change or delete its rows, and a
/// hash chain shows whether somebody has done so in spite of them.
#[derive(Debug, Clone)]
pub struct SqliteAuditTrail {
    file: File,
    key: Arc<ChainKey>,
    lost: Arc<Mutex<Lost>>,
}

/// The records that were lost since the file was opened.
#[derive(Debug, Default)]
struct Lost {
    count: u64,
    /// How many of them a flush has reported.
    reported: u64,
    /// Why the first that was not reported was lost.
    cause: Option<AuthError>,
    /// Whether a loss was logged and nothing was kept since.
    is_logged: bool,
}

impl SqliteAuditTrail {
    pub(crate) fn new(file: File, key: ChainKey) -> Self {
        Self { file, key: Arc::new(key), lost: Arc::default() }
    }

    fn reader(&self) -> SqliteAuditReader {
        SqliteAuditReader::new(self.file.clone())
    }
}

#[async_trait]
impl AuditTrail for SqliteAuditTrail {
    fn record(&self, record: AuditRecord) {
        let (lost, key) = (Arc::clone(&self.lost), Arc::clone(&self.key));
        let queued = self.file.write_later(
            move |connection| audit_chain::append(connection, &key, &record),
            move |error| locked(&lost).note(error),
        );
        if let Err(error) = queued {
            locked(&self.lost).note(error);
        }
    }

    async fn flush(&self) -> Result<(), AuthError> {
        // A record that no flush has reported yet may be one of this caller, also if another flush
        // reports it while this one waits.
        let reported_before = locked(&self.lost).reported;
        // One queue, in order: when this write is done, so is every write before it.
        let written = self.file.write(|_| Ok(())).await;
        let mut lost = locked(&self.lost);
        // The cause of a loss comes first: whether this write fails too depends on whether it shares a
        // commit with the record.
        if lost.count == reported_before {
            if written.is_ok() {
                lost.note_recovery();
            }
            return written;
        }
        lost.reported = lost.count;
        Err(lost.cause.take().unwrap_or_else(|| {
            AuthError::new(AuthErrorKind::Unavailable, "an audit record could not be kept")
        }))
    }

    async fn probe(&self) -> Result<(), AuthError> {
        self.flush().await?;
        let count = "INSERT INTO probe VALUES (1, 1) ON CONFLICT DO UPDATE SET count = count + 1";
        self.file.write(move |connection| connection.execute(count, []).map(drop)).await
    }

    fn lost(&self) -> u64 {
        locked(&self.lost).count
    }
}

impl Lost {
    /// One line for each outage, however many records it loses.
    fn note(&mut self, error: AuthError) {
        self.count += 1;
        if !self.is_logged {
            self.is_logged = true;
            tracing::error!(
                event = "audit.record_lost",
                error = &error as &dyn std::error::Error,
                "an audit record could not be kept; logins fail until records are kept again"
            );
        }
        self.cause.get_or_insert(error);
    }

    fn note_recovery(&mut self) {
        if self.is_logged {
            self.is_logged = false;
            tracing::warn!(
                event = "audit.recovered",
                lost = self.count,
                "audit records are kept again"
            );
        }
    }
}

fn locked(lost: &Mutex<Lost>) -> MutexGuard<'_, Lost> {
    lost.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl AuditReader for SqliteAuditTrail {
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError> {
        self.reader().search(query).await
    }

    async fn page(
        &self,
        after: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<ChainedRecord>, AuthError> {
        self.reader().page(after, limit).await
    }

    async fn last_id(&self) -> Result<Option<AuditId>, AuthError> {
        self.reader().last_id().await
    }

    async fn segments(&self) -> Result<Vec<Segment>, AuthError> {
        self.reader().segments().await
    }
}

#[async_trait]
impl AuditArchive for SqliteAuditTrail {
    async fn head(&self) -> Result<Option<ChainHead>, AuthError> {
        self.file.read(audit_chain::head).await
    }

    async fn seal(&self, rule: SealRule, now: SystemTime) -> Result<Option<Segment>, AuthError> {
        let key = Arc::clone(&self.key);
        self.file.write(move |connection| audit_chain::seal(connection, &key, rule, now)).await
    }

    async fn remove(&self, segment: &Segment, now: SystemTime) -> Result<u64, AuthError> {
        let number = segment.number;
        self.file.write(move |connection| audit_chain::remove(connection, number, now)).await
    }
}
