//! The scripts, and running one of them: by its digest, loaded when the server does not know it.

use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::{link::Link, prelude};
use crate::{StoreError, StoreErrorKind};

/// One Lua program and the digest that the server knows it by.
pub(super) struct Script {
    code: String,
    digest: String,
}

impl Script {
    /// The program made of these parts.
    pub(super) fn new(parts: &[&str]) -> Self {
        let code = parts.concat();
        let digest = redis::Script::new(&code).get_hash().to_owned();
        Self { code, digest }
    }

    fn command(&self, how: How, key: &[u8], args: &[&[u8]]) -> Cmd {
        let mut command = match how {
            How::ByDigest => redis::cmd("EVALSHA").arg(&self.digest).to_owned(),
            How::ByCode => redis::cmd("EVAL").arg(&self.code).to_owned(),
        };
        command.arg(1).arg(key);
        for arg in args {
            command.arg(*arg);
        }
        command
    }
}

#[derive(Clone, Copy)]
enum How {
    ByDigest,
    ByCode,
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
        }
    }
}

/// How many replicas have to hold the write, and how long the server waits for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acks {
    pub(super) replicas: u8,
    pub(super) timeout_ms: u64,
}

impl Acks {
    /// So many replicas; the server gives up waiting before the caller does.
    pub(super) fn within(replicas: u8, timeout: Duration) -> Self {
        let timeout_ms = u64::try_from((timeout / 2).as_millis()).unwrap_or(u64::MAX);
        // 0 would mean for ever.
        Self { replicas, timeout_ms: timeout_ms.max(1) }
    }
}

/// The value of `key`.
pub(super) async fn get(link: &Link, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let mut command = redis::cmd("GET");
    command.arg(key);
    match ask(link, &command, key).await? {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil => Ok(None),
        _ => Err(unexpected_answer()),
    }
}

/// What each server that takes writes says about itself.
pub(super) async fn infos(link: &Link, section: &str) -> Result<Vec<String>, StoreError> {
    let mut command = redis::cmd("INFO");
    command.arg(section);
    let answers = link.send_to_primaries(&command).await.map_err(to_store_error)?;
    let read = |answer| match checked(answer).map_err(to_store_error)? {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Ok(text),
        _ => Err(unexpected_answer()),
    };
    answers.into_iter().map(read).collect()
}

/// A command that may be sent twice.
async fn ask(link: &Link, command: &Cmd, key: &[u8]) -> Result<Value, StoreError> {
    let first = link.send(command, key).await.and_then(checked);
    let answer = match first {
        Err(error) if link.did_nothing(&error) => link.send(command, key).await.and_then(checked),
        first => first,
    };
    answer.map_err(to_store_error)
}

/// Runs `script` on `key` and returns the bytes it answers.
pub(super) async fn run(
    link: &Link,
    script: &Script,
    key: &[u8],
    args: &[&[u8]],
    acks: Option<Acks>,
) -> Result<Vec<u8>, StoreError> {
    let mut how = How::ByDigest;
    // One more try after an error by which the server says that it did nothing.
    let mut tries = 2_u8;
    loop {
        tries -= 1;
        match run_once(link, &script.command(how, key, args), key, acks).await {
            Ok(Value::BulkString(bytes)) => return Ok(bytes),
            Ok(_) => return Err(unexpected_answer()),
            Err(Trouble::TooFewReplicas) => return Err(too_few_replicas()),
            Err(Trouble::Redis(error)) if tries > 0 && link.did_nothing(&error) => {
                if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
                    how = How::ByCode;
                }
            }
            Err(Trouble::Redis(error)) => return Err(to_store_error(error)),
            Err(Trouble::AfterTheScript(error)) => return Err(not_waited(error)),
        }
    }
}

enum Trouble {
    Redis(RedisError),
    /// The script ran, so that nothing may be sent again.
    AfterTheScript(RedisError),
    TooFewReplicas,
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

async fn run_once(
    link: &Link,
    command: &Cmd,
    key: &[u8],
    acks: Option<Acks>,
) -> Result<Value, Trouble> {
    let Some(acks) = acks else {
        return Ok(checked(link.send(command, key).await?)?);
    };
    let mut wait = redis::cmd("WAIT");
    wait.arg(acks.replicas).arg(acks.timeout_ms);
    let mut commands = redis::Pipeline::with_capacity(2);
    commands.add_command(command.clone()).add_command(wait);
    let mut answers = link.send_all(commands, key).await?.into_iter();
    let (Some(answer), Some(waited)) = (answers.next(), answers.next()) else {
        return Ok(Value::Nil);
    };
    let answer = checked(answer)?;
    match checked(waited) {
        Ok(Value::Int(held)) if held >= i64::from(acks.replicas) => Ok(answer),
        Ok(_) => Err(Trouble::TooFewReplicas),
        Err(error) => Err(Trouble::AfterTheScript(error)),
    }
}

/// Turns an error that came as a value into an error.
fn checked(value: Value) -> RedisResult<Value> {
    match value {
        Value::ServerError(error) => Err(error.into()),
        value => Ok(value),
    }
}

pub(super) fn unexpected_answer() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "redis answered what no script of this version does")
}

/// The script ran, whatever came after it: the outcome is unknown.
fn not_waited(error: RedisError) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "redis did not wait for its replicas")
        .with_source(error)
}

fn too_few_replicas() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "too few redis replicas hold the write")
}

/// Whether a command within a script was refused for want of rights, as Redis and as Valkey says it.
fn is_about_rights(why: &str) -> bool {
    why.contains("can't run this command") || why.contains("ACL failure in script")
}

/// What an error of the client means to a caller of the store.
pub(super) fn to_store_error(error: RedisError) -> StoreError {
    use StoreErrorKind::{Capacity, Corrupt, Misconfigured, Unavailable};
    let (kind, what) = match error.code() {
        Some("OOM") => (Capacity, "redis has no memory left"),
        Some("WRONGTYPE") => (Corrupt, "a redis key of ours holds something else"),
        Some("NOAUTH" | "WRONGPASS") => (Misconfigured, "redis refuses our name or password"),
        Some("NOPERM") => (Misconfigured, "redis does not let our user do this"),
        // A command within the script; what comes before it only reads.
        Some("ERR") if error.detail().is_some_and(is_about_rights) => {
            (Misconfigured, "redis does not let our user do this")
        }
        Some("NOREPLICAS") => (Unavailable, "redis has too few replicas to take a write"),
        Some("MISCONF") => (Unavailable, "redis cannot write to its disk"),
        Some("READONLY") => (Unavailable, "the redis server is a replica"),
        Some("LOADING") => (Unavailable, "redis is still loading its data"),
        Some("BUSY") => (Unavailable, "redis is busy with a script"),
        Some("CLUSTERDOWN") => (Unavailable, "the redis cluster is down"),
        Some(_) => (Unavailable, "redis refused"),
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            (Misconfigured, "redis refuses our name or password")
        }
        None if matches!(
            error.kind(),
            ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList
        ) =>
        {
            (Misconfigured, "the way to redis is not set up right")
        }
        None if error.is_timeout() => (Unavailable, "redis did not answer in time"),
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
