//! What only a cluster does: slots on the move, a connection cut when nobody knows whether the script
//! ran, and primaries that are set up differently.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use otp_cache::{
    ChallengeStore, Charge, Quota, QuotaKey, StoreErrorKind,
    redis::{RedisConfig, RedisStore},
};
use otp_core::{ChallengeId, Policy, SubjectKey, gcra::Rate};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    redis_store::{connect, patient},
    support::{
        challenge, now,
        redis::{Cluster, Server, free_port, wait_until},
    },
};

/// A relay that, once armed, cuts the next connection whose script the server has answered, and keeps
/// the answer to itself.
struct Cutter {
    port: u16,
    armed: Arc<AtomicBool>,
    _links: JoinSet<()>,
}

impl Cutter {
    async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let armed = Arc::new(AtomicBool::new(false));
        let (cut, mut links) = (Arc::clone(&armed), JoinSet::new());
        links.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((from, _)) = listener.accept().await {
                open.spawn(relay(from, target, Arc::clone(&cut)));
            }
        });
        Self { port, armed, _links: links }
    }
}

async fn relay(mut from: TcpStream, target: u16, armed: Arc<AtomicBool>) {
    let mut to = TcpStream::connect(("127.0.0.1", target)).await.expect("it listens");
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_script = false;
    loop {
        tokio::select! {
            read = from.read(&mut asked) => {
                let count = read.unwrap_or(0);
                is_script = asked[..count].windows(7).any(|word| word == b"EVALSHA");
                if count == 0 || to.write_all(&asked[..count]).await.is_err() {
                    return;
                }
            }
            read = to.read(&mut answered) => {
                let count = read.unwrap_or(0);
                if is_script && armed.swap(false, Ordering::SeqCst) {
                    return;
                }
                if count == 0 || from.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A cluster of one node, which says that it listens where the relay does.
async fn behind_a_cutter() -> (Server, Cutter, RedisStore) {
    let bus = free_port().to_string();
    let server = Server::start(&["--cluster-enabled", "yes", "--cluster-port", &bus]);
    let cutter = Cutter::start(server.port).await;
    let port = cutter.port.to_string();
    for (name, value) in [("cluster-announce-ip", "127.0.0.1"), ("cluster-announce-port", &port)] {
        server.command(&["CONFIG", "SET", name, value]).expect("a plain command");
    }
    server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).expect("slots are free");
    wait_until("the cluster is up", || server.cluster_is_ok());
    let url = format!("redis://127.0.0.1:{port}");
    let store = connect(RedisConfig::cluster([url]).with_replica_acks(0)).await;
    (server, cutter, store)
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_not_given_twice() {
    let (server, cutter, store) = behind_a_cutter().await;
    let rate = Rate::new(10, Duration::from_secs(100)).expect("a sound rate");
    let key = QuotaKey::derive("", "a");
    let mut receipts = Vec::new();
    for _ in 0..4 {
        let charged = store.charge(&[Charge::new(key, rate)], now()).await.expect("works");
        receipts.push(charged.expect("below the limit"));
    }
    store.refund(&receipts[0], now()).await.expect("works, and the script is known from now on");
    cutter.armed.store(true, Ordering::SeqCst);
    let error = store.refund(&receipts[1], now()).await.expect_err("no answer came back");
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert!(!cutter.armed.load(Ordering::SeqCst), "the script ran and its answer was cut off");
    let stored = server.command(&["GET", &format!("otp:{{{key}}}:q")]).expect("a plain command");
    let mark = redis::from_redis_value::<u64>(stored).expect("a number");
    assert_eq!(mark, 1_800_000_020_000_000, "four charged and two of them given back, 10 s each");
    // The next call has a new connection.
    let mut again = store.refund(&receipts[2], now()).await;
    for _ in 0..100 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        again = store.refund(&receipts[2], now()).await;
    }
    again.expect("the connection is made anew");
}

async fn attempts_left(store: &RedisStore, subject: SubjectKey, id: ChallengeId) -> u8 {
    let attempt = store.begin_attempt(subject, id, &Policy::default(), now()).await;
    attempt.expect("the slot is served").expect("within the limits").attempts_left()
}

#[tokio::test]
async fn a_slot_on_the_move_is_served_without_an_error() {
    let cluster = Cluster::start();
    for acks in [0, 1] {
        let prefix = format!("p{acks}");
        let config = RedisConfig::cluster(cluster.urls()).with_replica_acks(acks);
        let store = connect(config.with_key_prefix(&prefix)).await;
        let subject = SubjectKey::derive("", &prefix);
        let key = format!("{prefix}:{{{subject}}}:s");
        let slot =
            cluster.nodes[0].command(&["CLUSTER", "KEYSLOT", &key]).expect("a plain command");
        let slot = redis::from_redis_value::<u16>(slot).expect("a number");
        let owner = [5460, 10_922, 16_383].iter().position(|last| slot <= *last).expect("a slot");
        let (from, to) = (&cluster.nodes[owner], &cluster.nodes[(owner + 1) % 3]);
        let text = slot.to_string();
        let (from_id, to_id) = (from.node_id(), to.node_id());
        to.command(&["CLUSTER", "SETSLOT", &text, "IMPORTING", &from_id]).expect("its owner");
        from.command(&["CLUSTER", "SETSLOT", &text, "MIGRATING", &to_id]).expect("its owner");
        // A key that is not there yet is the new owner's business already.
        let new = challenge(1);
        let id = new.id;
        let opened = store.open(subject, new, &Policy::default(), now()).await;
        assert!(opened.expect("the new owner takes it").is_ok());
        assert_eq!(attempts_left(&store, subject, id).await, 4);
        Cluster::move_slots(from, to, &[slot]);
        assert_eq!(attempts_left(&store, subject, id).await, 3);
        assert!(store.load(subject, id, now()).await.expect("works").is_some());
    }
}

#[tokio::test]
async fn one_primary_that_forgets_is_enough_to_refuse() {
    let mut cluster = Cluster::start();
    let allow: [fn(RedisConfig) -> RedisConfig; 2] =
        [RedisConfig::dangerous_allow_eviction, RedisConfig::dangerous_allow_volatile];
    let settings = [("maxmemory-policy", "allkeys-lru", "noeviction"), ("appendonly", "no", "yes")];
    for node in &cluster.nodes[..3] {
        for ((name, bad, good), allowed) in settings.into_iter().zip(allow) {
            node.command(&["CONFIG", "SET", name, bad]).expect("a command");
            let config = patient(RedisConfig::cluster(cluster.urls())).with_replica_acks(0);
            let refused = RedisStore::connect(config.clone()).await.expect_err("it may forget");
            assert_eq!(refused.kind(), StoreErrorKind::Misconfigured, "{refused:?}");
            assert!(refused.to_string().contains(name), "{refused}");
            connect(allowed(config)).await;
            node.command(&["CONFIG", "SET", name, good]).expect("a command");
        }
    }
    connect(RedisConfig::cluster(cluster.urls())).await;
    // Nor is one taken on trust that cannot be asked and that nobody replaces.
    cluster.nodes[3].kill();
    cluster.nodes[0].kill();
    let refused = RedisStore::connect(RedisConfig::cluster(cluster.urls())).await;
    assert_eq!(refused.expect_err("it does not say").kind(), StoreErrorKind::Unavailable);
}
