//! The audit trail in SQLite.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use auth_module::{
    AuditRecord, AuditTrail, AuthError, AuthErrorKind, UserId,
    time::{from_millis, to_millis},
};
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value};

use crate::database::Database;

/// The audit trail of a [`Database`]: rows that its triggers forbid to change or delete.
#[derive(Debug, Clone)]
pub struct SqliteAuditTrail {
    database: Database,
    lost: Arc<AtomicU64>,
}

/// A record as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredAuditRecord {
    /// Counts up without reuse; a gap means that somebody went round the triggers.
    pub id: i64,
    /// When.
    pub at: SystemTime,
    /// The stable name.
    pub event: String,
    /// The user it happened to.
    pub user_id: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// The address of the browser.
    pub client: Option<String>,
    /// The login it belongs to.
    pub flow: Option<String>,
    /// The details, as a JSON object.
    pub fields: String,
}

impl SqliteAuditTrail {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, lost: Arc::default() }
    }

    /// At most `limit` records, the oldest first, from the one after the id `after`; about `user`
    /// only, if one is named.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub async fn read(
        &self,
        user: Option<&UserId>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let user = user.map(|user| user.as_str().to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.database
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id, at, event, user_id, actor, client, flow, fields FROM audit_trail
                     WHERE id > ?1 AND (?2 IS NULL OR user_id = ?2) ORDER BY id LIMIT ?3",
                )?;
                statement.query_map(params![after, user, limit], stored)?.collect()
            })
            .await
    }
}

#[async_trait]
impl AuditTrail for SqliteAuditTrail {
    fn record(&self, record: AuditRecord) {
        let lost = Arc::clone(&self.lost);
        let queued = self.database.write_later(
            move |connection| insert(connection, &record),
            move |error| {
                // One line per flush: a full disk loses every record, each for the same reason.
                if lost.fetch_add(1, Ordering::SeqCst) == 0 {
                    tracing::error!(%error, "an audit record could not be kept");
                }
            },
        );
        if queued.is_err() {
            self.lost.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn flush(&self) -> Result<(), AuthError> {
        // One queue, in order: when this is through, so is everything before it.
        self.database.write(|_| Ok(())).await?;
        let lost = self.lost.swap(0, Ordering::SeqCst);
        if lost == 0 {
            return Ok(());
        }
        tracing::error!(lost, "audit records could not be kept");
        Err(AuthError::new(AuthErrorKind::Unavailable, "audit records could not be kept"))
    }
}

fn insert(connection: &Connection, record: &AuditRecord) -> rusqlite::Result<()> {
    let fields: Map<String, Value> = record
        .fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::String(value.clone())))
        .collect();
    let mut statement = connection.prepare_cached(
        "INSERT INTO audit_trail (at, event, user_id, actor, client, flow, fields)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        to_millis(record.at),
        record.event,
        record.user_id.as_ref().map(UserId::as_str),
        record.actor,
        record.client.map(|client| client.to_string()),
        record.flow,
        Value::Object(fields).to_string(),
    ])?;
    Ok(())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredAuditRecord> {
    Ok(StoredAuditRecord {
        id: row.get(0)?,
        at: from_millis(row.get(1)?),
        event: row.get(2)?,
        user_id: row.get(3)?,
        actor: row.get(4)?,
        client: row.get(5)?,
        flow: row.get(6)?,
        fields: row.get(7)?,
    })
}
