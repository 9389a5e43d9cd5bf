//! The three tables, and the deletion of expired rows.

use std::time::SystemTime;

use otp_core::{SubjectRecord, gcra::Tat};
use rusqlite::{Connection, OptionalExtension as _, params};
use sqlite_group_commit::Layout;

use crate::DeliveryNote;

/// The mark of the file, "OTPC", and its tables. Rows carry a version of their own, see `layout`.
pub(super) const LAYOUT: Layout = Layout::new(
    0x4f54_5043,
    &["
    CREATE TABLE subject (key BLOB PRIMARY KEY NOT NULL, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE quota (key BLOB PRIMARY KEY NOT NULL, state BLOB NOT NULL) STRICT, WITHOUT ROWID;
", "
    CREATE TABLE note (key BLOB PRIMARY KEY NOT NULL, note BLOB NOT NULL) STRICT, WITHOUT ROWID;
"],
);

/// Rows checked for every row added, so that expired rows never outnumber the others for long.
const SWEPT_PER_INSERT: u32 = 3;

/// Rows added to a table between two sweeps. Each sweep checks [`SWEPT_PER_INSERT`] rows for each of them.
const INSERTS_PER_SWEEP: u32 = 16;

/// Rows checked in each table when there was no space.
const SWEPT_WHEN_FULL: u32 = 1024;

/// A table of sixteen-byte keys and short values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Table {
    Subject,
    Quota,
    Note,
}

impl Table {
    const fn select(self) -> &'static str {
        match self {
            Self::Subject => "SELECT record FROM subject WHERE key = ?1",
            Self::Quota => "SELECT state FROM quota WHERE key = ?1",
            Self::Note => "SELECT note FROM note WHERE key = ?1",
        }
    }

    const fn upsert(self) -> &'static str {
        match self {
            Self::Subject => {
                "INSERT INTO subject (key, record) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET record = excluded.record"
            }
            Self::Quota => {
                "INSERT INTO quota (key, state) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET state = excluded.state"
            }
            Self::Note => {
                "INSERT INTO note (key, note) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET note = excluded.note"
            }
        }
    }

    const fn delete_one(self) -> &'static str {
        match self {
            Self::Subject => "DELETE FROM subject WHERE key = ?1",
            Self::Quota => "DELETE FROM quota WHERE key = ?1",
            Self::Note => "DELETE FROM note WHERE key = ?1",
        }
    }

    /// No `LIMIT` parameter: SQLite would plan the statement again for every value.
    const fn select_after(self) -> &'static str {
        match self {
            Self::Subject => "SELECT key, record FROM subject WHERE key > ?1 ORDER BY key",
            Self::Quota => "SELECT key, state FROM quota WHERE key > ?1 ORDER BY key",
            Self::Note => "SELECT key, note FROM note WHERE key > ?1 ORDER BY key",
        }
    }

    /// Whether a row with this value can be deleted. An unreadable row stays, so that calls for it
    /// report it.
    fn is_forgettable(self, value: &[u8], now: SystemTime) -> bool {
        match self {
            Self::Subject => {
                let sweep_at = SubjectRecord::from_bytes(value).ok().and_then(|one| one.sweep_at());
                sweep_at.is_some_and(|at| at <= now)
            }
            Self::Quota => read_tat(value).is_some_and(|tat| tat.is_past(now)),
            Self::Note => DeliveryNote::from_bytes(value).is_some_and(|note| note.is_expired(now)),
        }
    }

    /// Passes the stored value to `read`, if there is one.
    pub(super) fn get<T>(
        self,
        connection: &Connection,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> rusqlite::Result<Option<T>> {
        let mut statement = connection.prepare_cached(self.select())?;
        statement.query_row([key], |row| Ok(read(row.get_ref(0)?.as_blob()?))).optional()
    }

    pub(super) fn put(
        self,
        connection: &Connection,
        key: &[u8],
        value: &[u8],
    ) -> rusqlite::Result<()> {
        connection.prepare_cached(self.upsert())?.execute(params![key, value]).map(drop)
    }

    pub(super) fn delete(self, connection: &Connection, key: &[u8]) -> rusqlite::Result<()> {
        connection.prepare_cached(self.delete_one())?.execute([key]).map(drop)
    }
}

/// Deletes expired rows, a few at a time.
#[derive(Debug)]
pub(super) struct Sweeper {
    /// The key of each table after which the next sweep begins.
    cursors: [Vec<u8>; 3],
    /// How many rows of each table may be added before the next sweep.
    until_sweep: [u32; 3],
    /// The latest instant that a caller has passed.
    latest: SystemTime,
}

impl Sweeper {
    pub(super) fn new() -> Self {
        Self {
            cursors: [const { Vec::new() }; 3],
            // 0, so that a program that restarts often sweeps too.
            until_sweep: [0; 3],
            latest: SystemTime::UNIX_EPOCH,
        }
    }

    /// Counts a row that was added to the table, and sweeps the table after every few of them.
    pub(super) fn sweep_step(
        &mut self,
        connection: &Connection,
        table: Table,
        now: SystemTime,
    ) -> rusqlite::Result<()> {
        self.latest = self.latest.max(now);
        let left = &mut self.until_sweep[table as usize];
        if *left > 0 {
            *left -= 1;
            return Ok(());
        }
        *left = INSERTS_PER_SWEEP - 1;
        self.sweep(connection, table, SWEPT_PER_INSERT * INSERTS_PER_SWEEP, now)
    }

    /// Sweeps many rows, because the file was full.
    pub(super) fn make_room(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.sweep(connection, Table::Subject, SWEPT_WHEN_FULL, self.latest)?;
        self.sweep(connection, Table::Quota, SWEPT_WHEN_FULL, self.latest)?;
        self.sweep(connection, Table::Note, SWEPT_WHEN_FULL, self.latest)
    }

    /// Checks the next rows of the table and deletes the expired ones.
    fn sweep(
        &mut self,
        connection: &Connection,
        table: Table,
        steps: u32,
        now: SystemTime,
    ) -> rusqlite::Result<()> {
        let cursor = &mut self.cursors[table as usize];
        let mut expired: Vec<Vec<u8>> = Vec::new();
        let mut seen = 0;
        {
            let mut statement = connection.prepare_cached(table.select_after())?;
            let mut rows = statement.query([cursor.as_slice()])?;
            while seen < steps
                && let Some(row) = rows.next()?
            {
                let key = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                let value = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                if table.is_forgettable(value, now) {
                    expired.push(key.to_vec());
                }
                cursor.clear();
                cursor.extend_from_slice(key);
                seen += 1;
            }
        }
        if seen < steps {
            // The end of the table: the next sweep begins at its start.
            cursor.clear();
        }
        expired.iter().try_for_each(|key| table.delete(connection, key))
    }
}

/// Returns the instant that eight bytes encode.
pub(super) fn read_tat(bytes: &[u8]) -> Option<Tat> {
    bytes.try_into().ok().map(u64::from_be_bytes).map(Tat::from_micros)
}
