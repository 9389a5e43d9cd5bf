//! A database with one table of numbers, and faults of its file.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use rusqlite::Connection;
use sqlite_group_commit::{Capacity, Database, Error, FileSettings, Layout, QUEUE_TIMEOUT};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time};

pub(crate) const LAYOUT: Layout =
    Layout::new(0x5445_5354, &["CREATE TABLE number (n INTEGER NOT NULL) STRICT"]);

/// The same table, and one in which a second row of one number rolls the transaction back.
pub(crate) const UNIQUE: Layout = Layout::new(
    0x5445_5354,
    &["CREATE TABLE number (n INTEGER NOT NULL) STRICT;
       CREATE TABLE single (n INTEGER UNIQUE ON CONFLICT ROLLBACK) STRICT"],
);

/// A folder, and the path of a database in it that is not there yet.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    (folder, path)
}

pub(crate) async fn open(path: &Path) -> Database {
    open_with(path, |settings| settings).await
}

pub(crate) async fn open_with(
    path: &Path,
    set: impl FnOnce(FileSettings) -> FileSettings,
) -> Database {
    Database::open(set(FileSettings::new(path, LAYOUT))).await.unwrap()
}

/// A job that adds a row.
pub(crate) fn insert(n: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static {
    move |connection| connection.execute("INSERT INTO number VALUES (?1)", [n]).map(drop)
}

/// A job that returns the rows in the order in which they were added.
pub(crate) fn select(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare("SELECT n FROM number ORDER BY rowid")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

pub(crate) async fn add(database: &Database, n: i64) -> Result<(), Error> {
    database.write(Capacity::MayGrow, insert(n)).await
}

pub(crate) async fn numbers(database: &Database) -> Result<Vec<i64>, Error> {
    database.read(select).await
}

/// Blocks the writer thread in a transaction until the sender is dropped.
pub(crate) fn hold(database: &Database) -> mpsc::Sender<()> {
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let work = move |_: &Connection| {
        started.send(()).unwrap();
        // An error: the sender was dropped.
        let _ = released.recv();
        Ok(())
    };
    database.write_later(Capacity::NotNeeded, work, |error| panic!("{error:?}")).unwrap();
    has_started.recv().unwrap();
    release
}

/// Lets more than [`QUEUE_TIMEOUT`] pass for a call that has begun, then lets its work go on.
pub(crate) async fn release_then<T>(release: mpsc::Sender<()>, call: JoinHandle<T>) -> T {
    time::pause();
    time::advance(QUEUE_TIMEOUT + Duration::from_millis(1)).await;
    // The call sees that its time is over.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    time::resume();
    drop(release);
    call.await.unwrap()
}

/// Another process that holds the file until the connection is closed.
pub(crate) fn hold_file(path: &Path) -> Connection {
    let other = Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

/// Moves a database with its log and its index.
pub(crate) fn move_database(from: &Path, to: &Path) {
    for end in ["", "-wal", "-shm"] {
        let name = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if name(from).exists() {
            fs::rename(name(from), name(to)).unwrap();
        }
    }
}

/// Moves the log into the file.
pub(crate) fn checkpoint(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}
