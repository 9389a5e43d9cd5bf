//! The SQLite file is cut short while a store has it open, as by a careless copy or `> otp.db`. The
//! store fails closed, and never takes the rest for a store without counters.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    time::Duration,
};

use otp_cache::{ChallengeStore, Charge, Quota, QuotaKey, StoreError, sqlite::SqliteStore};
use otp_core::{ChallengeId, NewChallenge, Policy, SubjectKey, gcra::Rate};
use rusqlite::Connection;

use crate::support::{challenge, now};

const SUBJECTS: u16 = 2_000;

fn id(name: &str) -> ChallengeId {
    ChallengeId::from_bytes(*SubjectKey::derive("id", name).as_bytes())
}

async fn open(store: &SqliteStore, name: &str) -> Result<bool, StoreError> {
    let new = NewChallenge { id: id(name), ..challenge(1) };
    let opened = store.open(SubjectKey::derive("", name), new, &Policy::default(), now()).await?;
    Ok(opened.is_ok())
}

/// Returns the attempts left after one more; `None` if the store has no such challenge.
async fn attempt(store: &SqliteStore, name: &str) -> Result<Option<u8>, StoreError> {
    let subject = SubjectKey::derive("", name);
    let attempt = store.begin_attempt(subject, id(name), &Policy::default(), now()).await?;
    Ok(attempt.ok().map(|attempt| attempt.attempts_left()))
}

/// Fills a file with one attempt at each of many challenges, and moves the log into it.
async fn filled(path: &Path) {
    let store = SqliteStore::open(path).await.expect("opens");
    for number in 0..SUBJECTS {
        let name = number.to_string();
        assert!(open(&store, &name).await.expect("works"));
        assert_eq!(attempt(&store, &name).await.expect("works"), Some(4));
    }
    drop(store);
    checkpoint(path);
}

/// Moves the log into the file.
fn checkpoint(path: &Path) {
    let connection = Connection::open(path).expect("the same file");
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("no other writer");
}

fn cut(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("there");
    file.set_len(bytes).expect("can be cut");
}

/// Puts the file back as it was, without the log that was written since.
fn put_back(path: &Path, good: &Path) {
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    std::fs::rename(good, path).expect("put back");
}

/// Checks that each call fails or finds its subject as it was. Returns how many failed.
async fn check_that_nothing_is_forgotten(store: &SqliteStore, left: u8) -> usize {
    let mut refused = 0;
    for number in 0..SUBJECTS {
        match attempt(store, &number.to_string()).await {
            Ok(found) => assert_eq!(found, Some(left), "subject {number}"),
            Err(_) => refused += 1,
        }
    }
    refused
}

#[tokio::test]
async fn emptied_file_is_not_taken_for_an_empty_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("otp.db");
    filled(&path).await;
    let good = folder.path().join("good");
    std::fs::copy(&path, &good).expect("copied");
    let store = SqliteStore::open(&path).await.expect("opens");
    cut(&path, 0);
    let refused = check_that_nothing_is_forgotten(&store, 3).await;
    assert_eq!(refused, usize::from(SUBJECTS), "no subject can be read any more");
    for call in 0..3 {
        assert!(open(&store, &format!("new-{call}")).await.is_err(), "nothing new is taken");
        let rate = Rate::new(1, Duration::from_secs(60)).expect("a sound rate");
        let charge = Charge::new(QuotaKey::derive("", &call.to_string()), rate);
        assert!(store.charge(&[charge], now()).await.is_err(), "no quota is granted");
    }
    put_back(&path, &good);
    let mut healed = attempt(&store, "7").await;
    if healed.is_err() {
        healed = attempt(&store, "7").await;
    }
    assert_eq!(healed.expect("the restored file is used without a restart"), Some(3));
}

#[tokio::test]
async fn cut_file_serves_intact_subjects_only() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path: PathBuf = folder.path().join("otp.db");
    filled(&path).await;
    let length = std::fs::metadata(&path).expect("there").len();
    for part in [2, 3] {
        let good = folder.path().join("good");
        std::fs::copy(&path, &good).expect("copied");
        let store = SqliteStore::open(&path).await.expect("opens");
        cut(&path, length / part / 4096 * 4096);
        let refused = check_that_nothing_is_forgotten(&store, 3).await;
        assert!(refused > 0, "a part of it is gone");
        drop(store);
        put_back(&path, &good);
    }
}
