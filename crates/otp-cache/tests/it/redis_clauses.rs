//! The clauses that need a hand from the server, in each of its shapes: opened anew, and out.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use otp_cache::{
    conformance::{self, Outage},
    redis::RedisConfig,
};

use crate::{
    redis_store::{brisk, connect},
    support::redis::{Cluster, Server, Watched, wait_until},
};

#[tokio::test]
async fn what_a_cluster_stores_outlives_the_handle() {
    let cluster = Cluster::start();
    let open = || connect(RedisConfig::cluster(cluster.urls()));
    conformance::survives_reopening(open).await;
}

#[tokio::test]
async fn what_is_stored_under_sentinel_outlives_the_handle() {
    let watched = Watched::start();
    let sentinels: Vec<_> = watched.sentinels.iter().map(Server::url).collect();
    let open = || connect(RedisConfig::sentinel(sentinels.clone(), "otp"));
    conformance::survives_reopening(open).await;
}

/// Servers that stop in their tracks: connections stay, nothing answers.
pub(crate) struct Paused(pub(crate) Vec<Server>);

#[async_trait]
impl Outage for Paused {
    async fn begin(&self) {
        self.0.iter().for_each(Server::pause);
    }

    async fn end(&self) {
        self.0.iter().for_each(Server::resume);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_paused_server_fails_closed() {
    let server = Server::start(&[]);
    let config = RedisConfig::standalone(server.url()).with_timeout(Duration::from_millis(500));
    let store = Arc::new(brisk(config).await);
    conformance::failed_means_refused(store, &Paused(vec![server])).await;
}

/// The longest that a call of this configuration takes, as it states, and two seconds for a busy machine.
const LIMIT: Duration = Duration::from_secs(6);

fn of_a_second(config: RedisConfig) -> RedisConfig {
    config.with_timeout(Duration::from_secs(1)).with_connect_timeout(Duration::from_secs(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_of_a_paused_server_end_in_time() {
    let server = Server::start(&[]);
    let store = brisk(of_a_second(RedisConfig::standalone(server.url()))).await;
    conformance::every_call_ends_in_time(store, &Paused(vec![server]), LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_of_a_paused_cluster_end_in_time() {
    let cluster = Cluster::start();
    let store = brisk(of_a_second(RedisConfig::cluster(cluster.urls()))).await;
    conformance::every_call_ends_in_time(store, &Paused(cluster.nodes), LIMIT).await;
}

/// A replica that is out while acknowledgements are asked for: the primary does what it is asked, and
/// every answer has to be an error all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_paused_replica_fails_closed() {
    let primary = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let follow = format!("127.0.0.1 {}", primary.port);
    let replica = Server::start(&["--replicaof", &follow]);
    wait_until("the replica follows", || replica.is_synced_replica());
    let config = RedisConfig::standalone(primary.url())
        .with_replica_acks(1)
        // The replica has half of it to acknowledge, on a busy machine too.
        .with_timeout(Duration::from_secs(3));
    let store = Arc::new(brisk(config).await);
    conformance::failed_means_refused(store, &Paused(vec![replica])).await;
}
