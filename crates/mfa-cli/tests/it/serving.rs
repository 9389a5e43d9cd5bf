//! A gateway that `serve` runs, with its log in a file, so that a test can wait for a record.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::harness::BINARY;

/// A step that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running gateway. It is killed on drop.
#[derive(Debug)]
pub(crate) struct Serving {
    child: Child,
    log: PathBuf,
}

impl Serving {
    /// Starts `serve` with the configuration `file`.
    pub(crate) fn start(file: &str, log: &Path) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--config", file]);
        Self::spawn(command, log)
    }

    pub(crate) fn spawn(mut command: Command, log: &Path) -> Self {
        let to_file = File::create(log).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(to_file);
        Self { child: command.spawn().expect("the binary starts"), log: log.to_owned() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log")
    }

    /// Returns the records of `event`, the oldest first.
    pub(crate) fn logged(&self, event: &str) -> Vec<Value> {
        let log = self.log();
        let records = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records.filter(|record| record["event"] == event).collect()
    }

    /// Waits until there are `count` records of `event`, and returns the last.
    pub(crate) async fn until_logged(&mut self, event: &str, count: usize) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let records = self.logged(event);
            if records.len() >= count {
                return records[count - 1].clone();
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "the gateway has ended: {ended:?}\n{}", self.log());
            assert!(Instant::now() < deadline, "no {event}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the gateway listens, and returns the origin of its operations listener.
    pub(crate) async fn until_started(&mut self) -> String {
        let started = self.until_logged("gateway.ops_started", 1).await;
        format!("http://{}", started["address"].as_str().expect("an address"))
    }

    /// Sends `SIG` and `name`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Makes the gateway read its configuration again, and waits for the `count`th record of `event`.
    pub(crate) async fn reload(&mut self, event: &str, count: usize) -> Value {
        self.signal("HUP");
        self.until_logged(event, count).await
    }

    /// Waits for the end, and returns the exit status.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the gateway has not ended: {}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Replaces `from` by `to` in a file that contains it.
pub(crate) fn edit(file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).expect("a file");
    assert!(text.contains(from), "{from} is not in {text}");
    std::fs::write(file, text.replace(from, to)).expect("a file");
}
