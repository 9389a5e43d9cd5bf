//! One HTTP request as data.

use std::{
    fmt::{self, Debug},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::invalid::{Found, Invalid, Rule};

/// One HTTP request as data.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    // Shared, so that another attempt costs no copies.
    pub(crate) url: Arc<Url>,
    pub(crate) headers: Arc<HeaderMap>,
    pub(crate) body: Bytes,
    pub(crate) max_body_bytes: usize,
    pub(crate) only_public: bool,
    /// Set for transfers, which take longer than calls.
    pub(crate) time_limit: Option<Duration>,
    /// Set for each attempt.
    pub(crate) deadline: Option<tokio::time::Instant>,
}

impl Request {
    /// Starts building a request, for a test of a transport or for a transport that makes requests of its
    /// own.
    ///
    /// ```
    /// use karaden_client::{http::{HeaderValue, Method, header::ACCEPT}, transport::Request};
    ///
    /// let request = Request::builder(Method::POST, "https://karaden.example/v2/")
    ///     .with_header(ACCEPT, HeaderValue::from_static("application/json"))
    ///     .with_body("To=…")
    ///     .build()?;
    /// assert_eq!(request.url(), "https://karaden.example/v2/");
    /// assert_eq!(request.max_body_bytes(), 64 * 1024);
    /// # Ok::<(), karaden_client::Invalid>(())
    /// ```
    pub fn builder(method: Method, url: &str) -> RequestBuilder {
        RequestBuilder {
            method,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            max_body_bytes: 64 * 1024,
            only_public: false,
            deadline: None,
        }
    }

    /// Returns the method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the whole URL. Its query may hold secrets: do not log it.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Returns the headers. Those with secrets are marked sensitive.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the headers to change, for a transport that wraps another one.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        Arc::make_mut(&mut self.headers)
    }

    /// Returns the body, which is empty if there is none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the length in bytes up to which a response body may be read.
    pub fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// Returns whether a response chose the host. A transport that resolves names then connects to public addresses
    /// only, so that a response cannot lead into a private network. `ReqwestTransport` does so without a proxy.
    pub fn only_public_addresses(&self) -> bool {
        self.only_public
    }

    /// Returns the instant at which the client gives up this attempt, on the clock of Tokio's timer:
    /// `tokio::time::sleep_until(deadline.into())` waits until then.
    ///
    /// `None` if the time limits are beyond the range of that clock.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.map(tokio::time::Instant::into_std)
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

/// Builds a [`Request`].
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct RequestBuilder {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    max_body_bytes: usize,
    only_public: bool,
    deadline: Option<Instant>,
}

impl RequestBuilder {
    /// Adds a header. A header of the same name is replaced.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the body. Default: none.
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the length in bytes up to which a response body may be read. Default 64 KiB.
    pub fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Asks for a connection to a public address, as for a host that a response chose. Default: any address.
    pub fn with_only_public_addresses(mut self) -> Self {
        self.only_public = true;
        self
    }

    /// Sets the deadline, on the clock of Tokio's timer. Default: none.
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Builds the request.
    ///
    /// # Errors
    ///
    /// [`Rule::HttpUrl`] on field `url` for anything but a URL with `http:` or `https:` and a host.
    pub fn build(self) -> Result<Request, Invalid> {
        let url = Url::parse(&self.url).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let refuse = || Invalid::new("url", Rule::HttpUrl, Found::OtherValue);
        Ok(Request {
            method: self.method,
            url: Arc::new(url.ok_or_else(refuse)?),
            headers: Arc::new(self.headers),
            body: self.body,
            max_body_bytes: self.max_body_bytes,
            only_public: self.only_public,
            time_limit: None,
            deadline: self.deadline.map(tokio::time::Instant::from_std),
        })
    }
}

impl Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").field("method", &self.method).finish_non_exhaustive()
    }
}
