//! The clauses of [`DeliveryNotes`], one function each.

use std::time::{Duration, SystemTime};

use otp_core::{ChallengeId, SubjectKey};
use tokio::task::yield_now;

use super::{
    clause::{Clause, clauses},
    kit::{CALLERS, Kit, ok},
    outage::{Outage, over},
};
use crate::{DeliveryNote, DeliveryNotes, NoteKey, StoreErrorKind};

const LIFETIME: Duration = Duration::from_secs(300);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Calls until a full store with expired notes to delete has made room for one.
const PATIENCE: u32 = 10;

/// The longest that a call may take while its backend fails. Backends are configured in seconds.
const LONGEST_CALL: Duration = Duration::from_secs(15);

/// Returns the clauses that need only a handle, in order.
///
/// The four others need help from the backend: [`clause_2_own_expiry_only_sweeps`] lets time pass in it,
/// [`clause_5_acknowledged_means_kept`] opens it twice, [`clause_6_full_means_refuse`] needs a small one, and
/// [`clause_7_an_outage_is_an_error_in_time`] makes it fail.
pub fn clauses<S: DeliveryNotes>() -> Vec<Clause<S>> {
    clauses![
        clause_1_found_until_it_expires,
        clause_2_the_callers_clock_decides,
        clause_3_keys_are_apart,
        clause_4_the_last_one_replaces,
    ]
}

/// Returns a note about an unused challenge.
fn note<S>(kit: &Kit<S>, expires_at: SystemTime) -> DeliveryNote {
    DeliveryNote {
        subject: SubjectKey::from_bytes(kit.bytes()),
        challenge: ChallengeId::from_bytes(kit.bytes()),
        expires_at,
    }
}

fn key<S>(kit: &Kit<S>) -> NoteKey {
    NoteKey::from_bytes(kit.bytes())
}

async fn find<S: DeliveryNotes>(
    kit: &Kit<S>,
    key: NoteKey,
    now: SystemTime,
) -> Option<DeliveryNote> {
    ok(kit.node().find(key, now).await)
}

/// Clause 1, **found until it expires**: on every node, up to the last millisecond and not at
/// `expires_at` itself.
///
/// # Panics
///
/// When the clause is broken, or the store fails.
pub async fn clause_1_found_until_it_expires<S: DeliveryNotes>(kit: &Kit<S>) {
    let now = kit.start();
    for finer in [Duration::ZERO, Duration::from_micros(999)] {
        let end = now + LIFETIME;
        let (key, note) = (key(kit), note(kit, end + finer));
        assert_eq!(find(kit, key, now).await, None, "notes clause 1: found before it was kept");
        ok(kit.node().keep(key, note, now).await);
        let kept = Some(DeliveryNote { expires_at: end, ..note });
        // The handles take turns, so each is asked.
        for _ in 0..kit.nodes() {
            assert_eq!(find(kit, key, now).await, kept, "notes clause 1: found at once");
            let last = end - MILLISECOND;
            assert_eq!(find(kit, key, last).await, kept, "notes clause 1: found to its end");
        }
        for at in [end, end + MILLISECOND, end + LIFETIME] {
            assert_eq!(find(kit, key, at).await, None, "notes clause 1: expired");
        }
    }
}

/// Clause 2, **the caller's clock decides**: in any year a note lives as long as it says.
///
/// # Panics
///
/// When the clause is broken, or the store fails.
pub async fn clause_2_the_callers_clock_decides<S: DeliveryNotes>(kit: &Kit<S>) {
    for year in [1, 40, 200] {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(year * 31_536_000);
        let (key, note) = (key(kit), note(kit, now + LIFETIME));
        ok(kit.node().keep(key, note, now).await);
        let last = now + LIFETIME - MILLISECOND;
        assert_eq!(find(kit, key, last).await, Some(note), "notes clause 2: lives in its year");
        assert_eq!(find(kit, key, now + LIFETIME).await, None, "notes clause 2: and expires in it");
    }
}

/// Clause 2, **the caller's clock decides**: a backend's own expiry only deletes what has expired. While time passes in
/// the backend, a note stays until its expiry.
///
/// `pass_time` lets that much time pass in the backend:
/// [`run_with_time`](crate::conformance::run_with_time) says how.
///
/// # Panics
///
/// When the clause is broken, or the store fails.
pub async fn clause_2_own_expiry_only_sweeps<S: DeliveryNotes>(
    kit: &Kit<S>,
    pass_time: impl AsyncFn(Duration),
) {
    for lifetime in [LIFETIME, 288 * LIFETIME] {
        let now = kit.start();
        let (key, note) = (key(kit), note(kit, now + lifetime));
        ok(kit.node().keep(key, note, now).await);
        pass_time(lifetime.saturating_sub(MILLISECOND)).await;
        let found = find(kit, key, note.expires_at - MILLISECOND).await;
        assert_eq!(found, Some(note), "notes clause 2: {lifetime:?} in the backend");
    }
}

/// Clause 3, **keys are apart**: of many notes kept at once each is found under its own key.
///
/// # Panics
///
/// When the clause is broken, or the store fails.
pub async fn clause_3_keys_are_apart<S: DeliveryNotes>(kit: &Kit<S>) {
    let now = kit.start();
    let notes: Vec<_> = (0..CALLERS).map(|_| (key(kit), note(kit, now + LIFETIME))).collect();
    let unused = key(kit);
    let to_keep = notes.clone();
    kit.at_once(CALLERS, move |number, store| {
        let (key, note) = to_keep[number];
        async move { ok(store.keep(key, note, now).await) }
    })
    .await;
    for (key, note) in notes {
        assert_eq!(find(kit, key, now).await, Some(note), "notes clause 3: its own note");
    }
    assert_eq!(find(kit, unused, now).await, None, "notes clause 3: no note under another key");
}

