//! The transport over reqwest.

use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{Arc, OnceLock},
    task::Poll,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, header::CONTENT_LENGTH};
use tokio::time::{Instant, sleep_until};

use super::{
    body::Bounded,
    contract::{Response, Transport, TransportError, TransportErrorKind},
    outgoing::{Handover, Outgoing},
    request::Request,
    settings::ReqwestTransportBuilder,
};
use crate::error::Error;

/// Whether a client that is built here can speak TLS.
const HAS_TLS: bool =
    cfg!(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"));

/// HTTP over the crate reqwest. Needs a Tokio runtime with I/O and time. Cheap to clone; clones share their
/// connections.
///
/// # What counts as *not sent*
///
/// A request that changes something is *not sent* if no connection took it before the call ended.
/// That covers a failed name look-up, TCP connection, TLS handshake or proxy, a connection that the
/// server closed while it was idle, and a [deadline](Request::deadline) that passes meanwhile. The
/// request is then withdrawn: no connection writes it later. Once a connection has taken the
/// request, everything but a complete response leaves the outcome *unknown*.
///
/// # Runtimes
///
/// reqwest runs each connection in a task of the runtime that opened it. A request that meets a
/// connection of another runtime waits until that runtime runs, and is *not sent* if its deadline
/// passes first. A program with several runtimes should build a client for each.
#[derive(Clone)]
pub struct ReqwestTransport {
    http: reqwest::Client,
    /// For hosts that responses choose. Made when it is first needed: few programs do bulk sends.
    public_only: Arc<OnceLock<Option<reqwest::Client>>>,
    settings: ReqwestTransportBuilder,
    /// Whether `https` is known to be impossible.
    lacks_tls: bool,
}

impl ReqwestTransport {
    /// Starts building a transport: HTTP/1.1, no redirects, no retries, no proxy from the environment, no
    /// decompression.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder::default()
    }

    /// Returns the client that may send this request.
    fn client(&self, request: &Request) -> Result<&reqwest::Client, TransportError> {
        if !request.only_public {
            return Ok(&self.http);
        }
        let client = self.public_only.get_or_init(|| self.settings.to_public_only().ok());
        client.as_ref().ok_or_else(|| TransportError::new(TransportErrorKind::Unusable))
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // reqwest's own shows the proxy.
        f.debug_struct("ReqwestTransport").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        if self.lacks_tls && request.url.scheme() == "https" {
            let error = TransportError::new(TransportErrorKind::Unusable);
            return Err(error.with_source("https needs one of the TLS features"));
        }
        // Lets the runtime look at its sockets. Without it, a runtime that ran nothing since the last
        // call does not know that the server closed an idle connection, or wrote to it unasked.
        tokio::task::yield_now().await;
        let (deadline, max_body_bytes) = (request.deadline, request.max_body_bytes);
        let http = self.client(&request)?;
        let (request, handover) = to_reqwest(request);
        let ended = until(deadline, exchange(http, request, max_body_bytes)).await;
        let error = match ended {
            Some(Ok(response)) => return Ok(response),
            Some(Err(error)) => error,
            None => TransportError::new(TransportErrorKind::Timeout),
        };
        let Some(handover) = handover else { return Err(error) };
        Err(match (error.kind(), handover.withdraw()) {
            // A request that no transport can send stays a mistake of configuration.
            (TransportErrorKind::Unusable, true) => error,
            (_, true) => error.with_kind(TransportErrorKind::Connect),
            // Such an error after a connection took the request proves nothing.
            (TransportErrorKind::Connect | TransportErrorKind::Unusable, false) => {
                error.with_kind(TransportErrorKind::Interrupted)
            }
            (_, false) => error,
        })
    }
}

/// Runs one exchange, whatever its deadline.
async fn exchange(
    http: &reqwest::Client,
    request: reqwest::Request,
    max_body_bytes: usize,
) -> Result<Response, TransportError> {
    let mut response = http.execute(request).await.map_err(hide)?;
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let body = read_bounded(&mut response, max_body_bytes).await?;
    Ok(Response::new(status, body).with_headers(headers))
}

/// Turns `request` into reqwest's. A request that only reads has no [`Handover`]: it sends no
/// message, whatever becomes of it.
fn to_reqwest(request: Request) -> (reqwest::Request, Option<Handover>) {
    let Request { method, url, headers, body, .. } = request;
    let only_reads = method == Method::GET;
    let mut outgoing = reqwest::Request::new(method, Arc::unwrap_or_clone(url));
    *outgoing.headers_mut() = Arc::unwrap_or_clone(headers);
    if only_reads {
        return (outgoing, None);
    }
    // hyper states the length of the body, or finds that it was withdrawn.
    outgoing.headers_mut().remove(CONTENT_LENGTH);
    let (body, handover) = Outgoing::new(body);
    *outgoing.body_mut() = Some(reqwest::Body::wrap(body));
    (outgoing, Some(handover))
}

/// Waits for `exchange` until `deadline`. Returns `None` at the deadline, after dropping it.
async fn until<F: Future>(deadline: Option<Instant>, exchange: F) -> Option<F::Output> {
    let Some(deadline) = deadline else { return Some(exchange.await) };
    // A call that is polled late must not begin.
    if Instant::now() >= deadline {
        return None;
    }
    let (mut exchange, mut alarm) = (pin!(exchange), pin!(sleep_until(deadline)));
    poll_fn(|cx| match exchange.as_mut().poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        // The clock and not the timer decides: the timer may fire later than that of the caller.
        Poll::Pending if Instant::now() >= deadline => Poll::Ready(None),
        Poll::Pending => alarm.as_mut().poll(cx).map(|()| None),
    })
    .await
}

