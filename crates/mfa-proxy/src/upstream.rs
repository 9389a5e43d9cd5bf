//! The connection to the application. Bodies are streamed in both directions; redirects are passed on.

mod application_io;
mod download;
mod tunnel;
mod upload;

use std::{error::Error as _, io, time::Duration};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request,
    uri::PathAndQuery,
};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::crypto::aws_lc_rs;
use tokio::net::TcpStream;
use tower::{ServiceExt as _, util::MapResponse};
use url::Url;

pub use self::tunnel::{ClientUse, TunnelTerms};
use self::{
    application_io::ApplicationIo,
    download::Download,
    upload::{Upload, UploadError, UploadState},
};
use crate::{
    body::{Body, BoxError, empty},
    framing::{self, FramingError},
    headers::{self, HeaderFilter, Origin},
    path::NormalPath,
    server::RequestBody,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Below the five seconds after which Node.js closes an idle connection. Other servers wait longer.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Bounds the head of a response.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 256;

/// Why the proxy has no response from the application.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The request cannot be forwarded as HTTP/1.1.
    #[error("the request cannot be forwarded")]
    BadRequest,
    /// The client broke off its body, or sent a body that is no HTTP/1.1.
    #[error("the client's body is broken")]
    BrokenBody,
    /// The application's response has no certain end.
    #[error("the application's response is not valid")]
    InvalidResponse(#[source] FramingError),
    /// The client's body made no progress.
    #[error("the client's body did not arrive in time")]
    SlowBody,
    /// The body exceeds the limit.
    #[error("the body is too large")]
    TooLarge,
    /// The head of the response did not arrive in time.
    #[error("the application did not respond in time")]
    Timeout,
    /// A `GET` or `HEAD` request has a body, and the application's rules do not allow it.
    #[error("a GET or HEAD request has a body")]
    UnexpectedBody,
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

type Connector = MapResponse<
    HttpsConnector<HttpConnector>,
    fn(MaybeHttpsStream<TokioIo<TcpStream>>) -> TokioIo<ApplicationIo>,
>;

/// The limits of the exchange with an application.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a struct of settings; the crate is not published")]
pub struct UpstreamLimits {
    /// The largest body of a request, in bytes.
    pub max_body_bytes: u64,
    /// The longest time from the end of the request to the head of the response. While the client sends a body,
    /// it is the longest time that the application may take none of it.
    pub timeout: Duration,
    /// The longest silence in the body of a response.
    pub idle_timeout: Duration,
}

/// What is forwarded to an application, and how.
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "a struct of settings; the crate is not published")]
pub struct ForwardingRules {
    /// Which headers of a client are forwarded.
    pub filter: HeaderFilter,
    /// Whether `GET` and `HEAD` requests may have a body.
    pub get_bodies: bool,
    /// How the names of headers are spelled.
    pub header_case: HeaderCase,
}

/// How the names of headers are spelled, towards the application and towards the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "each is a value of one setting")]
pub enum HeaderCase {
    /// In lower case.
    #[default]
    Lower,
    /// As the sender spells them. The proxy's own names are spelled `X-Forwarded-For`. It needs
    /// [`ConnectionSettings::keeps_header_case`](crate::ConnectionSettings::keeps_header_case).
    Preserve,
}

/// An application behind the proxy, with its connection pool.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Keeps connections.
    pooled: Client<Connector, Body>,
    /// Makes a new connection for each request.
    fresh: Client<Connector, Body>,
    scheme: http::uri::Scheme,
    authority: http::uri::Authority,
    limits: UpstreamLimits,
    rules: ForwardingRules,
    own_cookies: &'static str,
}

