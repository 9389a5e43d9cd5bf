//! The audit trail in the file.

use auth_module::{
    Account, AccountsAdded, AuditQuery, AuditReader as _, AuditRecord, AuditTrail as _,
    AuthErrorKind, LoginName, User, UserAdministration as _, UserId, Users as _,
};
use testkit::ManualClock;

use crate::common::File;

#[tokio::test]
async fn closing_the_file_writes_what_is_queued() {
    let file = File::new();
    {
        let trail = file.open().await.audit_trail();
        for n in 0..300 {
            let record = AuditRecord::new("test.event", ManualClock::new().now());
            trail.record(record.with("n", n.to_string()));
        }
        // Dropped without a flush.
    }
    let trail = file.open().await.audit_trail();
    let records = trail.search(&AuditQuery::new(1000)).await.unwrap();
    let numbers: Vec<usize> =
        records.iter().rev().map(|r| r.fields["n"].parse().unwrap()).collect();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_written_cannot_be_changed_or_deleted() {
    let file = File::new();
    let trail = file.open().await.audit_trail();
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
    let (trail, users) = (database.audit_trail(), database.users());
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
    let trail = file.open().await.audit_trail();
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
