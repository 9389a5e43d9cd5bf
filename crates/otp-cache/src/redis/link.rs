//! The way to the servers: one pipelined connection that is made anew when it breaks.

use redis::{Cmd, IntoConnectionInfo, Pipeline, RedisError, RedisResult, Value};

use super::{
    cluster::{self, ClusterLink},
    config::{RedisConfig, Topology},
    direct::{Direct, client_of},
};

/// How to the servers.
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

    /// Makes the first connection. From then on every call has an end that its timeouts set.
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
                let answers = cluster.send_all(&commands, key).await?;
                Ok(answers.into_iter().next().unwrap_or(Value::Nil))
            }
        }
    }

    /// Sends commands about `key` in one go over one connection.
    pub(super) async fn send_all(&self, commands: Pipeline, key: &[u8]) -> RedisResult<Vec<Value>> {
        match self {
            Self::Direct(direct) => direct.send_all(&commands, commands.len()).await,
            Self::Cluster(cluster) => cluster.send_all(&commands, key).await,
        }
    }

    /// Whether the server says by this error that the script did not run.
    pub(super) fn did_nothing(&self, error: &RedisError) -> bool {
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
            Self::Cluster(_) => cluster::did_not_run(error),
        }
    }

    /// Sends one command to every server that takes writes.
    pub(super) async fn send_to_primaries(&self, command: &Cmd) -> RedisResult<Vec<Value>> {
        match self {
            Self::Direct(direct) => Ok(vec![direct.send(command).await?]),
            Self::Cluster(cluster) => cluster.send_to_primaries(command).await,
        }
    }
}
