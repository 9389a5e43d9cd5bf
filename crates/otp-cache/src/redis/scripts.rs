//! The scripts, and running one of them.

use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::{link::Link, prelude};
use crate::{StoreError, StoreErrorKind};

/// One Lua script and its SHA-1 digest, by which the server knows it.
pub(super) struct Script {
    code: String,
    digest: String,
}

impl Script {
    /// Creates the script from its parts.
    pub(super) fn new(parts: &[&str]) -> Self {
        let code = parts.concat();
        let digest = redis::Script::new(&code).get_hash().to_owned();
        Self { code, digest }
    }

    fn command(&self, invocation: Invocation, key: &[u8], args: &[&[u8]]) -> Cmd {
        let mut command = match invocation {
            Invocation::EvalSha => redis::cmd("EVALSHA").arg(&self.digest).to_owned(),
            Invocation::Eval => redis::cmd("EVAL").arg(&self.code).to_owned(),
        };
        command.arg(1).arg(key);
        for arg in args {
            command.arg(*arg);
        }
        command
    }
}

/// How a script is sent to the server.
#[derive(Clone, Copy)]
enum Invocation {
    /// By its digest.
    EvalSha,
    /// As a whole, which also loads it.
    Eval,
}

/// All scripts of the store.
pub(super) struct Scripts {
    pub(super) open: Script,
    pub(super) begin_attempt: Script,
    pub(super) consume: Script,
    pub(super) grant_resend: Script,
    pub(super) record_delivery: Script,
    pub(super) revoke: Script,
    pub(super) unlock: Script,
    pub(super) charge: Script,
    pub(super) refund: Script,
    pub(super) keep_note: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let constants = prelude::as_lua();
        let on_record = |code| Script::new(&[&constants, include_str!("lua/record.lua"), code]);
        let on_tat = |code| Script::new(&[&constants, include_str!("lua/tat.lua"), code]);
        Self {
            open: on_record(include_str!("lua/open.lua")),
            begin_attempt: on_record(include_str!("lua/begin_attempt.lua")),
            consume: on_record(include_str!("lua/consume.lua")),
            grant_resend: on_record(include_str!("lua/grant_resend.lua")),
            record_delivery: on_record(include_str!("lua/record_delivery.lua")),
            revoke: on_record(include_str!("lua/revoke.lua")),
            unlock: on_record(include_str!("lua/unlock.lua")),
            charge: on_tat(include_str!("lua/charge.lua")),
            refund: on_tat(include_str!("lua/refund.lua")),
            keep_note: Script::new(&[&constants, include_str!("lua/keep_note.lua")]),
        }
    }
}

/// How many replicas must acknowledge a write, and how long the server waits for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acks {
    pub(super) replicas: u8,
    pub(super) timeout_ms: u64,
}

impl Acks {
    /// Asks for `replicas` acknowledgements. The server stops waiting before the caller's timeout does.
    pub(super) fn within(replicas: u8, timeout: Duration) -> Self {
        let timeout_ms = u64::try_from((timeout / 2).as_millis()).unwrap_or(u64::MAX);
        // For `WAIT`, 0 means without a timeout.
        Self { replicas, timeout_ms: timeout_ms.max(1) }
    }
}

/// Returns the value of `key`.
pub(super) async fn get(link: &Link, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let mut command = redis::cmd("GET");
    command.arg(key);
    match ask(link, &command, key).await? {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil => Ok(None),
        _ => Err(unexpected_reply()),
    }
}

/// Returns a section of `INFO` from each primary.
pub(super) async fn infos(link: &Link, section: &str) -> Result<Vec<String>, StoreError> {
    let mut command = redis::cmd("INFO");
    command.arg(section);
    let replies = link.send_to_primaries(&command).await.map_err(to_store_error)?;
    let read = |reply| match checked(reply).map_err(to_store_error)? {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Ok(text),
        _ => Err(unexpected_reply()),
    };
    replies.into_iter().map(read).collect()
}

