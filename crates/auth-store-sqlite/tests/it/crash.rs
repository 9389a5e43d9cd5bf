//! What was acknowledged survives `kill -9`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use auth_module::{
    AuditId, AuditQuery, AuditReader as _, AuditRecord, AuditTrail as _, LoginName, PendingToken,
    SessionToken, Sessions as _, TokenDigest, Users as _,
};
use auth_store_sqlite::Database;

use crate::common::{World, chain_key, client};

const THIS: &str = "crash::what_was_acknowledged_survives_kill_9";
const FILE: &str = "AUTH_STORE_CRASH_TEST_FILE";

/// The test starts itself again with the variable set. The child works until it is killed.
#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    #[expect(clippy::disallowed_methods, reason = "how the test tells its child from itself")]
    let file = std::env::var(FILE);
    if let Ok(file) = file {
        work_until_killed(Path::new(&file)).await;
    }
    for lines_until_kill in [1, 7, 50, 51, 52, 53, 200] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.db");
        let acknowledged = run_and_kill(&path, lines_until_kill);
        assert!(acknowledged.len() >= lines_until_kill);
        check(&path, &acknowledged).await;
    }
}

/// Writes to the standard output what was acknowledged, after it was.
async fn work_until_killed(path: &Path) -> ! {
    let database = Database::open(path).await.unwrap();
    let trail = database.audit_trail(chain_key());
    let world = World::with_alice(&database).await;
    let mut before: Option<SessionToken> = None;
    for n in 0_u64.. {
        let (pending, _) = world.pending("/", None).await;
        acknowledge("pending", &pending.expose_secret());
        let token = world.session().await;
        acknowledge("session", &token.expose_secret());
        world.add(&format!("user{n}"), None).await;
        acknowledge("user", &format!("user{n}"));
        trail.record(AuditRecord::new("test.event", world.now()).with("n", n.to_string()));
        trail.flush().await.unwrap();
        acknowledge("audit", &n.to_string());
        if let Some(old) = before.replace(token) {
            world.auth.logout(&old, &client(), world.now()).await.unwrap();
            acknowledge("ended", &old.expose_secret());
        }
    }
    unreachable!("it is killed before")
}

fn acknowledge(what: &str, value: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {what} {value}").unwrap();
    out.flush().unwrap();
}

fn run_and_kill(path: &Path, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let reader = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    for line in reader.lines() {
        // The harness writes text of its own in front of the first line.
        let Some((_, ack)) = line.as_deref().unwrap().split_once("ack ") else { continue };
        acknowledged.push(ack.to_owned());
        if acknowledged.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}

async fn check(path: &Path, acknowledged: &[String]) {
    let database = Database::open(path).await.unwrap();
    let (sessions, users) = (database.sessions(), database.users());
    let trail = database.audit_reader().search(&AuditQuery::new(usize::MAX)).await.unwrap();
    let now = testkit::ManualClock::new().now();
    let is_open =
        async |token: TokenDigest| sessions.load_session(token, now).await.unwrap().is_some();
    let last_session = acknowledged.iter().rposition(|ack| ack.starts_with("session "));
    for (place, ack) in acknowledged.iter().enumerate() {
        let (what, value) = ack.split_once(' ').unwrap();
        let survived = match what {
            "pending" => {
                let token = PendingToken::parse(value).unwrap().digest();
                sessions.load_pending(token, now).await.unwrap().is_some()
            }
            // An earlier session may have ended before its end was written out.
            "session" if Some(place) != last_session => true,
            "session" => is_open(SessionToken::parse(value).unwrap().digest()).await,
            "ended" => !is_open(SessionToken::parse(value).unwrap().digest()).await,
            "user" => {
                let name = LoginName::parse(value).unwrap();
                users.find_by_name(&name).await.unwrap().is_some()
            }
            "audit" => {
                trail.iter().any(|record| record.fields.get("n").is_some_and(|n| n == value))
            }
            other => panic!("{other}"),
        };
        assert!(survived, "lost after {place} lines: {what}");
    }
    let ids: Vec<_> = trail.iter().rev().map(|record| record.id).collect();
    assert_eq!(ids, (1..).map(AuditId).take(ids.len()).collect::<Vec<_>>(), "no gap");
}
