//! What a failover can lose, and that nothing more is lost: Sentinel, and a cluster.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use otp_cache::redis::{RedisConfig, RedisStore};
use otp_cache::{ChallengeStore, conformance};
use otp_core::{ChallengeId, KeyId, NewChallenge, Nonce, Policy, Purpose, SubjectKey};

use crate::redis_store::connect;
use crate::support::redis::{Cluster, Server, wait_until};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A primary, a replica and three Sentinels.
struct Watched {
    primary: Server,
    replica: Server,
    sentinels: Vec<Server>,
}

impl Watched {
    fn start() -> Self {
        let primary = Server::start(&["--repl-diskless-sync-delay", "0"]);
        let port = primary.port.to_string();
        let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {port}")]);
        wait_until("the replica follows", || replica.is_synced_replica());
        let sentinels: Vec<_> = (0..3).map(|_| Server::sentinel(primary.port, 2)).collect();
        wait_until("the Sentinels know each other and the replica", || {
            sentinels.iter().all(|sentinel| {
                let info = sentinel.info("sentinel");
                info.contains("slaves=1") && info.contains("sentinels=3")
            })
        });
        Self { primary, replica, sentinels }
    }

    fn config(&self) -> RedisConfig {
        RedisConfig::sentinel(self.sentinels.iter().map(Server::url), "otp")
            .with_timeout(Duration::from_millis(500))
            .with_connect_timeout(Duration::from_millis(500))
    }
}

/// Opens a challenge for each subject, in the order of the names.
async fn opened(store: &RedisStore, names: &[String]) -> Vec<(SubjectKey, ChallengeId)> {
    let mut open = Vec::new();
    for name in names {
        let subject = SubjectKey::derive("", name);
        let id = ChallengeId::from_bytes(*SubjectKey::derive("id", name).as_bytes());
        let new = NewChallenge {
            id,
            purpose: Purpose::LOGIN,
            kid: KeyId::new(1),
            nonce: Nonce::from_bytes([1; 16]),
            expires_at: now() + Duration::from_secs(300),
        };
        let done = store.open(subject, new, &Policy::default(), now()).await;
        assert!(done.expect("works").is_ok());
        open.push((subject, id));
    }
    open
}

fn names(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("subject-{number}")).collect()
}

/// Attempts at each challenge, in turn, until `stop`; gives how many each was handed out.
async fn guess_until(
    store: &RedisStore,
    open: &[(SubjectKey, ChallengeId)],
    rounds: u32,
) -> Vec<u32> {
    let mut handed_out = vec![0; open.len()];
    for _ in 0..rounds {
        for (count, (subject, id)) in handed_out.iter_mut().zip(open) {
            let answer = store.begin_attempt(*subject, *id, &Policy::default(), now()).await;
            if matches!(answer, Ok(Ok(_))) {
                *count += 1;
            }
        }
    }
    handed_out
}

/// Calls until the store answers again.
async fn recovered(store: &RedisStore) {
    let subject = SubjectKey::derive("", "probe");
    for _ in 0..600 {
        match store.unlock(subject).await {
            Ok(()) => return,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no recovery within 30 seconds of a failover");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sentinel_conforms() {
    let watched = Watched::start();
    let store = Arc::new(connect(watched.config()).await);
    conformance::run(|| async { Arc::clone(&store) }).await;
}

#[tokio::test]
async fn with_acknowledgements_a_killed_primary_loses_no_count() {
    let mut watched = Watched::start();
    let store = connect(watched.config()).await;
    let open = opened(&store, &names(20)).await;
    let before = guess_until(&store, &open, 3).await;
    assert_eq!(before, [3; 20], "three each before the failover");
    // The new primary will have no replica: go on as an operator may, without acknowledgements.
    let after = connect(watched.config().with_replica_acks(0)).await;
    watched.primary.kill();
    recovered(&after).await;
    assert!(watched.replica.is_primary(), "the replica was promoted");
    let more = guess_until(&after, &open, 4).await;
    assert_eq!(more, [2; 20], "five in all: not one acknowledged count was lost");
}

/// The stated bound without acknowledgements: a subject gets at most its limits once more.
#[tokio::test]
async fn without_acknowledgements_the_loss_is_bounded_by_the_limits() {
    let primary = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let port = primary.port.to_string();
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {port}")]);
    wait_until("the replica follows", || replica.is_synced_replica());
    let store = connect(RedisConfig::standalone(primary.url())).await;
    let open = opened(&store, &names(10)).await;
    wait_until("the replica has all challenges", || {
        replica.command(&["DBSIZE"]).is_ok_and(|size| size == redis::Value::Int(10))
    });
    // The worst lag there can be: the replica has heard of no attempt when it is promoted.
    replica.command(&["REPLICAOF", "NO", "ONE"]).expect("a plain command");
    let lost = guess_until(&store, &open, 7).await;
    assert_eq!(lost, [5; 10], "the old primary enforces the limit");
    let store = connect(RedisConfig::standalone(replica.url())).await;
    let again = guess_until(&store, &open, 7).await;
    assert_eq!(again, [5; 10], "and so does the new one: once the limit more, no more than that");
}

#[tokio::test]
async fn a_cluster_that_loses_a_primary_loses_no_acknowledged_count() {
    let mut cluster = Cluster::start();
    let config = RedisConfig::cluster(cluster.urls()).with_timeout(Duration::from_secs(1));
    let store = connect(config.clone()).await;
    let open = opened(&store, &names(30)).await;
    let before = guess_until(&store, &open, 3).await;
    assert_eq!(before, [3; 30]);
    cluster.nodes[0].kill();
    wait_until("the cluster is up again", || {
        cluster.nodes[1..].iter().all(Server::cluster_is_ok) && cluster.nodes[3].is_primary()
    });
    let after = connect(config.with_replica_acks(0)).await;
    let mut more = vec![0; open.len()];
    for _ in 0..20 {
        for (sum, count) in more.iter_mut().zip(guess_until(&after, &open, 1).await) {
            *sum += count;
        }
    }
    assert_eq!(more, [2; 30], "five in all on every node, the promoted one included");
    recovered(&store).await;
}
