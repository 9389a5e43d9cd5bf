//! Redis holding what nobody can read: every call refuses it, and leaves it as it is.

use std::{collections::BTreeSet, time::Duration};

use otp_cache::{
    ChallengeStore, Charge, Quota, QuotaKey, StoreError, StoreErrorKind,
    redis::{RedisConfig, RedisStore},
};
use otp_core::{
    ChallengeId, DeliveryStatus, NewChallenge, Policy, Purpose, SubjectKey, SubjectRecord,
    gcra::Rate, layout,
};
use redis::Commands;

use crate::{
    redis_store::connect,
    support::{self, now, redis::Server},
};

fn subject() -> SubjectKey {
    SubjectKey::derive("", "a")
}

fn id(number: u8) -> ChallengeId {
    support::challenge(number).id
}

fn challenge(number: u8, purpose: Purpose) -> NewChallenge {
    NewChallenge { purpose, ..support::challenge(number) }
}

/// A record with two challenges and some failures, as a store writes it.
fn sound() -> Vec<u8> {
    let (mut record, policy) = (SubjectRecord::new(), Policy::default());
    for (number, purpose) in [(1, Purpose::LOGIN), (2, Purpose::STEP_UP)] {
        let _ = record.open(challenge(number, purpose), &policy, now()).expect("room for both");
        for _ in 0..2 {
            let _ =
                record.begin_attempt(subject(), id(number), &policy, now()).expect("two of five");
        }
    }
    record.to_bytes()
}

/// Every byte of a sound record with other values, every length, and challenges that clash.
fn changed() -> BTreeSet<Vec<u8>> {
    let sound = sound();
    let mut all = BTreeSet::new();
    for at in 0..sound.len() {
        let old = sound[at];
        for new in [0, 1, 2, 4, 9, b'-', b'A', b'{', 0xff, old ^ 1, old.wrapping_add(1)] {
            let mut record = sound.clone();
            record[at] = new;
            all.insert(record);
        }
        all.insert(sound[..at].to_vec());
        all.insert([&sound[..], &sound[..at]].concat());
    }
    let head = &sound[..layout::CHALLENGE_COUNT.offset()];
    let first = &sound[layout::HEADER_LEN..][..layout::CHALLENGE_LEN];
    for copies in 2..=9_u8 {
        let copies_of_first = first.repeat(usize::from(copies));
        all.insert([head, &[copies], &copies_of_first].concat());
        // Of different names and purposes: up to eight of them are a sound record.
        let mut apart = copies_of_first;
        for (number, challenge) in (0..copies).zip(apart.chunks_mut(layout::CHALLENGE_LEN)) {
            challenge[layout::ID.offset()] = number;
            challenge[layout::PURPOSE.offset()] = b'a' + number;
        }
        all.insert([head, &[copies], &apart].concat());
    }
    all.remove(&sound);
    // No bytes at all are a subject of whom nothing is known.
    all.remove(&Vec::new());
    all
}

/// What every method that changes something answers, one after the other.
async fn every_change(store: &RedisStore) -> [Result<(), StoreError>; 6] {
    let (subject, policy) = (subject(), Policy::default());
    let new = challenge(3, Purpose::new("other").expect("a name"));
    [
        store.begin_attempt(subject, id(1), &policy, now()).await.map(drop),
        store.open(subject, new, &policy, now()).await.map(drop),
        store.grant_resend(subject, id(1), &policy, now()).await.map(drop),
        store.record_delivery(subject, id(1), DeliveryStatus::Failed, &policy, now()).await,
        store.revoke(subject, id(1)).await,
        store.unlock(subject).await,
    ]
}

#[tokio::test]
async fn a_record_that_the_rules_cannot_read_is_never_changed() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    let key = format!("otp:{{{}}}:s", subject());
    let mut admin = server.admin();
    let (mut refused, mut read) = (0, 0);
    for record in changed() {
        let () = admin.set(&key, &record).expect("a plain command");
        if SubjectRecord::from_bytes(&record).is_ok() {
            let answer = store.begin_attempt(subject(), id(1), &Policy::default(), now()).await;
            if let Err(error) = answer {
                panic!("{error:?}: {record:02x?}");
            }
            read += 1;
            continue;
        }
        for answer in every_change(&store).await {
            let error = answer.expect_err("unreadable");
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}: {record:02x?}");
        }
        let kept: Vec<u8> = admin.get(&key).expect("a plain command");
        assert_eq!(kept, record, "something was changed before it was refused");
        refused += 1;
    }
    assert!(refused > 500 && read > 500, "{refused} refused, {read} read");
}

#[tokio::test]
async fn a_key_of_another_type_is_refused_and_others_are_not_touched() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    let key = format!("otp:{{{}}}:s", subject());
    server.command(&["LPUSH", &key, "a list"]).expect("a plain command");
    for answer in every_change(&store).await {
        assert_eq!(answer.expect_err("of another type").kind(), StoreErrorKind::Corrupt);
    }
    let (other, policy) = (SubjectKey::derive("", "b"), Policy::default());
    let opened = store.open(other, challenge(1, Purpose::LOGIN), &policy, now()).await;
    assert!(opened.expect("works").is_ok());
}

#[tokio::test]
async fn a_quota_nobody_can_read_is_refused_and_left_alone() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    let rate = Rate::new(10, Duration::from_secs(100)).expect("a sound rate");
    let charge = Charge::new(QuotaKey::derive("", "a"), rate);
    let charged = store.charge(&[charge], now()).await.expect("works").expect("below the limit");
    let key = format!("otp:{{{}}}:q", charge.key);
    for garbage in ["", "x", "-1", "1e3", "0x10", "nan", "inf", " 5", "1.5", "18446744073709551616"]
    {
        server.command(&["SET", &key, garbage]).expect("a plain command");
        let error = store.charge(&[charge], now()).await.expect_err("unreadable");
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{garbage:?}: {error:?}");
        let error = store.refund(&charged, now()).await.expect_err("unreadable");
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{garbage:?}: {error:?}");
        let kept = server.command(&["GET", &key]).expect("a plain command");
        assert_eq!(kept, redis::Value::BulkString(garbage.into()), "nothing was overwritten");
    }
}
