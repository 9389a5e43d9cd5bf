//! The settings that both clients share.

use std::{sync::Arc, time::Duration};

use crate::{
    random::{Randomness, SystemRandomness},
    retry::RetryPolicy,
};

/// Timeouts, size limits, retries, proxy and TLS settings, shared by both clients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    pub(crate) connect_timeout: Duration,
    pub(crate) total_timeout: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_download_bytes: usize,
    pub(crate) transfer_timeout: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) user_agent: String,
    pub(crate) proxy: Option<ProxySettings>,
    pub(crate) root_certificates: Vec<Vec<u8>>,
    pub(crate) only_given_roots: bool,
    pub(crate) pool_idle_timeout: Duration,
    pub(crate) allow_http: bool,
    pub(crate) randomness: Arc<dyn Randomness>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            total_timeout: Duration::from_secs(10),
            max_body_bytes: 64 * 1024,
            max_download_bytes: 64 * 1024 * 1024,
            transfer_timeout: Duration::from_secs(60),
            retry: RetryPolicy::default(),
            user_agent: concat!("karaden-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: None,
            root_certificates: Vec::new(),
            only_given_roots: false,
            pool_idle_timeout: Duration::from_secs(20),
            allow_http: false,
            randomness: Arc::new(SystemRandomness),
        }
    }
}

impl Options {
    /// Returns the connect timeout, kept below the total timeout: a connection that is not made
    /// fails as such, and not as an attempt that ran out of time.
    #[cfg(feature = "reqwest")]
    pub(crate) fn connect_limit(&self) -> Duration {
        self.connect_timeout.min(self.total_timeout / 10 * 9)
    }

    /// Sets the longest time to connect, TLS included. Default 3 s.
    ///
    /// At most nine tenths of the [total timeout](Self::with_total_timeout) are used.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the longest time for one attempt: connecting, the request and the whole response.
    /// Default 10 s.
    #[must_use]
    pub fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Sets the longest response body that is read, in bytes. Default 64 KiB.
    ///
    /// The limit for pages of the message list is eight times this one.
    #[must_use]
    pub fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Sets the longest result file of a bulk send that is read, in bytes. Default 64 MiB.
    #[must_use]
    pub fn with_max_download_bytes(mut self, bytes: usize) -> Self {
        self.max_download_bytes = bytes;
        self
    }

    /// Sets the longest time to upload or download the file of a bulk send, all attempts together.
    /// Default 60 s.
    #[must_use]
    pub fn with_transfer_timeout(mut self, timeout: Duration) -> Self {
        self.transfer_timeout = timeout;
        self
    }

    /// Sets when a call is retried. See [`RetryPolicy`].
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Adds your product to the `User-Agent`, as in `karaden-client/0.1.0 (+shop/2.3)`.
    ///
    /// Characters that are not valid in a header are dropped.
    #[must_use]
    pub fn with_user_agent_suffix(mut self, product: &str) -> Self {
        let clean: String =
            product.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '(' | ')')).collect();
        self.user_agent = format!("{} (+{clean})", Self::default().user_agent);
        self
    }

    /// Sends everything through this proxy, `http://host:port` or `https://host:port`.
    ///
    /// Default: no proxy. Environment variables are ignored. A user and password in the URL are used
    /// for basic authentication and never shown. Needs the feature `reqwest`.
    #[must_use]
    pub fn with_proxy(mut self, url: &str) -> Self {
        self.proxy = Some(ProxySettings(url.to_owned()));
        self
    }

    /// Trusts these root certificates in addition to the system's: PEM, one or more per text.
    #[must_use]
    pub fn with_root_certificates_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Trusts the given root certificates only, and not the system's.
    #[must_use]
    pub fn with_only_given_roots(mut self) -> Self {
        self.only_given_roots = true;
        self
    }

    /// Sets how long an idle connection is kept for reuse. Default 20 s; zero keeps none.
    ///
    /// Keep it below the server's limit: if the server closes a connection in the moment in which a
    /// request is written to it, the outcome is unknown.
    #[must_use]
    pub fn with_pool_idle_timeout(mut self, timeout: Duration) -> Self {
        self.pool_idle_timeout = timeout;
        self
    }

    /// Allows base URLs with `http:` on any host. On loopback they are always allowed.
    ///
    /// Dangerous: tokens, numbers and texts cross the network unencrypted.
    #[must_use]
    pub fn dangerous_allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Sets the source of randomness for waits. Default: the operating system's.
    #[must_use]
    pub fn with_randomness(mut self, randomness: impl Randomness) -> Self {
        self.randomness = Arc::new(randomness);
        self
    }
}

/// A proxy URL, whose user and password are not shown.
#[derive(Clone)]
pub(crate) struct ProxySettings(pub(crate) String);

impl std::fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A user and password stand before an `@`.
        f.write_str(if self.0.contains('@') { "<proxy with credentials>" } else { "<proxy>" })
    }
}
