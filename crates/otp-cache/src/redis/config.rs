//! The settings of a connection to Redis or Valkey.

use std::{fmt, time::Duration};

use secrecy::{ExposeSecret, SecretString};

/// The shape of the installation.
#[derive(Clone, Debug)]
pub(super) enum Topology {
    Standalone(String),
    Sentinel { sentinels: Vec<String>, service: String },
    Cluster(Vec<String>),
}

/// How to reach Redis or Valkey. Build one with [`standalone`](Self::standalone),
/// [`sentinel`](Self::sentinel) or [`cluster`](Self::cluster), then refine it.
///
/// Addresses are URLs: `redis://host:port`, or `rediss://host:port` for TLS, with `/number` for a database
/// of a standalone server. TLS needs the feature `redis-rustls`, which uses aws-lc-rs. If the process also
/// has another `rustls` provider, it must install one as its default. Set name and password with
/// [`with_credentials`](Self::with_credentials), not in the address.
///
/// ```
/// use std::time::Duration;
/// use otp_cache::redis::RedisConfig;
///
/// let config = RedisConfig::cluster(["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"])
///     .with_credentials("otp", String::from("a long password").into())
///     .with_timeout(Duration::from_millis(500))
///     .with_key_prefix("shop");
/// assert!(!format!("{config:?}").contains("a long password"));
/// ```
#[derive(Clone)]
pub struct RedisConfig {
    pub(super) topology: Topology,
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) sentinel_username: Option<String>,
    pub(super) sentinel_password: Option<SecretString>,
    pub(super) root_certificate: Option<Vec<u8>>,
    pub(super) client_certificate: Option<(Vec<u8>, SecretString)>,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) replica_acks: u8,
    pub(super) key_prefix: String,
    pub(super) eviction_allowed: bool,
    pub(super) volatile_allowed: bool,
}

impl RedisConfig {
    fn new(topology: Topology, replica_acks: u8) -> Self {
        Self {
            topology,
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            root_certificate: None,
            client_certificate: None,
            timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            replica_acks,
            key_prefix: "otp".to_owned(),
            eviction_allowed: false,
            volatile_allowed: false,
        }
    }

    /// Creates the settings for one server at this address. It waits for no replica.
    pub fn standalone(url: impl Into<String>) -> Self {
        Self::new(Topology::Standalone(url.into()), 0)
    }

    /// Creates the settings for the primary that these Sentinels know as `service`.
    ///
    /// Waits for one replica by default, see [`with_replica_acks`](Self::with_replica_acks).
    pub fn sentinel<U: Into<String>>(
        sentinels: impl IntoIterator<Item = U>,
        service: impl Into<String>,
    ) -> Self {
        let sentinels = sentinels.into_iter().map(Into::into).collect();
        Self::new(Topology::Sentinel { sentinels, service: service.into() }, 1)
    }

    /// Creates the settings for a cluster. `nodes` are some of its nodes.
    ///
    /// Waits for one replica by default, see [`with_replica_acks`](Self::with_replica_acks).
    pub fn cluster<U: Into<String>>(nodes: impl IntoIterator<Item = U>) -> Self {
        Self::new(Topology::Cluster(nodes.into_iter().map(Into::into).collect()), 1)
    }

    /// Sets the user of the server's access list and its password. Default: none.
    #[must_use]
    pub fn with_credentials(mut self, username: &str, password: SecretString) -> Self {
        self.username = (!username.is_empty()).then(|| username.to_owned());
        self.password = Some(password);
        self
    }

    /// Sets user and password for the Sentinels. Default: none.
    #[must_use]
    pub fn with_sentinel_credentials(mut self, username: &str, password: SecretString) -> Self {
        self.sentinel_username = (!username.is_empty()).then(|| username.to_owned());
        self.sentinel_password = Some(password);
        self
    }

    /// Sets the certificate (PEM) that signed those of the servers. Default: the system's trusted ones.
    #[must_use]
    pub fn with_root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }

    /// Sets the client certificate and its key (PEM), for servers that require one. Default: none.
    #[must_use]
    pub fn with_client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: SecretString,
    ) -> Self {
        self.client_certificate = Some((certificate.into(), key));
        self
    }

    /// Sets the timeout of one reply. Default: 1 s. Minimum: 10 ms.
    ///
    /// A call takes at most twice this plus twice the [connect timeout](Self::with_connect_timeout). The
    /// second attempt is made only if the first server says that the call did not run. A charge of several keys
    /// that is refused or fails takes as long once more, to give back what it has taken.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(10));
        self
    }

    /// Sets the timeout for making one connection. Default: 1 s. Minimum: 10 ms.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.max(Duration::from_millis(10));
        self
    }

    /// Sets how many replicas must acknowledge a write before a call returns (`WAIT`). Default: 0 for a
    /// standalone server, 1 for Sentinel and Cluster.
    ///
    /// The [module's documentation](crate::redis) says what a failover can lose, and why each primary needs two
    /// replicas to continue without a pause. If fewer replicas acknowledge within half the
    /// [timeout](Self::with_timeout), the call fails as [`Unavailable`](crate::StoreErrorKind::Unavailable).
    /// Until then it delays the calls behind it.
    #[must_use]
    pub fn with_replica_acks(mut self, replicas: u8) -> Self {
        self.replica_acks = replicas;
        self
    }

    /// Sets the prefix of every key, so that installations can share a server. Default: `otp`.
    ///
    /// Characters other than ASCII letters, digits, `-`, `_` and `.` are dropped.
    #[must_use]
    pub fn with_key_prefix(mut self, prefix: &str) -> Self {
        let wanted = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
        self.key_prefix = prefix.chars().filter(wanted).collect();
        self
    }

    /// Connects even if the server may evict keys when its memory is full.
    ///
    /// An evicted key is a lost counter: someone who can fill the server's memory can then guess without limit.
    #[must_use]
    pub fn dangerous_allow_eviction(mut self) -> Self {
        self.eviction_allowed = true;
        self
    }

    /// Connects even if a server keeps no append-only file.
    ///
    /// At a restart such a server loses what it has counted since its last snapshot, or everything. Someone who
    /// can restart it can then guess without limit. Replicas do not help: if a primary restarts before a
    /// failover begins, they copy its empty memory.
    #[must_use]
    pub fn dangerous_allow_volatile(mut self) -> Self {
        self.volatile_allowed = true;
        self
    }

    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_ref().map(ExposeSecret::expose_secret)
    }

    pub(super) fn sentinel_password(&self) -> Option<&str> {
        self.sentinel_password.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl fmt::Debug for RedisConfig {
    /// Shows no address either, because it may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topology = match &self.topology {
            Topology::Standalone(_) => "standalone",
            Topology::Sentinel { .. } => "sentinel",
            Topology::Cluster(_) => "cluster",
        };
        f.debug_struct("RedisConfig")
            .field("topology", &topology)
            .field("username", &self.username)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("replica_acks", &self.replica_acks)
            .field("key_prefix", &self.key_prefix)
            .finish_non_exhaustive()
    }
}