/// Sends a command that may run twice.
pub(super) async fn ask(link: &Link, command: &Cmd, key: &[u8]) -> Result<Value, StoreError> {
    let first = link.send(command, key).await.and_then(checked);
    let reply = match first {
        Err(error) if link.was_not_executed(&error) => {
            link.send(command, key).await.and_then(checked)
        }
        first => first,
    };
    reply.map_err(to_store_error)
}

/// Runs `script` on `key` and returns its reply.
pub(super) async fn run(
    link: &Link,
    script: &Script,
    key: &[u8],
    args: &[&[u8]],
    acks: Option<Acks>,
) -> Result<Vec<u8>, StoreError> {
    let mut invocation = Invocation::EvalSha;
    // A second attempt is made only after an error that says that the script did not run.
    let mut attempts_left = 2_u8;
    loop {
        attempts_left -= 1;
        match run_once(link, &script.command(invocation, key, args), key, acks).await {
            Ok(Value::BulkString(bytes)) => return Ok(bytes),
            Ok(_) => return Err(unexpected_reply()),
            Err(RunError::TooFewReplicas) => return Err(too_few_replicas()),
            Err(RunError::Redis(error)) if attempts_left > 0 && link.was_not_executed(&error) => {
                if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
                    invocation = Invocation::Eval;
                }
            }
            Err(RunError::Redis(error)) => return Err(to_store_error(error)),
            Err(RunError::AfterExecution(error)) => return Err(not_waited(error)),
        }
    }
}

enum RunError {
    /// The script may have run or not.
    Redis(RedisError),
    /// The script ran, so it must not be sent again.
    AfterExecution(RedisError),
    /// The script ran, but too few replicas acknowledged the write.
    TooFewReplicas,
}

impl From<RedisError> for RunError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

async fn run_once(
    link: &Link,
    command: &Cmd,
    key: &[u8],
    acks: Option<Acks>,
) -> Result<Value, RunError> {
    let Some(acks) = acks else {
        return Ok(checked(link.send(command, key).await?)?);
    };
    let mut wait = redis::cmd("WAIT");
    wait.arg(acks.replicas).arg(acks.timeout_ms);
    let mut commands = redis::Pipeline::with_capacity(2);
    commands.add_command(command.clone()).add_command(wait);
    let mut replies = link.send_all(commands, key).await?.into_iter();
    let (Some(reply), Some(waited)) = (replies.next(), replies.next()) else {
        // Fewer replies than commands. `run` turns this into `unexpected_reply`.
        return Ok(Value::Nil);
    };
    let reply = checked(reply)?;
    // `WAIT` does not fail on a timeout. It returns how many replicas acknowledged.
    match checked(waited) {
        Ok(Value::Int(held)) if held >= i64::from(acks.replicas) => Ok(reply),
        Ok(_) => Err(RunError::TooFewReplicas),
        Err(error) => Err(RunError::AfterExecution(error)),
    }
}

/// Turns a server error that came as a value into an `Err`.
fn checked(value: Value) -> RedisResult<Value> {
    match value {
        Value::ServerError(error) => Err(error.into()),
        value => Ok(value),
    }
}

pub(super) fn unexpected_reply() -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        "redis sent a reply that no script of this version sends",
    )
}

/// The script ran, but it is unknown whether the replicas hold its write.
fn not_waited(error: RedisError) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "redis did not wait for its replicas")
        .with_source(error)
}

fn too_few_replicas() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "too few redis replicas hold the write")
}

/// Whether a command within a script was refused for missing rights, in the words of Redis or of Valkey.
fn is_about_rights(why: &str) -> bool {
    why.contains("can't run this command") || why.contains("ACL failure in script")
}

