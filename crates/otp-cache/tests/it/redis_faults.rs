//! Redis paused, killed, cut off, flushed of its scripts, full, or holding what nobody can read:
//! every call fails closed in bounded time, says what is wrong, and the store recovers by itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use otp_cache::redis::{RedisConfig, RedisStore};
use otp_cache::{ChallengeStore, StoreError, StoreErrorKind};
use otp_core::{Challenge, ChallengeId, KeyId, NewChallenge, Nonce, Policy, Purpose, SubjectKey};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::redis::{Server, wait_until};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn challenge(number: u8) -> NewChallenge {
    NewChallenge {
        id: ChallengeId::from_bytes([number; 16]),
        purpose: Purpose::LOGIN,
        kid: KeyId::new(1),
        nonce: Nonce::from_bytes([number; 16]),
        expires_at: now() + Duration::from_secs(300),
    }
}

async fn connect(config: RedisConfig) -> RedisStore {
    let config = config.with_timeout(Duration::from_millis(300));
    let config = config.with_connect_timeout(Duration::from_millis(300));
    RedisStore::connect(config).await.expect("the server has just been started")
}

async fn open(store: &RedisStore, name: &str) -> Result<Challenge, StoreError> {
    let (subject, policy) = (SubjectKey::derive("", name), Policy::default());
    let number = name.as_bytes().first().copied().unwrap_or_default();
    let opened = store.open(subject, challenge(number), &policy, now()).await?;
    Ok(opened.expect("a subject without failures"))
}

async fn attempt(store: &RedisStore, name: &str, id: ChallengeId) -> Result<u8, StoreError> {
    let (subject, policy) = (SubjectKey::derive("", name), Policy::default());
    let attempt = store.begin_attempt(subject, id, &policy, now()).await?;
    Ok(attempt.expect("within the limits").attempts_left())
}

/// Calls until one succeeds, which it must within a bounded number of calls.
async fn recovered<T>(what: &str, mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    for _ in 0..200 {
        match call().await {
            Ok(value) => return value,
            Err(error) => {
                assert!(error.is_retryable(), "{what}: {error:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    panic!("{what}: did not recover by itself");
}

#[tokio::test]
async fn a_paused_server_times_out_and_comes_back() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    let id = open(&store, "a").await.expect("works").id();
    server.pause();
    let waited = tokio::time::timeout(Duration::from_secs(5), attempt(&store, "a", id));
    let error = waited.await.expect("bounded").expect_err("nobody answers");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.is_outcome_unknown());
    server.resume();
    let left = recovered("after a pause", async || attempt(&store, "a", id).await).await;
    assert!(left <= 4, "the attempt that nobody saw may count, none is given back: {left}");
}

#[tokio::test]
async fn a_killed_server_is_found_again_on_its_old_address() {
    let mut server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    open(&store, "a").await.expect("works");
    server.kill();
    for _ in 0..3 {
        let error = open(&store, "b").await.expect_err("nobody is there");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    }
    server.restart();
    recovered("after a restart", async || open(&store, "c").await).await;
}

#[tokio::test]
async fn flushed_scripts_are_loaded_again() {
    let server = Server::start(&[]);
    for acks in [0, 1] {
        let config = RedisConfig::standalone(server.url());
        let store = connect(config.with_key_prefix(&format!("p{acks}"))).await;
        let id = open(&store, "a").await.expect("works").id();
        server.command(&["SCRIPT", "FLUSH", "SYNC"]).expect("a plain command");
        assert_eq!(attempt(&store, "a", id).await.expect("loaded again"), 4);
        assert_eq!(attempt(&store, "a", id).await.expect("by digest"), 3, "counted once each");
    }
}

#[tokio::test]
async fn a_full_server_refuses_what_is_new_and_keeps_what_it_has() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    let id = open(&store, "a").await.expect("works").id();
    assert_eq!(attempt(&store, "a", id).await.expect("works"), 4);
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).expect("a plain command");
    let error = open(&store, "b").await.expect_err("there is no memory");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (StoreErrorKind::Capacity, "redis has no memory left")
    );
    let error = attempt(&store, "a", id).await.expect_err("cannot be counted, so is not given");
    assert_eq!(error.kind(), StoreErrorKind::Capacity);
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).expect("a plain command");
    assert_eq!(attempt(&store, "a", id).await.expect("works again"), 3, "nothing was lost");
}

