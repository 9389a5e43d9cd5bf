//! The connection to the application. Bodies are streamed in both directions; redirects are passed on.

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::CONTENT_LENGTH, uri::PathAndQuery,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::crypto::aws_lc_rs;
use url::Url;

use crate::{
    body::{Body, BoxError, empty},
    headers::{self, Origin},
    path::NormalPath,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why the proxy has no response from the application.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The request cannot be forwarded as HTTP/1.1.
    #[error("the request cannot be forwarded")]
    BadRequest,
    /// The body exceeds the limit.
    #[error("the body is too large")]
    TooLarge,
    /// The head of the response did not arrive in time.
    #[error("the application did not respond in time")]
    Timeout,
    /// The application changed to a protocol that the client did not ask for.
    #[error("the application changed the protocol without being asked")]
    UnrequestedUpgrade,
    /// The connection failed, or broke before the response.
    #[error("the application cannot be reached")]
    Unreachable(#[source] BoxError),
}

/// Why a URL cannot be used for an application.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUpstream {
    /// The system's certificates, which `https` needs, cannot be read.
    #[error("the system's certificates cannot be read")]
    Certificates(#[source] std::io::Error),
    /// The URL names no host.
    #[error("the application's URL has no host")]
    Host,
    /// The URL is not valid for HTTP.
    #[error("the application's URL cannot be used")]
    Url(#[source] BoxError),
}

/// An application behind the proxy, with its connection pool.
#[derive(Debug, Clone)]
pub struct Proxy {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    scheme: http::uri::Scheme,
    authority: http::uri::Authority,
    max_body_bytes: u64,
    timeout: Duration,
    own_cookies: &'static str,
}

impl Proxy {
    /// Makes a proxy to the origin of `url`.
    ///
    /// `max_body_bytes` limits the body of a request. `timeout` limits the time from the request to the
    /// head of the response. Cookies whose names start with `own_cookies` are the caller's: they do not
    /// reach the application, and it cannot set them.
    ///
    /// # Errors
    ///
    /// [`InvalidUpstream`] if `url` names no host, or if the certificates for `https` are missing.
    pub fn new(
        url: &Url,
        max_body_bytes: u64,
        timeout: Duration,
        own_cookies: &'static str,
    ) -> Result<Self, InvalidUpstream> {
        let uri: Uri =
            url.as_str().parse().map_err(|error| InvalidUpstream::Url(Box::new(error)))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(InvalidUpstream::Host);
        };
        let mut connector = HttpConnector::new();
        // The TLS connector handles `https`. Without this line `HttpConnector` accepts `http` only.
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let builder = HttpsConnectorBuilder::new();
        // Certificates are read only for `https`: a minimal system may have none.
        let builder = if scheme == http::uri::Scheme::HTTPS {
            builder
                .with_provider_and_native_roots(aws_lc_rs::default_provider())
                .map_err(InvalidUpstream::Certificates)?
        } else {
            builder.with_tls_config(no_roots())
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, scheme, authority, max_body_bytes, timeout, own_cookies })
    }

    /// Forwards `request` to `path` with the original query, and streams the response back.
    ///
    /// `own_headers` replace headers of the same name that the client sent.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] if there is no valid response head. Then nothing was sent to the client.
    pub async fn forward(
        &self,
        request: Request<Incoming>,
        path: &NormalPath,
        origin: &Origin<'_>,
        own_headers: &HeaderMap,
    ) -> Result<Response<Body>, ProxyError> {
        let (mut parts, body) = request.into_parts();
        if declared_length(&parts.headers).is_some_and(|length| length > self.max_body_bytes) {
            return Err(ProxyError::TooLarge);
        }
        let target = match parts.uri.query() {
            Some(query) => format!("{}?{query}", path.as_str()),
            None => path.as_str().to_owned(),
        };
        // Before the headers are rewritten: that removes `Upgrade` and `Connection`.
        let client_upgrade = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
        let is_upgrade = headers::is_websocket(&parts.headers) && parts.method == Method::GET;
        headers::rewrite_request_headers(&mut parts.headers, origin, own_headers, self.own_cookies);
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query =
            Some(PathAndQuery::try_from(target).map_err(|_| ProxyError::BadRequest)?);
        parts.uri = Uri::from_parts(uri).map_err(|_| ProxyError::BadRequest)?;
        parts.version = Version::HTTP_11;
        let limit = usize::try_from(self.max_body_bytes).unwrap_or(usize::MAX);
        let body = Limited::new(body, limit).boxed_unsync();
        let sent = self.client.request(Request::from_parts(parts, body));
        // Covers the request and the head of the response. The body of the response has no deadline, for
        // downloads and event streams.
        let mut response = tokio::time::timeout(self.timeout, sent)
            .await
            .map_err(|_| ProxyError::Timeout)?
            .map_err(ProxyError::from)?;
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switches {
            let agreed = is_upgrade && headers::is_websocket(response.headers());
            let (Some(client), true) = (client_upgrade, agreed) else {
                return Err(ProxyError::UnrequestedUpgrade);
            };
            tunnel(client, hyper::upgrade::on(&mut response));
        }
        headers::rewrite_response_headers(response.headers_mut(), switches, self.own_cookies);
        let (parts, body) = response.into_parts();
        let body = if switches { empty() } else { body.map_err(Into::into).boxed_unsync() };
        Ok(Response::from_parts(parts, body))
    }
}

impl From<hyper_util::client::legacy::Error> for ProxyError {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(this) = cause {
            if this.is::<LengthLimitError>() {
                return Self::TooLarge;
            }
            cause = this.source();
        }
        Self::Unreachable(Box::new(error))
    }
}

/// Returns a TLS configuration without root certificates, for an application without TLS.
fn no_roots() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH).map(HeaderValue::to_str)?.ok()?.parse().ok()
}

/// Copies bytes in both directions until either side closes. The task ends with its connections.
fn tunnel(client: hyper::upgrade::OnUpgrade, application: hyper::upgrade::OnUpgrade) {
    tokio::spawn(async move {
        let (Ok(client), Ok(application)) = tokio::join!(client, application) else { return };
        let (mut client, mut application) = (TokioIo::new(client), TokioIo::new(application));
        if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut application).await {
            tracing::debug!(event = "tunnel.failed", error = %error, "an upgraded connection ended with an error");
        }
    });
}
