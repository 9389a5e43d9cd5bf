//! Running a call: attempts, time limits, and what each response means.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER,
        TRANSFER_ENCODING, USER_AGENT,
    },
};
use tokio::time::{Instant, timeout_at};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    error::{Effect, Error},
    error_kind::ErrorKind,
    invalid::{Found, Invalid, Rule},
    link::{Link, is_safe},
    operation::{Operation, Safety},
    options::Options,
    setup::Setup,
    time,
    trace::{self, Span},
    transport::{self, Request, Response, Transport, TransportError, TransportErrorKind},
};

/// The part that both clients share: it makes requests and runs calls.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) options: Options,
    headers: Arc<HeaderMap>,
    /// `headers` with the content type of a form.
    form_headers: Arc<HeaderMap>,
}

impl Engine {
    pub(crate) fn new(setup: Setup, mut headers: HeaderMap) -> Result<Self, Error> {
        let Setup { options, transport } = setup;
        let transport = match transport {
            Some(transport) => transport,
            None => transport::default_transport(&options)?,
        };
        let agent = HeaderValue::from_str(&options.user_agent)
            .map_err(|_hidden| Error::config("the user agent is not a valid header value"))?;
        headers.insert(USER_AGENT, agent);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Nothing is decompressed, so that a small response cannot become a large one.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut form_headers = headers.clone();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        form_headers.insert(CONTENT_TYPE, form_type);
        let (headers, form_headers) = (Arc::new(headers), Arc::new(form_headers));
        Ok(Self { transport, options, headers, form_headers })
    }

    pub(crate) fn get(&self, url: Url) -> Request {
        self.request(Method::GET, url, Bytes::new())
    }

    pub(crate) fn post_empty(&self, url: Url) -> Request {
        // Some servers refuse a POST without a length (411).
        self.request(Method::POST, url, Bytes::new())
            .with_header(CONTENT_LENGTH, HeaderValue::from_static("0"))
    }

