//! The audit trail in SQLite.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use auth_module::{
    AuditId, AuditQuery, AuditReader, AuditRecord, AuditTrail, AuthError, AuthErrorKind,
    StoredAuditRecord, UserId,
    time::{from_millis, to_millis},
};
use rusqlite::{Connection, Row, named_params, params, types::Type};

use crate::file::File;

/// The audit trail of a [`Database`](crate::Database). Triggers forbid to change or delete its rows.
#[derive(Debug, Clone)]
pub struct SqliteAuditTrail {
    file: File,
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
}

impl SqliteAuditTrail {
    pub(crate) fn new(file: File) -> Self {
        Self { file, lost: Arc::default() }
    }
}

#[async_trait]
impl AuditTrail for SqliteAuditTrail {
    fn record(&self, record: AuditRecord) {
        let lost = Arc::clone(&self.lost);
        let queued = self.file.write_later(
            move |connection| insert(connection, &record),
            move |error| note_loss(&lost, error),
        );
        if let Err(error) = queued {
            note_loss(&self.lost, error);
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
            return written;
        }
        let count = lost.count - reported_before;
        tracing::error!(lost = count, "audit records could not be kept");
        lost.reported = lost.count;
        Err(lost.cause.take().unwrap_or_else(|| {
            AuthError::new(AuthErrorKind::Unavailable, "an audit record could not be kept")
        }))
    }
}

fn note_loss(lost: &Mutex<Lost>, error: AuthError) {
    let mut lost = locked(lost);
    lost.count += 1;
    // One line for each flush: a full disk loses every record, each for the same reason.
    if lost.cause.is_none() {
        tracing::error!(%error, "an audit record could not be kept");
        lost.cause = Some(error);
    }
}

fn locked(lost: &Mutex<Lost>) -> MutexGuard<'_, Lost> {
    lost.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl AuditReader for SqliteAuditTrail {
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let query = query.clone();
        self.file.read(move |connection| search(connection, &query)).await
    }
}

fn search(connection: &Connection, query: &AuditQuery) -> rusqlite::Result<Vec<StoredAuditRecord>> {
    let to_sql = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    // A family is the range from `session.` to before `session/`, the next character after the dot.
    let mut statement = connection.prepare_cached(
        "SELECT id, at, event, user_id, actor, client, flow, fields FROM audit_trail
         WHERE (:before IS NULL OR id < :before)
             AND (:user IS NULL OR user_id = :user)
             AND (:event IS NULL OR event = :event
                 OR (event >= :event || '.' AND event < :event || '/'))
             AND (:from IS NULL OR at >= :from)
             AND (:until IS NULL OR at < :until)
         ORDER BY id DESC LIMIT :limit",
    )?;
    let found = statement.query_map(
        named_params! {
            ":before": query.before.map(|id| to_sql(id.0)),
            ":user": query.user_id.as_ref().map(UserId::as_str),
            ":event": query.event,
            ":from": query.from.map(to_millis),
            ":until": query.until.map(to_millis),
            ":limit": i64::try_from(query.limit).unwrap_or(i64::MAX),
        },
        stored,
    )?;
    found.collect()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredAuditRecord> {
    let user: Option<String> = row.get(3)?;
    let client: Option<String> = row.get(5)?;
    let mut record = StoredAuditRecord::new(
        AuditId(row.get::<_, i64>(0)?.unsigned_abs()),
        from_millis(row.get(1)?),
        row.get::<_, String>(2)?,
    );
    record.user_id =
        user.map(|id| UserId::parse(&id).ok_or_else(|| unreadable(3, "no user id"))).transpose()?;
    record.actor = row.get(4)?;
    record.client = client.map(|c| c.parse()).transpose().map_err(|e| unreadable(5, e))?;
    record.flow = row.get(6)?;
    record.fields =
        serde_json::from_str(&row.get::<_, String>(7)?).map_err(|e| unreadable(7, e))?;
    Ok(record)
}

fn unreadable(
    column: usize,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

fn insert(connection: &Connection, record: &AuditRecord) -> rusqlite::Result<()> {
    let fields: BTreeMap<&str, &str> =
        record.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let fields = serde_json::to_string(&fields)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
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
        fields,
    ])?;
    Ok(())
}
