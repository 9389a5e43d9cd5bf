//! The clauses of [`AuditTrail`](crate::AuditTrail) and [`AuditReader`](crate::AuditReader).
//!
//! A trail can only be judged by what is read back, so the functions `clause_…` are the clauses of the
//! trail, and `reader_clause_…` those of the reader.

use std::{collections::BTreeSet, future::poll_fn, task::Poll, time::SystemTime};

use super::{
    AuditKit, Clause,
    clause::clauses,
    kit::{CALLERS, SECOND, at_once, ok, start, user},
};
use crate::{
    audit::AuditRecord,
    audit_chain::{ChainVerifier, ChainedRecord},
    audit_reader::AuditQuery,
    stored_audit_record::StoredAuditRecord,
    user::UserId,
};

/// The clauses that need nothing but the trail, in order.
pub fn clauses() -> Vec<Clause<AuditKit>> {
    clauses![
        clause_1_append_only,
        reader_clause_1_complete_and_unchanged,
        reader_clause_2_newest_first,
        reader_clause_3_all_conditions_hold,
        reader_clause_4_chained,
    ]
}

async fn search(kit: &AuditKit, query: &AuditQuery) -> Vec<StoredAuditRecord> {
    ok(kit.reader.search(query).await)
}

async fn about(kit: &AuditKit, user: &UserId) -> Vec<StoredAuditRecord> {
    let query = AuditQuery { user_id: Some(user.clone()), ..AuditQuery::new(10_000) };
    search(kit, &query).await
}

fn numbers(records: &[StoredAuditRecord]) -> Vec<String> {
    records.iter().map(|record| record.fields["n"].clone()).collect()
}

async fn numbered(kit: &AuditKit, user: &UserId, count: usize) {
    for n in 0..count {
        let record = AuditRecord::new("test.event", start()).about(user);
        kit.trail.record(record.with("n", n.to_string()));
    }
    ok(kit.trail.flush().await);
}

/// Clause 1, **append only**: records stand in the order of the calls, a later one changes no earlier one,
/// and none is lost beside other calls.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_1_append_only(kit: &AuditKit) {
    let user = user().id;
    numbered(kit, &user, 20).await;
    let first = about(kit, &user).await;
    numbered(kit, &user, 20).await;
    let both = about(kit, &user).await;
    assert_eq!(both.len(), 40, "clause 1: nothing is removed");
    assert_eq!(both[20..], first, "clause 1: nothing is changed");
    let expected: Vec<String> = (0..20).rev().map(|n| n.to_string()).collect();
    assert_eq!(numbers(&both[..20]), expected, "clause 1: in the order of the calls");
    callers_beside_each_other(kit).await;
}

