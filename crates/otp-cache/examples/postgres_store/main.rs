//! A store of your own in PostgreSQL, and how to show that it keeps the contracts.
//!
//! ```text
//! cargo run -p otp-cache --example postgres_store --features conformance
//! ```
//!
//! `store.rs` is what to copy. `server.rs` starts a PostgreSQL server in a temporary folder and stops it. This file runs
//! the conformance suite, with crashes of the server, and two processes that guess at one challenge. A broken clause
//! ends the program with its number. `docs/write-a-store.md` explains it.
#![expect(clippy::print_stdout, reason = "the program shows what happens")]

mod server;
mod store;

use std::{
    env,
    error::Error,
    io,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use otp_cache::{
    ChallengeStore, async_trait,
    conformance::{self, Outage},
    otp_core::{ChallengeId, KeyId, NewChallenge, Nonce, Policy, Purpose, SubjectKey},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
    sync::Mutex,
    task::{JoinSet, block_in_place},
};
use tokio_postgres::{Client, NoTls};

use self::{server::Server, store::PostgresStore};

type Failure = Box<dyn Error + Send + Sync>;

/// The suite has 200 callers at once, and the machine may be busy. In a service, take a few seconds.
const PATIENT: Duration = Duration::from_secs(60);
const IMPATIENT: Duration = Duration::from_secs(2);

/// How many calls each of the two processes makes at once.
const GUESSES: usize = 100;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [folder, challenge] = &arguments[..] {
        return guess(Path::new(folder), challenge.parse()?).await;
    }
    let server = Server::start()?;
    println!("PostgreSQL runs in {}", server.folder().display());

    let open = async || {
        let store = PostgresStore::connect(&server.config(), PATIENT).await;
        store.expect("the server runs")
    };
    let one = Arc::new(open().await);
    conformance::run(|| async { Arc::clone(&one) }).await;
    println!("one store keeps every clause");

    conformance::run_shared(|| async { vec![open().await, open().await, open().await] }).await;
    println!("three stores on one database keep every clause");

    conformance::survives_reopening(|| async {
        block_in_place(|| server.crash_and_restart()).expect("the server starts again");
        open().await
    })
    .await;
    println!("what was acknowledged survives a crash of the server");

    conformance::failed_means_refused(open().await, &server).await;
    println!("while the server is down, every call is refused");

    let impatient = PostgresStore::connect(&server.config(), IMPATIENT).await?;
    let limit = impatient.longest_call() + Duration::from_secs(10);
    let stall = HeldTables { server: &server, holder: Mutex::new(None) };
    conformance::every_call_ends_in_time(impatient, &stall, limit).await;
    println!("while the tables are locked, every call ends in time");

    let granted = two_processes(&server, &one).await?;
    println!("two processes with {GUESSES} guesses each get {granted} attempts together");
    Ok(())
}

/// A transaction that never ends holds both tables.
struct HeldTables<'s> {
    server: &'s Server,
    holder: Mutex<Option<Client>>,
}

#[async_trait]
impl Outage for HeldTables<'_> {
    async fn begin(&self) {
        let (client, connection) =
            self.server.config().connect(NoTls).await.expect("the server runs");
        tokio::spawn(connection);
        let hold = "BEGIN; LOCK TABLE otp_subject, otp_quota IN ACCESS EXCLUSIVE MODE";
        client.batch_execute(hold).await.expect("the tables are there");
        *self.holder.lock().await = Some(client);
    }

    async fn end(&self) {
        // A dropped client closes its connection.
        self.holder.lock().await.take();
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn alice() -> SubjectKey {
    SubjectKey::derive("", "alice")
}

/// Opens a challenge for two other processes to guess at. Returns how many attempts they were granted together.
async fn two_processes(server: &Server, store: &PostgresStore) -> Result<usize, Failure> {
    let (policy, id) = (Policy::default(), ChallengeId::random());
    let new = NewChallenge {
        id,
        purpose: Purpose::LOGIN,
        kid: KeyId::new(1),
        nonce: Nonce::random(),
        expires_at: now() + Duration::from_secs(300),
    };
    let _challenge = store.open(alice(), new, &policy, now()).await??;
    let children = [guesser(server, id)?, guesser(server, id)?];
    let mut ready = Vec::new();
    for mut child in children {
        let lines = BufReader::new(child.stdout.take().ok_or("piped")?).lines();
        ready.push((child, lines));
    }
    for (_, lines) in &mut ready {
        assert_eq!(lines.next_line().await?.as_deref(), Some("ready"));
    }
    for (child, _) in &mut ready {
        child.stdin.take().ok_or("piped")?.write_all(b"go\n").await?;
    }
    let mut granted = 0;
    for (mut child, mut lines) in ready {
        granted += lines.next_line().await?.ok_or("no result")?.parse::<usize>()?;
        assert!(child.wait().await?.success());
    }
    assert_eq!(granted, usize::from(policy.attempts_per_challenge()), "no more than the policy");
    let status = store.subject_status(alice(), &policy, now()).await?;
    assert_eq!(usize::from(status.consecutive_failures), granted, "each attempt was counted");
    Ok(granted)
}

/// Starts this program again, to guess.
fn guesser(server: &Server, id: ChallengeId) -> Result<Child, Failure> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(server.folder()).arg(id.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    Ok(command.spawn()?)
}

/// The other process: makes its guesses at once, and prints how many attempts were granted.
async fn guess(folder: &Path, id: ChallengeId) -> Result<(), Failure> {
    let store = Arc::new(PostgresStore::connect(&Server::config_at(folder), PATIENT).await?);
    println!("ready");
    io::stdin().read_line(&mut String::new())?;
    let mut guesses = JoinSet::new();
    for _ in 0..GUESSES {
        let store = Arc::clone(&store);
        guesses.spawn(async move {
            let attempt = store.begin_attempt(alice(), id, &Policy::default(), now()).await;
            attempt.map(|attempt| attempt.is_ok())
        });
    }
    let mut granted = 0;
    while let Some(is_granted) = guesses.join_next().await {
        granted += usize::from(is_granted??);
    }
    println!("{granted}");
    Ok(())
}
