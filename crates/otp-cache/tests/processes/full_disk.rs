//! A disk that is really full: the store lies on a small file system of its own, in memory, which only
//! the child can see. Making one needs root, or the right to make user namespaces; without either
//! these tests fail.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use otp_cache::{ChallengeStore as _, StoreError, StoreErrorKind, sqlite::SqliteStore};
use otp_core::{ChallengeId, NewChallenge, Policy, Purpose};

use crate::script::{self, now, subject};

pub(crate) fn recovers() {
    on_a_small_disk("full-disk");
}

pub(crate) fn starts() {
    on_a_small_disk("full-start");
}

/// Runs a role of this binary with its store on a disk of 2 MiB.
fn on_a_small_disk(role: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = "mount -t tmpfs -o size=2m,mode=700 tmpfs \"$1\" && exec \"$2\" --child \"$3\" \"$1/otp.db\" 0";
    let status = Command::new("unshare")
        .args(namespaces())
        .args(["sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().expect("this binary has a path"))
        .arg(role)
        .stdin(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{role}: see above");
}

/// What `unshare` (util-linux) is asked for: as root a mount namespace is enough.
fn namespaces() -> &'static [&'static str] {
    const WAYS: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
    let works = |way: &&&[&str]| {
        let mut attempt = Command::new("unshare");
        attempt.args(**way).args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"]);
        attempt.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    WAYS.iter().find(works).expect(
        "a file system for this test alone: run it as root (in a container with CAP_SYS_ADMIN), or \
         where users may make namespaces (`unshare --mount --map-root-user`, package util-linux)",
    )
}

/// A file that takes all room there is, until it is dropped.
struct Filler(PathBuf);

impl Filler {
    fn beside(path: &Path) -> Self {
        let filler = Self(path.with_file_name("filler"));
        let mut file = OpenOptions::new().append(true).create(true).open(&filler.0).expect("room");
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        let full = file.write_all(&[1]).expect_err("no byte more");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        filler
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("our own file");
    }
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
        let filler = Filler::beside(path);
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
        assert_eq!(failures(&store, "kept").await, 1 + round, "nothing was handed out or lost");
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
    let filler = Filler::beside(path);
    drop(store);
    let before = File::open(path).and_then(|file| file.metadata()).expect("there").len();
    match SqliteStore::open(path).await {
        // Closed well, it may need no room to be opened: then it tells what it knows.
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