/// Maps an error of the client to one of the store.
pub(super) fn to_store_error(error: RedisError) -> StoreError {
    use StoreErrorKind::{Capacity, Corrupt, Misconfigured, Unavailable};
    let (kind, what) = match error.code() {
        Some("OOM") => (Capacity, "redis has no memory left"),
        Some("WRONGTYPE") => (Corrupt, "a redis key of this store has another type"),
        Some("NOAUTH" | "WRONGPASS") => {
            (Misconfigured, "redis refuses the configured name or password")
        }
        Some("NOPERM") => (Misconfigured, "the redis user lacks a right"),
        // From a command within the script. Those before it only read, so nothing was changed.
        Some("ERR") if error.detail().is_some_and(is_about_rights) => {
            (Misconfigured, "the redis user lacks a right")
        }
        Some("NOREPLICAS") => (Unavailable, "redis has too few replicas to accept a write"),
        Some("MISCONF") => (Unavailable, "redis cannot write to its disk"),
        Some("READONLY") => (Unavailable, "the redis server is a replica"),
        Some("LOADING") => (Unavailable, "redis is still loading its data"),
        Some("BUSY") => (Unavailable, "redis is busy with a script"),
        Some("CLUSTERDOWN") => (Unavailable, "the redis cluster is down"),
        Some(_) => (Unavailable, "redis refused the command"),
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            (Misconfigured, "redis refuses the configured name or password")
        }
        None if matches!(
            error.kind(),
            ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList
        ) =>
        {
            (Misconfigured, "the redis connection is misconfigured")
        }
        None if error.is_timeout() => (Unavailable, "redis did not reply in time"),
        None if error.is_connection_refusal() => (Unavailable, "redis cannot be reached"),
        None => (Unavailable, "the connection to redis failed"),
    };
    StoreError::new(kind, what).with_source(error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::prelude;

    const SCRIPTS: [&str; 11] = [
        include_str!("lua/begin_attempt.lua"),
        include_str!("lua/charge.lua"),
        include_str!("lua/consume.lua"),
        include_str!("lua/grant_resend.lua"),
        include_str!("lua/open.lua"),
        include_str!("lua/record.lua"),
        include_str!("lua/record_delivery.lua"),
        include_str!("lua/refund.lua"),
        include_str!("lua/revoke.lua"),
        include_str!("lua/tat.lua"),
        include_str!("lua/unlock.lua"),
    ];

    /// The constants as the scripts see them: names and values.
    fn constants(lua: &str) -> Vec<(&str, &str)> {
        lua.lines().filter_map(|line| line.strip_prefix("local ")?.split_once(" = ")).collect()
    }

    #[test]
    fn each_status_has_a_byte_of_its_own() {
        let lua = prelude::as_lua();
        let bytes: Vec<&str> = constants(&lua)
            .into_iter()
            .map(|(_, value)| value)
            .filter(|value| value.starts_with('\''))
            .collect();
        assert!(!bytes.is_empty());
        assert_eq!(bytes.iter().collect::<BTreeSet<_>>().len(), bytes.len());
    }

    /// Words in capitals are constants. A script that names one that is missing would read `nil`.
    #[test]
    fn scripts_name_exactly_the_constants_that_there_are() {
        let code =
            |script: &'static str| script.lines().filter(|line| !line.trim().starts_with("--"));
        let is_constant = |word: &&str| {
            word.len() > 1
                && word.starts_with(|c: char| c.is_ascii_uppercase())
                && !word.contains(|c: char| c.is_ascii_lowercase())
        };
        let named: BTreeSet<&str> = SCRIPTS
            .into_iter()
            .flat_map(code)
            .flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
            .filter(is_constant)
            .collect();
        // Names of Redis, a format of `struct.pack`, and a name of the scripts themselves.
        let others = ["ARGV", "DEL", "GET", "I4I4", "KEYS", "PX", "SET", "WORD"];
        let lua = prelude::as_lua();
        let known: BTreeSet<&str> =
            constants(&lua).into_iter().map(|(name, _)| name).chain(others).collect();
        assert_eq!(named, known);
    }
}
