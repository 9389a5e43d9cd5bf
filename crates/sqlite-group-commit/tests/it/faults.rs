//! Files that are held, moved, replaced, emptied or full. Calls fail without damage, and the database
//! works again once the cause is gone.

use std::{
    fs::{self, OpenOptions},
    sync::{Arc, mpsc},
    time::Duration,
};

use sqlite_group_commit::{Capacity, ErrorKind};
use tokio::task::JoinSet;

use crate::support::{
    add, checkpoint, folder, hold_file, insert, move_database, numbers, open, open_with,
};

#[tokio::test]
async fn nothing_is_written_while_another_process_holds_the_file() {
    let (_folder, path) = folder();
    let database = open_with(&path, |settings| settings.with_busy_timeout(Duration::ZERO)).await;
    let other = hold_file(&path);
    let (failed, failures) = mpsc::channel();
    database
        .write_later(Capacity::MayGrow, insert(1), move |error| failed.send(error.kind()).unwrap())
        .unwrap();
    let error = add(&database, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
    assert!(!error.is_outcome_unknown());
    assert_eq!(failures.recv().unwrap(), ErrorKind::Busy);
    drop(other);
    add(&database, 3).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [3]);
}

/// Three batches of jobs, each of which would wait two seconds, and more jobs than the queue holds.
#[tokio::test]
async fn waits_for_a_held_file_are_bounded() {
    let (_folder, path) = folder();
    let database = Arc::new(open_with(&path, |settings| settings.with_queue_length(300)).await);
    let other = hold_file(&path);
    let mut jobs = JoinSet::new();
    for n in 0..600 {
        let database = Arc::clone(&database);
        jobs.spawn(async move { add(&database, n).await.unwrap_err().kind() });
    }
    let all = async {
        let mut kinds = Vec::new();
        while let Some(kind) = jobs.join_next().await {
            kinds.push(kind.unwrap());
        }
        kinds
    };
    let kinds = tokio::time::timeout(Duration::from_secs(10), all).await.unwrap();
    assert!(kinds.contains(&ErrorKind::Busy) && kinds.contains(&ErrorKind::QueueTimeout));
    let expected = [ErrorKind::Busy, ErrorKind::QueueTimeout];
    assert!(kinds.iter().all(|kind| expected.contains(kind)), "{kinds:?}");
    drop(other);
    add(&database, -1).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [-1]);
}

#[tokio::test]
async fn moved_file_is_not_created_again_and_works_when_put_back() {
    let (folder, path) = folder();
    let database = open(&path).await;
    add(&database, 1).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1]);
    let aside = folder.path().join("aside.db");
    move_database(&path, &aside);
    for _ in 0..2 {
        let error = add(&database, 2).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Moved, "{error:?}");
        let error = numbers(&database).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Moved, "{error:?}");
        assert!(!path.exists());
    }
    move_database(&aside, &path);
    add(&database, 3).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1, 3]);
}

/// As an operator restores a backup. A read from the old file would miss what is written to the new.
#[tokio::test]
async fn replaced_file_is_used_by_reads_and_writes() {
    let (folder, path) = folder();
    let backup = folder.path().join("backup.db");
    let database = open(&path).await;
    add(&database, 1).await.unwrap();
    checkpoint(&path);
    fs::copy(&path, &backup).unwrap();
    add(&database, 2).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1, 2]);
    move_database(&path, &folder.path().join("old.db"));
    fs::rename(&backup, &path).unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1]);
    let error = add(&database, 3).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Moved, "{error:?}");
    add(&database, 4).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1, 4]);
}

#[tokio::test]
async fn emptied_file_stays_empty_and_works_when_restored() {
    let (folder, path) = folder();
    let backup = folder.path().join("backup.db");
    let database = open(&path).await;
    add(&database, 1).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1]);
    checkpoint(&path);
    fs::copy(&path, &backup).unwrap();
    OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    for _ in 0..2 {
        let error = add(&database, 2).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated, "{error:?}");
        let error = numbers(&database).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated, "{error:?}");
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    fs::rename(&backup, &path).unwrap();
    add(&database, 3).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1, 3]);
}

#[tokio::test]
async fn full_file_refuses_growth_and_takes_rows_again_after_reclaim() {
    let (_folder, path) = folder();
    let (reclaimed, reclaims) = mpsc::channel();
    let database = open_with(&path, |settings| {
        settings.with_max_bytes(100_000).with_reclaim(move |connection| {
            reclaimed.send(()).unwrap();
            connection.execute("DELETE FROM number WHERE n > 1", []).map(drop)
        })
    })
    .await;
    let fill = |connection: &rusqlite::Connection| {
        let series = "WITH RECURSIVE generate(value) AS
            (SELECT 2 UNION ALL SELECT value + 1 FROM generate WHERE value < 2000)
            INSERT INTO number SELECT value FROM generate";
        connection.execute(series, []).map(drop)
    };
    add(&database, 1).await.unwrap();
    let mut fills = 0;
    let full = loop {
        match database.write(Capacity::MayGrow, fill).await {
            Ok(()) => fills += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::OutOfSpace, "{full:?}");
    assert!(!full.is_outcome_unknown());
    assert!((1..20).contains(&fills), "{fills}");
    reclaims.recv().unwrap();
    database.write(Capacity::MayGrow, fill).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap().len(), 2000);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_new_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_folder, path) = folder();
    let database = open(&path).await;
    add(&database, 1).await.unwrap();
    for end in ["", "-wal", "-shm"] {
        let file = fs::metadata(format!("{}{end}", path.display())).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "test.db{end}");
    }
}