/// Records of many callers at once: none is lost, and those of one caller stay in order.
async fn callers_beside_each_other(kit: &AuditKit) {
    const EACH: usize = 10;
    let users: Vec<UserId> = (0..CALLERS).map(|_| user().id).collect();
    at_once(|number| {
        let (kit, user) = (kit.clone(), users[number].clone());
        async move {
            for n in 0..EACH {
                let record = AuditRecord::new("test.event", start()).about(&user);
                kit.trail.record(record.with("n", n.to_string()));
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    ok(kit.trail.flush().await);
    let expected: Vec<String> = (0..EACH).rev().map(|n| n.to_string()).collect();
    let mut ids = BTreeSet::new();
    for user in &users {
        let found = about(kit, user).await;
        assert_eq!(numbers(&found), expected, "clause 1: of many callers at once");
        ids.extend(found.into_iter().map(|record| record.id));
    }
    assert_eq!(ids.len(), CALLERS * EACH, "clause 1: each record has an id of its own");
}

/// Clause 2, **flushed means kept**. `open` is called twice and has to return the same data again.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_2_flushed_means_kept<F>(open: impl Fn() -> F)
where
    F: Future<Output = AuditKit>,
{
    let user = user().id;
    let before = {
        let kit = open().await;
        numbered(&kit, &user, 300).await;
        about(&kit, &user).await
    };
    assert_eq!(before.len(), 300, "clause 2: flushed");
    assert_eq!(about(&open().await, &user).await, before, "clause 2: kept");
}

/// Clause 3, **a lost record is reported** to each flush that waits for it: `lose` makes the trail lose
/// what it takes from then on.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_3_a_lost_record_is_reported(kit: &AuditKit, lose: impl AsyncFnOnce()) {
    ok(kit.trail.flush().await);
    lose().await;
    kit.trail.record(AuditRecord::new("test.event", start()));
    assert!(kit.trail.flush().await.is_err(), "clause 3: the record was lost");

    // Of two callers whose records are lost together, each has to be told.
    for _ in 0..2 {
        kit.trail.record(AuditRecord::new("test.event", start()));
    }
    let (mut one, mut other) = (kit.trail.flush(), kit.trail.flush());
    let first = poll_fn(|cx| {
        let results = [one.as_mut().poll(cx), other.as_mut().poll(cx)];
        Poll::Ready(results.map(|result| match result {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }))
    })
    .await;
    let results = match first {
        [None, None] => vec![one.await, other.await],
        // One was answered before the other began to wait, so the other is a later one.
        [Some(result), _] => vec![result],
        [None, Some(result)] => vec![one.await, result],
    };
    assert!(results.iter().all(Result::is_err), "clause 3: each caller who waits is told");
}

/// Clause 1 of the reader, **complete and unchanged**: each part of a record is read back.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn reader_clause_1_complete_and_unchanged(kit: &AuditKit) {
    let user = user().id;
    let at = start() + SECOND / 1000;
    let full = AuditRecord::new("test.full", at)
        .about(&user)
        .by("An Administrator")
        .from([192, 0, 2, 7].into())
        .in_flow("flow")
        .with("z", "\"quoted\" 山田\n")
        .with("a", "");
    let bare = AuditRecord::new("test.bare", start()).about(&user);
    let v6 = AuditRecord::new("test.v6", start()).about(&user);
    let v6 = v6.from("2001:db8::1".parse().expect("an address"));
    let records = [full, bare, v6];
    for record in &records {
        kit.trail.record(record.clone());
    }
    ok(kit.trail.flush().await);
    let found = about(kit, &user).await;
    assert_eq!(found.len(), records.len(), "reader, clause 1: every record");
    for (found, record) in found.iter().rev().zip(&records) {
        assert_eq!(*found, StoredAuditRecord::of(found.id, record), "reader, clause 1");
    }
    each_caller_finds_its_own(kit).await;
}

/// Many callers record, flush and search at once.
async fn each_caller_finds_its_own(kit: &AuditKit) {
    let found = at_once(|_| {
        let (kit, user) = (kit.clone(), user().id);
        async move {
            let mut found = Vec::new();
            for round in 1..=3 {
                let record = AuditRecord::new("test.event", start()).about(&user);
                kit.trail.record(record.with("n", round.to_string()));
                // Another caller's flush may write this record.
                tokio::task::yield_now().await;
                ok(kit.trail.flush().await);
                found.push((round, about(&kit, &user).await.len()));
            }
            found
        }
    })
    .await;
    for (expected, count) in found.into_iter().flatten() {
        assert_eq!(count, expected, "reader, clause 1: flushed is found, beside other calls");
    }
}

/// Clause 2 of the reader, **newest first**: by pages without a gap or a repeat, also while records are
/// added.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn reader_clause_2_newest_first(kit: &AuditKit) {
    let user = user().id;
    numbered(kit, &user, 10).await;
    let expected: Vec<String> = (0..10).rev().map(|n| n.to_string()).collect();
    for limit in [1, 3, 10] {
        let mut query = AuditQuery { user_id: Some(user.clone()), ..AuditQuery::new(limit) };
        let mut found: Vec<StoredAuditRecord> = Vec::new();
        loop {
            let page = search(kit, &query).await;
            assert!(page.len() <= limit, "reader, clause 2: no more than the limit");
            let Some(last) = page.last() else { break };
            query.before = Some(last.id);
            found.extend(page);
            assert!(found.len() <= 10, "reader, clause 2: no record twice");
            let unrelated = AuditRecord::new("test.unrelated", start());
            kit.trail.record(unrelated);
            ok(kit.trail.flush().await);
        }
        assert_eq!(numbers(&found), expected, "reader, clause 2: by pages of {limit}");
        let fall = found.windows(2).all(|pair| pair[0].id > pair[1].id);
        assert!(fall, "reader, clause 2: ids rise in the order of the calls");
    }
}

/// Clause 3 of the reader, **all conditions hold**: user, event or family, and time.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn reader_clause_3_all_conditions_hold(kit: &AuditKit) {
    let (one, other) = (user().id, user().id);
    let rows = [
        (Some(&one), "test.a", 0),
        (Some(&one), "test.a_b", 1),
        (Some(&other), "test.a", 2),
        (None, "test.a", 3),
        (Some(&one), "test.a.deep", 4),
        (Some(&one), "tests.a", 5),
    ];
    for (number, (user, event, seconds)) in rows.iter().enumerate() {
        let record = AuditRecord::new(event, start() + *seconds * SECOND);
        let record = user.map_or(record.clone(), |user| record.about(user));
        kit.trail.record(record.with("n", number.to_string()));
    }
    ok(kit.trail.flush().await);
    let expect = async |user: Option<&UserId>,
                        event: Option<&str>,
                        times: [Option<SystemTime>; 2],
                        expected: &[&str]| {
        let [from, until] = times;
        let query = AuditQuery {
            user_id: user.cloned(),
            event: event.map(str::to_owned),
            from,
            until,
            ..AuditQuery::new(6)
        };
        let found = numbers(&search(kit, &query).await);
        assert_eq!(found, expected, "reader, clause 3: {event:?} {times:?}");
    };
    let (at, all) = (|seconds: u32| Some(start() + seconds * SECOND), [None, None]);
    expect(Some(&one), None, all, &["5", "4", "1", "0"]).await;
    expect(Some(&other), None, all, &["2"]).await;
    expect(Some(&one), Some("test"), all, &["4", "1", "0"]).await;
    expect(Some(&one), Some("test.a"), all, &["4", "0"]).await;
    expect(Some(&one), Some("test."), all, &[]).await;
    expect(Some(&one), Some("Test.a"), all, &[]).await;
    expect(Some(&one), None, [at(1), None], &["5", "4", "1"]).await;
    expect(Some(&one), None, [None, at(4)], &["1", "0"]).await;
    expect(Some(&one), None, [at(1), at(5)], &["4", "1"]).await;
    expect(Some(&one), Some("test.a"), [at(1), at(5)], &["4"]).await;
    expect(Some(&other), Some("test.a_b"), all, &[]).await;
    expect(Some(&user().id), None, all, &[]).await;
}