async fn read_bounded(
    response: &mut reqwest::Response,
    limit: usize,
) -> Result<Bytes, TransportError> {
    let announced = response.content_length();
    let mut body = Bounded::new(limit, announced)?;
    // Without a length, even an empty frame may have others after it.
    while announced != Some(body.len() as u64) {
        match response.chunk().await.map_err(hide)? {
            Some(chunk) => body.push(chunk)?,
            None => break,
        }
    }
    Ok(body.into_bytes())
}

/// Drops the URL of `error`, whose query may hold the credentials.
fn hide(error: reqwest::Error) -> TransportError {
    let kind = if error.is_builder() {
        TransportErrorKind::Unusable
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        TransportErrorKind::Interrupted
    };
    TransportError::new(kind).with_source(error.without_url())
}

impl ReqwestTransportBuilder {
    /// Builds the transport.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if a certificate or the proxy URL cannot be read, or
    /// if TLS cannot be set up.
    pub fn build(self) -> Result<ReqwestTransport, Error> {
        let http = self.to_reqwest()?;
        Ok(ReqwestTransport {
            http,
            public_only: Arc::default(),
            settings: self,
            lacks_tls: !HAS_TLS,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http::HeaderMap;
    use http_body_util::StreamBody;
    use hyper::{body::Frame, service::service_fn};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::{
        io::AsyncReadExt as _,
        net::TcpListener,
        sync::oneshot,
        time::{Duration, sleep},
    };
    use url::Url;

    use super::*;

    /// A response of these frames, without a length, as HTTP/2 may bring it.
    fn response(frames: &'static [&[u8]]) -> reqwest::Response {
        let frame = |bytes: &&'static [u8]| Ok::<_, Infallible>(Frame::data(Bytes::from(*bytes)));
        let body = StreamBody::new(stream::iter(frames.iter().map(frame)));
        http::Response::new(reqwest::Body::wrap(body)).into()
    }

    #[tokio::test]
    async fn an_empty_frame_does_not_end_a_body_without_a_length() {
        const BODIES: [&[&[u8]]; 3] = [&[b"", b"{}"], &[b"{", b"", b"}"], &[b"{}", b""]];
        for frames in BODIES {
            let body = read_bounded(&mut response(frames), 2).await.expect("it fits");
            assert_eq!(body, "{}", "{frames:?}");
            let error = read_bounded(&mut response(frames), 1).await.expect_err("too long");
            assert_eq!(error.kind(), TransportErrorKind::TooLarge, "{frames:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_exchange_ends_at_its_deadline() {
        let at = |ms| Some(Instant::now() + Duration::from_millis(ms));
        let exchange = || async { sleep(Duration::from_millis(10)).await };
        assert_eq!(until(at(9), exchange()).await, None);
        assert_eq!(until(at(10), exchange()).await, Some(()));
        assert_eq!(until(None, exchange()).await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_exchange_does_not_begin_at_its_deadline() {
        let begin = async { panic!("it began") };
        assert_eq!(until::<_>(Some(Instant::now()), begin).await, None::<()>);
    }

    fn request(listener: &TcpListener, body: Bytes) -> (reqwest::Request, Handover) {
        let address = listener.local_addr().expect("an address");
        let url = Url::parse(&format!("http://{address}/")).expect("a URL");
        let (request, handover) = to_reqwest(Request {
            method: Method::POST,
            url: Arc::new(url),
            headers: Arc::new(HeaderMap::new()),
            body,
            max_body_bytes: 1000,
            only_public: false,
            time_limit: None,
            deadline: None,
        });
        (request, handover.expect("a POST changes something"))
    }

    fn client() -> reqwest::Client {
        ReqwestTransport::builder().build().expect("a transport").http
    }

    // The next three hold hyper to the order that `Outgoing` relies on.

    #[tokio::test]
    async fn a_request_is_taken_before_the_first_byte_reaches_the_server() {
        for length in [0, 10, 1 << 20] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let (request, handover) = request(&listener, vec![b'x'; length].into());
            let sending = tokio::spawn(client().execute(request));
            let (mut server, _) = listener.accept().await.expect("a connection");
            server.read_exact(&mut [0]).await.expect("the first byte");
            assert!(!handover.withdraw(), "{length}");
            sending.abort();
        }
    }

    #[tokio::test]
    async fn over_http2_a_request_is_taken_before_the_server_sees_it() {
        for length in [0, 10] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let (request, handover) = request(&listener, vec![b'x'; length].into());
            let http = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build();
            let sending = tokio::spawn(http.expect("a client").execute(request));
            let (server, _) = listener.accept().await.expect("a connection");
            let (tell, seen) = oneshot::channel();
            let tell = std::sync::Mutex::new(Some(tell));
            let service = service_fn(move |_request| {
                let tell = tell.lock().expect("a lock").take().expect("one request");
                tell.send(()).expect("the test waits");
                std::future::pending::<Result<http::Response<String>, Infallible>>()
            });
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let serving = tokio::spawn(serving.serve_connection(TokioIo::new(server), service));
            seen.await.expect("a request");
            assert!(!handover.withdraw(), "{length}");
            sending.abort();
            serving.abort();
        }
    }

    #[tokio::test]
    async fn nothing_of_a_withdrawn_request_reaches_the_server() {
        for length in [0, 10, 1 << 20] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let (request, handover) = request(&listener, vec![b'x'; length].into());
            assert!(handover.withdraw());
            // The call is not dropped, so only the body stops the connection.
            let sending = tokio::spawn(client().execute(request));
            let (mut server, _) = listener.accept().await.expect("a connection");
            let mut seen = Vec::new();
            server.read_to_end(&mut seen).await.expect("the end");
            assert_eq!(seen, b"", "{length}");
            sending.await.expect("no panic").expect_err("withdrawn");
        }
    }
}
