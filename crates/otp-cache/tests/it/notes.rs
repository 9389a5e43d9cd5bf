//! The notes of every backend.

use std::{sync::Arc, time::Duration};

use otp_cache::{
    DeliveryNote, DeliveryNotes, NoteKey, StoreErrorKind,
    conformance::{self, Kit, notes},
    memory::MemoryStore,
    redis::RedisConfig,
    sqlite::SqliteStore,
};
use otp_core::ChallengeId;
use rusqlite::Connection;

use crate::{
    redis_clauses::Paused,
    redis_store::{brisk, connect},
    sqlite::{Held, open},
    support::{now, redis::Server},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn notes_in_memory_conform() {
    let store = Arc::new(MemoryStore::new());
    conformance::run_delivery_notes(|| async { vec![Arc::clone(&store)] }).await;
    for capacity in [1, 10, 1_000] {
        let kit = Kit::new(MemoryStore::with_capacity(capacity as usize));
        notes::clause_6_full_means_refuse(&kit, capacity).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn notes_in_sqlite_conform_over_two_handles() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stores = [Arc::new(open(&folder).await), Arc::new(open(&folder).await)];
    conformance::run_delivery_notes(|| async { stores.to_vec() }).await;
}

#[tokio::test]
async fn notes_in_sqlite_survive_reopening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    notes::clause_5_acknowledged_means_kept(|| open(&folder)).await;
}

#[tokio::test]
async fn a_full_sqlite_file_refuses_notes_until_some_expire() {
    const BYTES: u32 = 200_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("otp.db");
    let store = SqliteStore::open_bounded(path, BYTES.into()).await.expect("opens");
    // No row takes fewer bytes than its key and its value.
    notes::clause_6_full_means_refuse(&Kit::new(store), BYTES / 56).await;
}

#[tokio::test]
async fn notes_of_a_held_sqlite_file_are_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kit = Kit::new(open(&folder).await);
    let held = Held::at(folder.path().join("otp.db"));
    notes::clause_7_an_outage_is_an_error_in_time(&kit, &held).await;
}

/// Expired notes are deleted as new ones arrive.
#[tokio::test]
async fn a_sqlite_file_does_not_grow_with_expired_notes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kit = Kit::new(open(&folder).await);
    let store = kit.node();
    for number in 0..2_000 {
        let now = kit.start() + Duration::from_secs(number);
        let note = DeliveryNote {
            subject: kit.person().key(),
            challenge: ChallengeId::from_bytes(kit.bytes()),
            expires_at: now + Duration::from_secs(1),
        };
        store.keep(NoteKey::from_bytes(kit.bytes()), note, now).await.expect("works");
    }
    let file = Connection::open(folder.path().join("otp.db")).expect("the same file");
    let rows: u32 =
        file.query_row("SELECT count(*) FROM note", [], |row| row.get(0)).expect("a row");
    assert!(rows < 200, "{rows} of 2,000 expired notes are left");
}

#[tokio::test]
async fn a_note_in_sqlite_that_cannot_be_read_is_corrupt() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open(&folder).await;
    let key = NoteKey::derive("test", "a reference");
    let file = Connection::open(folder.path().join("otp.db")).expect("the same file");
    file.execute("INSERT INTO note VALUES (?1, x'00')", [key.as_bytes()]).expect("writable");
    let error = store.find(key, now()).await.expect_err("not a note");
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn notes_in_redis_conform_over_two_handles() {
    let server = Server::start(&[]);
    let config = || RedisConfig::standalone(server.url());
    let stores = [Arc::new(connect(config()).await), Arc::new(connect(config()).await)];
    conformance::run_delivery_notes(|| async { stores.to_vec() }).await;
    notes::clause_5_acknowledged_means_kept(|| connect(config())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn notes_in_a_paused_redis_are_an_error() {
    let server = Server::start(&[]);
    let config = RedisConfig::standalone(server.url()).with_timeout(Duration::from_millis(500));
    let kit = Kit::new(brisk(config).await);
    notes::clause_7_an_outage_is_an_error_in_time(&kit, &Paused(vec![server])).await;
}

/// The server deletes a note an hour after its expiry, so that a clock that is behind still finds it.
#[tokio::test]
async fn a_note_in_redis_has_a_time_to_live() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    let key = NoteKey::derive("test", "a reference");
    let kit = Kit::new(());
    let note = DeliveryNote {
        subject: kit.person().key(),
        challenge: ChallengeId::from_bytes([1; 16]),
        expires_at: now() + Duration::from_secs(300),
    };
    store.keep(key, note, now()).await.expect("works");
    let name = format!("otp:{{{key}}}:n");
    let left: i64 = redis::cmd("TTL").arg(&name).query(&mut server.admin()).expect("an integer");
    assert!((3_890..=3_900).contains(&left), "{left} seconds");

    let set = ["SET", name.as_str(), "not a note"];
    server.command(&set).expect("a plain command");
    let error = store.find(key, now()).await.expect_err("not a note");
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
}

/// A server that is full refuses notes as it refuses challenges.
#[tokio::test]
async fn a_full_redis_refuses_notes() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).expect("a plain command");
    let key = NoteKey::derive("test", "a reference");
    let kit = Kit::new(());
    let note = DeliveryNote {
        subject: kit.person().key(),
        challenge: ChallengeId::from_bytes([1; 16]),
        expires_at: now() + Duration::from_secs(300),
    };
    let error = store.keep(key, note, now()).await.expect_err("no memory left");
    assert_eq!(error.kind(), StoreErrorKind::Capacity, "{error:?}");
}
