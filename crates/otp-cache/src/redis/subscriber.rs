//! Where to subscribe: at the primary, or at any node of a cluster.

use std::sync::Arc;

use redis::{
    ErrorKind, IntoConnectionInfo, RedisError, RedisResult,
    aio::{AsyncPushSender, MultiplexedConnection},
};

use super::{
    config::{RedisConfig, Topology},
    direct::{Direct, client_of},
};

/// Makes connections for subscriptions.
pub(super) struct Subscriber(Vec<Direct>);

impl Subscriber {
    /// `receiver` takes what the server pushes. It must not block.
    pub(super) fn new(config: &RedisConfig, receiver: impl AsyncPushSender) -> RedisResult<Self> {
        let receiver: Arc<dyn AsyncPushSender> = Arc::new(receiver);
        let server = |url: &String| {
            Ok(Direct::standalone(client_of(config, url.as_str().into_connection_info()?)?, config))
        };
        let servers = match &config.topology {
            Topology::Standalone(url) => vec![server(url)?],
            Topology::Sentinel { sentinels, service } => {
                vec![Direct::behind_sentinels(config, sentinels, service)?]
            }
            // Every node of a cluster hears what is published at any other.
            Topology::Cluster(nodes) => nodes.iter().map(server).collect::<RedisResult<_>>()?,
        };
        let receiving = |direct: Direct| direct.with_push_sender(Arc::clone(&receiver));
        Ok(Self(servers.into_iter().map(receiving).collect()))
    }

    /// Makes a new connection to the first server that accepts one.
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let mut last = RedisError::from((ErrorKind::InvalidClientConfig, "no node is named"));
        for direct in &self.0 {
            match direct.connect_in_time().await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
