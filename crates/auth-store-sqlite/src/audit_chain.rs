//! The hash chain in the file, and its segments.

use std::time::SystemTime;

use auth_module::{
    AuditId, AuditRecord, CHAIN_STARTED, ChainHash, ChainHead, ChainKey, SealRule, Segment,
    StoredAuditRecord, UserId,
    time::{from_millis, to_millis},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::audit_reader::{NODE, id, last_id, segments, to_sql};

/// Where the chain goes on.
enum End {
    /// After this hash.
    After(ChainHash),
    /// Nowhere yet: the file has this many records from before the chain.
    NotBegun { records_before: i64 },
}

/// Appends one record to the chain.
pub(crate) fn append(
    connection: &Connection,
    key: &ChainKey,
    record: &AuditRecord,
) -> rusqlite::Result<()> {
    let previous = match end(connection, key)? {
        End::After(hash) => hash,
        End::NotBegun { records_before } => {
            let started = AuditRecord::new(CHAIN_STARTED, record.at);
            let started = started.with("records_before", records_before.to_string());
            insert(connection, key, key.start(NODE), &started)?
        }
    };
    insert(connection, key, previous, record).map(drop)
}

fn end(connection: &Connection, key: &ChainKey) -> rusqlite::Result<End> {
    let mut statement =
        connection.prepare_cached("SELECT hash FROM audit_trail ORDER BY id DESC LIMIT 1")?;
    let last = statement.query_row([], |row| match row.get::<_, Option<[u8; 32]>>(0)? {
        Some(hash) => Ok(End::After(ChainHash::from_bytes(hash))),
        None => connection.query_row("SELECT count(*) FROM audit_trail", [], |row| {
            Ok(End::NotBegun { records_before: row.get(0)? })
        }),
    });
    if let Some(end) = last.optional()? {
        return Ok(end);
    }
    let segment = segments(connection)?.pop();
    Ok(End::After(segment.map_or_else(|| key.start(NODE), |segment| segment.head)))
}

/// Inserts one record after the hash `previous`, and returns its hash.
fn insert(
    connection: &Connection,
    key: &ChainKey,
    previous: ChainHash,
    record: &AuditRecord,
) -> rusqlite::Result<ChainHash> {
    // Not one more than the last row: if somebody removed the last rows, a gap has to stay.
    let id = AuditId(last_id(connection)?.map_or(1, |id| id.0 + 1));
    let stored = StoredAuditRecord::of(id, record);
    let hash = key.link(previous, &stored);
    let fields = serde_json::to_string(&stored.fields)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO audit_trail (id, at, event, user_id, actor, client, flow, fields, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement.execute(params![
        to_sql(id.0),
        to_millis(stored.at),
        stored.event,
        stored.user_id.as_ref().map(UserId::as_str),
        stored.actor,
        stored.client.map(|client| client.to_string()),
        stored.flow,
        fields,
        hash.as_bytes(),
    ])?;
    Ok(hash)
}

/// Returns the last record of the chain.
pub(crate) fn head(connection: &Connection) -> rusqlite::Result<Option<ChainHead>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, hash FROM audit_trail WHERE hash IS NOT NULL ORDER BY id DESC LIMIT 1",
    )?;
    let head = statement.query_row([], |row| {
        Ok(ChainHead { id: id(row, 0)?, hash: ChainHash::from_bytes(row.get(1)?) })
    });
    head.optional()
}

/// Ends a segment: every record after the last segment. `None` if there are too few for `rule`.
pub(crate) fn seal(
    connection: &Connection,
    key: &ChainKey,
    rule: SealRule,
    now: SystemTime,
) -> rusqlite::Result<Option<Segment>> {
    let previous = segments(connection)?.pop();
    let after = previous.as_ref().map_or(AuditId(0), |segment| segment.last);
    let Some(head) = head(connection)?.filter(|head| head.id > after) else { return Ok(None) };
    let (first, oldest) = connection.query_row(
        "SELECT id, at FROM audit_trail WHERE id > ?1 ORDER BY id LIMIT 1",
        [to_sql(after.0)],
        |row| Ok((id(row, 0)?, from_millis(row.get(1)?))),
    )?;
    // The ids have no gaps, so this needs no count of the rows, every minute.
    if !rule.is_met(oldest, head.id.0 - first.0 + 1) {
        return Ok(None);
    }
    let records = connection.query_row(
        "SELECT count(*) FROM audit_trail WHERE id > ?1",
        [to_sql(after.0)],
        |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()),
    )?;
    let mut segment = Segment {
        number: previous.as_ref().map_or(1, |segment| segment.number + 1),
        node: NODE.to_owned(),
        first,
        last: head.id,
        records,
        head: head.hash,
        seal: previous.map_or_else(|| key.start(NODE), |segment| segment.seal),
        is_removed: false,
    };
    segment.seal = key.seal(segment.seal, &segment);
    connection.execute(
        "INSERT INTO audit_segments (number, first_id, last_id, records, head, seal, sealed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            to_sql(segment.number),
            to_sql(segment.first.0),
            to_sql(segment.last.0),
            to_sql(segment.records),
            segment.head.as_bytes(),
            segment.seal.as_bytes(),
            to_millis(now),
        ],
    )?;
    Ok(Some(segment))
}

/// Removes the records of a segment.
pub(crate) fn remove(
    connection: &Connection,
    number: u64,
    now: SystemTime,
) -> rusqlite::Result<u64> {
    let (number, now) = (to_sql(number), to_millis(now));
    // From here on, the trigger of `audit_trail` lets them go.
    connection.execute(
        "UPDATE audit_segments SET removed_at = ?2 WHERE number = ?1 AND removed_at IS NULL",
        params![number, now],
    )?;
    let removed = connection.execute(
        "DELETE FROM audit_trail WHERE id BETWEEN
             (SELECT first_id FROM audit_segments WHERE number = ?1)
             AND (SELECT last_id FROM audit_segments WHERE number = ?1)",
        [number],
    )?;
    Ok(u64::try_from(removed).unwrap_or(u64::MAX))
}
