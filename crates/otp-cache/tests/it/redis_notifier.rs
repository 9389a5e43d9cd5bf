//! Notifications between nodes over Redis, in each of its shapes, and what a broken connection wakes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use otp_cache::{
    Notifier, StoreErrorKind,
    conformance::{self, Kit, Outage, notifier},
    redis::{RedisConfig, RedisNotifier},
};
use otp_core::SubjectKey;

use crate::{
    redis_clauses::Paused,
    redis_store::patient,
    support::redis::{Cluster, Server, Watched},
};

async fn connect(config: RedisConfig) -> RedisNotifier {
    RedisNotifier::connect(patient(config)).await.expect("the server has just been started")
}

async fn pair(config: RedisConfig) -> [Arc<RedisNotifier>; 2] {
    [connect(config.clone()).await.into(), connect(config).await.into()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_with_one_server_conform() {
    let server = Server::start(&[]);
    let nodes = pair(RedisConfig::standalone(server.url())).await;
    conformance::run_notifier(|| async { nodes.to_vec() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_with_a_cluster_conform() {
    let cluster = Cluster::start();
    let nodes = pair(RedisConfig::cluster(cluster.urls())).await;
    conformance::run_notifier(|| async { nodes.to_vec() }).await;
    // Nodes that subscribed at different servers.
    let mut urls = cluster.urls();
    urls.reverse();
    let other = Arc::new(connect(RedisConfig::cluster(urls)).await);
    let nodes = [nodes[0].clone(), other];
    conformance::run_notifier(|| async { nodes.to_vec() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_under_sentinel_conform() {
    let watched = Watched::start();
    let sentinels: Vec<_> = watched.sentinels.iter().map(Server::url).collect();
    let nodes = pair(RedisConfig::sentinel(sentinels, "otp")).await;
    conformance::run_notifier(|| async { nodes.to_vec() }).await;
}

/// A server that is killed and started again.
struct Killed(Mutex<Server>);

impl Killed {
    fn with(&self, change: impl FnOnce(&mut Server)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl Outage for Killed {
    async fn begin(&self) {
        self.with(Server::kill);
    }

    async fn end(&self) {
        self.with(Server::restart);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restarted_server_wakes_every_subscription() {
    let server = Server::start(&[]);
    let nodes = pair(RedisConfig::standalone(server.url())).await;
    let outage = Killed(Mutex::new(server));
    notifier::clause_6_a_lost_connection_wakes(&Kit::over(nodes), &outage).await;
}

/// The connection stays and nothing replies, for longer than a ping and its timeout take together.
struct Silent(Paused);

#[async_trait]
impl Outage for Silent {
    async fn begin(&self) {
        self.0.begin().await;
    }

    async fn end(&self) {
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.0.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_silent_server_wakes_every_subscription() {
    let server = Server::start(&[]);
    let config = RedisConfig::standalone(server.url()).with_timeout(Duration::from_millis(500));
    let node = RedisNotifier::connect(config).await.expect("the server has just been started");
    let outage = Silent(Paused(vec![server]));
    notifier::clause_6_a_lost_connection_wakes(&Kit::new(node), &outage).await;
}

/// Something else on the channel wakes nothing and ends nothing.
#[tokio::test]
async fn a_foreign_message_on_the_channel_is_ignored() {
    let server = Server::start(&[]);
    let config = || RedisConfig::standalone(server.url()).with_key_prefix("shop");
    let [node, other] = pair(config()).await;
    let alice = SubjectKey::derive("", "alice");
    let mut news = other.subscribe(alice).expect("room");
    for payload in ["", "hello", "0123456789abcdef0"] {
        server.command(&["PUBLISH", "shop:changes", payload]).expect("a plain command");
    }
    node.notify(alice).await.expect("works");
    news.changed().await;
}

#[tokio::test]
async fn a_notifier_without_a_server_is_unavailable() {
    let config = RedisConfig::standalone("redis://127.0.0.1:1");
    let error = RedisNotifier::connect(config).await.expect_err("no server");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}
