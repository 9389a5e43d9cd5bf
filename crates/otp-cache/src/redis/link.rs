//! The way to the servers: one pipelined connection that is made anew when it breaks.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::select_ok;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError, RedisResult, Value,
    aio::MultiplexedConnection,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::time::Instant;

use super::{
    cluster::{self, ClusterLink},
    config::{RedisConfig, Topology},
};

/// After a failed connect, callers are refused at once for this long instead of all trying.
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

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
                let source = Source::Sentinels(self::sentinels(config, sentinels, service)?);
                Ok(Self::Direct(Box::new(Direct::new(source, config))))
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

enum Source {
    Standalone(Box<Client>),
    /// One client each: together, one that is silent would keep those waiting that come after it.
    Sentinels(Vec<tokio::sync::Mutex<SentinelClient>>),
}

/// A connection to one primary.
pub(super) struct Direct {
    source: Source,
    settings: AsyncConnectionConfig,
    connect_timeout: Duration,
    state: Mutex<State>,
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts connections, so that only the broken one is thrown away.
    generation: u64,
    last_failure: Option<(Instant, RedisError)>,
}

impl Direct {
    fn new(source: Source, config: &RedisConfig) -> Self {
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.timeout));
        Self {
            source,
            settings,
            connect_timeout: config.connect_timeout,
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn standalone(client: Client, config: &RedisConfig) -> Self {
        Self::new(Source::Standalone(Box::new(client)), config)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let (mut connection, generation) = self.connection().await?;
        let answer = connection.send_packed_command(command).await;
        self.note(generation, answer)
    }

    pub(super) async fn send_all(
        &self,
        commands: &Pipeline,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let (mut connection, generation) = self.connection().await?;
        let answer = connection.send_packed_commands(commands, 0, count).await;
        self.note(generation, answer)
    }

    /// Throws the connection away if this answer says that it is of no more use.
    fn note<T>(&self, generation: u64, answer: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &answer
            && is_fatal(error)
        {
            self.discard(generation);
        }
        answer
    }

    fn discard(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.connection = None;
        }
    }

    fn current(&self) -> Option<RedisResult<(MultiplexedConnection, u64)>> {
        let state = self.lock();
        if let Some(connection) = &state.connection {
            return Some(Ok((connection.clone(), state.generation)));
        }
        match &state.last_failure {
            Some((at, error)) if at.elapsed() < CONNECT_PAUSE => Some(Err(error.clone())),
            _ => None,
        }
    }

    async fn connection(&self) -> RedisResult<(MultiplexedConnection, u64)> {
        if let Some(current) = self.current() {
            return current;
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(current) = self.current() {
            return current;
        }
        let made = match tokio::time::timeout(self.connect_timeout, self.connect()).await {
            Ok(made) => made,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        };
        let mut state = self.lock();
        match made {
            Ok(connection) => {
                state.generation += 1;
                state.connection = Some(connection.clone());
                state.last_failure = None;
                Ok((connection, state.generation))
            }
            Err(error) => {
                state.last_failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        match &self.source {
            Source::Standalone(client) => {
                client.get_multiplexed_async_connection_with_config(&self.settings).await
            }
            Source::Sentinels(clients) => {
                let asked = clients.iter().map(|client| {
                    Box::pin(async {
                        client.lock().await.get_async_connection_with_config(&self.settings).await
                    })
                });
                Ok(select_ok(asked).await?.0)
            }
        }
    }
}

/// Whether a connection is of no use after this error: broken, silent, or to a server that lost its
/// role. A silent one may be cut off without a word, and only a new one can tell.
fn is_fatal(error: &RedisError) -> bool {
    use redis::ServerErrorKind;
    error.is_unrecoverable_error()
        || error.is_timeout()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}

/// A client of the one server that `info` names, with the name, password and certificates of `config`.
pub(super) fn client_of(config: &RedisConfig, info: ConnectionInfo) -> RedisResult<Client> {
    let mut settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &config.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = config.password() {
        settings = settings.set_password(password);
    }
    let info = info.set_redis_settings(settings);
    #[cfg(feature = "redis-rustls")]
    if let Some(certificates) = certificates(config) {
        return Client::build_with_tls(info, certificates);
    }
    Client::open(info)
}

fn sentinels(
    config: &RedisConfig,
    urls: &[String],
    service: &str,
) -> RedisResult<Vec<tokio::sync::Mutex<SentinelClient>>> {
    if urls.is_empty() {
        return Err((ErrorKind::EmptySentinelList, "no Sentinel is named").into());
    }
    let each = |url: &String| Ok(tokio::sync::Mutex::new(sentinel(config, url, service)?));
    urls.iter().map(each).collect()
}

fn sentinel(config: &RedisConfig, url: &str, service: &str) -> RedisResult<SentinelClient> {
    let address = url.into_connection_info()?.addr().clone();
    let with_tls = matches!(address, ConnectionAddr::TcpTls { .. });
    let mut builder = SentinelClientBuilder::new([address], service, SentinelServerType::Master)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &config.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = config.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(username) = &config.sentinel_username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = config.sentinel_password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if with_tls {
        builder = builder
            .set_client_to_redis_tls_mode(redis::TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(redis::TlsMode::Secure);
        #[cfg(feature = "redis-rustls")]
        if let (Some(for_redis), Some(for_sentinel)) = (certificates(config), certificates(config))
        {
            builder = builder
                .set_client_to_redis_certificates(for_redis)
                .set_client_to_sentinel_certificates(for_sentinel);
        }
    }
    builder.build()
}

#[cfg(feature = "redis-rustls")]
pub(super) fn certificates(config: &RedisConfig) -> Option<redis::TlsCertificates> {
    use secrecy::ExposeSecret;

    if config.root_certificate.is_none() && config.client_certificate.is_none() {
        return None;
    }
    let client_tls = config.client_certificate.as_ref().map(|(cert, key)| redis::ClientTlsConfig {
        client_cert: cert.clone(),
        client_key: key.expose_secret().as_bytes().to_vec(),
    });
    Some(redis::TlsCertificates { client_tls, root_cert: config.root_certificate.clone() })
}
