//! A connection to one primary: one server, or the one that the Sentinels name.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::select_ok;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError, RedisResult, Value,
    aio::{AsyncPushSender, MultiplexedConnection},
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::time::Instant;

use super::config::RedisConfig;

/// After a failed connect, callers are refused at once for this long instead of all trying.
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

enum Source {
    Standalone(Box<Client>),
    /// One client per Sentinel. With one client for all, a silent Sentinel would delay those after it.
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
    /// Counts connections, so that a late error of an old connection does not discard the new one.
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

    pub(super) fn behind_sentinels(
        config: &RedisConfig,
        urls: &[String],
        service: &str,
    ) -> RedisResult<Self> {
        Ok(Self::new(Source::Sentinels(sentinels(config, urls, service)?), config))
    }

    /// Sets what takes the messages that the server pushes.
    pub(super) fn with_push_sender(mut self, sender: Arc<dyn AsyncPushSender>) -> Self {
        self.settings = self.settings.set_push_sender(sender);
        self
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let (mut connection, generation) = self.connection().await?;
        let reply = connection.send_packed_command(command).await;
        self.note(generation, reply)
    }

    pub(super) async fn send_all(
        &self,
        commands: &Pipeline,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let (mut connection, generation) = self.connection().await?;
        let reply = connection.send_packed_commands(commands, 0, count).await;
        self.note(generation, reply)
    }

    /// Discards the connection if this reply shows that it is unusable.
    fn note<T>(&self, generation: u64, reply: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &reply
            && is_fatal(error)
        {
            self.discard(generation);
        }
        reply
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

    pub(super) async fn connection(&self) -> RedisResult<(MultiplexedConnection, u64)> {
        if let Some(current) = self.current() {
            return current;
        }
        let _one_at_a_time = self.connecting.lock().await;
        // Another caller may have connected while this one waited for the lock.
        if let Some(current) = self.current() {
            return current;
        }
        let made = self.connect_in_time().await;
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

    /// Makes a new connection within the configured time. It is not the one that the calls share.
    pub(super) async fn connect_in_time(&self) -> RedisResult<MultiplexedConnection> {
        match tokio::time::timeout(self.connect_timeout, self.connect()).await {
            Ok(made) => made,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
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

/// Whether a connection is unusable after this error: broken, silent, or to a server that is no longer a
/// primary. A silent connection may be cut; only a new one can find out.
fn is_fatal(error: &RedisError) -> bool {
    use redis::ServerErrorKind;
    error.is_unrecoverable_error()
        || error.is_timeout()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}

/// Returns a client of the server in `info`, with the name, password and certificates of `config`.
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
