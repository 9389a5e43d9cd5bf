//! The memory backend.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use otp_cache::{
    ChallengeStore, Charge, Quota, StoreErrorKind,
    conformance::{self, Kit, notes},
    memory::MemoryStore,
};
use otp_core::{Purpose, gcra::Rate};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    conformance::run(|| async { MemoryStore::new() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_store_for_all_clauses_conforms() {
    let store = Arc::new(MemoryStore::new());
    conformance::run(|| async { Arc::clone(&store) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_box_conforms() {
    conformance::run(|| async { Box::new(MemoryStore::new()) }).await;
}

/// The store deletes by the caller's clock only.
#[tokio::test]
async fn nothing_expires_before_its_time() {
    conformance::run_with_time(|| async { MemoryStore::new() }, async |_| {}).await;
    notes::clause_2_own_expiry_only_sweeps(&Kit::new(MemoryStore::new()), async |_| {}).await;
}

#[tokio::test]
async fn full_means_refuse() {
    for capacity in [1, 10, 1_000] {
        let fresh = || async move { MemoryStore::with_capacity(capacity as usize) };
        conformance::full_means_refuse(fresh, capacity).await;
    }
}

/// The bound is exact: not one fewer, and not one more.
#[tokio::test]
async fn there_is_room_for_exactly_as_many_as_asked_for() {
    for capacity in [1, 10, 1_000] {
        let kit = Kit::new(MemoryStore::with_capacity(capacity));
        let (store, now) = (kit.node(), kit.start());
        let rate = Rate::new(1, std::time::Duration::from_secs(1)).expect("a sound rate");
        for _ in 0..capacity {
            kit.opened(&kit.person(), now).await;
            let charged = store.charge(&[Charge::new(kit.quota_key(), rate)], now).await;
            assert!(charged.expect("there is room").is_ok());
        }
        let (who, new) = (kit.person(), kit.new_challenge(Purpose::LOGIN, now));
        let error = store.open(who.key(), new, &kit.policy, now).await.expect_err("full");
        assert_eq!(error.kind(), StoreErrorKind::Capacity);
        let charged = store.charge(&[Charge::new(kit.quota_key(), rate)], now).await;
        assert_eq!(charged.expect_err("full").kind(), StoreErrorKind::Capacity);
        assert_eq!((store.subjects(), store.quota_keys()), (capacity, capacity));
    }
}

/// Clause 12 for a store without a backend: no call waits for anything.
#[test]
fn every_call_returns_when_it_is_first_polled() {
    let kit = Kit::new(MemoryStore::new());
    let (store, who, now) = (kit.node(), kit.person(), kit.start());
    let (key, policy) = (who.key(), &kit.policy);
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let id = new.id;
    let challenge = at_once(store.open(key, new, policy, now));
    assert!(challenge.expect("works").is_ok());
    assert!(at_once(store.load(key, id, now)).expect("works").is_some());
    let attempt = at_once(store.begin_attempt(key, id, policy, now)).expect("works");
    let proof = kit.verified(&who, attempt.expect("within the limit"), now);
    at_once(store.grant_resend(key, id, policy, now)).expect("works").expect_err("too early");
    let delivery = otp_core::DeliveryStatus::Delivered;
    at_once(store.record_delivery(key, id, delivery, policy, now)).expect("works");
    at_once(store.subject_status(key, policy, now)).expect("works");
    assert!(at_once(store.consume(proof, now)).expect("works").is_ok());
    at_once(store.revoke(key, id)).expect("works");
    at_once(store.unlock(key)).expect("works");
    let rate = Rate::new(1, std::time::Duration::from_secs(1)).expect("a sound rate");
    let charged = at_once(store.charge(&[Charge::new(kit.quota_key(), rate)], now));
    let charged = charged.expect("works").expect("within the rate");
    at_once(store.refund(&charged, now)).expect("works");
}

/// Polls once.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(call).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the call waits"),
    }
}
