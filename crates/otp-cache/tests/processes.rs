//! Several processes on one SQLite file, killed without warning: no acknowledged count is lost, and
//! limits hold over all of them. This binary is its own child, so it has a `main` of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime};

use otp_cache::ChallengeStore;
use otp_cache::sqlite::SqliteStore;
use otp_core::{
    Binding, ChallengeId, CodeFormat, DigestKey, KeyId, KeyRing, NewChallenge, Nonce, PhoneNumber,
    Policy, Purpose, SubjectKey,
};

const TESTS: [(&str, fn()); 3] = [
    (
        "acknowledged_counts_survive_hundreds_of_kills",
        acknowledged_counts_survive_hundreds_of_kills,
    ),
    (
        "two_processes_hand_out_no_more_than_the_limit",
        two_processes_hand_out_no_more_than_the_limit,
    ),
    ("two_processes_have_one_winner", two_processes_have_one_winner),
];

/// How often a child is killed.
const KILLS: u64 = 300;

/// Runs the named tests, all without a name; understands what `cargo test` and nextest ask.
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--child", role, path, worker] => {
            child(role, Path::new(path), worker.parse().expect("a number"));
            return ExitCode::SUCCESS;
        }
        words if words.contains(&"--list") => {
            if !words.contains(&"--ignored") {
                for (name, _) in TESTS {
                    say(&format!("{name}: test"));
                }
            }
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let filters: Vec<&&str> = words.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in TESTS {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(**filter)) {
            // A broken promise panics and so fails the whole binary.
            test();
            say(&format!("test {name} ... ok"));
        }
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A parent that has gone away hears nothing.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn subject(name: &str) -> SubjectKey {
    SubjectKey::derive("", name)
}

fn new_challenge(name: &str) -> NewChallenge {
    NewChallenge {
        id: ChallengeId::from_bytes(*SubjectKey::derive("id", name).as_bytes()),
        purpose: Purpose::LOGIN,
        kid: KeyId::new(1),
        nonce: Nonce::from_bytes([9; 16]),
        expires_at: now() + Duration::from_secs(300),
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}

fn spawn(role: &str, path: &Path, worker: u64) -> Child {
    Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["--child", role])
        .arg(path)
        .arg(worker.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary can be started")
}

fn child(role: &str, path: &Path, worker: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = std::sync::Arc::new(SqliteStore::open(path).await.expect("opens"));
        match role {
            "count" => count_until_killed(&store, worker).await,
            "guess" => guess(&store).await,
            "login" => log_in(&store).await,
            role => panic!("no such role: {role}"),
        }
    });
}

/// Opens challenges, attempts and consumes without an end, and says each step once it is
/// acknowledged: several at once, so that kills meet commits of several calls.
async fn count_until_killed(store: &std::sync::Arc<SqliteStore>, worker: u64) {
    let tasks: Vec<_> = (0_u64..8)
        .map(|task| {
            let store = std::sync::Arc::clone(store);
            tokio::spawn(async move {
                for number in 0_u64.. {
                    let name = format!("{worker}-{task}-{number}");
                    // Two tasks begin with a success, so that one comes before most kills.
                    one_subject(&store, &name, (task + number) % 4 == 3).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no task panics");
    }
}

async fn one_subject(store: &SqliteStore, name: &str, ends_well: bool) {
    let (policy, new) = (Policy::default(), new_challenge(name));
    let opened = store.open(subject(name), new, &policy, now()).await;
    assert!(opened.expect("the store works").is_ok());
    say(&format!("opened {name}"));
    for count in 1..=3 {
        let attempt = store.begin_attempt(subject(name), new.id, &policy, now()).await;
        let attempt = attempt.expect("the store works").expect("within the limit");
        say(&format!("counted {name} {count}"));
        if ends_well && count == 3 {
            let verified = prove(name, attempt);
            let consumed = store.consume(verified, now()).await;
            assert!(consumed.expect("the store works").is_ok());
            say(&format!("consumed {name}"));
        }
    }
}

fn prove(name: &str, attempt: otp_core::Attempt) -> otp_core::Verified {
    let keys = KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[1; 32]).expect("long enough"));
    let format = CodeFormat::digits(6).expect("six digits");
    let phone = PhoneNumber::from_japanese("090-1234-5678").expect("a mobile number");
    let binding =
        Binding { tenant: "", subject: name, flow: "f", purpose: Purpose::LOGIN, phone: &phone };
    let code = attempt.challenge().code(&keys, &binding, &format).expect("the ring has the key");
    let typed = format.normalise(code.expose_secret()).expect("its own format");
    attempt.verify(&keys, &binding, &format, &typed, now()).expect("the right code")
}

/// What a child has said, as the least that the store must remember.
#[derive(Default)]
struct Acknowledged {
    counted: HashMap<String, u8>,
    opened: Vec<String>,
    consumed: Vec<String>,
}

impl Acknowledged {
    fn note(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["opened", name] => self.opened.push((*name).to_owned()),
            ["counted", name, count] => {
                let count = count.parse().expect("children say numbers");
                self.counted.insert((*name).to_owned(), count);
            }
            ["consumed", name] => self.consumed.push((*name).to_owned()),
            words => panic!("a child said {words:?}"),
        }
    }
}

fn acknowledged_counts_survive_hundreds_of_kills() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("otp.db");
    let mut said = Acknowledged::default();
    let mut in_all = 0;
    for kill in 0..KILLS {
        let mut child = spawn("count", &path, kill);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // Up to 96 acknowledgements, then the kill comes wherever the child is by then.
        let until = kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        for _ in 0..=until + until / 2 {
            let line = lines.next().expect("the child goes on").expect("the child speaks");
            said.note(&line);
        }
        child.kill().expect("our own child can be killed");
        child.wait().expect("our own child can be awaited");
        // What it said before it died counts too. A line goes out in one piece.
        lines.map_while(Result::ok).for_each(|line| said.note(&line));
        in_all += 1;
        if kill % 50 == 49 || kill + 1 == KILLS {
            block_on(check(&path, &said));
        }
    }
    assert_eq!(in_all, KILLS);
    assert!(said.counted.len() > 100, "the children got somewhere: {}", said.counted.len());
    assert!(said.consumed.len() > 10, "some logins succeeded: {}", said.consumed.len());
}

