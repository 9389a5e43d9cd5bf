//! The clauses of [`AuditArchive`](crate::AuditArchive), one function each.

use std::time::Duration;

use super::{
    ArchiveKit, Clause,
    clause::clauses,
    kit::{CALLERS, at_once, ok, start, user},
};
use crate::{
    audit::AuditRecord,
    audit_archive::SealRule,
    audit_chain::{ChainReport, ChainVerifier, ChainedRecord, Segment},
    stored_audit_record::AuditId,
};

/// All clauses, in order.
pub fn clauses() -> Vec<Clause<ArchiveKit>> {
    clauses![
        clause_1_the_head_is_the_last_record,
        clause_2_a_segment_is_everything_since_the_last_one,
        clause_3_only_a_segment_is_removed,
        clause_4_the_chain_goes_on,
    ]
}

/// Writes `count` records.
async fn recorded(kit: &ArchiveKit, count: usize) {
    let user = user().id;
    for _ in 0..count {
        kit.archive.record(AuditRecord::new("test.event", start()).about(&user));
    }
    ok(kit.archive.flush().await);
}

/// Seals what earlier clauses have left.
async fn sealed_so_far(kit: &ArchiveKit) -> Option<Segment> {
    ok(kit.archive.seal(SealRule::Any, start()).await);
    ok(kit.archive.segments().await).pop()
}

async fn sealed(kit: &ArchiveKit) -> Segment {
    ok(kit.archive.seal(SealRule::Any, start()).await).expect("there are new records")
}

async fn all(kit: &ArchiveKit) -> Vec<ChainedRecord> {
    ok(kit.archive.page(None, usize::MAX).await)
}

fn ids(records: &[ChainedRecord]) -> Vec<AuditId> {
    records.iter().map(|chained| chained.record.id).collect()
}

/// Checks all records with the segments.
async fn verified(kit: &ArchiveKit, clause: &str) -> ChainReport {
    let segments = ok(kit.archive.segments().await);
    let mut verifier = match ChainVerifier::new(&kit.key, &segments, &[]) {
        Ok(verifier) => verifier,
        Err(broken) => panic!("{clause}: {broken}"),
    };
    for chained in all(kit).await {
        if let Err(broken) = verifier.check(&chained) {
            panic!("{clause}: {broken}");
        }
    }
    match verifier.finish(ok(kit.archive.last_id().await)) {
        Ok(report) => report,
        Err(broken) => panic!("{clause}: {broken}"),
    }
}

/// Clause 1, **the head is the last record** that was flushed, with its hash.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_1_the_head_is_the_last_record(kit: &ArchiveKit) {
    for count in [3, 1] {
        recorded(kit, count).await;
        let head = ok(kit.archive.head().await).expect("clause 1: there are records");
        let last = all(kit).await.pop().expect("there are records");
        assert_eq!((head.id, Some(head.hash)), (last.record.id, last.hash), "clause 1");
    }
}

/// Clause 2, **a segment is everything since the last one**, and nothing is sealed against the rule.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_2_a_segment_is_everything_since_the_last_one(kit: &ArchiveKit) {
    const CLAUSE: &str = "clause 2";
    let before = sealed_so_far(kit).await;
    let nothing = ok(kit.archive.seal(SealRule::Any, start()).await);
    assert_eq!(nothing, None, "clause 2: no new record");
    recorded(kit, 5).await;
    let newest = all(kit).await.pop().expect("there are records");
    for (before, records) in [(start(), 6), (start() - Duration::from_millis(1), 6)] {
        let rule = SealRule::Due { before, records };
        assert_eq!(ok(kit.archive.seal(rule, start()).await), None, "clause 2: {rule:?}");
    }
    let enough = SealRule::Due { before: start(), records: 5 };
    let first = ok(kit.archive.seal(enough, start()).await).expect("clause 2: enough records");
    let number = before.as_ref().map_or(1, |before| before.number + 1);
    assert_eq!((first.number, first.records), (number, 5), "clause 2: number and count");
    let end = (first.last, Some(first.head));
    assert_eq!(end, (newest.record.id, newest.hash), "clause 2: it ends at the last record");
    if let Some(before) = &before {
        assert_eq!(first.first.0, before.last.0 + 1, "clause 2: it begins after the one before");
    }
    assert!(!first.is_removed, "clause 2: its records are there");

    recorded(kit, 2).await;
    let old = SealRule::Due { before: start() + Duration::from_millis(1), records: u64::MAX };
    let second = ok(kit.archive.seal(old, start()).await).expect("clause 2: old enough");
    assert_eq!((second.number, second.records), (number + 1, 2), "clause 2: number and count");
    assert_eq!(second.first.0, first.last.0 + 1, "clause 2: it begins after the one before");
    let listed = ok(kit.archive.segments().await);
    assert!(listed.ends_with(&[first, second]), "clause 2: they are listed");
    // The verifier checks the seals.
    verified(kit, CLAUSE).await;
    many_seal_at_once(kit).await;
}

