//! How the transport over reqwest connects.

use std::{fmt, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};

use super::resolver::PublicOnly;
use crate::error::Error;

/// The most headers of a response. hyper's own limit bounds the bytes of the head: about 400 KiB.
const MAX_HEADERS: usize = 100;
/// The default time to connect.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Builds a `ReqwestTransport`: timeouts of connections, proxy, certificates, HTTP versions.
///
/// ```
/// use std::time::Duration;
/// use karaden_client::transport::ReqwestTransport;
///
/// let transport = ReqwestTransport::builder()
///     .with_proxy("http://proxy.example:3128")
///     .with_connect_timeout(Duration::from_secs(2))
///     .build()?;
/// # drop(transport);
/// # Ok::<(), karaden_client::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct ReqwestTransportBuilder {
    connect_timeout: Duration,
    pool_idle_timeout: Duration,
    max_idle_connections: usize,
    proxy: Option<SecretString>,
    root_certificates: Vec<Vec<u8>>,
    only_given_roots: bool,
    #[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
    client_certificate: Option<SecretString>,
    http2: bool,
}

impl Default for ReqwestTransportBuilder {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            pool_idle_timeout: Duration::from_secs(20),
            max_idle_connections: 128,
            proxy: None,
            root_certificates: Vec::new(),
            only_given_roots: false,
            #[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
            client_certificate: None,
            http2: false,
        }
    }
}

impl ReqwestTransportBuilder {
    /// Sets the longest time to connect, TLS included. Default 3 s.
    ///
    /// The deadline of the attempt ends it earlier. Then the request is *not sent* too.
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long an idle connection is kept for reuse. Default 20 s; zero keeps none.
    ///
    /// Keep it below the server's limit: if the server closes a connection in the moment in which a
    /// request is written to it, the outcome is unknown.
    pub fn with_pool_idle_timeout(mut self, timeout: Duration) -> Self {
        self.pool_idle_timeout = timeout;
        self
    }

    /// Sets how many idle connections are kept for one host. Default 128.
    ///
    /// It does not limit the connections in use. [`Limited`](super::Limited) does.
    pub fn with_max_idle_connections(mut self, connections: usize) -> Self {
        self.max_idle_connections = connections;
        self
    }

    /// Sends everything through this proxy, `http://host:port` or `https://host:port`.
    ///
    /// The proxy resolves names. That a host which a response chose has a public address is then not checked.
    ///
    /// Default: no proxy. Environment variables are ignored. A user and password in the URL are used
    /// for basic authentication and never shown.
    pub fn with_proxy(mut self, url: impl Into<SecretString>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Trusts these root certificates in addition to the system's: PEM, one or more per text. Can be
    /// repeated.
    pub fn with_root_certificates_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Trusts the given root certificates only, and not the system's.
    pub fn with_only_given_roots(mut self) -> Self {
        self.only_given_roots = true;
        self
    }

    /// Shows this certificate to servers that ask for one: PEM of the private key and the certificate
    /// chain. Default: none.
    #[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "rustls", feature = "rustls-no-provider"))))]
    pub fn with_client_certificate_pem(mut self, pem: impl Into<SecretString>) -> Self {
        self.client_certificate = Some(pem.into());
        self
    }

    /// Speaks HTTP/2 with servers that offer it over TLS. Default: HTTP/1.1 only.
    ///
    /// Over HTTP/2 many requests share a connection. If it breaks, the outcome of all of them is
    /// *unknown*. Over HTTP/1.1 it is at most one.
    #[cfg(feature = "http2")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http2")))]
    pub fn with_http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Builds the client for hosts that responses choose.
    pub(super) fn to_public_only(&self) -> Result<reqwest::Client, Error> {
        match &self.proxy {
            Some(_) => self.to_reqwest(),
            None => build(self.set_up()?.dns_resolver(PublicOnly)),
        }
    }

    pub(super) fn to_reqwest(&self) -> Result<reqwest::Client, Error> {
        build(self.set_up()?)
    }

    fn set_up(&self) -> Result<reqwest::ClientBuilder, Error> {
        has_crypto_provider()?;
        // Zero would keep an idle connection until the next sweep.
        let keeps_none = self.pool_idle_timeout.is_zero();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_max_headers(MAX_HEADERS)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(self.pool_idle_timeout)
            .pool_max_idle_per_host(if keeps_none { 0 } else { self.max_idle_connections })
            .tcp_nodelay(true)
            .no_proxy();
        if !self.http2 {
            builder = builder.http1_only();
        }
        if let Some(proxy) = &self.proxy {
            let proxy = reqwest::Proxy::all(proxy.expose_secret())
                .map_err(|_hidden| Error::config("the proxy URL cannot be used"))?;
            builder = builder.proxy(proxy);
        }
        builder = self.identify(builder)?;
        self.trust(builder)
    }

    #[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
    fn identify(&self, builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
        let Some(pem) = &self.client_certificate else { return Ok(builder) };
        let identity = reqwest::Identity::from_pem(pem.expose_secret().as_bytes())
            .map_err(|_hidden| Error::config("the client certificate cannot be read"))?;
        Ok(builder.identity(identity))
    }

    #[cfg(not(any(feature = "rustls", feature = "rustls-no-provider")))]
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "without rustls there is none"
    )]
    fn identify(&self, builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
        Ok(builder)
    }

    #[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
    fn trust(&self, mut builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
        let mut roots = Vec::new();
        for pem in &self.root_certificates {
            let bundle = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|_hidden| Error::config("a root certificate cannot be read"))?;
            if bundle.is_empty() {
                return Err(Error::config("a root certificate text holds no certificate"));
            }
            roots.extend(bundle);
        }
        builder = builder.tls_version_min(reqwest::tls::Version::TLS_1_2);
        Ok(match (self.only_given_roots, roots.is_empty()) {
            (true, _) => builder.tls_certs_only(roots),
            (false, false) => builder.tls_certs_merge(roots),
            (false, true) => builder,
        })
    }

    #[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
    fn trust(&self, builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
        if self.only_given_roots || !self.root_certificates.is_empty() {
            return Err(Error::config("certificates need one of the TLS features"));
        }
        Ok(builder)
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    builder.build().map_err(|error| {
        Error::config("the HTTP client cannot be built").with_source(error.without_url())
    })
}

impl fmt::Debug for ReqwestTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransportBuilder")
            .field("connect_timeout", &self.connect_timeout)
            .field("has_proxy", &self.proxy.is_some())
            .field("http2", &self.http2)
            .finish_non_exhaustive()
    }
}

/// Fails if reqwest would panic for want of a crypto provider.
#[cfg(all(feature = "rustls-no-provider", not(any(feature = "rustls", feature = "native-tls"))))]
fn has_crypto_provider() -> Result<(), Error> {
    match rustls::crypto::CryptoProvider::get_default() {
        Some(_) => Ok(()),
        None => Err(Error::config("no rustls crypto provider is installed")),
    }
}

#[cfg(not(all(
    feature = "rustls-no-provider",
    not(any(feature = "rustls", feature = "native-tls"))
)))]
#[expect(clippy::unnecessary_wraps, reason = "the features may leave the provider to the program")]
fn has_crypto_provider() -> Result<(), Error> {
    Ok(())
}
