//! The settings that both clients share.

use std::time::Duration;

use crate::retry::RetryPolicy;

/// Timeouts, size limits and retries, for both clients. How to connect is set at the transport, such as
/// `ReqwestTransport`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    pub(crate) total_timeout: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_download_bytes: usize,
    pub(crate) transfer_timeout: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) user_agent: String,
    pub(crate) allow_http: bool,
    pub(crate) storage_hosts: Option<Vec<String>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            total_timeout: Duration::from_secs(10),
            max_body_bytes: 64 * 1024,
            max_download_bytes: 64 * 1024 * 1024,
            transfer_timeout: Duration::from_secs(60),
            retry: RetryPolicy::default(),
            user_agent: concat!("karaden-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            allow_http: false,
            storage_hosts: None,
        }
    }
}

impl Options {
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

    /// Sets the hosts to which files of bulk sends may be uploaded and from which results may be downloaded: names
    /// and addresses as in a URL, without a port. They may have any address. The host of the API is always among
    /// them.
    ///
    /// Default: any host with a public address. Karaden names the host in its responses.
    #[must_use]
    pub fn with_storage_hosts(mut self, hosts: impl IntoIterator<Item: Into<String>>) -> Self {
        let hosts = hosts.into_iter().map(|host| host.into().to_ascii_lowercase());
        self.storage_hosts = Some(hosts.collect());
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
}
