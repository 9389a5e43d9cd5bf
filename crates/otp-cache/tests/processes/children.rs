//! What the children do.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use otp_cache::sqlite::SqliteStore;
use tokio::task::JoinSet;

use crate::{races, say, script};

/// Starts this binary as a child, and gives what it will say.
pub(crate) fn spawn(
    role: &str,
    path: &Path,
    worker: u64,
) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["--child", role])
        .arg(path)
        .arg(worker.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary can be started");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    (child, lines)
}

pub(crate) fn be(role: &str, path: &Path, worker: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(path).await.expect("opens"));
        match role {
            "play" => play_until_killed(&store, worker).await,
            "guess" | "session" | "login" => races::run(role, &store, worker).await,
            role => panic!("no such role: {role}"),
        }
    });
}

/// Plays scripts without an end, and says each step once it is acknowledged: several at once, so that
/// kills meet commits of several calls.
async fn play_until_killed(store: &Arc<SqliteStore>, worker: u64) {
    let mut tasks = JoinSet::new();
    for task in 0..8_usize {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for number in 0_usize.. {
                let script = script::SCRIPTS[(task + number) % script::SCRIPTS.len()];
                script::play(&store, &format!("{script}-{worker}-{task}-{number}"), say).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
}
