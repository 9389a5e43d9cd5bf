//! A rolling upgrade: what a later version of this program has written is refused with an error that
//! says so, and left as it is, byte for byte. (The memory store holds nothing that another program
//! wrote; Redis has `redis_corrupt`.)

use std::{path::Path, time::Duration};

use otp_cache::{
    ChallengeStore, Charge, DeliveryNote, DeliveryNotes, NoteKey, Quota, QuotaKey, StoreError,
    StoreErrorKind, sqlite::SqliteStore,
};
use otp_core::{DeliveryStatus, Policy, SubjectKey, SubjectRecord, gcra::Rate};
use rusqlite::Connection;

use crate::support::{challenge, folder, now};

fn subject() -> SubjectKey {
    SubjectKey::derive("", "a")
}

/// A record of the next version: the number at its head is one more, and a field was added.
fn record_of_the_next_version() -> Vec<u8> {
    let mut record = SubjectRecord::new();
    let _ = record.open(challenge(1), &Policy::default(), now()).expect("room");
    let mut bytes = record.to_bytes();
    bytes[0] += 1;
    bytes.push(0);
    bytes
}

/// The file, once all of its log has gone into it.
fn settled(path: &Path) -> Vec<u8> {
    let connection = Connection::open(path).expect("the same file");
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("nobody writes");
    drop(connection);
    std::fs::read(path).expect("readable")
}

#[track_caller]
fn assert_corrupt<T: std::fmt::Debug>(answer: Result<T, StoreError>, call: &str) {
    let error = answer.expect_err(call);
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{call}: {error:?}");
    assert!(!error.is_retryable(), "{call}");
}

#[tokio::test]
async fn a_file_of_the_next_version_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    let opened = store.open(subject(), challenge(1), &Policy::default(), now()).await;
    assert!(opened.expect("works").is_ok());
    drop(store);
    let later = Connection::open(&path).expect("the same file");
    later
        .execute_batch("ALTER TABLE subject ADD COLUMN more BLOB; PRAGMA user_version = 3")
        .expect("writable");
    drop(later);
    let before = settled(&path);
    for _ in 0..2 {
        let error = SqliteStore::open(&path).await.expect_err("a later version's");
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert_eq!(error.to_string(), "the database file has the layout of another version");
    }
    assert!(settled(&path) == before, "not a byte was changed");
}

/// Version 1 had no notes.
#[tokio::test]
async fn a_file_of_version_1_gets_the_table_of_notes_and_keeps_the_rest() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    let opened = store.open(subject(), challenge(1), &Policy::default(), now()).await;
    let id = opened.expect("works").expect("granted").id();
    drop(store);
    let earlier = Connection::open(&path).expect("the same file");
    earlier.execute_batch("DROP TABLE note; PRAGMA user_version = 1").expect("writable");
    drop(earlier);
    let store = SqliteStore::open(&path).await.expect("opens a file of version 1");
    let key = NoteKey::derive("rolling", "a reference");
    let note = DeliveryNote {
        subject: subject(),
        challenge: id,
        expires_at: now() + Duration::from_secs(60),
    };
    store.keep(key, note, now()).await.expect("works");
    assert_eq!(store.find(key, now()).await.expect("works"), Some(note));
    assert!(store.load(subject(), id, now()).await.expect("works").is_some());
}

#[tokio::test]
async fn a_record_of_the_next_version_is_refused_by_every_call_and_left_alone() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("opens");
    let key = QuotaKey::derive("", "a");
    let other = Connection::open(&path).expect("the same file");
    let record = record_of_the_next_version();
    let mark = b"\x02 nine bytes";
    let put = |table: &str, column: &str, key: &[u8], value: &[u8]| {
        let insert = format!("INSERT INTO {table} (key, {column}) VALUES (?1, ?2)");
        other.execute(&insert, (key, value)).expect("writable");
    };
    put("subject", "record", subject().as_bytes(), &record);
    put("quota", "state", key.as_bytes(), mark);

    let (policy, id) = (Policy::default(), challenge(1).id);
    assert_corrupt(store.open(subject(), challenge(2), &policy, now()).await, "open");
    assert_corrupt(store.load(subject(), id, now()).await, "load");
    assert_corrupt(store.begin_attempt(subject(), id, &policy, now()).await, "begin_attempt");
    assert_corrupt(store.grant_resend(subject(), id, &policy, now()).await, "grant_resend");
    let delivered =
        store.record_delivery(subject(), id, DeliveryStatus::Delivered, &policy, now()).await;
    assert_corrupt(delivered, "record_delivery");
    assert_corrupt(store.revoke(subject(), id).await, "revoke");
    assert_corrupt(store.subject_status(subject(), &policy, now()).await, "subject_status");
    assert_corrupt(store.unlock(subject()).await, "unlock");
    let rate = Rate::new(5, Duration::from_secs(60)).expect("a sound rate");
    let other_key = Charge::new(QuotaKey::derive("", "b"), rate);
    let charges = [other_key, Charge::new(key, rate)];
    assert_corrupt(store.charge(&charges, now()).await, "charge");

    let get = |table: &str, column: &str, key: &[u8]| -> Vec<u8> {
        let select = format!("SELECT {column} FROM {table} WHERE key = ?1");
        other.query_row(&select, [key], |row| row.get(0)).expect("still there")
    };
    assert_eq!(get("subject", "record", subject().as_bytes()), record);
    assert_eq!(get("quota", "state", key.as_bytes()), mark);
    let charged = store.charge(&[other_key.with_events(5)], now()).await.expect("works");
    assert!(charged.is_ok(), "the other key of the refused charge was not charged");
}