#[tokio::test]
async fn a_read_only_server_is_refused() {
    let primary = Server::start(&[]);
    let port = primary.port.to_string();
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {port}")]);
    wait_until("the replica follows", || replica.is_synced_replica());
    let store = connect(RedisConfig::standalone(replica.url())).await;
    let error = open(&store, "a").await.expect_err("a replica takes no writes");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the redis server is a replica");
    // Promoted, it is good enough without a restart of ours.
    replica.command(&["REPLICAOF", "NO", "ONE"]).expect("a plain command");
    recovered("after promotion", async || open(&store, "a").await).await;
}

#[tokio::test]
async fn too_few_replicas_fail_closed() {
    let server = Server::start(&[]);
    let config = RedisConfig::standalone(server.url()).with_replica_acks(1);
    let store = connect(config).await;
    let error = open(&store, "a").await.expect_err("there is no replica");
    assert_eq!(error.to_string(), "too few redis replicas hold the write");
    assert!(error.is_outcome_unknown());
    let port = server.port.to_string();
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {port}")]);
    wait_until("the replica follows", || replica.is_synced_replica());
    let subject = SubjectKey::derive("", "b");
    recovered("with a replica", async || store.unlock(subject).await).await;
    open(&store, "b").await.expect("a replica holds it");
}

/// A relay that can be cut: bytes vanish, connections stay, as when a cable is pulled.
struct Relay {
    port: u16,
    links: JoinSet<()>,
}

impl Relay {
    async fn bind(port: u16) -> TcpListener {
        TcpListener::bind(("127.0.0.1", port)).await.expect("a free port")
    }

    fn start(listener: TcpListener, target: u16) -> Self {
        let port = listener.local_addr().expect("bound").port();
        let mut links = JoinSet::new();
        links.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                open.spawn(async move {
                    if let Ok(mut to) = TcpStream::connect(("127.0.0.1", target)).await {
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        });
        Self { port, links }
    }
}

#[tokio::test]
async fn a_cut_connection_is_made_anew() {
    let server = Server::start(&[]);
    let mut relay = Relay::start(Relay::bind(0).await, server.port);
    let port = relay.port;
    let store = connect(RedisConfig::standalone(format!("redis://127.0.0.1:{port}"))).await;
    let id = open(&store, "a").await.expect("works").id();
    relay.links.shutdown().await;
    let error = attempt(&store, "a", id).await.expect_err("cut");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let _relay = Relay::start(Relay::bind(port).await, server.port);
    let left = recovered("after the cut", async || attempt(&store, "a", id).await).await;
    assert!(left <= 4);
}

#[tokio::test]
async fn a_silent_connection_is_given_up_and_made_anew() {
    let server = Server::start(&[]);
    // Takes connections; only those after the first are relayed, the first goes silent on demand.
    let listener = Relay::bind(0).await;
    let port = listener.local_addr().expect("bound").port();
    let silent = Arc::new(tokio::sync::Notify::new());
    let (cut, target) = (Arc::clone(&silent), server.port);
    let _links = tokio::spawn(async move {
        let mut open = JoinSet::new();
        for number in 0.. {
            let Ok((mut from, _)) = listener.accept().await else { return };
            let cut = Arc::clone(&cut);
            open.spawn(async move {
                let mut to = TcpStream::connect(("127.0.0.1", target)).await.expect("it listens");
                let relay = copy_bidirectional(&mut from, &mut to);
                if number == 0 {
                    tokio::select! {
                        _ = relay => return,
                        () = cut.notified() => {}
                    }
                    // Keeps both ends open and passes nothing on.
                    std::future::pending::<()>().await;
                } else {
                    let _ = relay.await;
                }
            });
        }
    });
    let store = connect(RedisConfig::standalone(format!("redis://127.0.0.1:{port}"))).await;
    let id = open(&store, "a").await.expect("works").id();
    silent.notify_one();
    let error = attempt(&store, "a", id).await.expect_err("nothing comes back");
    assert_eq!(error.to_string(), "redis did not answer in time");
    let left = recovered("after the silence", async || attempt(&store, "a", id).await).await;
    assert!(left <= 4);
}