/// Clause 4 of the reader, **chained**: every record once, the oldest first, each linked to the one before.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn reader_clause_4_chained(kit: &AuditKit) {
    let user = user().id;
    numbered(kit, &user, 10).await;
    at_once(|number| {
        let kit = kit.clone();
        let record = AuditRecord::new("test.beside", start()).with("n", number.to_string());
        async move { kit.trail.record(record) }
    })
    .await;
    ok(kit.trail.flush().await);
    let all = by_pages(kit, 10_000).await;
    assert_eq!(by_pages(kit, 7).await, all, "reader, clause 4: the same by any pages");
    let last = ok(kit.reader.last_id().await);
    assert_eq!(last, all.last().map(|c| c.record.id), "reader, clause 4: the last id");
    let of_user = all.iter().filter(|chained| chained.record.user_id.as_ref() == Some(&user));
    let of_user: Vec<_> = of_user.map(|chained| chained.record.clone()).collect();
    let expected: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(numbers(&of_user), expected, "reader, clause 4: the oldest first");
    let segments = ok(kit.reader.segments().await);
    let mut verifier = ChainVerifier::new(&kit.key, &segments, &[]).expect("sound segments");
    for chained in &all {
        verifier.check(chained).expect("reader, clause 4: each is linked to the one before");
    }
    let report = verifier.finish(last).expect("reader, clause 4: none is missing");
    let chained = usize::try_from(report.chained).unwrap_or(0);
    assert!(chained >= 10 + CALLERS, "reader, clause 4: each record has a hash");
}

async fn by_pages(kit: &AuditKit, limit: usize) -> Vec<ChainedRecord> {
    let mut all: Vec<ChainedRecord> = Vec::new();
    loop {
        let after = all.last().map(|chained| chained.record.id);
        let page = ok(kit.reader.page(after, limit).await);
        assert!(page.len() <= limit, "reader, clause 4: no more than the limit");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
