//! Redis paused, killed, cut off, flushed of its scripts, full, or holding what nobody can read:
//! every call fails closed in bounded time, says what is wrong, and the store recovers by itself.

use std::{sync::Arc, time::Duration};

use otp_cache::{
    ChallengeStore, StoreError, StoreErrorKind,
    redis::{RedisConfig, RedisStore},
};
use otp_core::{Challenge, ChallengeId, Policy, SubjectKey};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    redis_store::brisk,
    support::{
        challenge, now,
        redis::{Cluster, Server, Watched, wait_until},
    },
};

const SHORT: Duration = Duration::from_secs(1);

fn short(config: RedisConfig) -> RedisConfig {
    config.with_timeout(SHORT).with_connect_timeout(SHORT)
}

async fn connect(config: RedisConfig) -> RedisStore {
    brisk(short(config)).await
}

/// The answer of a call, which must come within both timeouts twice; a second is for the machine.
async fn bounded<T>(call: impl Future<Output = T>) -> T {
    let most = 2 * (SHORT + SHORT) + Duration::from_secs(1);
    tokio::time::timeout(most, call).await.expect("every wait has an end")
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
pub(crate) async fn recovered<T>(
    what: &str,
    mut call: impl AsyncFnMut() -> Result<T, StoreError>,
) -> T {
    for _ in 0..600 {
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

/// What a call answers whose server is stopped in its tracks, and then let go on.
async fn paused_and_resumed(store: &RedisStore, server: &Server, name: &str) {
    let id = open(store, name).await.expect("works").id();
    server.pause();
    let error = bounded(attempt(store, name, id)).await.expect_err("nobody answers");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.is_outcome_unknown());
    server.resume();
    let left = recovered("after a pause", async || attempt(store, name, id).await).await;
    assert!(left <= 4, "the attempt that nobody saw may count, none is given back: {left}");
}

/// What a store does whose scripts these servers have forgotten.
async fn flushed(store: &RedisStore, servers: &[Server], name: &str) {
    let id = open(store, name).await.expect("works").id();
    for server in servers {
        server.command(&["SCRIPT", "FLUSH", "SYNC"]).expect("a plain command");
    }
    assert_eq!(attempt(store, name, id).await.expect("loaded again"), 4);
    assert_eq!(attempt(store, name, id).await.expect("by digest"), 3, "counted once each");
}

#[tokio::test]
async fn a_paused_server_times_out_and_comes_back() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    paused_and_resumed(&store, &server, "a").await;
}

#[tokio::test]
async fn sentinels_and_what_they_watch_may_fall_silent() {
    let mut watched = Watched::start();
    let config = RedisConfig::sentinel(watched.sentinels.iter().map(Server::url), "otp");
    let store = connect(config.clone()).await;
    flushed(&store, std::slice::from_ref(&watched.primary), "a").await;
    paused_and_resumed(&store, &watched.primary, "b").await;
    // Any one Sentinel may be silent, the first of the list too.
    let lose_connections = || {
        let words = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
        watched.primary.command(&words).expect("a plain command");
    };
    for sentinel in &watched.sentinels {
        sentinel.pause();
        bounded(RedisStore::connect(short(config.clone()))).await.expect("the others answer");
        lose_connections();
        let subject = SubjectKey::derive("", "c");
        recovered("with a silent Sentinel", async || bounded(store.unlock(subject)).await).await;
        sentinel.resume();
    }
    // Without any, a store goes on as long as its connection lasts.
    for sentinel in &mut watched.sentinels {
        sentinel.kill();
    }
    open(&store, "d").await.expect("nobody needs a Sentinel for this");
    let refused =
        bounded(RedisStore::connect(short(config))).await.expect_err("nobody knows where");
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    lose_connections();
    for _ in 0..3 {
        let error = bounded(open(&store, "e")).await.expect_err("nobody knows where");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn nodes_of_a_cluster_may_forget_scripts_or_fall_silent() {
    let cluster = Cluster::start();
    for acks in [0, 1] {
        let config = RedisConfig::cluster(cluster.urls()).with_replica_acks(acks);
        let store = connect(config.with_key_prefix(&format!("p{acks}"))).await;
        flushed(&store, &cluster.nodes[..3], "a").await;
        // A name for each primary: the first is paused, the others go on.
        let names: Vec<_> = (b'a'..=b'z').map(|letter| char::from(letter).to_string()).collect();
        let keys: Vec<_> =
            names.iter().map(|name| format!("{{{}}}", SubjectKey::derive("", name))).collect();
        let slots = cluster.nodes[0].slots_of(&keys);
        let on = |wanted: usize| {
            let is_there = |slot: &u16| usize::from(*slot) / 5462 == wanted;
            names[slots.iter().rposition(is_there).expect("one of 26")].as_str()
        };
        let id = open(&store, on(1)).await.expect("works").id();
        cluster.nodes[0].pause();
        let error = bounded(open(&store, on(0))).await.expect_err("nobody answers");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(attempt(&store, on(1), id).await.expect("another primary"), 4);
        cluster.nodes[0].resume();
        recovered("after a pause", async || store.unlock(SubjectKey::derive("", on(0))).await)
            .await;
        block_until_healthy(&cluster);
    }
    // Nor does a node keep anybody waiting that a store meets first.
    cluster.nodes[0].pause();
    let config = RedisConfig::cluster([cluster.nodes[0].url()])
        .dangerous_allow_eviction()
        .dangerous_allow_volatile();
    let refused = bounded(RedisStore::connect(short(config))).await.expect_err("nobody answers");
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
}

/// A pause may have led to a failover, which is over when every replica follows somebody.
fn block_until_healthy(cluster: &Cluster) {
    wait_until("the cluster has three primaries and three replicas", || {
        let replicas = cluster.nodes.iter().filter(|node| node.is_synced_replica()).count();
        replicas == 3 && cluster.nodes.iter().all(Server::cluster_is_ok)
    });
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
    let server = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", server.port)]);
    wait_until("the replica follows", || replica.is_synced_replica());
    for acks in [0, 1] {
        let config = RedisConfig::standalone(server.url()).with_replica_acks(acks);
        let store = connect(config.with_key_prefix(&format!("p{acks}"))).await;
        let subject = SubjectKey::derive("", "b");
        recovered("with a replica", async || store.unlock(subject).await).await;
        flushed(&store, std::slice::from_ref(&server), "a").await;
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
    assert_eq!(error.to_string(), "redis did not reply in time");
    let left = recovered("after the silence", async || attempt(&store, "a", id).await).await;
    assert!(left <= 4);
}
