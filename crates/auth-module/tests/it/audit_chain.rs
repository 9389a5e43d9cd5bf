//! The hash chain: what its check finds.

use auth_module::{
    AuditId, AuditReader as _, AuditRecord, AuditTrail as _, ChainBreak, ChainHash, ChainHead,
    ChainKey, ChainProblem, ChainReport, ChainVerifier, ChainedRecord, MemoryAuditTrail, Segment,
};
use testkit::ManualClock;

static KEY: ChainKey = MemoryAuditTrail::CHAIN_KEY;

async fn chain(records: u64) -> Vec<ChainedRecord> {
    chain_of(0..records).await
}

/// One record for each number.
async fn chain_of(numbers: std::ops::Range<u64>) -> Vec<ChainedRecord> {
    let trail = MemoryAuditTrail::new();
    for n in numbers {
        let record = AuditRecord::new("test.event", ManualClock::new().now());
        trail.record(record.with("n", n.to_string()));
    }
    trail.page(None, usize::MAX).await.unwrap()
}

fn head(chained: &ChainedRecord) -> ChainHead {
    ChainHead { id: chained.record.id, hash: chained.hash.unwrap() }
}

fn verify(
    chain: &[ChainedRecord],
    segments: &[Segment],
    heads: &[ChainHead],
    last: u64,
) -> Result<ChainReport, (u64, ChainProblem)> {
    let mut verifier = ChainVerifier::new(&KEY, segments, heads).map_err(parts)?;
    chain.iter().try_for_each(|chained| verifier.check(chained)).map_err(parts)?;
    verifier.finish(Some(AuditId(last))).map_err(parts)
}

fn parts(broken: ChainBreak) -> (u64, ChainProblem) {
    (broken.id.0, broken.problem)
}

#[tokio::test]
async fn an_untouched_chain_is_sound() {
    let chain = chain(6).await;
    let report = verify(&chain, &[], &[head(&chain[2]), head(&chain[5])], 6).unwrap();
    assert_eq!((report.chained, report.unchained), (6, 0));
    assert_eq!(report.head, Some(head(&chain[5])));
}

#[tokio::test]
async fn each_changed_part_is_found_at_its_record() {
    let chain = chain(6).await;
    let changes: [fn(&mut ChainedRecord); 8] = [
        |c| c.record.at += std::time::Duration::from_millis(1),
        |c| c.record.event.push('x'),
        |c| c.record.user_id = auth_module::UserId::parse("00000000000000000000000000000001"),
        |c| c.record.actor = Some(String::new()),
        |c| c.record.client = Some([192, 0, 2, 9].into()),
        |c| c.record.flow = Some("flow".to_owned()),
        |c| drop(c.record.fields.insert("n".to_owned(), "7".to_owned())),
        |c| c.hash = Some(ChainHash::from_bytes([7; 32])),
    ];
    for change in changes {
        let mut changed = chain.clone();
        change(&mut changed[3]);
        assert_ne!(changed[3], chain[3], "the change is one");
        assert_eq!(verify(&changed, &[], &[], 6), Err((4, ChainProblem::Changed)));
    }
    let other = ChainKey::from_bytes([1; 32]);
    let mut verifier = ChainVerifier::new(&other, &[], &[]).unwrap();
    assert_eq!(verifier.check(&chain[0]).unwrap_err().problem, ChainProblem::Changed);
}

#[tokio::test]
async fn removed_moved_and_inserted_records_are_found() {
    let chain = chain(6).await;
    let mut removed = chain.clone();
    removed.remove(3);
    assert_eq!(verify(&removed, &[], &[], 6), Err((4, ChainProblem::Missing)));
    let mut first = chain.clone();
    first.remove(0);
    assert_eq!(verify(&first, &[], &[], 6), Err((1, ChainProblem::Missing)));
    let mut moved = chain.clone();
    moved.swap(2, 3);
    let (id, _) = verify(&moved, &[], &[], 6).unwrap_err();
    assert_eq!(id, 3);
    // With the ids of their new places.
    moved[2].record.id = AuditId(3);
    moved[3].record.id = AuditId(4);
    assert_eq!(verify(&moved, &[], &[], 6), Err((3, ChainProblem::Changed)));
    let mut inserted = chain.clone();
    inserted.insert(3, chain[2].clone());
    inserted[3].record.id = AuditId(4);
    assert_eq!(verify(&inserted, &[], &[], 6), Err((4, ChainProblem::Changed)));
    let mut unchained = chain.clone();
    unchained[3].hash = None;
    assert_eq!(verify(&unchained, &[], &[], 6), Err((4, ChainProblem::Unchained)));
}

