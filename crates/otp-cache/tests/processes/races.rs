//! Two processes that race for the same challenge, on one SQLite file and on one Redis server.

use std::{io::Write, path::Path, sync::Arc};

use otp_cache::{ChallengeStore, SubjectStatus};
use otp_core::{Attempt, AttemptRefused, ChallengeId, LockoutState, Policy, Purpose};
use tokio::task::JoinSet;

use crate::{
    block_on, children,
    redis_server::Server,
    say,
    script::{guess_wrong, new_challenge, now, open, prove, subject},
};

/// The concurrent calls of each of the two processes.
const CALLS: u64 = 100;

/// The subject of all calls.
const CONTESTED: &str = "contested";

/// As many purposes as one subject can have open challenges.
const PURPOSES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn purpose(number: u64) -> Purpose {
    let at = usize::try_from(number).expect("a small number") % PURPOSES.len();
    Purpose::new(PURPOSES[at]).expect("a short name")
}

fn id(number: u64) -> ChallengeId {
    new_challenge(CONTESTED, number, purpose(number)).id
}

/// Runs the race on a store of each kind, and passes the outcome to `check`.
fn on_each_store(role: &str, challenges: u64, check: impl Fn(&[String], SubjectStatus)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (said, status) = race(role, challenges, &folder.path().join("otp.db"));
    check(&said, status);
    let server = Server::start(&[]);
    let (said, status) = race(role, challenges, Path::new(&server.url()));
    check(&said, status);
}

/// Opens the challenges and has two children play the role at once. Returns their lines.
fn race(role: &str, challenges: u64, place: &Path) -> (Vec<String>, SubjectStatus) {
    block_on(async {
        let store = children::open_store(place).await;
        for number in 0..challenges {
            open(&*store, CONTESTED, new_challenge(CONTESTED, number, purpose(number))).await;
        }
    });
    let mut children: Vec<_> = (0..2).map(|worker| children::spawn(role, place, worker)).collect();
    for (_, lines) in &mut children {
        let line = lines.next().expect("the child is there").expect("the child speaks");
        assert_eq!(line, "ready");
    }
    for (child, _) in &mut children {
        child.stdin.take().expect("piped").write_all(b"go\n").expect("the child reads it");
    }
    let mut said = Vec::new();
    for (mut child, lines) in children {
        said.extend(lines.map_while(Result::ok));
        assert!(child.wait().expect("our own child").success());
    }
    let status = block_on(async {
        let store = children::open_store(place).await;
        store.subject_status(subject(CONTESTED), &Policy::default(), now()).await
    });
    (said, status.expect("the store works"))
}

/// The child's side: a hundred concurrent calls, each of which prints its outcome.
pub(crate) async fn run(role: &str, store: &Arc<dyn ChallengeStore>, worker: u64) {
    say("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the parent speaks");
    let mut tasks = JoinSet::new();
    for number in 0..CALLS {
        let (store, role) = (Arc::clone(store), role.to_owned());
        tasks.spawn(async move {
            match role.as_str() {
                "guess" => guess(&*store, id(number % 8)).await,
                "session" => guess_in_a_new_session(&*store, worker * CALLS + number).await,
                _ => log_in(&*store).await,
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
}

async fn attempt(store: &dyn ChallengeStore, id: ChallengeId) -> Result<Attempt, AttemptRefused> {
    let policy = Policy::default();
    store.begin_attempt(subject(CONTESTED), id, &policy, now()).await.expect("the store works")
}

async fn guess(store: &dyn ChallengeStore, id: ChallengeId) {
    if let Ok(attempt) = attempt(store, id).await {
        guess_wrong(CONTESTED, attempt);
        say("evaluated");
    }
}

async fn guess_in_a_new_session(store: &dyn ChallengeStore, number: u64) {
    let new = new_challenge(CONTESTED, 1_000 + number, purpose(number));
    let opened = store.open(subject(CONTESTED), new, &Policy::default(), now()).await;
    let _ = opened.expect("the store works");
    guess(store, new.id).await;
}

async fn log_in(store: &dyn ChallengeStore) {
    if let Ok(attempt) = attempt(store, id(0)).await {
        let verified = prove(CONTESTED, attempt);
        if store.consume(verified, now()).await.expect("the store works").is_ok() {
            say("logged in");
        }
    }
}

pub(crate) fn guesses() {
    on_each_store("guess", 8, |said, status| {
        assert_eq!(said, ["evaluated"; 10], "200 wrong codes, two processes, eight challenges");
        assert_eq!(status.consecutive_failures, 10, "and each was counted");
        assert!(matches!(status.lockout_state, LockoutState::Locked { .. }), "{status:?}");
    });
}

/// Every guess opens its own challenge, which replaces that of another guess.
pub(crate) fn sessions() {
    on_each_store("session", 0, |said, status| {
        assert!(!said.is_empty() && said.len() <= 10, "{} wrong codes evaluated", said.len());
        assert_eq!(usize::from(status.consecutive_failures), said.len(), "and each was counted");
    });
}

pub(crate) fn logins() {
    for _ in 0..5 {
        on_each_store("login", 1, |said, status| {
            assert_eq!(said, ["logged in"], "200 right codes from two processes, one success");
            assert_eq!(status.open_challenges, 0);
        });
    }
}
