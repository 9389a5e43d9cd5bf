//! The connection of a store to its servers.

use redis::{Cmd, IntoConnectionInfo, Pipeline, RedisError, RedisResult, Value};

use super::{
    cluster::{self, ClusterLink},
    config::{RedisConfig, Topology},
    direct::{Direct, client_of},
};

/// The connection: one server (or the primary behind Sentinel), or a cluster.
pub(super) enum Link {
    Direct(Box<Direct>),
    Cluster(Box<ClusterLink>),
}

impl Link {
    pub(super) fn new(config: &RedisConfig) -> RedisResult<Self> {
        match &config.topology {
            Topology::Standalone(url) => {
                let client = client_of(config, url.as_str().into_connection_info()?)?;
                Ok(Self::Direct(Box::new(Direct::standalone(client, config))))
            }
            Topology::Sentinel { sentinels, service } => {
                let direct = Direct::behind_sentinels(config, sentinels, service)?;
                Ok(Self::Direct(Box::new(direct)))
            }
            Topology::Cluster(nodes) => {
                Ok(Self::Cluster(Box::new(ClusterLink::new(config, nodes)?)))
            }
        }
    }

    /// Makes the first connection. After that, the timeouts bound every call.
    pub(super) async fn reach(&self) -> RedisResult<()> {
        match self {
            Self::Direct(direct) => direct.connection().await.map(drop),
            Self::Cluster(cluster) => cluster.get().await.map(drop),
        }
    }

    /// Sends one command about `key`.
    pub(super) async fn send(&self, command: &Cmd, key: &[u8]) -> RedisResult<Value> {
        match self {
            Self::Direct(direct) => direct.send(command).await,
            Self::Cluster(cluster) => {
                let mut commands = Pipeline::with_capacity(1);
                commands.add_command(command.clone());
                let replies = cluster.send_all(&commands, key).await?;
                Ok(replies.into_iter().next().unwrap_or(Value::Nil))
            }
        }
    }

    /// Sends commands about `key` as one pipeline over one connection.
    pub(super) async fn send_all(&self, commands: Pipeline, key: &[u8]) -> RedisResult<Vec<Value>> {
        match self {
            Self::Direct(direct) => direct.send_all(&commands, commands.len()).await,
            Self::Cluster(cluster) => cluster.send_all(&commands, key).await,
        }
    }

    /// Whether this error proves that the script did not run.
    pub(super) fn was_not_executed(&self, error: &RedisError) -> bool {
        use redis::{
            ErrorKind::Server,
            ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, NoScript, ReadOnly, TryAgain},
        };
        match self {
            _ if error.kind() == Server(NoScript) => true,
            Self::Direct(_) => matches!(
                error.kind(),
                Server(BusyLoading | ClusterDown | MasterDown | ReadOnly | TryAgain)
            ),
            Self::Cluster(_) => cluster::was_not_executed(error),
        }
    }

    /// Sends one command to every primary.
    pub(super) async fn send_to_primaries(&self, command: &Cmd) -> RedisResult<Vec<Value>> {
        match self {
            Self::Direct(direct) => Ok(vec![direct.send(command).await?]),
            Self::Cluster(cluster) => cluster.send_to_primaries(command).await,
        }
    }
}