async fn check(path: &Path, said: &Acknowledged) {
    let store = SqliteStore::open(path).await.expect("opens after any kill");
    let policy = Policy::default();
    for name in &said.consumed {
        let new = new_challenge(name);
        let again = store.load(subject(name), new.id, now()).await.expect("the store works");
        assert!(again.is_none(), "{name}: consumed, acknowledged, and open again");
    }
    for name in said.opened.iter().filter(|name| !said.consumed.contains(*name)) {
        let status = store.subject_status(subject(name), &policy, now()).await;
        let status = status.expect("the store works");
        let least = said.counted.get(name).copied().unwrap_or(0);
        // The call in flight at the kill may have happened: another count, or the success that ends all.
        let may_have_ended = least == 3 && status.open_challenges == 0;
        assert!(
            may_have_ended || (least..=least + 1).contains(&status.failures_in_a_row),
            "{name}: {least} acknowledged, {status:?} stored"
        );
    }
}

/// The contested challenge of the tests below.
const CONTESTED: &str = "contested";

fn race(role: &str) -> (Vec<String>, otp_cache::SubjectStatus) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("otp.db");
    block_on(async {
        let store = SqliteStore::open(&path).await.expect("opens");
        let new = new_challenge(CONTESTED);
        let opened = store.open(subject(CONTESTED), new, &Policy::default(), now()).await;
        assert!(opened.expect("the store works").is_ok());
    });
    let mut children: Vec<_> = (0..2).map(|worker| spawn(role, &path, worker)).collect();
    let mut readers: Vec<_> = children
        .iter_mut()
        .map(|child| BufReader::new(child.stdout.take().expect("piped")).lines())
        .collect();
    for reader in &mut readers {
        let line = reader.next().expect("the child is there").expect("the child speaks");
        assert_eq!(line, "ready");
    }
    for child in &mut children {
        child.stdin.take().expect("piped").write_all(b"go\n").expect("the child listens");
    }
    let said = readers.into_iter().flat_map(|lines| lines.map_while(Result::ok)).collect();
    for child in &mut children {
        assert!(child.wait().expect("our own child").success());
    }
    let status = block_on(async {
        let store = SqliteStore::open(&path).await.expect("opens");
        store.subject_status(subject(CONTESTED), &Policy::default(), now()).await
    });
    (said, status.expect("the store works"))
}

fn wait_for_start() {
    say("ready");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("the parent speaks");
}

/// A hundred attempts at once.
async fn guess(store: &std::sync::Arc<SqliteStore>) {
    wait_for_start();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let store = std::sync::Arc::clone(store);
            tokio::spawn(async move {
                let (key, id) = (subject(CONTESTED), new_challenge(CONTESTED).id);
                let answer = store.begin_attempt(key, id, &Policy::default(), now()).await;
                answer.expect("the store works").is_ok()
            })
        })
        .collect();
    for task in tasks {
        if task.await.expect("no task panics") {
            say("handed out");
        }
    }
}

/// A hundred whole logins at once, with the right code.
async fn log_in(store: &std::sync::Arc<SqliteStore>) {
    wait_for_start();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let store = std::sync::Arc::clone(store);
            tokio::spawn(async move {
                let (key, id) = (subject(CONTESTED), new_challenge(CONTESTED).id);
                let answer = store.begin_attempt(key, id, &Policy::default(), now()).await;
                match answer.expect("the store works") {
                    Ok(attempt) => {
                        let verified = prove(CONTESTED, attempt);
                        store.consume(verified, now()).await.expect("the store works").is_ok()
                    }
                    Err(_) => false,
                }
            })
        })
        .collect();
    for task in tasks {
        if task.await.expect("no task panics") {
            say("logged in");
        }
    }
}

fn two_processes_hand_out_no_more_than_the_limit() {
    let (said, status) = race("guess");
    assert_eq!(said.len(), 5, "200 attempts from two processes at one challenge: {said:?}");
    assert_eq!(status.failures_in_a_row, 5);
}

fn two_processes_have_one_winner() {
    for _ in 0..5 {
        let (said, status) = race("login");
        assert_eq!(said, ["logged in"], "200 right codes from two processes, one success");
        assert_eq!(status.open_challenges, 0);
    }
}
