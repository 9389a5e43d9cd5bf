//! The clauses of [`Notifier`], one function each.

use std::{future::poll_fn, task::Poll, time::Duration};

use otp_core::SubjectKey;

use super::{
    clause::{Clause, clauses},
    kit::{Kit, dropped_after, ok},
    outage::{Outage, over},
};
use crate::{Notifier, StoreErrorKind, Subscription};

/// How long a notification may be on its way to another node.
const LONGEST_WAY: Duration = Duration::from_secs(10);

/// How many notifications for other subjects follow one before its subscription waits. More than fit into a short queue
/// that all subjects share.
const CROWD: usize = 4096;

/// Returns the clauses that need only a handle, in order.
///
/// The two others need help from the backend: [`clause_5_bounded`] needs a small one, and
/// [`clause_6_a_lost_connection_wakes`] breaks its connection.
pub fn clauses<S: Notifier>() -> Vec<Clause<S>> {
    clauses![
        clause_1_every_subscription_wakes,
        clause_2_nothing_is_lost,
        clause_3_subjects_are_apart,
        clause_4_a_wake_up_is_used_once,
    ]
}

fn subject<S>(kit: &Kit<S>) -> SubjectKey {
    SubjectKey::from_bytes(kit.bytes())
}

fn subscribe<S: Notifier>(kit: &Kit<S>, subject: SubjectKey) -> Box<dyn Subscription> {
    ok(kit.node().subscribe(subject))
}

/// Waits for the notification that must come.
async fn woken(subscription: &mut dyn Subscription, clause: &str) {
    let changed = tokio::time::timeout(LONGEST_WAY, subscription.changed()).await;
    assert!(changed.is_ok(), "notifier clause {clause}: not woken");
}

async fn is_waiting(subscription: &mut dyn Subscription) -> bool {
    dropped_after(1, subscription.changed()).await.is_none()
}

/// Waits until all earlier notifications have reached every handle: a later one has.
async fn settle<S: Notifier>(kit: &Kit<S>) {
    for node in 0..kit.nodes() {
        let marker = subject(kit);
        let mut markers: Vec<_> = (0..kit.nodes()).map(|_| subscribe(kit, marker)).collect();
        ok(kit.nth(node).notify(marker).await);
        for marker in &mut markers {
            woken(&mut **marker, "1").await;
        }
    }
}

/// Notifies many other subjects, from each node.
async fn crowd<S: Notifier>(kit: &Kit<S>) {
    for _ in 0..CROWD {
        ok(kit.node().notify(subject(kit)).await);
    }
}

/// Clause 1, **every subscription wakes**: several on each node, notified from each node.
///
/// # Panics
///
/// When the clause is broken, or the notifier fails.
pub async fn clause_1_every_subscription_wakes<S: Notifier>(kit: &Kit<S>) {
    let subject = subject(kit);
    let mut all: Vec<_> = (0..3 * kit.nodes()).map(|_| subscribe(kit, subject)).collect();
    for node in 0..kit.nodes() {
        ok(kit.nth(node).notify(subject).await);
        for subscription in &mut all {
            woken(&mut **subscription, "1").await;
        }
    }
}

/// Clause 2, **nothing is lost**: neither before the first wait, nor between two, nor when a wait is
/// dropped, nor among thousands of notifications for other subjects.
///
/// # Panics
///
/// When the clause is broken, or the notifier fails.
pub async fn clause_2_nothing_is_lost<S: Notifier>(kit: &Kit<S>) {
    let subject = subject(kit);
    let mut subscription = subscribe(kit, subject);
    // Before the first wait.
    ok(kit.node().notify(subject).await);
    settle(kit).await;
    woken(&mut *subscription, "2").await;
    // Between two waits.
    ok(kit.node().notify(subject).await);
    settle(kit).await;
    woken(&mut *subscription, "2").await;
    // In a wait that is dropped before it could return.
    let mut dropped = subscription.changed();
    let is_waiting = poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context).is_pending()));
    assert!(is_waiting.await, "notifier clause 2: woken without a notification");
    ok(kit.node().notify(subject).await);
    settle(kit).await;
    drop(dropped);
    woken(&mut *subscription, "2").await;
    // Among those for others, before a wait and in one.
    ok(kit.node().notify(subject).await);
    crowd(kit).await;
    settle(kit).await;
    woken(&mut *subscription, "2").await;
    let mut waiting = subscription.changed();
    let is_waiting = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending()));
    assert!(is_waiting.await, "notifier clause 2: woken without a notification");
    ok(kit.node().notify(subject).await);
    crowd(kit).await;
    settle(kit).await;
    drop(waiting);
    woken(&mut *subscription, "2").await;
}

