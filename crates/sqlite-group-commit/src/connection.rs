//! The connections to the file: one that writes, and those that read.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    error::{Error, ErrorKind},
    file::{NamedFile, create_private},
    layout::EmptyFile,
    settings::FileSettings,
};

/// More pages than the additions of one batch take.
const SPARE_PAGES: i64 = 1024;

/// Statements that a connection keeps prepared.
const PREPARED_STATEMENTS: usize = 64;

/// The connection of the writer thread.
#[derive(Debug)]
pub(crate) struct WriteConnection {
    connection: Connection,
    file: NamedFile,
    /// The size limit of the file.
    max_pages: Option<i64>,
    transaction: Transaction,
}

/// The state of the writer's transaction, which SQLite reports to the hooks of its connection. One thread uses it.
#[derive(Clone, Debug, Default)]
struct Transaction {
    may_commit: Arc<AtomicBool>,
    has_ended: Arc<AtomicBool>,
}

impl Transaction {
    /// Lets only the writer end the transactions of the connection.
    ///
    /// A job may end one without an error: it ignores that of `ON CONFLICT ROLLBACK`, or runs `COMMIT`. From
    /// then on SQLite would commit each statement by itself, and what a job reports as undone would stay.
    fn watch(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let on_commit = self.clone();
        // `true` turns the commit into a rollback.
        connection.commit_hook(Some(move || {
            let is_of_a_job = !on_commit.may_commit.load(Ordering::Relaxed);
            on_commit.has_ended.store(true, Ordering::Relaxed);
            is_of_a_job
        }))?;
        let on_rollback = self.clone();
        connection.rollback_hook(Some(move || on_rollback.has_ended.store(true, Ordering::Relaxed)))
    }
}

impl WriteConnection {
    /// Opens the file, and creates it if it is missing.
    pub(crate) fn create_or_open(settings: &FileSettings) -> Result<Self, Error> {
        create_private(&settings.path)?;
        Self::open(settings, EmptyFile::Fill)
    }

    /// Opens a file that was open before. Neither replaces a missing file nor fills an empty one.
    pub(crate) fn reopen(settings: &FileSettings) -> Result<Self, Error> {
        // Checked before SQLite opens the file, because it would write a header into an empty one.
        NamedFile::find(&settings.path)?.check()?;
        Self::open(settings, EmptyFile::Refuse)
    }

    fn open(settings: &FileSettings, empty: EmptyFile) -> Result<Self, Error> {
        let (mut connection, file) = connect(settings)?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(Error::of_file)?;
        if mode != "wal" {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the disk of the database file does not support write-ahead logging",
            ));
        }
        // FULL: a commit is on the disk before its callers get their replies.
        // 32 MiB of cache (a negative value is KiB).
        connection
            .execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;")
            .map_err(Error::of_file)?;
        settings.layout.apply(&mut connection, empty)?;
        let max_pages = settings.max_bytes.map(|bytes| limit(&connection, bytes)).transpose();
        let max_pages = max_pages.map_err(Error::of_file)?;
        let transaction = Transaction::default();
        transaction.watch(&mut connection).map_err(Error::of_file)?;
        Ok(Self { connection, file, max_pages, transaction })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether the size limit is so near that the next additions may not fit.
    pub(crate) fn is_nearly_full(&self) -> bool {
        let pages = |pragma| -> rusqlite::Result<i64> {
            self.connection.prepare_cached(pragma)?.query_row([], |row| row.get(0))
        };
        let Some(max_pages) = self.max_pages else { return false };
        match (pages("PRAGMA page_count"), pages("PRAGMA freelist_count")) {
            (Ok(taken), Ok(free)) => taken - free + SPARE_PAGES > max_pages,
            _ => true,
        }
    }

    /// Begins a transaction, if the path still names the file that was opened.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        self.file.check()?;
        // IMMEDIATE takes the write lock at once and waits for it. A deferred transaction can fail
        // with `SQLITE_BUSY` at its first write, after it has read.
        self.execute("BEGIN IMMEDIATE")?;
        self.transaction.has_ended.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Checks that no job has ended the transaction.
    pub(crate) fn check_transaction(&self) -> Result<(), Error> {
        if self.transaction.has_ended.load(Ordering::Relaxed) || self.connection.is_autocommit() {
            return Err(Error::new(ErrorKind::Unavailable, "a job ended the transaction"));
        }
        Ok(())
    }

    pub(crate) fn commit(&self) -> Result<(), Error> {
        self.transaction.may_commit.store(true, Ordering::Relaxed);
        let committed = self.execute("COMMIT");
        self.transaction.may_commit.store(false, Ordering::Relaxed);
        committed
    }

    /// Leaves the transaction, unless SQLite has done so already.
    pub(crate) fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // If this fails, the connection is broken, and the next transaction reports it.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Runs a statement without parameters and rows.
    pub(crate) fn execute(&self, statement: &str) -> Result<(), Error> {
        let executed =
            self.connection.prepare_cached(statement).and_then(|mut found| found.execute([]));
        executed.map(drop).map_err(Error::of_file)
    }
}

/// A connection that reads while the writer writes.
#[derive(Debug)]
pub(crate) struct ReadConnection {
    connection: Connection,
    file: NamedFile,
}

impl ReadConnection {
    pub(crate) fn open(settings: &FileSettings) -> Result<Self, Error> {
        // Checked before SQLite opens the file, because it would write a header into an empty one.
        NamedFile::find(&settings.path)?.check()?;
        let (connection, file) = connect(settings)?;
        connection.pragma_update(None, "query_only", true).map_err(Error::of_file)?;
        settings.layout.check(&connection)?;
        Ok(Self { connection, file })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Checks that the path still names the file that was opened.
    pub(crate) fn check_file(&self) -> Result<(), Error> {
        self.file.check()
    }
}

/// Opens an existing file with the settings that all connections share.
fn connect(settings: &FileSettings) -> Result<(Connection, NamedFile), Error> {
    let path: &Path = &settings.path;
    let file = NamedFile::find(path)?;
    // No `CREATE`: `create_private` has made a new file with mode 0600, and reopening must not make
    // one. `NO_MUTEX`: one thread at a time uses a connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(settings.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        // `trusted_schema = OFF`: a tampered schema cannot call functions.
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")?;
        Ok(connection)
    };
    Ok((open().map_err(Error::of_file)?, file))
}

/// Limits the file to whole pages within `max_bytes`. Returns how many pages it may have.
fn limit(connection: &Connection, max_bytes: u64) -> rusqlite::Result<i64> {
    let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
    let pages = (bytes / page.max(1)).max(1);
    let set = format!("PRAGMA max_page_count = {pages}");
    connection.query_row(&set, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    const LAYOUT: Layout = Layout::new(1, &["CREATE TABLE t (n INTEGER)"]);

    fn synchronous(connection: &WriteConnection) -> i64 {
        let query = "PRAGMA synchronous";
        connection.connection.query_row(query, [], |row| row.get(0)).expect("SQLite knows it")
    }

    /// With `NORMAL`, a commit may be in the file's cache only, and a power cut loses it. No test
    /// that kills processes can tell the two apart.
    #[test]
    fn writer_flushes_every_commit() {
        const FULL: i64 = 2;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = FileSettings::new(folder.path().join("test.db"), LAYOUT);
        let created = WriteConnection::create_or_open(&settings).expect("opens");
        assert_eq!(synchronous(&created), FULL);
        drop(created);
        let opened = WriteConnection::reopen(&settings).expect("opens");
        assert_eq!(synchronous(&opened), FULL);
    }
}
