//! Redis, in each of its shapes, through the whole conformance suite.

use std::{sync::Arc, time::Duration};

use otp_cache::{
    ChallengeStore, StoreErrorKind,
    conformance::{self, Kit, notes},
    redis::{RedisConfig, RedisStore},
};
use otp_core::{Policy, SubjectKey};

use crate::support::redis::{Cluster, Server};

/// With time for a busy machine: for tests that are not about time.
pub(crate) fn patient(config: RedisConfig) -> RedisConfig {
    let ample = Duration::from_secs(15);
    config.with_timeout(ample).with_connect_timeout(ample)
}

pub(crate) async fn connect(config: RedisConfig) -> RedisStore {
    RedisStore::connect(patient(config)).await.expect("the server has just been started")
}

/// A store with the timeouts that its configuration has.
pub(crate) async fn brisk(config: RedisConfig) -> RedisStore {
    for _ in 0..10 {
        match RedisStore::connect(config.clone()).await {
            Ok(store) => return store,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    panic!("cannot connect in ten times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn standalone_conforms() {
    let server = Server::start(&[]);
    let store = Arc::new(connect(RedisConfig::standalone(server.url())).await);
    conformance::run(|| async { Arc::clone(&store) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_on_one_server_conform() {
    let server = Server::start(&[]);
    let config = RedisConfig::standalone(server.url());
    let stores = [Arc::new(connect(config.clone()).await), Arc::new(connect(config).await)];
    conformance::run_shared(|| async { stores.to_vec() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_conforms() {
    let cluster = Cluster::start();
    let config = RedisConfig::cluster(cluster.urls());
    let stores = [
        Arc::new(connect(config.clone().with_replica_acks(0)).await),
        Arc::new(connect(config).await),
    ];
    conformance::run_shared(|| async { stores.to_vec() }).await;
}

#[tokio::test]
async fn what_is_stored_outlives_the_handle() {
    let server = Server::start(&[]);
    let open = || connect(RedisConfig::standalone(server.url()));
    conformance::survives_reopening(open).await;
}

#[tokio::test]
async fn nothing_expires_before_its_time() {
    let server = Server::start(&[]);
    let store = Arc::new(connect(RedisConfig::standalone(server.url())).await);
    let pass_time = async |time| server.pass_time(time);
    conformance::run_with_time(|| async { Arc::clone(&store) }, pass_time).await;
    notes::clause_2_own_expiry_only_sweeps(&Kit::new(store), pass_time).await;
}

#[tokio::test]
async fn a_user_with_only_the_documented_rights_is_enough() {
    let server = Server::start(&[]);
    server
        .command(&[
            "ACL",
            "SETUSER",
            "otp",
            "on",
            ">a-long-password",
            "~otp:*",
            "resetchannels",
            "-@all",
            "+get",
            "+set",
            "+del",
            "+eval",
            "+evalsha",
            "+wait",
            "+info",
            "+hello",
            "+ping",
        ])
        .expect("an administrator's connection");
    server.command(&["ACL", "SETUSER", "default", "off"]).expect("an administrator's connection");
    let config = patient(RedisConfig::standalone(server.url()));
    let with = |password: &str| config.clone().with_credentials("otp", password.to_owned().into());
    let store = Arc::new(connect(with("a-long-password")).await);
    conformance::run(|| async { Arc::clone(&store) }).await;

    let refused = RedisStore::connect(with("not-the-password")).await.expect_err("wrong password");
    assert_eq!(refused.kind(), StoreErrorKind::Misconfigured);
    assert!(!refused.is_retryable(), "only an operator can help");
    assert!(!format!("{refused:?}").contains("not-the-password"), "{refused:?}");
    let refused = RedisStore::connect(config).await.expect_err("no password");
    assert_eq!(refused.kind(), StoreErrorKind::Misconfigured);
}

#[tokio::test]
async fn a_server_that_may_evict_is_refused() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let server = Server::start(&["--maxmemory", "50mb", "--maxmemory-policy", policy]);
        let config = patient(RedisConfig::standalone(server.url()));
        let refused = RedisStore::connect(config.clone()).await.expect_err("it may evict");
        assert!(refused.to_string().contains("noeviction"), "{refused}");
        assert_eq!(refused.kind(), StoreErrorKind::Misconfigured);
        connect(config.dangerous_allow_eviction()).await;
    }
}

#[tokio::test]
async fn installations_with_different_prefixes_are_apart() {
    let server = Server::start(&[]);
    let config = RedisConfig::standalone(server.url());
    let one = connect(config.clone().with_key_prefix("one")).await;
    let other = connect(config.with_key_prefix("other")).await;
    let subject = SubjectKey::derive("", "alice");
    let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let new = otp_core::NewChallenge {
        id: otp_core::ChallengeId::from_bytes([1; 16]),
        purpose: otp_core::Purpose::LOGIN,
        kid: otp_core::KeyId::new(1),
        nonce: otp_core::Nonce::from_bytes([2; 16]),
        expires_at: now + Duration::from_secs(300),
    };
    let policy = Policy::default();
    let challenge = one.open(subject, new, &policy, now).await.expect("works").expect("granted");
    assert!(one.load(subject, challenge.id(), now).await.expect("works").is_some());
    assert!(other.load(subject, challenge.id(), now).await.expect("works").is_none());
    // The documented key, with the documented bytes.
    let key = format!("one:{{{subject}}}:s");
    let ttl = server.command(&["PTTL", &key]).expect("a plain command");
    assert!(
        matches!(ttl, redis::Value::Int(ms) if (3_800_000..=3_900_000).contains(&ms)),
        "five minutes and an hour: {ttl:?}"
    );
    let one_failure = one.begin_attempt(subject, challenge.id(), &policy, now).await;
    assert!(one_failure.expect("works").is_ok());
    let ttl = server.command(&["PTTL", &key]).expect("a plain command");
    assert_eq!(ttl, redis::Value::Int(-1), "a failure is remembered without an end");
}

#[tokio::test]
async fn a_way_that_leads_nowhere_is_the_operators_business() {
    let nobody = Vec::<String>::new();
    for config in [
        RedisConfig::standalone("http://127.0.0.1:1"),
        RedisConfig::sentinel(nobody.clone(), "otp"),
        RedisConfig::sentinel(["not an address"], "otp"),
        RedisConfig::cluster(nobody),
        RedisConfig::cluster(["not an address"]),
    ] {
        let refused = RedisStore::connect(config.clone()).await.expect_err("no address");
        assert_eq!(refused.kind(), StoreErrorKind::Misconfigured, "{config:?}: {refused:?}");
        assert!(!refused.is_retryable());
    }
}
