//! What a transport is given, what it returns, and what it promises.

use std::{
    error::Error as StdError,
    fmt::{self, Debug},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::Instant;
use url::Url;

/// Carries out one HTTP request.
///
/// # Contract
///
/// 1. At most one request goes out per call; an implementation never tries again by itself. Taking
///    another connection is no second try if nothing of the request was written to the first.
/// 2. Redirects are not followed: a 3xx answer is returned as it is.
/// 3. No more than [`Request::max_body_bytes`] of the body are read; a longer one is
///    [`TransportErrorKind::TooLarge`].
/// 4. [`TransportErrorKind::Connect`] and [`TransportErrorKind::Unusable`] are only reported if no
///    byte of the request can have reached the server. When in doubt it is
///    [`TransportErrorKind::Interrupted`].
/// 5. Dropping the future gives the request up. The client sets the time limit, so an
///    implementation needs none but for connecting.
/// 6. Nothing of the URL's query, of the headers or of the body is logged or put into an error.
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    ///
    /// When there is no complete answer; see [`TransportErrorKind`].
    async fn execute(&self, request: Request) -> Result<Response, TransportError>;
}

const _: fn(&dyn Transport) = |_| {};

/// What is chosen while the program runs, or shared, is a transport too.
macro_rules! transport_behind_a_pointer {
    ($($pointer:ident),+) => {
        $(#[async_trait]
        impl<T: Transport + ?Sized> Transport for $pointer<T> {
            async fn execute(&self, request: Request) -> Result<Response, TransportError> {
                (**self).execute(request).await
            }
        })+
    };
}
transport_behind_a_pointer!(Arc, Box);

/// One HTTP request as data.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    // Shared, so that another attempt costs no copies.
    pub(crate) url: Arc<Url>,
    pub(crate) headers: Arc<HeaderMap>,
    pub(crate) body: Bytes,
    pub(crate) max_body_bytes: usize,
    /// Set for transfers, which take longer than calls.
    pub(crate) time_limit: Option<Duration>,
    /// When this attempt is given up. A transport that is still connecting then can say that nothing
    /// was sent; whoever only drops it cannot.
    pub(crate) deadline: Option<Instant>,
}

impl Request {
    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The whole URL. Its query may hold secrets: do not log it.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The headers; those with secrets are marked sensitive.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, empty if there is none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The longest body of an answer that may be read.
    pub fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        Arc::make_mut(&mut self.headers).insert(name, value);
        self
    }
}

impl Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A complete answer.
#[derive(Clone)]
pub struct Response {
    status: u16,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

impl Response {
    /// An answer without headers.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// Sets the headers.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as received, not decompressed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no complete answer.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// An error of this kind.
    pub fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Adds the cause. It must not show the URL, headers or body of the request.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error, of another kind if there is one.
    #[cfg(feature = "direct")]
    pub(crate) fn with_kind(mut self, kind: Option<TransportErrorKind>) -> Self {
        self.kind = kind.unwrap_or(self.kind);
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "connecting failed",
            TransportErrorKind::Interrupted => "the exchange broke off",
            TransportErrorKind::Timeout => "the exchange took too long",
            TransportErrorKind::TooLarge => "the answer is too long",
            TransportErrorKind::Unusable => "the request cannot be made",
        })
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// The kinds of [`TransportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection, or none that took a byte: surely nothing of the request left.
    Connect,
    /// The request may have left, but no complete answer came.
    Interrupted,
    /// The request may have left, but the answer took too long.
    Timeout,
    /// The body of the answer is longer than allowed.
    TooLarge,
    /// The transport cannot make this request, whenever it is tried: its URL is of a kind that is
    /// not spoken here. Surely nothing of it left.
    Unusable,
}
