//! A file that is moved, replaced, emptied, cut, held or of another program.

use std::{
    fs::{self, OpenOptions},
    time::Duration,
};

use auth_module::{AuditRecord, AuditTrail as _, AuthErrorKind};
use auth_store_sqlite::Database;
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::support::{chain_key, checkpoint, folder, move_database, now, open, record, records};

#[tokio::test]
async fn moved_file_is_not_created_again_and_works_when_put_back() {
    let (folder, path) = folder();
    let database = open(&path).await;
    record(&database, 1).await.unwrap();
    assert_eq!(records(&database).await.unwrap(), 1);
    let aside = folder.path().join("aside.db");
    move_database(&path, &aside);
    for n in 2..4 {
        let error = record(&database, n).await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Unavailable, "{error:?}");
        assert!(records(&database).await.is_err());
        assert!(!path.exists());
    }
    move_database(&aside, &path);
    record(&database, 4).await.unwrap();
    assert_eq!(records(&database).await.unwrap(), 2);
}

/// As an operator restores a backup: an old connection would show sessions that ended since.
#[tokio::test]
async fn replaced_file_is_used_by_reads_and_writes() {
    let (folder, path) = folder();
    let backup = folder.path().join("backup.db");
    let database = open(&path).await;
    record(&database, 1).await.unwrap();
    checkpoint(&path);
    fs::copy(&path, &backup).unwrap();
    record(&database, 2).await.unwrap();
    assert_eq!(records(&database).await.unwrap(), 2);
    move_database(&path, &folder.path().join("old.db"));
    fs::rename(&backup, &path).unwrap();
    assert_eq!(records(&database).await.unwrap(), 1);
    assert!(record(&database, 3).await.is_err(), "the connection to the old file");
    record(&database, 4).await.unwrap();
    assert_eq!(records(&database).await.unwrap(), 2);
}

#[tokio::test]
async fn emptied_file_is_never_filled() {
    let (folder, path) = folder();
    let backup = folder.path().join("backup.db");
    let database = open(&path).await;
    record(&database, 1).await.unwrap();
    assert_eq!(records(&database).await.unwrap(), 1);
    checkpoint(&path);
    fs::copy(&path, &backup).unwrap();
    OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    for n in 2..4 {
        let error = record(&database, n).await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Corrupt, "{error:?}");
        let error = records(&database).await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Corrupt, "{error:?}");
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    fs::rename(&backup, &path).unwrap();
    record(&database, 4).await.unwrap();
    assert_eq!(records(&database).await.unwrap(), 2);
}

#[tokio::test]
async fn file_cut_in_half_fails_calls_and_shows_no_part_of_the_trail() {
    const RECORDS: usize = 2_000;
    let (_folder, path) = folder();
    let database = open(&path).await;
    let trail = database.audit_trail(chain_key());
    for _ in 1..RECORDS {
        trail.record(AuditRecord::new("test.event", now()));
    }
    record(&database, RECORDS).await.unwrap();
    drop((trail, database));
    checkpoint(&path);
    let length = fs::metadata(&path).unwrap().len();
    let database = open(&path).await;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(length / 2 / 4096 * 4096).unwrap();
    assert!(records(&database).await.is_err());
    assert!(record(&database, RECORDS + 1).await.is_err());
    assert!(records(&database).await.is_err());
}

#[tokio::test]
async fn file_of_another_program_is_refused() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA application_id = 7; CREATE TABLE theirs (x)").unwrap();
    drop(other);
    let error = Database::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Corrupt, "{error:?}");
}

/// Ten batches of 128 writes, each of which would wait for the busy timeout of five seconds.
#[tokio::test]
async fn waits_for_a_held_file_are_bounded() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    record(&database, 0).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut writes = JoinSet::new();
    for n in 1..=600 {
        let database = database.clone();
        writes.spawn(async move { record(&database, n).await });
    }
    let all = async {
        while let Some(written) = writes.join_next().await {
            let error = written.unwrap().unwrap_err();
            assert!(error.is_retryable(), "{error:?}");
        }
    };
    tokio::time::timeout(Duration::from_secs(15), all).await.unwrap();
    assert_eq!(records(&database).await.unwrap(), 1, "reads go on");
    drop(other);
    record(&database, 601).await.unwrap();
    assert_eq!(records(&database).await.unwrap(), 2);
}
