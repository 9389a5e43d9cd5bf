//! A file that is full, held, damaged, removed, of another program or of another layout. Every call
//! fails closed with the reason, and the store works again once the cause is gone.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use otp_cache::{ChallengeStore, StoreError, StoreErrorKind, sqlite::SqliteStore};
use otp_core::{ChallengeId, NewChallenge, Policy, SubjectKey};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::support::{challenge, folder, now};

fn id(name: &str) -> ChallengeId {
    ChallengeId::from_bytes(*SubjectKey::derive("id", name).as_bytes())
}

async fn open(store: &SqliteStore, name: &str, now: SystemTime) -> Result<(), StoreError> {
    let expires_at = now + Duration::from_secs(300);
    let new = NewChallenge { id: id(name), expires_at, ..challenge(1) };
    let opened = store.open(SubjectKey::derive("", name), new, &Policy::default(), now).await?;
    assert!(opened.is_ok(), "{opened:?}");
    Ok(())
}

async fn attempt(store: &SqliteStore, name: &str) -> Result<u8, StoreError> {
    let subject = SubjectKey::derive("", name);
    let attempt = store.begin_attempt(subject, id(name), &Policy::default(), now()).await?;
    Ok(attempt.expect("within the limits").attempts_left())
}

#[tokio::test]
async fn full_file_refuses_new_subjects_until_others_expire() {
    let (_folder, path) = folder();
    let store = SqliteStore::open_bounded(&path, 200_000).await.expect("opens");
    open(&store, "kept", now()).await.expect("there is room");
    assert_eq!(attempt(&store, "kept").await.expect("works"), 4);
    let mut count = 0;
    let full = loop {
        match open(&store, &format!("s{count}"), now()).await {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), StoreErrorKind::Capacity, "{full:?}");
    assert_eq!(full.to_string(), "no room left for the database file");
    assert!(count > 500, "about 150 bytes each: {count} in 200 kB");
    assert_eq!(attempt(&store, "kept").await.expect("goes on"), 3, "counting goes on");
    for number in [0, count - 1] {
        let name = format!("s{number}");
        let live = store.load(SubjectKey::derive("", &name), id(&name), now()).await;
        assert!(live.expect("works").is_some(), "live ones stay");
    }
    // Six minutes later all subjects have expired but the one with failures. The first refusals free
    // their space.
    let later = now() + Duration::from_secs(360);
    let mut taken = 0;
    for number in 0..count {
        taken += usize::from(open(&store, &format!("later{number}"), later).await.is_ok());
    }
    assert!(taken * 10 > count * 8, "{taken} of {count} taken again");
    let policy = Policy::default();
    let status = store.subject_status(SubjectKey::derive("", "kept"), &policy, later).await;
    assert_eq!(status.expect("works").consecutive_failures, 2, "failures are never swept");
}

#[tokio::test]
async fn held_file_is_a_conflict_until_it_is_released() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    open(&store, "a", now()).await.expect("works");
    let other = Connection::open(&path).expect("the same file");
    other.execute_batch("BEGIN EXCLUSIVE").expect("no other writer");
    let error = attempt(&store, "a").await.expect_err("held");
    assert_eq!(error.kind(), StoreErrorKind::Conflict, "{error:?}");
    assert!(!error.is_outcome_unknown(), "nothing happened");
    other.execute_batch("COMMIT").expect("lets go");
    assert_eq!(attempt(&store, "a").await.expect("free again"), 4, "nothing had been counted");
}

