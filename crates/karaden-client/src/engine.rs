//! One call: attempts, time limits, and the judgement of each answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::error::{Effect, Error, ErrorKind};
use crate::options::Options;
use crate::time;
use crate::transport::{Request, Response, Transport, TransportError, TransportErrorKind};

/// Whether a call may be repeated when it is unknown what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safety {
    /// It only reads.
    Read,
    /// It changes something; only what surely had no effect is tried again.
    Write,
}

/// The name of a call, for spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) api: &'static str,
    pub(crate) name: &'static str,
    pub(crate) safety: Safety,
}

/// What both clients share.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) options: Options,
    pub(crate) headers: HeaderMap,
}

impl Engine {
    pub(crate) fn new(
        transport: Option<Arc<dyn Transport>>,
        options: Options,
        mut headers: HeaderMap,
    ) -> Result<Self, Error> {
        let transport = match transport {
            Some(transport) => transport,
            None => default_transport(&options)?,
        };
        let agent = HeaderValue::from_str(&options.user_agent)
            .map_err(|_hidden| Error::config("the user agent cannot stand in a header"))?;
        headers.insert(http::header::USER_AGENT, agent);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Nothing is decompressed here, so a small answer cannot become a large one.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Ok(Self { transport, options, headers })
    }

    pub(crate) fn get(&self, url: Url) -> Request {
        self.request(Method::GET, url, Bytes::new())
    }

    pub(crate) fn post_form(&self, url: Url, form: String) -> Request {
        let mut request = self.request(Method::POST, url, Bytes::from(form));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(CONTENT_TYPE, form_type);
        request
    }

    fn request(&self, method: Method, url: Url, body: Bytes) -> Request {
        let max_body_bytes = self.options.max_body_bytes;
        Request { method, url, headers: self.headers.clone(), body, max_body_bytes }
    }

    /// Sends `request`, has `judge` read the answer, and tries again where the policy allows it.
    pub(crate) async fn call<T>(
        &self,
        operation: Operation,
        request: Request,
        judge: impl Fn(&Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let policy = self.options.retry;
        let end = Instant::now() + policy.deadline();
        let mut retry = 0;
        loop {
            let error = match self.attempt(operation, request.clone(), end, &judge).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if retry + 1 >= policy.max_attempts() || !error.is_retryable() {
                return Err(error);
            }
            let random = self.options.randomness.next_u64();
            let wait = policy.delay(retry, error.retry_after(), random);
            if Instant::now() + wait >= end {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            retry += 1;
        }
    }

    async fn attempt<T>(
        &self,
        operation: Operation,
        request: Request,
        end: Instant,
        judge: impl Fn(&Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let limit = self.options.total_timeout.min(end.saturating_duration_since(Instant::now()));
        let result = match timeout(limit, self.transport.execute(request)).await {
            Ok(Ok(response)) => readable(&response).and_then(|()| judge(&response)),
            Ok(Err(error)) => Err(from_transport(error)),
            Err(_elapsed) => Err(Error::new(ErrorKind::Timeout, Effect::Unknown)),
        };
        match operation.safety {
            Safety::Read => result.map_err(Error::without_effect),
            Safety::Write => result,
        }
    }
}

#[cfg(feature = "reqwest")]
fn default_transport(options: &Options) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(crate::transport::ReqwestTransport::new(options)?))
}

#[cfg(not(feature = "reqwest"))]
fn default_transport(_options: &Options) -> Result<Arc<dyn Transport>, Error> {
    Err(Error::config("without the feature `reqwest` a transport must be given"))
}

/// Refuses an answer that is compressed although nothing of the kind was asked for.
fn readable(response: &Response) -> Result<(), Error> {
    match response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"identity") => Ok(()),
        Some(_) => Err(Error::new(ErrorKind::Decode, Effect::Unknown)
            .with_status(response.status())
            .with_phrase("the answer is compressed, which was not asked for")),
    }
}

fn from_transport(error: TransportError) -> Error {
    let (kind, effect) = match error.kind() {
        TransportErrorKind::Connect => (ErrorKind::Connect, Effect::None),
        TransportErrorKind::Interrupted => (ErrorKind::Interrupted, Effect::Unknown),
        TransportErrorKind::Timeout => (ErrorKind::Timeout, Effect::Unknown),
        TransportErrorKind::TooLarge => (ErrorKind::TooLarge, Effect::Unknown),
    };
    Error::new(kind, effect).with_source(error)
}

/// The wait that the answer asks for.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let header = |name| response.headers().get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    time::retry_after(header(RETRY_AFTER)?, header(DATE))
}

/// What an answer's HTTP status alone says, when its body says nothing we know.
///
/// Only statuses that are given before a request is passed on count as "surely no effect". A 403
/// page, for instance, may come from a filter that looks at answers.
pub(crate) fn by_status(response: &Response) -> Error {
    let status = response.status();
    let kind = match status {
        300..=399 => ErrorKind::Redirect,
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        400..=499 => ErrorKind::Refused,
        500..=599 => ErrorKind::Server,
        _ => ErrorKind::Decode,
    };
    let effect = match status {
        401 | 404 | 405 | 407 | 411 | 413 | 414 | 415 | 417 | 421 | 429 | 431 => Effect::None,
        _ => Effect::Unknown,
    };
    Error::new(kind, effect).with_status(status).with_retry_after(retry_after(response))
}

/// Checks and parses a base URL: https, or http where that is allowed; no query, no fragment, no
/// credentials; one slash at its end.
pub(crate) fn base_url(text: &str, allow_http: bool) -> Result<Url, Error> {
    let mut url =
        Url::parse(text).map_err(|_hidden| Error::config("the base URL cannot be read"))?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(Error::config("the base URL has no host")),
    };
    match url.scheme() {
        "https" => {}
        "http" if allow_http || loopback => {}
        _ => return Err(Error::config("the base URL must use https")),
    }
    let plain = url.query().is_none() && url.fragment().is_none();
    if !plain || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config("the base URL must not have credentials, a query or a fragment"));
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// A header value that is never shown.
pub(crate) fn secret_header(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_hidden| Error::config("the token cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_end_in_one_slash_and_need_tls() {
        let rows = [
            ("https://karaden.example/v2", Some("https://karaden.example/v2/")),
            ("https://karaden.example/v2//", Some("https://karaden.example/v2/")),
            ("https://karaden.example", Some("https://karaden.example/")),
            ("http://127.0.0.1:80/api", Some("http://127.0.0.1/api/")),
            ("http://[::1]:8081/api", Some("http://[::1]:8081/api/")),
            ("http://localhost:8081", Some("http://localhost:8081/")),
            ("http://karaden.example/v2", None),
            ("http://localhost.example/v2", None),
            ("https://user:pw@karaden.example/", None),
            ("https://karaden.example/?a=b", None),
            ("https://karaden.example/#a", None),
            ("ftp://karaden.example/", None),
            ("file:///etc/passwd", None),
            ("karaden", None),
        ];
        for (text, expected) in rows {
            let url = base_url(text, false);
            assert_eq!(url.as_ref().ok().map(Url::as_str), expected, "{text}");
            if let Err(error) = url {
                assert_eq!(error.kind(), ErrorKind::Config);
                assert!(!format!("{error:?}").contains("pw@"), "{error:?}");
            }
        }
        assert!(base_url("http://karaden.example/v2", true).is_ok());
    }
}
