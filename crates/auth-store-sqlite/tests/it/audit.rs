//! The audit trail in the file.

use std::time::Duration;

use auth_module::{
    Account, AccountsAdded, AuditArchive as _, AuditId, AuditQuery, AuditReader as _, AuditRecord,
    AuditTrail as _, AuthErrorKind, CHAIN_STARTED, ChainBreak, ChainHead, ChainProblem,
    ChainReport, ChainVerifier, LoginName, SealRule, User, UserAdministration as _, UserId,
    Users as _,
};
use auth_store_sqlite::SqliteAuditTrail;
use testkit::ManualClock;

use crate::common::{File, chain_key};

#[tokio::test]
async fn closing_the_file_writes_what_is_queued() {
    let file = File::new();
    {
        let trail = file.open().await.audit_trail(chain_key());
        for n in 0..300 {
            let record = AuditRecord::new("test.event", ManualClock::new().now());
            trail.record(record.with("n", n.to_string()));
        }
        // Dropped without a flush.
    }
    let trail = file.open().await.audit_trail(chain_key());
    let records = trail.search(&AuditQuery::new(1000)).await.unwrap();
    let numbers: Vec<usize> =
        records.iter().rev().map(|r| r.fields["n"].parse().unwrap()).collect();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_written_cannot_be_changed_or_deleted() {
    let file = File::new();
    let trail = file.open().await.audit_trail(chain_key());
    trail.record(AuditRecord::new("test.event", ManualClock::new().now()));
    trail.flush().await.unwrap();
    let intruder = rusqlite::Connection::open(file.path()).unwrap();
    for statement in ["DELETE FROM audit_trail", "UPDATE audit_trail SET event = 'other'"] {
        let error = intruder.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
    assert_eq!(trail.search(&AuditQuery::new(10)).await.unwrap().len(), 1);
}

/// The other writes of the same commit are not lost with it.
#[tokio::test]
async fn a_lost_record_is_reported_and_nothing_else_is_lost() {
    let file = File::new();
    let database = file.open().await;
    let (trail, users) = (database.audit_trail(chain_key()), database.users());
    let now = ManualClock::new().now();
    rusqlite::Connection::open(file.path()).unwrap().execute("DROP TABLE audit_trail", []).unwrap();
    trail.record(AuditRecord::new("test.event", now));
    let name = LoginName::parse("eve").unwrap();
    let user = User::new(UserId::from_random([1; 16]), name.clone(), "Eve", now);
    let added = users.add(vec![Account::new(user, None)]).await.unwrap();
    assert_eq!(added, AccountsAdded::Done);
    assert!(users.find_by_name(&name).await.unwrap().is_some());
    assert_eq!(trail.flush().await.unwrap_err().kind(), AuthErrorKind::Unavailable);
}

/// A `LIKE` would take the `_` of an event for a wildcard.
#[tokio::test]
async fn an_event_is_not_a_pattern() {
    let file = File::new();
    let trail = file.open().await.audit_trail(chain_key());
    for event in ["user.password_set", "user.password-set", "user.password/set"] {
        trail.record(AuditRecord::new(event, ManualClock::new().now()));
    }
    trail.flush().await.unwrap();
    let mut query = AuditQuery::new(10);
    query.event = Some("user.password_set".to_owned());
    assert_eq!(trail.search(&query).await.unwrap().len(), 1);
    query.event = Some("user.password".to_owned());
    assert_eq!(trail.search(&query).await.unwrap().len(), 0, "a family ends at a dot");
}

/// Writes `count` records with the numbers from 0 on.
async fn record(trail: &SqliteAuditTrail, count: u64) {
    for n in 0..count {
        let record = AuditRecord::new("test.event", ManualClock::new().now());
        trail.record(record.with("n", n.to_string()));
    }
    trail.flush().await.unwrap();
}

async fn verify(
    trail: &SqliteAuditTrail,
    heads: &[ChainHead],
) -> Result<ChainReport, (u64, ChainProblem)> {
    let key = chain_key();
    let segments = trail.segments().await.unwrap();
    let parts = |broken: ChainBreak| (broken.id.0, broken.problem);
    let mut verifier = ChainVerifier::new(&key, &segments, heads).map_err(parts)?;
    for chained in trail.page(None, usize::MAX).await.unwrap() {
        verifier.check(&chained).map_err(parts)?;
    }
    verifier.finish(trail.last_id().await.unwrap()).map_err(parts)
}

/// As somebody does who can write the file.
fn tamper(file: &File, statements: &str) {
    let intruder = rusqlite::Connection::open(file.path()).unwrap();
    let triggers = "DROP TRIGGER audit_trail_is_not_changed; \
         DROP TRIGGER audit_trail_is_not_shortened; \
         DROP TRIGGER audit_segments_are_not_changed;";
    intruder.execute_batch(triggers).unwrap();
    intruder.execute_batch(statements).unwrap();
}

#[tokio::test]
async fn every_kind_of_tampering_is_found_at_the_first_bad_record() {
    let insert = "INSERT INTO audit_trail (id, at, event, fields, hash) \
         SELECT 11, at, event, fields, hash FROM audit_trail WHERE id = 10";
    let swap = "UPDATE audit_trail SET id = -4 WHERE id = 4; \
         UPDATE audit_trail SET id = 4 WHERE id = 5; UPDATE audit_trail SET id = 5 WHERE id = -4;";
    for (statements, id, problem) in [
        ("UPDATE audit_trail SET at = at + 1 WHERE id = 4", 4, ChainProblem::Changed),
        ("UPDATE audit_trail SET event = 'x' WHERE id = 4", 4, ChainProblem::Changed),
        ("UPDATE audit_trail SET user_id = 'x' WHERE id = 4", 4, ChainProblem::Changed),
        ("UPDATE audit_trail SET client = '192.0.2.7' WHERE id = 4", 4, ChainProblem::Changed),
        ("UPDATE audit_trail SET flow = 'x' WHERE id = 4", 4, ChainProblem::Changed),
        ("UPDATE audit_trail SET fields = '[1]' WHERE id = 4", 4, ChainProblem::Changed),
        ("UPDATE audit_trail SET hash = zeroblob(32) WHERE id = 4", 4, ChainProblem::Changed),
        ("UPDATE audit_trail SET hash = NULL WHERE id = 4", 4, ChainProblem::Unchained),
        ("DELETE FROM audit_trail WHERE id = 4", 4, ChainProblem::Missing),
        ("DELETE FROM audit_trail WHERE id > 8", 9, ChainProblem::Missing),
        ("DELETE FROM audit_trail", 1, ChainProblem::Missing),
        (insert, 11, ChainProblem::Changed),
        (swap, 4, ChainProblem::Changed),
    ] {
        let file = File::new();
        let trail = file.open().await.audit_trail(chain_key());
        record(&trail, 10).await;
        assert_eq!(verify(&trail, &[]).await.unwrap().chained, 10);
        tamper(&file, statements);
        assert_eq!(verify(&trail, &[]).await, Err((id, problem)), "{statements}");
        record(&trail, 2).await;
        let found = verify(&trail, &[]).await.unwrap_err();
        assert_eq!(found.0, id, "also after more records: {statements}");
    }
}

/// Also somebody who resets the counter of ids, if the head was kept elsewhere.
#[tokio::test]
async fn a_kept_head_finds_a_removed_end() {
    let file = File::new();
    let trail = file.open().await.audit_trail(chain_key());
    record(&trail, 10).await;
    let head = trail.head().await.unwrap().unwrap();
    tamper(&file, "DELETE FROM audit_trail WHERE id > 8; UPDATE sqlite_sequence SET seq = 8;");
    assert_eq!(verify(&trail, &[head]).await, Err((10, ChainProblem::Missing)));
    record(&trail, 2).await;
    assert!(verify(&trail, &[]).await.is_ok(), "without the head nothing shows it");
    assert_eq!(verify(&trail, &[head]).await, Err((10, ChainProblem::Changed)));
}

/// The command line and the gateway write to one chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_continue_one_chain() {
    let file = File::new();
    let (one, other) = (file.open().await, file.open().await);
    let (one, other) = (one.audit_trail(chain_key()), other.audit_trail(chain_key()));
    tokio::join!(record(&one, 200), record(&other, 200));
    assert_eq!(verify(&one, &[]).await.unwrap().chained, 400);
}

#[tokio::test]
async fn a_sealed_segment_can_be_removed_and_the_chain_goes_on() {
    let file = File::new();
    let trail = file.open().await.audit_trail(chain_key());
    let now = ManualClock::new().now();
    assert_eq!(trail.seal(SealRule::Any, now).await.unwrap(), None, "nothing to seal");
    record(&trail, 10).await;
    let due = |records| SealRule::Due { before: now, records };
    assert_eq!(trail.seal(due(11), now).await.unwrap(), None, "neither old nor many");
    let first = trail.seal(due(10), now).await.unwrap().unwrap();
    assert_eq!((first.number, first.first.0, first.last.0, first.records), (1, 1, 10, 10));
    assert_eq!(trail.seal(SealRule::Any, now).await.unwrap(), None, "nothing is new");
    record(&trail, 5).await;
    let later = SealRule::Due { before: now + Duration::from_millis(1), records: 1000 };
    let second = trail.seal(later, now).await.unwrap().unwrap();
    assert_eq!((second.number, second.first.0, second.last.0, second.records), (2, 11, 15, 5));
    assert_eq!(verify(&trail, &[]).await.unwrap().chained, 15);

    let intruder = rusqlite::Connection::open(file.path()).unwrap();
    for statement in [
        "DELETE FROM audit_trail",
        "DELETE FROM audit_segments",
        "UPDATE audit_segments SET records = 1",
    ] {
        assert!(intruder.execute(statement, []).is_err(), "{statement}");
    }
    assert_eq!(trail.remove(&first, now).await.unwrap(), 10);
    assert!(intruder.execute("DELETE FROM audit_trail", []).is_err(), "the others stay");
    assert_eq!(verify(&trail, &[]).await.unwrap().chained, 5);
    assert_eq!(trail.remove(&second, now).await.unwrap(), 5);
    record(&trail, 3).await;
    let report = verify(&trail, &[]).await.unwrap();
    assert_eq!((report.chained, report.head.unwrap().id.0), (3, 18));
    tamper(&file, "UPDATE audit_segments SET last_id = 14 WHERE number = 2");
    assert_eq!(verify(&trail, &[]).await, Err((14, ChainProblem::Seal)));
}

#[tokio::test]
async fn records_from_before_the_chain_are_counted_when_it_begins() {
    let file = File::new();
    drop(file.open().await);
    let old = rusqlite::Connection::open(file.path()).unwrap();
    for _ in 0..3 {
        let insert = "INSERT INTO audit_trail (at, event, fields) VALUES (1, 'old.event', '{}')";
        old.execute(insert, []).unwrap();
    }
    let trail = file.open().await.audit_trail(chain_key());
    assert_eq!(verify(&trail, &[]).await.unwrap().unchained, 3);
    record(&trail, 2).await;
    let report = verify(&trail, &[]).await.unwrap();
    assert_eq!((report.unchained, report.chained), (3, 3));
    let page = trail.page(Some(AuditId(3)), 1).await.unwrap();
    assert_eq!(page[0].record.event, CHAIN_STARTED);
    assert_eq!(page[0].record.fields["records_before"], "3");
    tamper(&file, "DELETE FROM audit_trail WHERE id = 2");
    assert_eq!(verify(&trail, &[]).await, Err((3, ChainProblem::Missing)));
}

#[tokio::test]
async fn the_probe_writes_and_leaves_no_record() {
    let file = File::new();
    let trail = file.open().await.audit_trail(chain_key());
    trail.probe().await.unwrap();
    trail.probe().await.unwrap();
    assert_eq!(trail.last_id().await.unwrap(), None);
    rusqlite::Connection::open(file.path()).unwrap().execute("DROP TABLE probe", []).unwrap();
    assert!(trail.probe().await.is_err());
}