/// Clause 3, **subjects are apart**.
///
/// # Panics
///
/// When the clause is broken, or the notifier fails.
pub async fn clause_3_subjects_are_apart<S: Notifier>(kit: &Kit<S>) {
    let (noted, other) = (subject(kit), subject(kit));
    let mut others: Vec<_> = (0..kit.nodes()).map(|_| subscribe(kit, other)).collect();
    for node in 0..kit.nodes() {
        ok(kit.nth(node).notify(noted).await);
    }
    settle(kit).await;
    for subscription in &mut others {
        let waits = is_waiting(&mut **subscription).await;
        assert!(waits, "notifier clause 3: woken by another subject");
    }
}

/// Clause 4, **a wake-up is used once**: of ten notifications a subscription wakes at most ten times, and
/// then waits.
///
/// # Panics
///
/// When the clause is broken, or the notifier fails.
pub async fn clause_4_a_wake_up_is_used_once<S: Notifier>(kit: &Kit<S>) {
    let subject = subject(kit);
    let mut subscription = subscribe(kit, subject);
    for _ in 0..10 {
        ok(kit.node().notify(subject).await);
    }
    settle(kit).await;
    woken(&mut *subscription, "4").await;
    let mut more = 0;
    while !is_waiting(&mut *subscription).await {
        more += 1;
        assert!(more < 10, "notifier clause 4: woken again without a notification");
    }
}

/// Clause 5, **bounded**: one handle that has room for `at_most` subscriptions refuses the next as
/// [`Capacity`](StoreErrorKind::Capacity), goes on waking those that exist, and has room once they are
/// dropped.
///
/// # Panics
///
/// When the notifier takes more, forgets a subscription, or never takes another one.
pub async fn clause_5_bounded<S: Notifier>(kit: &Kit<S>, at_most: u32) {
    let notifier = kit.node();
    let subjects = [subject(kit), subject(kit)];
    for _ in 0..2 {
        let mut all = Vec::new();
        let error = loop {
            match notifier.subscribe(subjects[all.len() % 2]) {
                Ok(subscription) => all.push(subscription),
                Err(error) => break error,
            }
            let taken = all.len();
            assert!(taken <= at_most as usize, "notifier clause 5: {taken}, {at_most} is full");
        };
        assert_eq!(error.kind(), StoreErrorKind::Capacity, "notifier clause 5: {error:?}");
        assert!(all.len() > 1, "notifier clause 5: what is dropped makes no room");
        for subject in subjects {
            ok(notifier.notify(subject).await);
        }
        for subscription in &mut all {
            woken(&mut **subscription, "5").await;
        }
    }
}

/// Clause 6, **a lost connection wakes**: what may have been missed during `outage` wakes every
/// subscription afterwards, and the notifier works again without help.
///
/// # Panics
///
/// When the clause is broken, or the notifier does not recover within ten seconds.
pub async fn clause_6_a_lost_connection_wakes<S: Notifier>(kit: &Kit<S>, outage: &dyn Outage) {
    let (quiet, noted) = (subject(kit), subject(kit));
    let mut all: Vec<_> = (0..kit.nodes()).map(|_| subscribe(kit, quiet)).collect();
    outage.begin().await;
    let notified = tokio::time::timeout(LONGEST_WAY, kit.node().notify(noted)).await;
    assert!(notified.is_ok(), "notifier clause 6: notify does not end during an outage");
    outage.end().await;
    for subscription in &mut all {
        woken(&mut **subscription, "6").await;
    }
    over(async || kit.node().notify(noted).await.is_ok()).await;
    let mut subscription = subscribe(kit, noted);
    ok(kit.node().notify(noted).await);
    woken(&mut *subscription, "6").await;
}
