//! The store on a small file system of its own, which the tests fill.

use std::{fs::File, path::Path};

use otp_cache::{ChallengeStore as _, StoreError, StoreErrorKind, sqlite::SqliteStore};
use otp_core::{ChallengeId, NewChallenge, Policy, Purpose};
use testkit::small_disk::{self, Filler};

use crate::script::{self, now, subject};

pub(crate) fn refuses_until_there_is_space() {
    on_a_small_disk("full-disk");
}

pub(crate) fn loses_nothing_at_the_start() {
    on_a_small_disk("full-start");
}

/// Runs a role of this binary with its store on a disk of 2 MiB.
fn on_a_small_disk(role: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = std::env::current_exe().expect("this binary has a path");
    let status = small_disk::command(folder.path(), program)
        .args(["--child", role])
        .arg(folder.path().join("otp.db"))
        .arg("0")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{role}: see above");
}

fn new_challenge(name: &str) -> NewChallenge {
    script::new_challenge(name, 0, Purpose::LOGIN)
}

fn id(name: &str) -> ChallengeId {
    new_challenge(name).id
}

async fn open(store: &SqliteStore, name: &str) -> Result<(), StoreError> {
    let opened = store.open(subject(name), new_challenge(name), &Policy::default(), now()).await?;
    assert!(opened.is_ok(), "{opened:?}");
    Ok(())
}

async fn attempt(store: &SqliteStore, name: &str) -> Result<u8, StoreError> {
    let attempt = store.begin_attempt(subject(name), id(name), &Policy::default(), now()).await?;
    Ok(attempt.expect("within the limits").attempts_left())
}

async fn failures(store: &SqliteStore, name: &str) -> u8 {
    let status = store.subject_status(subject(name), &Policy::default(), now()).await;
    status.expect("reading needs no room").consecutive_failures
}

/// The role of the first test.
pub(crate) async fn fill_and_free(path: &Path) {
    let store = SqliteStore::open(path).await.expect("opens");
    open(&store, "kept").await.expect("there is room");
    assert_eq!(attempt(&store, "kept").await.expect("works"), 4);
    for round in 0..3_u8 {
        let filler = Filler::next_to(path);
        let mut number = 0;
        let full = loop {
            match open(&store, &format!("new-{round}-{number}")).await {
                Ok(()) => number += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), StoreErrorKind::Capacity, "{full:?}");
        assert_eq!(full.to_string(), "no room left for the database file");
        assert!(number < 100, "{number} taken on a full disk");
        for _ in 0..20 {
            let error = attempt(&store, "kept").await.expect_err("it cannot be counted");
            assert_eq!(error.kind(), StoreErrorKind::Capacity, "{error:?}");
            let error = open(&store, "more").await.expect_err("no room");
            assert_eq!(error.kind(), StoreErrorKind::Capacity, "{error:?}");
        }
        assert_eq!(failures(&store, "kept").await, 1 + round, "nothing was granted or lost");
        let live =
            store.load(subject("kept"), id("kept"), now()).await.expect("reading needs no room");
        assert!(live.is_some(), "what is there is served");
        drop(filler);
        assert_eq!(attempt(&store, "kept").await.expect("room again"), 3 - round);
        open(&store, &format!("later-{round}")).await.expect("room again");
    }
    drop(store);
    let store = SqliteStore::open(path).await.expect("opens");
    assert_eq!(failures(&store, "kept").await, 4);
}

/// The role of the second test.
pub(crate) async fn start_when_full(path: &Path) {
    let store = SqliteStore::open(path).await.expect("opens");
    open(&store, "kept").await.expect("there is room");
    assert_eq!(attempt(&store, "kept").await.expect("works"), 4);
    let filler = Filler::next_to(path);
    drop(store);
    let before = File::open(path).and_then(|file| file.metadata()).expect("there").len();
    match SqliteStore::open(path).await {
        // A file that was closed well may need no space to open. Then it serves what it has.
        Ok(store) => {
            assert_eq!(failures(&store, "kept").await, 1);
            let error = attempt(&store, "kept").await.expect_err("it cannot be counted");
            assert!(!matches!(error.kind(), StoreErrorKind::Corrupt), "{error:?}");
        }
        Err(error) => assert!(
            matches!(error.kind(), StoreErrorKind::Capacity | StoreErrorKind::Unavailable),
            "{error:?}"
        ),
    }
    assert!(path.metadata().expect("there").len() >= before, "the file is no shorter");
    drop(filler);
    let store = SqliteStore::open(path).await.expect("opens once there is room");
    assert_eq!(attempt(&store, "kept").await.expect("works"), 3);
}