#[tokio::test]
async fn calls_for_a_held_file_fail_within_ten_seconds_and_count_nothing() {
    let (_folder, path) = folder();
    let store = Arc::new(SqliteStore::open(&path).await.expect("opens"));
    open(&store, "a", now()).await.expect("works");
    let other = Connection::open(&path).expect("the same file");
    other.execute_batch("BEGIN EXCLUSIVE").expect("no other writer");
    // More than the queue holds: a dozen batches, each of which would wait two seconds.
    let mut calls = JoinSet::new();
    for _ in 0..1_500 {
        let store = Arc::clone(&store);
        calls.spawn(async move { attempt(&store, "a").await });
    }
    let all = async {
        while let Some(done) = calls.join_next().await {
            let error = done.expect("no panic").expect_err("held");
            assert_eq!(error.kind(), StoreErrorKind::Conflict, "{error:?}");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("no call waits longer");
    other.execute_batch("COMMIT").expect("lets go");
    assert_eq!(attempt(&store, "a").await.expect("free again"), 4, "nothing had been counted");
}

#[tokio::test]
async fn moved_file_is_not_created_again() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    open(&store, "a", now()).await.expect("works");
    assert_eq!(attempt(&store, "a").await.expect("works"), 4);
    // Moved as a whole, with its log, as an operator would.
    let aside = folder.path().join("aside.db");
    for end in ["", "-wal", "-shm"] {
        let name = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        std::fs::rename(name(&path), name(&aside)).expect("the files are there");
    }
    for _ in 0..2 {
        let error = attempt(&store, "a").await.expect_err("gone");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        assert!(!path.exists(), "no empty file takes its place");
    }
    for end in ["", "-wal", "-shm"] {
        let name = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if name(&aside).exists() {
            std::fs::rename(name(&aside), name(&path)).expect("back again");
        }
    }
    assert_eq!(attempt(&store, "a").await.expect("back"), 3, "its counters are back with it");
}

#[tokio::test]
async fn empty_file_in_place_of_a_moved_one_is_not_filled() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    open(&store, "a", now()).await.expect("works");
    assert_eq!(attempt(&store, "a").await.expect("works"), 4);
    let named = |path: &Path, end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let aside = folder.path().join("aside.db");
    for end in ["", "-wal", "-shm"] {
        std::fs::rename(named(&path, end), named(&aside, end)).expect("the files are there");
    }
    let error = attempt(&store, "a").await.expect_err("gone");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    std::fs::write(&path, []).expect("writable");
    for _ in 0..2 {
        let error = attempt(&store, "a").await.expect_err("its counters are not in there");
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
        assert_eq!(std::fs::read(&path).expect("readable"), b"", "nothing was written");
    }
    // A database without a table is refused too.
    let other = Connection::open(&path).expect("an empty file");
    other.execute_batch("PRAGMA journal_mode = WAL; VACUUM").expect("writable");
    drop(other);
    assert!(std::fs::metadata(&path).expect("there").len() > 0, "it has a header now");
    let error = attempt(&store, "a").await.expect_err("its counters are not in there");
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(named(&path, end));
        if named(&aside, end).exists() {
            std::fs::rename(named(&aside, end), named(&path, end)).expect("back again");
        }
    }
    let mut healed = attempt(&store, "a").await;
    if healed.is_err() {
        healed = attempt(&store, "a").await;
    }
    assert_eq!(healed.expect("back"), 3, "its counters are back with it");
}

#[tokio::test]
async fn full_file_counts_attempts_while_it_refuses_new_subjects() {
    let (_folder, path) = folder();
    let store = Arc::new(SqliteStore::open_bounded(&path, 200_000).await.expect("opens"));
    let (mut number, mut refused) = (0, 0);
    while refused < 30 {
        refused += u32::from(open(&store, &format!("s{number}"), now()).await.is_err());
        number += 1;
    }
    let names: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    // While another process holds the file, calls of both kinds queue for the same commit.
    let other = Connection::open(&path).expect("the same file");
    other.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
    let (mut attempts, mut opens) = (JoinSet::new(), JoinSet::new());
    for name in names {
        let (counting, growing) = (Arc::clone(&store), Arc::clone(&store));
        let new = format!("new-{name}");
        opens.spawn(async move { open(&growing, &new, now()).await });
        attempts.spawn(async move { attempt(&counting, &name).await });
    }
    tokio::task::yield_now().await;
    other.execute_batch("COMMIT").expect("lets go");
    while let Some(done) = attempts.join_next().await {
        assert_eq!(done.expect("no panic").expect("needs no room"), 4);
    }
    let mut full = 0;
    while let Some(done) = opens.join_next().await {
        if let Err(error) = done.expect("no panic") {
            assert_eq!(error.kind(), StoreErrorKind::Capacity, "{error:?}");
            full += 1;
        }
    }
    assert!(full > 0, "the file was full");
}

#[tokio::test]
async fn damaged_file_is_refused_and_unchanged() {
    let (_folder, path) = folder();
    std::fs::write(&path, [7; 8192]).expect("writable");
    let error = SqliteStore::open(&path).await.expect_err("no database");
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
    assert_eq!(error.to_string(), "the database file is damaged");
    assert_eq!(std::fs::read(&path).expect("readable"), [7; 8192], "nothing was written");
}

