//! Two processes that want the same thing at once.

use std::io::Write;
use std::sync::Arc;

use otp_cache::sqlite::SqliteStore;
use otp_cache::{ChallengeStore, SubjectStatus};
use otp_core::{Attempt, AttemptRefused, ChallengeId, Policy, Purpose, Standing};
use tokio::task::JoinSet;

use crate::script::{guess_wrong, new_challenge, now, open, prove, subject};
use crate::{block_on, children, say};

/// Calls at once of each of the two processes.
const CALLS: u64 = 100;

/// Whom all of them want.
const CONTESTED: &str = "contested";

/// As many challenges as one subject can have open.
const PURPOSES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn purpose(number: u64) -> Purpose {
    let at = usize::try_from(number).expect("a small number") % PURPOSES.len();
    Purpose::new(PURPOSES[at]).expect("a short name")
}

fn id(number: u64) -> ChallengeId {
    new_challenge(CONTESTED, number, purpose(number)).id
}

/// Opens so many challenges, has two children do the role at once, and gives what they said.
fn race(role: &str, challenges: u64) -> (Vec<String>, SubjectStatus) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("otp.db");
    block_on(async {
        let store = SqliteStore::open(&path).await.expect("opens");
        for number in 0..challenges {
            open(&store, CONTESTED, new_challenge(CONTESTED, number, purpose(number))).await;
        }
    });
    let mut children: Vec<_> = (0..2).map(|worker| children::spawn(role, &path, worker)).collect();
    for (_, lines) in &mut children {
        let line = lines.next().expect("the child is there").expect("the child speaks");
        assert_eq!(line, "ready");
    }
    for (child, _) in &mut children {
        child.stdin.take().expect("piped").write_all(b"go\n").expect("the child listens");
    }
    let mut said = Vec::new();
    for (mut child, lines) in children {
        said.extend(lines.map_while(Result::ok));
        assert!(child.wait().expect("our own child").success());
    }
    let status = block_on(async {
        let store = SqliteStore::open(&path).await.expect("opens");
        store.subject_status(subject(CONTESTED), &Policy::default(), now()).await
    });
    (said, status.expect("the store works"))
}

/// The child's side: a hundred calls at once, each of which says what came of it.
pub(crate) async fn run(role: &str, store: &Arc<SqliteStore>, worker: u64) {
    say("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the parent speaks");
    let mut tasks = JoinSet::new();
    for number in 0..CALLS {
        let (store, role) = (Arc::clone(store), role.to_owned());
        tasks.spawn(async move {
            match role.as_str() {
                "guess" => guess(&store, id(number % 8)).await,
                "session" => guess_in_a_new_session(&store, worker * CALLS + number).await,
                _ => log_in(&store).await,
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
}

async fn attempt(store: &SqliteStore, id: ChallengeId) -> Result<Attempt, AttemptRefused> {
    let policy = Policy::default();
    store.begin_attempt(subject(CONTESTED), id, &policy, now()).await.expect("the store works")
}

async fn guess(store: &SqliteStore, id: ChallengeId) {
    if let Ok(attempt) = attempt(store, id).await {
        guess_wrong(CONTESTED, attempt);
        say("evaluated");
    }
}

async fn guess_in_a_new_session(store: &SqliteStore, number: u64) {
    let new = new_challenge(CONTESTED, 1_000 + number, purpose(number));
    let opened = store.open(subject(CONTESTED), new, &Policy::default(), now()).await;
    let _ = opened.expect("the store works");
    guess(store, new.id).await;
}

async fn log_in(store: &SqliteStore) {
    if let Ok(attempt) = attempt(store, id(0)).await {
        let verified = prove(CONTESTED, attempt);
        if store.consume(verified, now()).await.expect("the store works").is_ok() {
            say("logged in");
        }
    }
}

pub(crate) fn guesses() {
    let (said, status) = race("guess", 8);
    assert_eq!(said, ["evaluated"; 10], "200 wrong codes, two processes, eight challenges");
    assert_eq!(status.failures_in_a_row, 10, "and each was counted");
    assert!(matches!(status.standing, Standing::Locked { .. }), "{status:?}");
}

/// Every guess comes with a challenge of its own, which replaces somebody else's.
pub(crate) fn sessions() {
    let (said, status) = race("session", 0);
    assert!(!said.is_empty() && said.len() <= 10, "{} wrong codes evaluated", said.len());
    assert_eq!(usize::from(status.failures_in_a_row), said.len(), "and each was counted");
}

pub(crate) fn logins() {
    for _ in 0..5 {
        let (said, status) = race("login", 1);
        assert_eq!(said, ["logged in"], "200 right codes from two processes, one success");
        assert_eq!(status.open_challenges, 0);
    }
}