/// Clause 4, **the last one replaces**: as a whole and in one step, also with an earlier expiry.
///
/// # Panics
///
/// When the clause is broken, or the store fails.
pub async fn clause_4_the_last_one_replaces<S: DeliveryNotes>(kit: &Kit<S>) {
    let now = kit.start();
    let key = key(kit);
    for lifetime in [LIFETIME, 2 * LIFETIME, LIFETIME / 2] {
        let note = note(kit, now + lifetime);
        for _ in 0..2 {
            ok(kit.node().keep(key, note, now).await);
            let last = note.expires_at - MILLISECOND;
            assert_eq!(find(kit, key, last).await, Some(note), "notes clause 4: the last one");
            assert_eq!(find(kit, key, note.expires_at).await, None, "notes clause 4: its expiry");
        }
    }
    let rivals: Vec<_> = (0..CALLERS).map(|_| note(kit, now + LIFETIME)).collect();
    ok(kit.node().keep(key, rivals[0], now).await);
    let to_keep = rivals.clone();
    // In one task, so that the race does not depend on the scheduler.
    let found = kit
        .in_turn(CALLERS, move |number, store| {
            let note = to_keep[number];
            async move {
                if number % 2 == 0 {
                    ok(store.keep(key, note, now).await);
                }
                // Between the steps of the others.
                let mut found = Vec::new();
                for _ in 0..4 {
                    found.push(ok(store.find(key, now).await));
                    yield_now().await;
                }
                found
            }
        })
        .await;
    for found in found.into_iter().flatten() {
        let found = found.expect("notes clause 4: a note while others replace it");
        assert!(rivals.contains(&found), "notes clause 4: a mixture of notes: {found:?}");
    }
}

/// Clause 5, **acknowledged means kept**: `open` is called twice and must give the same data again.
///
/// # Panics
///
/// When a note was forgotten, or a store fails.
pub async fn clause_5_acknowledged_means_kept<S, F>(open: impl Fn() -> F)
where
    S: DeliveryNotes,
    F: Future<Output = S>,
{
    let kit = Kit::new(open().await);
    let now = kit.start();
    let (key, first, last) = (key(&kit), note(&kit, now + LIFETIME), note(&kit, now + LIFETIME));
    ok(kit.node().keep(key, first, now).await);
    ok(kit.node().keep(key, last, now).await);
    drop(kit);

    let kit = Kit::new(open().await);
    assert_eq!(find(&kit, key, now).await, Some(last), "notes clause 5: a restart forgets no note");
}

/// Clause 6, **full means refuse**: a store that has room for `at_most` notes refuses the next as
/// [`Capacity`](StoreErrorKind::Capacity), keeps those it has, and takes new ones once they have expired.
///
/// # Panics
///
/// When the store takes more, drops a note, or never takes anything again.
pub async fn clause_6_full_means_refuse<S: DeliveryNotes>(kit: &Kit<S>, at_most: u32) {
    let now = kit.start();
    let mut kept = Vec::new();
    let error = loop {
        let (key, note) = (key(kit), note(kit, now + LIFETIME));
        match kit.node().keep(key, note, now).await {
            Ok(()) => kept.push((key, note)),
            Err(error) => break error,
        }
        let taken = kept.len();
        assert!(taken <= at_most as usize, "notes clause 6: {taken} taken, {at_most} is full");
    };
    assert_eq!(error.kind(), StoreErrorKind::Capacity, "notes clause 6: {error:?}");
    for (key, note) in &kept {
        assert_eq!(find(kit, *key, now).await, Some(*note), "notes clause 6: notes stay");
    }
    for _ in 0..kept.len() / 2 {
        is_kept_in_time(kit, now + LIFETIME).await;
    }
}

async fn is_kept_in_time<S: DeliveryNotes>(kit: &Kit<S>, now: SystemTime) {
    for _ in 0..PATIENCE {
        match kit.node().keep(key(kit), note(kit, now + LIFETIME), now).await {
            Ok(()) => return,
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Capacity, "{error:?}"),
        }
    }
    panic!("notes clause 6: expired notes make no room");
}

/// Clause 7, **an outage is an error, in time**: while `outage` lasts both calls return an error; once it
/// is over the store works again without help and has the notes from before.
///
/// # Panics
///
/// When the clause is broken, or the store does not recover within ten seconds.
pub async fn clause_7_an_outage_is_an_error_in_time<S: DeliveryNotes>(
    kit: &Kit<S>,
    outage: &dyn Outage,
) {
    let (store, now) = (kit.node(), kit.start());
    let (before, during) = (key(kit), key(kit));
    let (kept, lost) = (note(kit, now + LIFETIME), note(kit, now + LIFETIME));
    ok(store.keep(before, kept, now).await);

    outage.begin().await;
    let calls = async {
        let found = store.find(before, now).await;
        assert!(found.is_err(), "notes clause 7: found while the backend was out: {found:?}");
        let done = store.keep(during, lost, now).await;
        assert!(done.is_err(), "notes clause 7: kept while the backend was out");
    };
    let in_time = tokio::time::timeout(2 * LONGEST_CALL, calls).await;
    assert!(in_time.is_ok(), "notes clause 7: a call does not end while the backend is out");
    outage.end().await;
    over(async || kit.node().keep(key(kit), lost, now).await.is_ok()).await;

    assert_eq!(find(kit, before, now).await, Some(kept), "notes clause 7: the note is back");
    let found = find(kit, during, now).await;
    assert!(
        found.is_none_or(|found| found == lost),
        "notes clause 7: kept whole or not: {found:?}"
    );
}
