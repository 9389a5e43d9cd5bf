//! The file itself: opening, layout, transactions, and one row per subject or quota.

use std::{
    error::Error,
    fmt,
    fs::OpenOptions,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use otp_core::{SubjectRecord, gcra::Tat};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use crate::{StoreError, StoreErrorKind, layout::is_forgettable};

/// Marks the file as ours (`PRAGMA application_id`): "OTPC".
const APPLICATION_ID: i32 = 0x4f54_5043;

/// Version of the tables (`PRAGMA user_version`). Rows carry their own, see `layout`.
const LAYOUT_VERSION: i32 = 1;

/// How long a transaction waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

const TABLES: &str = "
    CREATE TABLE subject (key BLOB PRIMARY KEY NOT NULL, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE quota (key BLOB PRIMARY KEY NOT NULL, state BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// Why a transaction did not happen. It says so to every call of its batch.
#[derive(Debug)]
pub(super) struct Failure {
    kind: StoreErrorKind,
    what: &'static str,
    detail: Option<String>,
    needs_reopening: bool,
}

impl Failure {
    fn new(kind: StoreErrorKind, what: &'static str) -> Self {
        Self { kind, what, detail: None, needs_reopening: true }
    }

    /// For a call whose turn did not come in time.
    pub(super) fn late() -> Self {
        let what = "too many calls wait for the store file";
        Self { needs_reopening: false, ..Self::new(StoreErrorKind::Conflict, what) }
    }

    /// Whether sweeping may help.
    pub(super) fn is_out_of_space(&self) -> bool {
        self.kind == StoreErrorKind::Capacity
    }

    /// Whether the connection is to be thrown away before the next transaction.
    pub(super) fn needs_reopening(&self) -> bool {
        self.needs_reopening
    }

    pub(super) fn to_store_error(&self) -> StoreError {
        let error = StoreError::new(self.kind, self.what);
        match &self.detail {
            Some(detail) => error.with_source(Detail(detail.clone())),
            None => error,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        use StoreErrorKind::{Capacity, Conflict, Corrupt, Unavailable};
        let (kind, what, needs_reopening) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => (Capacity, "no room left for the store file", false),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (Conflict, "another process holds the store file", false)
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                (Corrupt, "the store file is damaged", true)
            }
            _ => (Unavailable, "cannot use the store file", true),
        };
        Self { kind, what, detail: Some(error.to_string()), needs_reopening }
    }
}

/// What SQLite said.
#[derive(Debug)]
struct Detail(String);

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Detail {}

/// A table of sixteen-byte keys and short values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Table {
    Subject,
    Quota,
}

impl Table {
    const fn select(self) -> &'static str {
        match self {
            Self::Subject => "SELECT record FROM subject WHERE key = ?1",
            Self::Quota => "SELECT state FROM quota WHERE key = ?1",
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
        }
    }

    const fn delete(self) -> &'static str {
        match self {
            Self::Subject => "DELETE FROM subject WHERE key = ?1",
            Self::Quota => "DELETE FROM quota WHERE key = ?1",
        }
    }

    /// Whether a row with this value can be forgotten. One that cannot be read stays: whoever asks
    /// for it is told.
    fn is_dead(self, value: &[u8], now: SystemTime) -> bool {
        match self {
            Self::Subject => {
                SubjectRecord::from_bytes(value).is_ok_and(|record| is_forgettable(&record, now))
            }
            Self::Quota => read_mark(value).is_some_and(|mark| mark.is_past(now)),
        }
    }

    /// Without a bound LIMIT, which would have SQLite plan the statement anew for every value.
    const fn after(self) -> &'static str {
        match self {
            Self::Subject => "SELECT key, record FROM subject WHERE key > ?1 ORDER BY key",
            Self::Quota => "SELECT key, state FROM quota WHERE key > ?1 ORDER BY key",
        }
    }
}

/// Rows looked at for every row added, so that dead rows never outnumber live ones for long.
const SWEPT_PER_INSERT: u32 = 3;

/// Rows added to a table between one sweep and the next, which is so much longer.
const INSERTS_PER_SWEEP: u32 = 16;

/// Rows looked at in each table when there was no room.
const SWEPT_WHEN_FULL: u32 = 1024;

