//! A server that answers with errors, with nonsense, or with half an answer: every call fails closed,
//! says what is wrong, and runs a script again only after proof that it did not run.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use otp_cache::{
    ChallengeStore, StoreError,
    StoreErrorKind::{self, Capacity, Corrupt, Misconfigured, Unavailable},
    redis::{RedisConfig, RedisStore},
};
use otp_core::{Policy, SubjectKey};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    redis_faults::recovered,
    redis_store::connect,
    support::{
        challenge, now,
        redis::{Server, wait_until},
    },
};

/// Something that speaks as much of the protocol as a store needs, and answers to scripts as told.
struct Liar {
    url: String,
    told: Arc<Told>,
    _links: JoinSet<()>,
}

#[derive(Default)]
struct Told {
    to_script: Mutex<Vec<u8>>,
    to_wait: Mutex<Vec<u8>>,
    scripts: AtomicU32,
}

impl Liar {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let told = Arc::new(Told::default());
        let (all, mut links) = (Arc::clone(&told), JoinSet::new());
        links.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((link, _)) = listener.accept().await {
                open.spawn(serve(link, Arc::clone(&all)));
            }
        });
        Self { url: format!("redis://127.0.0.1:{port}"), told, _links: links }
    }

    async fn met(&self, replicas: u8) -> RedisStore {
        let short = Duration::from_millis(700);
        let config = RedisConfig::standalone(&self.url).with_replica_acks(replicas);
        let config = config.with_timeout(short).with_connect_timeout(short);
        RedisStore::connect(config).await.expect("it says that it is well set up")
    }

    /// From now on, scripts are answered like this.
    fn tell(&self, answer: &[u8]) {
        *self.told.to_script.lock().expect("no link panics") = answer.to_vec();
        self.told.scripts.store(0, Ordering::SeqCst);
    }
}

/// One command: an array of strings.
async fn command(from: &mut BufReader<TcpStream>) -> Option<Vec<Vec<u8>>> {
    let count = length(from).await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; length(from).await? + 2];
        from.read_exact(&mut word).await.ok()?;
        word.truncate(word.len() - 2);
        words.push(word);
    }
    Some(words)
}

async fn length(from: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    from.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim().parse().ok()
}

async fn serve(link: TcpStream, told: Arc<Told>) {
    let mut link = BufReader::new(link);
    let info = "maxmemory_policy:noeviction\r\naof_enabled:1\r\n";
    while let Some(words) = command(&mut link).await {
        let answer = match words[0].as_slice() {
            b"HELLO" => b"%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n".to_vec(),
            b"INFO" => format!("${}\r\n{info}\r\n", info.len()).into_bytes(),
            b"EVALSHA" | b"EVAL" => {
                told.scripts.fetch_add(1, Ordering::SeqCst);
                told.to_script.lock().expect("no link panics").clone()
            }
            b"WAIT" => told.to_wait.lock().expect("no link panics").clone(),
            _ => b"+OK\r\n".to_vec(),
        };
        if link.get_mut().write_all(&answer).await.is_err() || answer == b"BYE" {
            return;
        }
    }
}

async fn unlock(store: &RedisStore) -> StoreError {
    let called = store.unlock(SubjectKey::derive("", "a"));
    let answer = tokio::time::timeout(Duration::from_secs(4), called).await.expect("bounded");
    answer.expect_err("no store can make anything of this")
}

#[tokio::test]
async fn every_error_is_told_apart_and_retried_only_if_nothing_ran() {
    let liar = Liar::start().await;
    let store = liar.met(0).await;
    let cases: [(&str, StoreErrorKind, &str, u32); 14] = [
        ("BUSY Redis is busy running a script", Unavailable, "redis is busy with a script", 1),
        ("CLUSTERDOWN The cluster is down", Unavailable, "the redis cluster is down", 2),
        ("ERR max number of clients reached", Unavailable, "redis refused the command", 1),
        ("LOADING Redis is loading", Unavailable, "redis is still loading its data", 2),
        ("MASTERDOWN Link with MASTER is down", Unavailable, "redis refused the command", 2),
        (
            "MISCONF Errors writing to the AOF file",
            Unavailable,
            "redis cannot write to its disk",
            1,
        ),
        (
            "NOAUTH Authentication required.",
            Misconfigured,
            "redis refuses the configured name or password",
            1,
        ),
        ("NOPERM No permissions", Misconfigured, "the redis user lacks a right", 1),
        ("NOREPLICAS Not enough", Unavailable, "redis has too few replicas to accept a write", 1),
        ("NOSCRIPT No matching script.", Unavailable, "redis refused the command", 2),
        ("OOM command not allowed", Capacity, "redis has no memory left", 1),
        ("READONLY You can't write", Unavailable, "the redis server is a replica", 2),
        ("TRYAGAIN Multiple keys request", Unavailable, "redis refused the command", 2),
        ("WRONGTYPE Operation against", Corrupt, "a redis key of this store has another type", 1),
    ];
    for (says, kind, what, times) in cases {
        liar.tell(format!("-{says}\r\n").as_bytes());
        let error = unlock(&store).await;
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, what), "{says}");
        assert_eq!(liar.told.scripts.load(Ordering::SeqCst), times, "{says}");
    }
}

