//! The audit trail: complete and in order, and no login succeeds without it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use auth_module::{AuditRecord, AuditTrail, AuthError, AuthErrorKind, AuthParts, EndAll};
use mfa_plugin_api::{AuditEvent, AuditSink as _};

use crate::common::{World, client};

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

    async fn probe(&self) -> Result<(), AuthError> {
        self.flush().await
    }

    fn lost(&self) -> u64 {
        0
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

/// Each event that a crate of the workspace records is in the catalogue, and the reverse.
#[test]
fn the_event_catalogue_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let catalogue = std::fs::read_to_string(root.join("docs/audit.md")).unwrap();
    let table = catalogue.lines().skip_while(|line| !line.starts_with("| event |")).skip(2);
    let documented: BTreeSet<String> = table
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    let families: BTreeSet<&str> =
        documented.iter().filter_map(|event| event.split_once('.')).map(|(f, _)| f).collect();
    let mut recorded = BTreeSet::new();
    // The crates that record. What the others say with such a name is an event of the log.
    for folder in ["auth-module/src", "sms-otp-plugin/src", "mfa-cli/src/audit"] {
        for file in sources(&root.join("crates").join(folder)) {
            let code = std::fs::read_to_string(file).unwrap();
            recorded.extend(events(&code, &families));
        }
    }
    let command = std::fs::read_to_string(root.join("crates/mfa-cli/src/audit.rs")).unwrap();
    recorded.extend(events(&command, &families));
    assert!(recorded.len() >= 30, "{recorded:?}");
    assert_eq!(recorded, documented);
}

/// The Rust files in `folder` and below.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The texts in `code` that are an event of one of `families`: log events too, which are not audit events.
fn events(code: &str, families: &BTreeSet<&str>) -> BTreeSet<String> {
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.contains("event = \"")
    });
    let quoted = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
    let is_event = |text: &&str| {
        text.split_once('.').is_some_and(|(family, rest)| {
            families.contains(family)
                && !rest.is_empty()
                && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        })
    };
    quoted.filter(is_event).map(str::to_owned).collect()
}
