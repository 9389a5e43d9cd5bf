//! The child processes and their roles.

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use otp_cache::{
    ChallengeStore,
    redis::{RedisConfig, RedisStore},
    sqlite::SqliteStore,
};
use tokio::task::JoinSet;

use crate::{full_disk, races, say, script};

/// Starts this binary as a child. Returns it with the lines that it will write.
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
        match role {
            "play" => {
                let store = Arc::new(SqliteStore::open(path).await.expect("opens"));
                play_until_killed(&store, worker).await;
            }
            "guess" | "session" | "login" => {
                races::run(role, &open_store(path).await, worker).await;
            }
            "full-disk" => full_disk::fill_and_free(path).await,
            "full-start" => full_disk::start_when_full(path).await,
            role => panic!("no such role: {role}"),
        }
    });
}

/// Opens the store at this place: the path of a file, or the URL of a Redis server.
pub(crate) async fn open_store(place: &Path) -> Arc<dyn ChallengeStore> {
    match place.to_str() {
        Some(url) if url.starts_with("redis://") => {
            // A busy machine with a hundred callers in each of two processes replies late. That is
            // not the subject of these tests.
            let config = RedisConfig::standalone(url).with_timeout(Duration::from_secs(60));
            Arc::new(RedisStore::connect(config).await.expect("the server has just been started"))
        }
        _ => Arc::new(SqliteStore::open(place).await.expect("opens")),
    }
}

/// Plays scripts forever and prints each step once it is acknowledged. Plays several at once, so that
/// kills hit commits of several calls.
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
