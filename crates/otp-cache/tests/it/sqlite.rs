//! The SQLite backend.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use otp_cache::{
    ChallengeStore,
    conformance::{self, Kit, Outage, notes},
    sqlite::SqliteStore,
};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::JoinSet;

pub(crate) async fn open(folder: &TempDir) -> SqliteStore {
    SqliteStore::open(folder.path().join("otp.db")).await.expect("a fresh folder")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(open(&folder).await);
    conformance::run(|| async { Arc::clone(&store) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_on_one_file_conform() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stores = [Arc::new(open(&folder).await), Arc::new(open(&folder).await)];
    conformance::run_shared(|| async { stores.to_vec() }).await;
}

/// The store deletes by the caller's clock only.
#[tokio::test]
async fn nothing_expires_before_its_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(open(&folder).await);
    conformance::run_with_time(|| async { Arc::clone(&store) }, async |_| {}).await;
    notes::clause_2_own_expiry_only_sweeps(&Kit::new(store), async |_| {}).await;
}

#[tokio::test]
async fn acknowledged_state_survives_reopening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    conformance::survives_reopening(|| open(&folder)).await;
}

#[tokio::test]
async fn full_means_refuse() {
    const BYTES: u32 = 200_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let number = AtomicU32::new(0);
    let fresh = async || {
        let name = format!("{}.db", number.fetch_add(1, Ordering::Relaxed));
        SqliteStore::open_bounded(folder.path().join(name), BYTES.into()).await.expect("opens")
    };
    // No row takes fewer bytes than its key and its value.
    conformance::full_means_refuse(fresh, BYTES / 24).await;
}

/// Another process that holds the file during the outage.
pub(crate) struct Held {
    path: PathBuf,
    by: Mutex<Option<Connection>>,
}

impl Held {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, by: Mutex::new(None) }
    }
}

#[async_trait]
impl Outage for Held {
    async fn begin(&self) {
        let other = Connection::open(&self.path).expect("the same file");
        other.execute_batch("BEGIN EXCLUSIVE").expect("no other writer");
        *self.by.lock().expect("no panic holds it") = Some(other);
    }

    async fn end(&self) {
        *self.by.lock().expect("no panic holds it") = None;
    }
}

/// Moves the file away with its log, and puts it back.
struct MovedAway(PathBuf);

impl MovedAway {
    fn move_all(&self, from: &str, to: &str) {
        for end in ["", "-wal", "-shm"] {
            let name = |name: &str| self.0.with_file_name(format!("{name}{end}"));
            if name(from).exists() {
                std::fs::rename(name(from), name(to)).expect("our own folder");
            }
        }
    }
}

#[async_trait]
impl Outage for MovedAway {
    async fn begin(&self) {
        self.move_all("otp.db", "aside.db");
    }

    async fn end(&self) {
        self.move_all("aside.db", "otp.db");
    }
}

#[tokio::test]
async fn held_file_fails_closed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let held = Held::at(folder.path().join("otp.db"));
    conformance::failed_means_refused(open(&folder).await, &held).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_for_a_held_file_end_in_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let held = Held::at(folder.path().join("otp.db"));
    // With two seconds for a busy machine.
    let limit = SqliteStore::CALL_TIMEOUT + Duration::from_secs(2);
    conformance::every_call_ends_in_time(open(&folder).await, &held, limit).await;
}

#[tokio::test]
async fn moved_file_fails_closed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let moved = MovedAway(folder.path().join("otp.db"));
    conformance::failed_means_refused(open(&folder).await, &moved).await;
}

/// The log grows by the pages that the calls change together, not by those of one commit per call.
#[tokio::test]
async fn waiting_calls_share_a_commit() {
    const CALLS: u64 = 100;
    const FRAME: u64 = 24 + 4096;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kit = Kit::new(open(&folder).await);
    let log = folder.path().join("otp.db-wal");
    let frames = || std::fs::metadata(&log).expect("there is a log").len() / FRAME;
    let (now, mut people) = (kit.start(), Vec::new());
    for _ in 0..CALLS {
        let who = kit.person();
        people.push((who.key(), kit.opened(&who, now).await.id()));
    }
    let (held, before) = (Held::at(folder.path().join("otp.db")), frames());
    held.begin().await;
    let mut calls = JoinSet::new();
    for (key, id) in people {
        let (store, policy) = (kit.node(), kit.policy.clone());
        calls.spawn(async move { store.begin_attempt(key, id, &policy, now).await });
    }
    // On this one thread each task gets as far as its wait.
    for _ in 0..CALLS {
        tokio::task::yield_now().await;
    }
    held.end().await;
    while let Some(done) = calls.join_next().await {
        assert!(done.expect("no panic").expect("works").is_ok());
    }
    let written = frames() - before;
    assert!((1..CALLS / 2).contains(&written), "{written} pages in the log for {CALLS} calls");
}