/// As after a backup was restored: both chains have the right key and the same ids.
#[tokio::test]
async fn a_record_of_another_chain_of_the_same_key_is_found() {
    let mut spliced = chain(6).await;
    spliced[3] = chain_of(10..16).await[3].clone();
    assert_eq!(verify(&spliced, &[], &[], 6), Err((4, ChainProblem::Changed)));
}

#[tokio::test]
async fn a_removed_end_is_found_by_the_last_id_or_by_a_kept_head() {
    let chain = chain(6).await;
    let (rest, kept) = (&chain[..4], head(&chain[5]));
    assert_eq!(verify(rest, &[], &[], 6), Err((5, ChainProblem::Missing)));
    assert!(verify(rest, &[], &[], 4).is_ok(), "who resets the last id hides it");
    assert_eq!(verify(rest, &[], &[kept], 4), Err((6, ChainProblem::Missing)));
    assert_eq!(verify(&[], &[], &[], 6), Err((1, ChainProblem::Missing)));
    let other = ChainHead { id: AuditId(3), hash: kept.hash };
    assert_eq!(verify(&chain, &[], &[other], 6), Err((3, ChainProblem::Changed)));
}

/// A segment over the first `last` records of `chain`.
fn segment(chain: &[ChainedRecord], last: usize, is_removed: bool) -> Segment {
    let node = chain[0].node.clone();
    let mut segment = Segment {
        number: 1,
        first: chain[0].record.id,
        last: chain[last - 1].record.id,
        records: u64::try_from(last).unwrap(),
        head: chain[last - 1].hash.unwrap(),
        seal: KEY.start(&node),
        is_removed,
        node,
    };
    segment.seal = KEY.seal(segment.seal, &segment);
    segment
}

#[tokio::test]
async fn the_chain_goes_on_after_a_removed_segment() {
    let chain = chain(6).await;
    let removed = [segment(&chain, 4, true)];
    let report = verify(&chain[4..], &removed, &[head(&chain[1]), head(&chain[3])], 6).unwrap();
    assert_eq!(report.chained, 2);
    assert_eq!(verify(&chain[5..], &removed, &[], 6), Err((5, ChainProblem::Missing)));
    assert!(verify(&[], &removed, &[], 4).is_ok());
    assert_eq!(verify(&[], &removed, &[], 6), Err((5, ChainProblem::Missing)));
    let mut forged = removed.clone();
    forged[0].last = AuditId(5);
    assert_eq!(verify(&chain[5..], &forged, &[], 6), Err((5, ChainProblem::Seal)));
    let present = [segment(&chain, 4, false)];
    assert!(verify(&chain, &present, &[], 6).is_ok());
    assert_eq!(verify(&chain[4..], &present, &[], 6), Err((1, ChainProblem::Missing)));
}

#[test]
fn a_head_is_read_back() {
    let head = ChainHead { id: AuditId(12), hash: ChainHash::from_bytes([0xa5; 32]) };
    assert_eq!(head.to_string().parse(), Ok(head));
    let shown = head.to_string();
    let not_ascii = format!("12:{}é", "a".repeat(62));
    for wrong in
        ["", "12", "12:", ":a5", &shown[2..], &shown[..66], &format!("{shown}0"), &not_ascii]
    {
        assert!(wrong.parse::<ChainHead>().is_err(), "{wrong}");
    }
    assert!(!format!("{:?}", ChainKey::from_bytes([7; 32])).contains('7'));
}
