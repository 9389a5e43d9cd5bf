//! The audit trail: complete, in order, for good, and nobody logs in without it.

use std::sync::Arc;

use async_trait::async_trait;
use auth_module::{
    AuditRecord, AuditTrail, AuthError, AuthErrorKind, AuthParts, EndAll, LoginName,
    PasswordOutcome,
};
use auth_store_sqlite::Database;
use mfa_plugin_api::{AuditEvent, AuditSink as _};
use secrecy::SecretString;

use crate::common::{ALICE_PASSWORD, World, client};

#[tokio::test]
async fn a_login_is_told_in_order_with_who_from_where_and_in_which_flow() {
    let world = World::new().await;
    world.try_password("alice", "wrong password").await;
    world.try_password("nobody", "wrong password").await;
    let (token, session) = world.alice_session().await;
    world.auth.logout(&token, &client(), world.now()).await.unwrap();
    assert_eq!(
        world.events(),
        [
            "user.added",
            "user.added",
            "password.rejected",
            "password.rejected",
            "password.verified",
            "login.opened",
            "factor.satisfied",
            "session.opened",
            "session.ended",
        ]
    );
    let records = world.audit.records();
    let alice = Some(&session.user().id);
    assert_eq!(records[2].user_id.as_ref(), alice);
    assert_eq!(records[2].fields, [("why", "wrong".to_owned())]);
    assert_eq!(records[3].user_id, None);
    assert_eq!(records[3].fields, [("why", "unknown".to_owned())]);
    for record in &records[4..] {
        assert_eq!(record.user_id.as_ref(), alice, "{}", record.event);
        assert_eq!(record.at, world.now());
    }
    for record in &records[5..] {
        assert_eq!(record.flow.as_deref(), Some(session.flow()), "{}", record.event);
    }
    assert_eq!(records[7].fields, [("amr", "pwd otp sms".to_owned())]);
    assert_eq!(records[7].client, Some(client().address));
}

#[tokio::test]
async fn a_plugin_says_what_and_the_module_adds_the_rest() {
    let world = World::new().await;
    let (_, login) = world.alice_pending("/").await;
    let sink = world.auth.flow_audit(&login, &client(), world.now());
    sink.record(AuditEvent::new("otp.sent").with("attempts_left", 5));
    let record = world.audit.records().pop().unwrap();
    let expected = AuditRecord::new("otp.sent", world.now())
        .about(&login.user().id)
        .from(client().address)
        .in_flow(login.flow().as_str())
        .with("attempts_left", "5");
    assert_eq!(record, expected);
}

/// A trail on a full disk.
#[derive(Debug)]
struct FullDisk;

#[async_trait]
impl AuditTrail for FullDisk {
    fn record(&self, _record: AuditRecord) {}

    async fn flush(&self) -> Result<(), AuthError> {
        Err(AuthError::new(AuthErrorKind::Unavailable, "no space left"))
    }
}

#[tokio::test]
async fn nobody_logs_in_without_a_trail() {
    let world = World::new().await;
    let (_, login) = world.alice_pending("/").await;
    let login = world.record_sms(&login).await;
    let auth = world.module_with(|parts| AuthParts { audit: Arc::new(FullDisk), ..parts });
    let completed = auth.complete(&login, &client(), &world.randomness, world.now()).await;
    assert!(completed.is_err());
    let left = world.sessions.end_all(&login.user().id, EndAll::PendingLoginsAndSessions).await;
    assert_eq!(left.unwrap(), 0, "no session stays behind");
    assert!(auth.probe().await.is_err(), "and the node is not ready");
}

