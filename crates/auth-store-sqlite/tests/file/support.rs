//! Writes and reads of a store, by its audit trail.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use auth_module::{
    AuditQuery, AuditReader as _, AuditRecord, AuditTrail as _, AuthError, ChainKey,
};
use auth_store_sqlite::Database;
use tempfile::TempDir;

pub(crate) fn chain_key() -> ChainKey {
    ChainKey::from_bytes([7; 32])
}

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A folder, and the path of a file in it that is not there yet.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    (folder, path)
}

pub(crate) async fn open(path: &Path) -> Database {
    Database::open(path).await.unwrap()
}

/// Writes one record, and waits until it is on the disk.
pub(crate) async fn record(database: &Database, n: usize) -> Result<(), AuthError> {
    let trail = database.audit_trail(chain_key());
    trail.record(AuditRecord::new("test.event", now()).with("n", n.to_string()));
    trail.flush().await
}

/// Returns how many records the file has.
pub(crate) async fn records(database: &Database) -> Result<usize, AuthError> {
    Ok(database.audit_reader().search(&AuditQuery::new(usize::MAX)).await?.len())
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
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}