/// More pages than the additions of one batch take.
const SPARE_PAGES: i64 = 1024;

/// Which file it is and how large it may grow.
#[derive(Clone, Debug)]
pub(super) struct FileSettings {
    pub(super) path: PathBuf,
    pub(super) max_bytes: Option<u64>,
}

/// An open file, with the places where sweeping goes on.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
    /// What the path named when it was opened.
    identity: Option<Identity>,
    cursors: [Vec<u8>; 2],
    /// How many rows of each table may be added before the next sweep.
    until_sweep: [u32; 2],
    /// The latest instant that a caller has named.
    latest: SystemTime,
    /// How many pages the file may have.
    max_pages: Option<i64>,
}

impl Database {
    /// Opens the file, making it if there is none.
    pub(super) fn create_or_open(settings: &FileSettings) -> Result<Self, Failure> {
        create_private(&settings.path)?;
        Self::open(settings, true)
    }

    /// Opens the file that must be there and filled: one that vanished is not replaced, and an empty
    /// one in its place is not taken for it.
    pub(super) fn reopen(settings: &FileSettings) -> Result<Self, Failure> {
        // SQLite would write a header into it.
        if std::fs::metadata(&settings.path).is_ok_and(|file| file.len() == 0) {
            return Err(file_truncated());
        }
        Self::open(settings, false)
    }