impl Proxy {
    /// Makes a proxy to the origin of `url`.
    ///
    /// Cookies whose names start with `own_cookies` are the caller's: they do not reach the application, and it
    /// cannot set them.
    ///
    /// # Errors
    ///
    /// [`InvalidUpstream`] if `url` names no host, or if the certificates for `https` are missing.
    pub fn new(
        url: &Url,
        limits: UpstreamLimits,
        rules: ForwardingRules,
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
        let connector: Connector = connector.map_response(ApplicationIo::new as _);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .http1_max_headers(MAX_HEADERS)
            // What RFC 9112, sections 5.1 and 5.2, has a proxy repair. A line that is no header at all stays an
            // error: it may be one that frames the message.
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_preserve_header_case(rules.header_case == HeaderCase::Preserve)
            .http1_title_case_headers(rules.header_case == HeaderCase::Preserve)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new());
        let pooled = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        Ok(Self { pooled, fresh, scheme, authority, limits, rules, own_cookies })
    }

    /// Returns the same proxy, on the same connections, with another limit on the body of a request.
    #[must_use]
    pub fn with_max_body_bytes(&self, max_body_bytes: u64) -> Self {
        let limits = UpstreamLimits { max_body_bytes, ..self.limits };
        Self { limits, ..self.clone() }
    }

    /// Forwards `request` to `path` with the original query, and streams the response back.
    ///
    /// `own_headers` replace headers of the same name that the client sent. `tunnel` says how the connection may
    /// be used if both sides change to WebSocket; without it, the application is not asked to.
    ///
    /// The application may close a kept connection at the moment of the next request. `GET` and `HEAD` without a
    /// body are sent once more then, on a new connection. Every other request has a new connection of its own, so
    /// that this cannot happen to it: it must not be sent twice.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] if there is no valid response head. Then nothing was sent to the client.
    pub async fn forward(
        &self,
        request: Request<RequestBody>,
        path: &NormalPath,
        origin: &Origin<'_>,
        own_headers: &HeaderMap,
        tunnel: Option<TunnelTerms>,
    ) -> Result<Response<Body>, ProxyError> {
        if FramingError::of(&request).is_some() {
            return Err(ProxyError::BadRequest);
        }
        let (mut parts, body) = request.into_parts();
        let has_odd_body =
            matches!(parts.method, Method::GET | Method::HEAD) && !body.is_end_stream();
        if has_odd_body && !self.rules.get_bodies {
            return Err(ProxyError::UnexpectedBody);
        }
        if declared_length(&parts.headers).is_some_and(|length| length > self.limits.max_body_bytes)
        {
            return Err(ProxyError::TooLarge);
        }
        // Before the headers are rewritten: that removes `Upgrade` and `Connection`.
        let client_upgrade = parts.extensions.remove::<OnUpgrade>();
        let tunnel = tunnel.filter(|_| is_websocket_request(&parts.method, &parts.headers));
        if tunnel.is_none() {
            parts.headers.remove(http::header::UPGRADE);
        }
        if self.rules.header_case == HeaderCase::Lower
            || own_headers.keys().any(|name| parts.headers.contains_key(name))
        {
            // Also forgets a spelling under which the client could hide one of the caller's headers.
            parts.extensions.clear();
        }
        headers::rewrite_request_headers(
            &mut parts.headers,
            &self.rules.filter,
            origin,
            own_headers,
            self.own_cookies,
        );
        if has_odd_body && !parts.headers.contains_key(CONTENT_LENGTH) {
            // Without it hyper forwards a GET without its body.
            parts.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        parts.uri = self.target(&parts.uri, path)?;
        parts.version = Version::HTTP_11;
        let mut response = self.send(parts, body).await?;
        framing::check_response(response.headers_mut()).map_err(ProxyError::InvalidResponse)?;
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switches {
            let (Some(client), Some(tunnel), true) =
                (client_upgrade, tunnel, headers::is_websocket(response.headers()))
            else {
                return Err(ProxyError::UnrequestedUpgrade);
            };
            // The task ends with its connections.
            tokio::spawn(tunnel.run(client, hyper::upgrade::on(&mut response)));
        }
        headers::rewrite_response_headers(response.headers_mut(), switches, self.own_cookies);
        let idle_timeout = self.limits.idle_timeout;
        Ok(response.map(|body| {
            if switches { empty() } else { Download::new(body, idle_timeout).boxed_unsync() }
        }))
    }

    fn target(&self, asked: &Uri, path: &NormalPath) -> Result<Uri, ProxyError> {
        let target = match asked.query() {
            Some(query) => format!("{}?{query}", path.as_str()),
            None => path.as_str().to_owned(),
        };
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query =
            Some(PathAndQuery::try_from(target).map_err(|_| ProxyError::BadRequest)?);
        Uri::from_parts(uri).map_err(|_| ProxyError::BadRequest)
    }

    async fn send(
        &self,
        parts: request::Parts,
        body: RequestBody,
    ) -> Result<Response<Incoming>, ProxyError> {
        if body.is_end_stream() {
            let again = matches!(parts.method, Method::GET | Method::HEAD).then(|| parts.clone());
            let client = if again.is_some() { &self.pooled } else { &self.fresh };
            let no_upload = UploadState::new();
            let sent = self.exchange(client, parts, empty(), &no_upload).await;
            return match (sent, again) {
                (Err(SendError::Failed(error)), Some(parts)) if is_broken_connection(&error) => {
                    let no_upload = UploadState::new();
                    let sent = self.exchange(&self.fresh, parts, empty(), &no_upload).await;
                    sent.map_err(Into::into)
                }
                (sent, _) => sent.map_err(Into::into),
            };
        }
        let (upload, state) = Upload::begin(body, self.limits.max_body_bytes).await?;
        let upload = upload.map_err(Into::into).boxed_unsync();
        let sent = self.exchange(&self.fresh, parts, upload, &state).await;
        // The connection to the application fails too when the client's body does.
        sent.map_err(|error| state.error().map_or_else(|| error.into(), Into::into))
    }

    async fn exchange(
        &self,
        client: &Client<Connector, Body>,
        parts: request::Parts,
        body: Body,
        upload: &UploadState,
    ) -> Result<Response<Incoming>, SendError> {
        tokio::select! {
            sent = client.request(Request::from_parts(parts, body)) => {
                sent.map_err(SendError::Failed)
            }
            () = upload.application_timeout(self.limits.timeout) => Err(SendError::Timeout),
        }
    }
}

/// Why a request got no response.
enum SendError {
    Failed(legacy::Error),
    Timeout,
}

impl From<SendError> for ProxyError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Failed(error) => Self::Unreachable(Box::new(error)),
            SendError::Timeout => Self::Timeout,
        }
    }
}

impl From<UploadError> for ProxyError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Broken => Self::BrokenBody,
            UploadError::TooLarge => Self::TooLarge,
            UploadError::TooSlow => Self::SlowBody,
        }
    }
}

/// Returns whether a request asks to change to WebSocket.
pub fn is_websocket_request(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && headers::is_websocket(headers)
}

/// Returns whether an established connection broke before the head of a response.
fn is_broken_connection(error: &legacy::Error) -> bool {
    if error.is_connect() {
        return false;
    }
    let mut cause = error.source();
    while let Some(this) = cause {
        if let Some(error) = this.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_canceled() || error.is_closed())
        {
            return true;
        }
        if let Some(error) = this.downcast_ref::<io::Error>() {
            let kinds = [
                io::ErrorKind::BrokenPipe,
                io::ErrorKind::ConnectionReset,
                io::ErrorKind::ConnectionAborted,
            ];
            return kinds.contains(&error.kind());
        }
        cause = this.source();
    }
    false
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
