//! What a transport is given, what it returns, and what it promises.

use std::{
    error::Error as StdError,
    fmt::{self, Debug},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;

use super::request::Request;

/// Carries out one HTTP request.
///
/// A transport of your own can be tested without a client: build requests with [`Request::builder`]. With
/// the feature `transport-kit`, `transport_kit` has a check for each clause of the contract.
///
/// A wrapper adds what every request should have, such as a trace context:
///
/// ```
/// use karaden_client::{
///     async_trait, http::HeaderValue,
///     transport::{Request, Response, Transport, TransportError},
/// };
///
/// #[derive(Debug)]
/// struct Traced<T>(T);
///
/// #[async_trait]
/// impl<T: Transport> Transport for Traced<T> {
///     async fn execute(&self, mut request: Request) -> Result<Response, TransportError> {
///         let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
///         request.headers_mut().insert("traceparent", HeaderValue::from_static(parent));
///         self.0.execute(request).await
///     }
/// }
/// ```
///
/// # Contract
///
/// 1. **One attempt.** At most one request goes out per call. Taking another connection is not a
///    second attempt if nothing of the request was written to the first.
/// 2. **No redirects.** A 3xx response is returned as it is.
/// 3. **Bounded.** At most [`Request::max_body_bytes`] of the response body are read. A longer one
///    is [`TransportErrorKind::TooLarge`].
/// 4. **Not sent means not sent.** [`TransportErrorKind::Connect`] and
///    [`TransportErrorKind::Unusable`] are returned only if no byte of the request has reached the
///    server, or can reach it later. When in doubt, return [`TransportErrorKind::Interrupted`].
/// 5. **The deadline.** At [`Request::deadline`] the client takes the attempt as *unknown*. A
///    transport that ends at the deadline itself can report *not sent* instead: with
///    [`TransportErrorKind::Connect`], if no connection took the request. The client polls the
///    future once more at the deadline and then drops it.
/// 6. **Dropping ends it.** A dropped future gives up the request.
/// 7. **Nothing shows.** The URL's query, the headers and the bodies do not appear in logs or errors.
/// 8. **Whole.** The method, the URL, the headers and the body of the request reach the server as they are. A
///    transport may add headers. A response is returned only with its whole body: one that was cut off is
///    [`TransportErrorKind::Interrupted`].
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends `request` and reads the whole response.
    ///
    /// # Errors
    ///
    /// If there is no complete response: see [`TransportErrorKind`].
    async fn execute(&self, request: Request) -> Result<Response, TransportError>;
}

const _: fn(&dyn Transport) = |_| {};

// A transport that is shared, or chosen while the program runs, is a transport too.
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

/// A complete response.
#[derive(Clone)]
pub struct Response {
    status: u16,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

impl Response {
    /// Creates a response without headers.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// Sets the headers.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the body as received, not decompressed.
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

/// Why there is no complete response.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// Creates an error of this kind.
    pub fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Adds the cause. It must not show the URL, headers or body of the request.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn with_kind(mut self, kind: TransportErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Returns the kind of error.
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
            TransportErrorKind::TooLarge => "the response is too long",
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
    /// No connection took the request. It was not sent.
    Connect,
    /// The request may have been sent, but no complete response came.
    Interrupted,
    /// The request may have been sent, but the response took too long.
    Timeout,
    /// The response body is longer than allowed.
    TooLarge,
    /// The transport can never send this request, for example because of its URL's scheme. It was not
    /// sent.
    Unusable,
}
