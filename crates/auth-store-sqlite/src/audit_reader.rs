//! Reading the audit trail in SQLite.

use async_trait::async_trait;
use auth_module::{
    AuditId, AuditQuery, AuditReader, AuthError, ChainHash, ChainedRecord, Segment,
    StoredAuditRecord, UserId,
    time::{from_millis, to_millis},
};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params, types::Type};

use crate::file::File;

/// The node of the one chain in a file.
pub(crate) const NODE: &str = "local";

/// The columns that [`stored`] and [`readable`] read, in their order.
const COLUMNS: &str = "id, at, event, user_id, actor, client, flow, fields";

/// The audit trail of a [`Database`](crate::Database), for reading only. It needs no key.
#[derive(Debug, Clone)]
pub struct SqliteAuditReader(File);

impl SqliteAuditReader {
    pub(crate) fn new(file: File) -> Self {
        Self(file)
    }
}

#[async_trait]
impl AuditReader for SqliteAuditReader {
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let query = query.clone();
        self.0.read(move |connection| search(connection, &query)).await
    }

    async fn page(
        &self,
        after: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<ChainedRecord>, AuthError> {
        self.0.read(move |connection| page(connection, after, limit)).await
    }

    async fn last_id(&self) -> Result<Option<AuditId>, AuthError> {
        self.0.read(last_id).await
    }

    async fn segments(&self) -> Result<Vec<Segment>, AuthError> {
        self.0.read(segments).await
    }
}

fn search(connection: &Connection, query: &AuditQuery) -> rusqlite::Result<Vec<StoredAuditRecord>> {
    // A family is the range from `session.` to before `session/`, the next character after the dot.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM audit_trail
         WHERE (:before IS NULL OR id < :before)
             AND (:user IS NULL OR user_id = :user)
             AND (:event IS NULL OR event = :event
                 OR (event >= :event || '.' AND event < :event || '/'))
             AND (:from IS NULL OR at >= :from)
             AND (:until IS NULL OR at < :until)
         ORDER BY id DESC LIMIT :limit"
    ))?;
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

fn page(
    connection: &Connection,
    after: Option<AuditId>,
    limit: usize,
) -> rusqlite::Result<Vec<ChainedRecord>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, hash FROM audit_trail WHERE id > ?1 ORDER BY id LIMIT ?2"
    ))?;
    let after = after.map_or(0, |id| to_sql(id.0));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![after, limit], |row| {
        let hash: Option<[u8; 32]> = row.get(8)?;
        let hash = hash.map(ChainHash::from_bytes);
        Ok(ChainedRecord::new(readable(row)?, NODE.to_owned(), hash))
    })?;
    found.collect()
}

/// Returns the highest id that was ever given.
pub(crate) fn last_id(connection: &Connection) -> rusqlite::Result<Option<AuditId>> {
    let mut statement =
        connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'audit_trail'")?;
    statement.query_row([], |row| id(row, 0)).optional()
}

/// Returns the segments that have ended, the oldest first.
pub(crate) fn segments(connection: &Connection) -> rusqlite::Result<Vec<Segment>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, first_id, last_id, records, head, seal, removed_at IS NOT NULL
         FROM audit_segments ORDER BY number",
    )?;
    let found = statement.query_map([], |row| {
        Ok(Segment {
            number: row.get::<_, i64>(0)?.unsigned_abs(),
            node: NODE.to_owned(),
            first: id(row, 1)?,
            last: id(row, 2)?,
            records: row.get::<_, i64>(3)?.unsigned_abs(),
            head: ChainHash::from_bytes(row.get(4)?),
            seal: ChainHash::from_bytes(row.get(5)?),
            is_removed: row.get(6)?,
        })
    })?;
    found.collect()
}

pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads the id in this column.
pub(crate) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<AuditId> {
    Ok(AuditId(row.get::<_, i64>(column)?.unsigned_abs()))
}

/// Reads [`COLUMNS`]. What somebody has changed into another form is absent.
fn readable(row: &Row<'_>) -> rusqlite::Result<StoredAuditRecord> {
    let (user, client): (Option<String>, Option<String>) = (row.get(3)?, row.get(5)?);
    let mut record = StoredAuditRecord::new(id(row, 0)?, from_millis(row.get(1)?), row.get(2)?);
    record.user_id = user.as_deref().and_then(UserId::parse);
    record.actor = row.get(4)?;
    record.client = client.and_then(|client| client.parse().ok());
    record.flow = row.get(6)?;
    record.fields = serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or_default();
    Ok(record)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredAuditRecord> {
    let user: Option<String> = row.get(3)?;
    let client: Option<String> = row.get(5)?;
    let mut record =
        StoredAuditRecord::new(id(row, 0)?, from_millis(row.get(1)?), row.get::<_, String>(2)?);
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