#[tokio::test]
async fn damaged_file_works_again_when_restored() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    for number in 0..2_000 {
        open(&store, &format!("s{number}"), now()).await.expect("works");
    }
    drop(store);
    let good = std::fs::read(&path).expect("readable");
    let mut bad = good.clone();
    bad[4096..].fill(0x5a);
    std::fs::write(&path, &bad).expect("writable");
    let store = SqliteStore::open(&path).await.expect("its header is whole");
    let error = attempt(&store, "s7").await.expect_err("damaged");
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
    let restored = folder.path().join("restored");
    std::fs::write(&restored, &good).expect("writable");
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    std::fs::rename(&restored, &path).expect("put back");
    let mut healed = attempt(&store, "s7").await;
    if healed.is_err() {
        healed = attempt(&store, "s7").await;
    }
    assert_eq!(healed.expect("the restored file is used without a restart"), 4);
}

/// Overwritten in place, as by a broken disk or a careless copy: the file and the open connection stay.
#[tokio::test]
async fn bytes_damaged_under_an_open_connection_are_refused_until_restored() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    for number in 0..2_000 {
        open(&store, &format!("s{number}"), now()).await.expect("works");
    }
    assert_eq!(attempt(&store, "s7").await.expect("works"), 4);
    // Moves the log into the file: the log would still have the intact pages.
    let other = Connection::open(&path).expect("the same file");
    other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("no other reader");
    drop(other);
    let good = std::fs::read(&path).expect("readable");
    let mut bad = good.clone();
    bad[4096..].fill(0x5a);
    overwrite(&path, &bad);
    let (mut refused, mut names) = (0, (0..2_000).map(|number| format!("s{number}")));
    while refused < 3 {
        // The connection may still serve pages from its cache. They are right.
        let name = names.next().expect("some are not in memory");
        match attempt(&store, &name).await {
            Ok(left) => assert!(left == 4 || name == "s7", "{name}: {left}"),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
                refused += 1;
            }
        }
    }
    overwrite(&path, &good);
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    let mut healed = attempt(&store, "s1999").await;
    if healed.is_err() {
        healed = attempt(&store, "s1999").await;
    }
    assert_eq!(healed.expect("the bytes are back, without a restart"), 4);
    assert_eq!(attempt(&store, "s7").await.expect("works"), 3, "with the count that it had");
}

/// Writes other bytes into the same file.
fn overwrite(path: &Path, bytes: &[u8]) {
    use std::io::Write;

    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("writable");
    file.write_all(bytes).expect("writable");
    file.sync_all().expect("writable");
}

#[tokio::test]
async fn unreadable_subject_does_not_affect_others() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    open(&store, "a", now()).await.expect("works");
    open(&store, "b", now()).await.expect("works");
    let other = Connection::open(&path).expect("the same file");
    let key = *SubjectKey::derive("", "a").as_bytes();
    other
        .execute("UPDATE subject SET record = x'0102' WHERE key = ?1", [key.as_slice()])
        .expect("writable");
    let error = attempt(&store, "a").await.expect_err("unreadable");
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert_eq!(attempt(&store, "b").await.expect("works"), 4);
    let kept: Vec<u8> = other
        .query_row("SELECT record FROM subject WHERE key = ?1", [key.as_slice()], |row| row.get(0))
        .expect("still there");
    assert_eq!(kept, [1, 2], "nothing was overwritten");
}

#[tokio::test]
async fn foreign_and_newer_files_are_refused() {
    let (_folder, path) = folder();
    let foreign = Connection::open(&path).expect("a new file");
    foreign.execute_batch("CREATE TABLE theirs (x)").expect("writable");
    drop(foreign);
    let error = SqliteStore::open(&path).await.expect_err("another program's");
    assert_eq!(error.to_string(), "the database file belongs to another program");

    let (_folder, path) = self::folder();
    drop(SqliteStore::open(&path).await.expect("opens"));
    let later = Connection::open(&path).expect("the same file");
    later.execute_batch("PRAGMA user_version = 3").expect("writable");
    drop(later);
    let error = SqliteStore::open(&path).await.expect_err("a later version's");
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert_eq!(error.to_string(), "the database file has the layout of another version");
}

#[tokio::test]
async fn missing_folder_is_unavailable() {
    let (folder, _) = folder();
    let path = folder.path().join("no-such-folder").join("otp.db");
    let error = SqliteStore::open(&path).await.expect_err("no folder");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    open(&store, "a", now()).await.expect("works");
    for end in ["", "-wal"] {
        let file = std::fs::metadata(format!("{}{end}", path.display())).expect("there");
        assert_eq!(file.permissions().mode() & 0o077, 0, "otp.db{end}");
    }
}