    pub(crate) fn post_json(&self, url: Url, json: Vec<u8>) -> Request {
        self.request(Method::POST, url, wiped(json))
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    pub(crate) fn post_form(&self, url: impl Into<Arc<Url>>, form: String) -> Request {
        let headers = Arc::clone(&self.form_headers);
        Request { headers, ..self.request(Method::POST, url, wiped(form.into_bytes())) }
    }

    fn request(&self, method: Method, url: impl Into<Arc<Url>>, body: Bytes) -> Request {
        let (url, headers) = (url.into(), Arc::clone(&self.headers));
        let max_body_bytes = self.options.max_body_bytes;
        Request {
            method,
            url,
            headers,
            body,
            max_body_bytes,
            only_public: false,
            time_limit: None,
            deadline: None,
        }
    }

    /// Makes a request to a signed URL of the storage: without credentials, with the time limit and
    /// the size limit of a transfer.
    pub(crate) fn transfer(&self, method: Method, link: Link, body: Bytes) -> Request {
        let mut headers = HeaderMap::new();
        for name in [USER_AGENT, ACCEPT_ENCODING] {
            if let Some(value) = self.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        if method == Method::PUT && body.is_empty() {
            // As for a POST.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let max_body_bytes = match method {
            Method::GET => self.options.max_download_bytes,
            _ => self.options.max_body_bytes,
        };
        let time_limit = Some(self.options.transfer_timeout);
        Request {
            method,
            url: Arc::new(link.url),
            headers: Arc::new(headers),
            body,
            max_body_bytes,
            only_public: link.only_public,
            time_limit,
            deadline: None,
        }
    }

    /// Sends `request` and reads the response with `parse_response`. Retries if the policy allows it.
    pub(crate) async fn call<T>(
        &self,
        operation: Operation,
        request: Request,
        parse_response: impl Fn(&Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let span = trace::start(operation);
        let result =
            trace::around(&span, self.call_with_retries(operation, request, parse_response, &span))
                .await;
        trace::finish(&span, result.as_ref().err());
        result
    }

    async fn call_with_retries<T>(
        &self,
        operation: Operation,
        request: Request,
        parse_response: impl Fn(&Response) -> Result<T, Error>,
        span: &Span,
    ) -> Result<T, Error> {
        let policy = self.options.retry;
        let began = Instant::now();
        // `None` is beyond the range of the clock.
        let limit = request.time_limit.unwrap_or(policy.deadline());
        let end = began.checked_add(limit);
        let each = request.time_limit.unwrap_or(self.options.total_timeout);
        let (mut now, mut retry) = (began, 0);
        let mut last = None;
        loop {
            let deadline = [now.checked_add(each), end].into_iter().flatten().min();
            // A request for which no time is left is not sent.
            if deadline.is_some_and(|deadline| deadline <= now) {
                let timeout =
                    || Error::new(ErrorKind::Timeout, Effect::None).with_operation(operation);
                // Report the last real failure rather than this timeout.
                return Err(last.unwrap_or_else(timeout));
            }
            let request = Request { deadline, ..request.clone() };
            let error = match self.attempt(operation, request, &parse_response).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if retry + 1 >= policy.max_attempts() || !error.is_retryable() {
                return Err(error);
            }
            let wait = policy.next_delay(retry, error.retry_after());
            if began.elapsed().saturating_add(wait) >= limit {
                return Err(error);
            }
            retry += 1;
            trace::retry(span, retry, wait, &error);
            tokio::time::sleep(wait).await;
            (last, now) = (Some(error), Instant::now());
        }
    }

    async fn attempt<T>(
        &self,
        operation: Operation,
        request: Request,
        parse_response: impl Fn(&Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let deadline = request.deadline;
        let mut execution = self.transport.execute(request);
        let executed = match deadline {
            Some(deadline) => match timeout_at(deadline, &mut execution).await {
                Ok(executed) => Some(executed),
                // Only the transport knows whether a connection took the request, and its own timer
                // may be a little later than this one.
                Err(_elapsed) => execution.now_or_never(),
            },
            None => Some(execution.await),
        };
        let result = match executed {
            Some(Ok(response)) => readable(&response).and_then(|()| parse_response(&response)),
            Some(Err(error)) => Err(from_transport(error)),
            None => Err(Error::new(ErrorKind::Timeout, Effect::Unknown)),
        };
        let result = result.map_err(|error| error.with_operation(operation));
        match operation.safety {
            // A read sends no message. Even a lost response had no effect, so it may be retried.
            Safety::Read => result.map_err(Error::without_effect),
            Safety::Write => result,
        }
    }
}

/// Makes a body that is wiped once no request uses it any more. The HTTP library's own buffers are not.
fn wiped(body: Vec<u8>) -> Bytes {
    Bytes::from_owner(Zeroizing::new(body))
}

/// Refuses a response that has a content or transfer coding that was not requested. Its bytes may
/// not be the body that they seem to be.
fn readable(response: &Response) -> Result<(), Error> {
    let refused = |phrase| {
        Err(Error::new(ErrorKind::Decode, Effect::Unknown)
            .with_status(response.status())
            .with_phrase(phrase))
    };
    match response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"identity") => {}
        Some(_) => return refused("the response is compressed, which was not requested"),
    }
    // hyper accepts any list that ends in `chunked`. For any other list it reads until the connection ends.
    let mut codings =
        response.headers().get_all(TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => refused("the response has a transfer coding that was not requested"),
    }
}

fn from_transport(error: TransportError) -> Error {
    let (kind, effect) = match error.kind() {
        TransportErrorKind::Connect => (ErrorKind::Connect, Effect::None),
        TransportErrorKind::Interrupted => (ErrorKind::Interrupted, Effect::Unknown),
        TransportErrorKind::Timeout => (ErrorKind::Timeout, Effect::Unknown),
        TransportErrorKind::TooLarge => (ErrorKind::TooLarge, Effect::Unknown),
        TransportErrorKind::Unusable => (ErrorKind::Config, Effect::None),
    };
    Error::new(kind, effect).with_source(error)
}

/// Returns the wait that the response asks for.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let header = |name| response.headers().get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    time::retry_after(header(RETRY_AFTER)?, header(DATE))
}

/// Returns the error for an HTTP status, for a response whose body this crate cannot interpret.
///
/// Only a status that a server sends before it processes a request means *not sent*. A 403 page does
/// not: it may come from a filter that inspects responses, after the request was processed.
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

/// Checks that `text` is safe as one segment of a path: 1 to 64 letters, digits, `-` or `_`. Any other
/// text could send a request to another path.
pub(crate) fn path_part(field: &'static str, text: &str) -> Result<String, Invalid> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let refuse = |rule, found| Err(Invalid::new(field, rule, found));
    match text.len() {
        0 => refuse(Rule::NotEmpty, Found::Empty),
        _ if !text.bytes().all(plain) => refuse(Rule::SafeCharacters, Found::ForeignCharacter),
        length if length > 64 => refuse(Rule::AtMost(64), Found::Units(length)),
        _ => Ok(text.to_owned()),
    }
}

/// Parses a base URL: https, or http where that is allowed, without query, fragment and
/// credentials. The result ends in one slash.
pub(crate) fn base_url(text: &str, allow_http: bool) -> Result<Url, Error> {
    let mut url = Url::parse(text).map_err(|_hidden| Error::config("the base URL is not a URL"))?;
    if !is_safe(&url, allow_http) {
        return Err(Error::config("the base URL must use https"));
    }
    let plain = url.query().is_none() && url.fragment().is_none();
    if !plain || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config("the base URL must not have credentials, a query or a fragment"));
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// Makes a header value that `Debug` does not show.
pub(crate) fn secret_header(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_hidden| Error::config("the token is not a valid header value"))?;
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