#[tokio::test]
async fn the_file_keeps_records_in_order_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let now = testkit::ManualClock::new().now();
    {
        let database = Database::open(&path).await.unwrap();
        let trail = database.audit_trail();
        for n in 0..300 {
            trail.record(AuditRecord::new("test.event", now).with("n", n.to_string()));
        }
        // Dropped without a flush: closing the file writes what is queued.
    }
    let database = Database::open(&path).await.unwrap();
    let trail = database.audit_trail();
    let records = trail.read(None, 0, 1000).await.unwrap();
    assert_eq!(records.len(), 300);
    for (n, record) in records.iter().enumerate() {
        assert_eq!((record.event.as_str(), record.at), ("test.event", now));
        assert_eq!(record.fields, format!(r#"{{"n":"{n}"}}"#));
    }
    assert_eq!(trail.read(None, records[297].id, 1000).await.unwrap().len(), 2);
    assert_eq!(trail.read(None, 0, 7).await.unwrap(), records[..7]);
}

#[tokio::test]
async fn what_is_written_cannot_be_changed_or_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let database = Database::open(&path).await.unwrap();
    let trail = database.audit_trail();
    trail.record(AuditRecord::new("test.event", testkit::ManualClock::new().now()));
    trail.flush().await.unwrap();
    let intruder = rusqlite::Connection::open(&path).unwrap();
    for statement in ["DELETE FROM audit_trail", "UPDATE audit_trail SET event = 'other'"] {
        let error = intruder.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
    assert_eq!(trail.read(None, 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_record_is_not_kept_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let database = Database::open(&path).await.unwrap();
    let trail = database.audit_trail();
    trail.flush().await.unwrap();
    rusqlite::Connection::open(&path).unwrap().execute("DROP TABLE audit_trail", []).unwrap();
    trail.record(AuditRecord::new("test.event", testkit::ManualClock::new().now()));
    assert_eq!(trail.flush().await.unwrap_err().kind(), AuthErrorKind::Unavailable);
    // The other writes of the same commit are not taken along.
    let id = auth_module::UserId::from_random([1; 16]);
    let name = LoginName::parse("eve").unwrap();
    let user = auth_module::User::new(id, name.clone(), "Eve", testkit::ManualClock::new().now());
    let directory = database.directory();
    trail.record(AuditRecord::new("test.event", testkit::ManualClock::new().now()));
    let account = auth_module::Account::new(user, None);
    let added = auth_module::UserDirectory::add(&directory, vec![account]).await.unwrap();
    assert!(added.is_empty());
    let found = auth_module::UserDirectory::find_by_name(&directory, &name).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn a_file_of_a_newer_version_or_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    drop(Database::open(&path).await.unwrap());
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    assert_eq!(Database::open(&path).await.unwrap_err().kind(), AuthErrorKind::Corrupt);

    let other = folder.path().join("other.db");
    std::fs::write(
        &other,
        "this is no database, and longer than a header of one hundred bytes".repeat(3),
    )
    .unwrap();
    let before = std::fs::read(&other).unwrap();
    assert!(Database::open(&other).await.is_err());
    assert_eq!(std::fs::read(&other).unwrap(), before);
}

#[tokio::test]
async fn two_processes_may_share_the_file() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    // What the command line does while the gateway runs.
    let other = Database::open(world.folder.path().join("auth.db")).await.unwrap();
    let auth = world.module_with(|parts| AuthParts {
        directory: Arc::new(other.directory()),
        sessions: Arc::new(other.sessions()),
        ..parts
    });
    let (alice, password) = (LoginName::parse("alice").unwrap(), SecretString::from("a new one!"));
    auth.set_password(&alice, &password, "cli", &world.randomness, world.now()).await.unwrap();
    assert!(world.auth.load_session(&token, world.now()).await.unwrap().is_none());
    let old = world.try_password("alice", ALICE_PASSWORD).await;
    assert!(matches!(old, PasswordOutcome::Rejected));
    let new = world.try_password("alice", "a new one!").await;
    assert!(matches!(new, PasswordOutcome::Verified(_)));
}

/// Each name that the code records stands in the table of the README, and the reverse.
#[test]
fn the_event_catalogue_is_complete() {
    let mut recorded = std::collections::BTreeSet::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/module");
    for entry in std::fs::read_dir(folder).unwrap() {
        let code = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let quoted = code.split('"').skip(1).step_by(2);
        let is_event = |text: &&str| {
            let families = ["password.", "login.", "factor.", "session.", "user.", "users."];
            families.iter().any(|family| {
                text.strip_prefix(family).is_some_and(|rest| {
                    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                })
            })
        };
        recorded.extend(quoted.filter(is_event).map(str::to_owned));
    }
    let readme = include_str!("../../README.md");
    let table = readme.lines().skip_while(|line| !line.starts_with("| event |")).skip(2);
    let documented: std::collections::BTreeSet<String> = table
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    assert!(recorded.len() >= 15, "{recorded:?}");
    assert_eq!(recorded, documented);
}