/// Of many calls at once, one seals the new records.
async fn many_seal_at_once(kit: &ArchiveKit) {
    recorded(kit, 3).await;
    let sealed = at_once(|_| {
        let kit = kit.clone();
        async move { ok(kit.archive.seal(SealRule::Any, start()).await) }
    })
    .await;
    assert_eq!(sealed.len(), CALLERS);
    let sealed: Vec<Segment> = sealed.into_iter().flatten().collect();
    assert_eq!(sealed.len(), 1, "clause 2: one of many calls seals");
    assert_eq!(sealed[0].records, 3, "clause 2: of many calls at once");
}

/// Clause 3, **only a segment is removed**: its records, once, and no others.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_3_only_a_segment_is_removed(kit: &ArchiveKit) {
    sealed_so_far(kit).await;
    recorded(kit, 4).await;
    let first = sealed(kit).await;
    recorded(kit, 3).await;
    let second = sealed(kit).await;
    recorded(kit, 2).await;
    let before = all(kit).await;
    let removed = async |segment: &Segment| ok(kit.archive.remove(segment, start()).await);

    let unknown = Segment { number: second.number + 1, ..second.clone() };
    assert_eq!(removed(&unknown).await, 0, "clause 3: no such segment");
    assert_eq!(ids(&all(kit).await), ids(&before), "clause 3: nothing was removed");
    // A call that claims records that are not of the segment.
    let last = before.last().expect("there are records").record.id;
    let wider = Segment { first: AuditId(1), last, records: 9, ..first.clone() };
    assert_eq!(removed(&wider).await, 4, "clause 3: the records of the sealed segment");
    let of_first = first.first..=first.last;
    let rest: Vec<_> =
        before.iter().filter(|chained| !of_first.contains(&chained.record.id)).cloned().collect();
    assert_eq!(all(kit).await, rest, "clause 3: the others stay as they are");
    assert_eq!(removed(&first).await, 0, "clause 3: once");
    let listed = ok(kit.archive.segments().await);
    let is_removed: Vec<_> =
        listed.iter().rev().take(2).map(|s| (s.number, s.is_removed)).collect();
    let expected = [(second.number, false), (first.number, true)];
    assert_eq!(is_removed, expected, "clause 3: the segments stay, and tell");
}

/// Clause 4, **the chain goes on** after a removal, without an id that was given before.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_4_the_chain_goes_on(kit: &ArchiveKit) {
    const CLAUSE: &str = "clause 4";
    sealed_so_far(kit).await;
    for segment in ok(kit.archive.segments().await) {
        ok(kit.archive.remove(&segment, start()).await);
    }
    recorded(kit, 3).await;
    let segment = sealed(kit).await;
    assert_eq!(ok(kit.archive.remove(&segment, start()).await), 3, "clause 4: the records");
    assert_eq!(ok(kit.archive.last_id().await), Some(segment.last), "clause 4: the last id");
    verified(kit, CLAUSE).await;
    recorded(kit, 2).await;
    let report = verified(kit, CLAUSE).await;
    assert_eq!(report.chained, 2, "clause 4: what was removed is gone");
    let next = all(kit).await.first().map(|chained| chained.record.id.0);
    assert_eq!(next, Some(segment.last.0 + 1), "clause 4: the next id");
    let next = sealed(kit).await;
    assert_eq!(next.number, segment.number + 1, "clause 4: the next segment");
    verified(kit, CLAUSE).await;
}