#[tokio::test]
async fn nonsense_is_never_taken_for_a_decision() {
    let liar = Liar::start().await;
    let store = liar.met(0).await;
    for answer in [
        &b":1\r\n"[..],
        b"+OK\r\n",
        b"$0\r\n\r\n",
        b"$1\r\nX\r\n",
        b"$-1\r\n",
        b"_\r\n",
        b"*1\r\n$1\r\n-\r\n",
        // "Granted", of a subject of whom nothing is known: the rule says otherwise.
        b"$1\r\nO\r\n",
        b"$3\r\n-\x01\x02\r\n",
    ] {
        liar.tell(answer);
        let error = unlock(&store).await;
        assert_eq!(error.kind(), Corrupt, "{answer:?}: {error:?}");
        assert_eq!(liar.told.scripts.load(Ordering::SeqCst), 1, "{answer:?}");
    }
    // Not the protocol, cut off, or nothing at all: nobody knows whether the script ran.
    for answer in [&b"HTTP/1.1 400\r\n\r\n"[..], b"$5\r\nab", b"BYE", b""] {
        liar.tell(answer);
        let error = unlock(&store).await;
        assert_eq!(error.kind(), Unavailable, "{answer:?}: {error:?}");
        assert_eq!(liar.told.scripts.load(Ordering::SeqCst), 1, "{answer:?}");
        // The connection is of no more use; the next one is.
        liar.tell(b"$1\r\n-\r\n");
        recovered("a new connection", async || store.unlock(SubjectKey::derive("", "a")).await)
            .await;
    }
}

#[tokio::test]
async fn a_script_that_ran_is_never_sent_again_whatever_wait_answers() {
    let liar = Liar::start().await;
    let store = liar.met(1).await;
    for (waited, what) in [
        (":0\r\n", "too few redis replicas hold the write"),
        ("-LOADING Redis is loading\r\n", "redis did not wait for its replicas"),
        ("-NOPERM No permissions\r\n", "redis did not wait for its replicas"),
        ("-READONLY You can't write\r\n", "redis did not wait for its replicas"),
        ("+OK\r\n", "too few redis replicas hold the write"),
        ("", "redis did not reply in time"),
    ] {
        liar.tell(b"$1\r\n-\r\n");
        *liar.told.to_wait.lock().expect("no link panics") = waited.into();
        let error = unlock(&store).await;
        assert_eq!(error.to_string(), what, "{waited:?}");
        assert!(error.is_outcome_unknown(), "{waited:?}");
        assert_eq!(liar.told.scripts.load(Ordering::SeqCst), 1, "{waited:?}");
    }
    *liar.told.to_wait.lock().expect("no link panics") = b":1\r\n".to_vec();
    recovered("with a replica", async || store.unlock(SubjectKey::derive("", "a")).await).await;
}

/// The same from a real server, for those errors that one can be brought to.
#[tokio::test]
async fn a_real_server_that_refuses_is_understood_and_found_well_again() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    let open = async |number: u8| {
        let subject = SubjectKey::derive("", &number.to_string());
        store.open(subject, challenge(number), &Policy::default(), now()).await.map(drop)
    };
    let refused = async |number, what: &str| {
        let error = open(number).await.expect_err("refused");
        assert_eq!(error.to_string(), what);
    };
    open(1).await.expect("works");

    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).expect("a plain command");
    refused(2, "redis has too few replicas to accept a write").await;
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).expect("a plain command");
    open(2).await.expect("works");

    server.command(&["CONFIG", "SET", "lua-time-limit", "1"]).expect("a plain command");
    let mut endless = server.admin();
    let endless = std::thread::spawn(move || {
        redis::cmd("EVAL").arg("while true do end").arg(0).query::<redis::Value>(&mut endless)
    });
    let is_busy = || server.command(&["GET", "x"]).is_err_and(|error| error.code() == Some("BUSY"));
    wait_until("the server is busy", is_busy);
    refused(3, "redis is busy with a script").await;
    server.command(&["SCRIPT", "KILL"]).expect("a script that wrote nothing");
    assert!(endless.join().expect("no panic").is_err(), "it was killed");
    open(3).await.expect("works");

    server.command(&["ACL", "SETUSER", "default", "-set"]).expect("an administrator's connection");
    refused(4, "the redis user lacks a right").await;
    server.command(&["ACL", "SETUSER", "default", "+set"]).expect("an administrator's connection");
    open(4).await.expect("works");
}