    fn open(settings: &FileSettings, may_create: bool) -> Result<Self, Failure> {
        let path = settings.path.as_path();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(32);
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(Failure::new(
                StoreErrorKind::Unavailable,
                "the store file's disk does not support write-ahead logging",
            ));
        }
        connection.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA trusted_schema = OFF;",
        )?;
        let mut database = Self {
            connection,
            path: path.to_owned(),
            identity: identity(path),
            cursors: [Vec::new(), Vec::new()],
            // A program that is started often sweeps, too.
            until_sweep: [0; 2],
            latest: SystemTime::UNIX_EPOCH,
            max_pages: None,
        };
        database.set_up(may_create)?;
        database.limit(settings.max_bytes)?;
        Ok(database)
    }

    /// Makes the tables in an empty file, if it may; refuses a file of another program or a newer
    /// version.
    fn set_up(&mut self, may_create: bool) -> Result<(), Failure> {
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let application: i32 =
            transaction.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let tables: i64 =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        match (application, version, tables) {
            (APPLICATION_ID, LAYOUT_VERSION, _) => {}
            (0, 0, 0) if !may_create => return Err(file_truncated()),
            (0, 0, 0) => {
                transaction.execute_batch(TABLES)?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", LAYOUT_VERSION)?;
            }
            (APPLICATION_ID, _, _) => {
                return Err(Failure::new(
                    StoreErrorKind::Corrupt,
                    "the store file has the layout of another version",
                ));
            }
            _ => {
                return Err(Failure::new(
                    StoreErrorKind::Corrupt,
                    "the file belongs to another program",
                ));
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Bounds the file, in whole pages.
    fn limit(&mut self, max_bytes: Option<u64>) -> Result<(), Failure> {
        if let Some(max_bytes) = max_bytes {
            let page: i64 = self.connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            let bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
            let pages = (bytes / page.max(1)).max(1);
            let set = format!("PRAGMA max_page_count = {pages}");
            self.max_pages = Some(self.connection.query_row(&set, [], |row| row.get(0))?);
        }
        Ok(())
    }

    /// Whether the bound is so near that the next additions may not fit.
    pub(super) fn is_nearly_full(&self) -> bool {
        let pages = |pragma| -> rusqlite::Result<i64> {
            self.connection.prepare_cached(pragma)?.query_row([], |row| row.get(0))
        };
        let Some(most) = self.max_pages else { return false };
        match (pages("PRAGMA page_count"), pages("PRAGMA freelist_count")) {
            (Ok(taken), Ok(free)) => taken - free + SPARE_PAGES > most,
            _ => true,
        }
    }

    /// Begins a transaction, if the path still names the file that was opened: what is written to
    /// another one would be gone with the next start.
    pub(super) fn begin(&self) -> Result<(), Failure> {
        if identity(&self.path) != self.identity {
            return Err(Failure::new(
                StoreErrorKind::Unavailable,
                "the store file was moved or removed",
            ));
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    pub(super) fn commit(&self) -> Result<(), Failure> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Leaves the transaction, if SQLite has not done so by itself.
    pub(super) fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // If this fails the connection is broken, and the next call says so.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Hands the stored value to `read`, if there is one.
    pub(super) fn get<T>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, Failure> {
        let mut statement = self.connection.prepare_cached(table.select())?;
        let found =
            statement.query_row([key], |row| Ok(read(row.get_ref(0)?.as_blob()?))).optional()?;
        Ok(found)
    }

    pub(super) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Failure> {
        self.connection.prepare_cached(table.upsert())?.execute(params![key, value])?;
        Ok(())
    }

    pub(super) fn delete(&self, table: Table, key: &[u8]) -> Result<(), Failure> {
        self.connection.prepare_cached(table.delete())?.execute([key])?;
        Ok(())
    }

    /// Sweeps in exchange for a row that was added: for several at a time.
    pub(super) fn sweep_a_little(&mut self, table: Table, now: SystemTime) -> Result<(), Failure> {
        self.latest = self.latest.max(now);
        let left = &mut self.until_sweep[table as usize];
        if *left > 0 {
            *left -= 1;
            return Ok(());
        }
        *left = INSERTS_PER_SWEEP - 1;
        self.sweep(table, SWEPT_PER_INSERT * INSERTS_PER_SWEEP, now)
    }

    /// Sweeps a lot, in a transaction of its own, because the file was full.
    pub(super) fn make_room(&mut self) -> Result<(), Failure> {
        self.begin()?;
        self.sweep(Table::Subject, SWEPT_WHEN_FULL, self.latest)?;
        self.sweep(Table::Quota, SWEPT_WHEN_FULL, self.latest)?;
        self.commit()
    }

    /// Looks at the next rows of the table and deletes the dead ones.
    fn sweep(&mut self, table: Table, steps: u32, now: SystemTime) -> Result<(), Failure> {
        let cursor = &mut self.cursors[table as usize];
        let mut dead: Vec<Vec<u8>> = Vec::new();
        let mut seen = 0;
        {
            let mut statement = self.connection.prepare_cached(table.after())?;
            let mut rows = statement.query([cursor.as_slice()])?;
            while seen < steps
                && let Some(row) = rows.next()?
            {
                let key = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                let value = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                if table.is_dead(value, now) {
                    dead.push(key.to_vec());
                }
                cursor.clear();
                cursor.extend_from_slice(key);
                seen += 1;
            }
        }
        if seen < steps {
            cursor.clear();
        }
        dead.iter().try_for_each(|key| self.delete(table, key))
    }
}

/// What to say of an empty file where there was a filled one.
fn file_truncated() -> Failure {
    Failure::new(StoreErrorKind::Corrupt, "the store file was emptied while in use")
}

/// The mark that eight bytes stand for.
pub(super) fn read_mark(bytes: &[u8]) -> Option<Tat> {
    bytes.try_into().ok().map(u64::from_be_bytes).map(Tat::from_micros)
}

/// What tells one file from another that bears its name later; `None` if there is none.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Elsewhere a file in use can be neither moved nor removed.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|_| (0, 0))
}

/// Makes an empty file that only this user can read, unless there is a file already. SQLite gives
/// its log the same rights.
fn create_private(path: &Path) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure {
            detail: Some(error.to_string()),
            ..Failure::new(StoreErrorKind::Unavailable, "cannot make the store file")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(database: &Database, pragma: &str) -> i64 {
        let question = format!("PRAGMA {pragma}");
        database.connection.query_row(&question, [], |row| row.get(0)).expect("SQLite knows it")
    }

    /// What "acknowledged means on disk" hangs on: with `NORMAL` a commit is in the file's cache, and a
    /// power cut takes it back. No test that kills processes can tell the two apart.
    #[test]
    fn the_writers_own_connection_flushes_every_commit() {
        const FULL: i64 = 2;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = FileSettings { path: folder.path().join("otp.db"), max_bytes: None };
        let made = Database::create_or_open(&settings).expect("opens");
        assert_eq!(number(&made, "synchronous"), FULL);
        drop(made);
        let opened = Database::reopen(&settings).expect("opens");
        assert_eq!(number(&opened, "synchronous"), FULL);
    }
}
