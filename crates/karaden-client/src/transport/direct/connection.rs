//! One HTTP/1.1 connection, driven by the task that waits for its answer.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::origin::Origin;
use super::socket::{Look, Socket};
use crate::transport::body::Bounded;
use crate::transport::{Response, TransportError, TransportErrorKind};

/// The longest head of an answer, and the most that is read ahead.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

pub(super) type HttpRequest = http::Request<Full<Bytes>>;
type Unanswered = hyper::client::conn::TrySendError<HttpRequest>;

/// A connection to an origin, with no request under way except within [`exchange`](Self::exchange).
///
/// hyper splits a connection into one half that takes requests and one that does the reading and
/// writing, usually a task of its own. Here whoever waits for an answer drives the second half too:
/// no task is woken to write, no other to hand the answer over. Nothing happens to a connection that
/// lies in the pool, and dropping the future of an exchange closes it.
pub(super) struct Connection {
    origin: Arc<Origin>,
    requests: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    look: Look,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// The connection was closed and nothing of the request was written. Here it is back.
    NotStarted(Box<HttpRequest>, hyper::Error),
    /// Some of the request may have left.
    Broken(TransportError),
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::Broken(error)
    }
}

impl Connection {
    pub(super) async fn new(
        origin: Arc<Origin>,
        socket: Socket,
        look: Look,
    ) -> Result<Self, hyper::Error> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_BUFFER_BYTES).writev(false);
        let (requests, connection) = builder.handshake(TokioIo::new(socket)).await?;
        let driver = Driver { connection, ended: false };
        Ok(Self { origin, requests, driver, look })
    }

    pub(super) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Whether the connection can take a request: it is open, as far as this machine knows, and the
    /// server said nothing since its last answer.
    ///
    /// Bytes that nobody asked for must not pass for the answer to the next request.
    pub(super) async fn is_open(&mut self) -> bool {
        self.look.ask();
        poll_fn(|cx| {
            self.driver.poll(cx);
            Poll::Ready(())
        })
        .await;
        self.is_idle()
    }

    /// Whether the last answer left the connection open and in order.
    pub(super) fn is_idle(&self) -> bool {
        !self.driver.ended && self.requests.is_ready()
    }

    /// Sends one request and reads the whole answer, of at most `max_body_bytes`.
    pub(super) fn exchange(
        &mut self,
        request: HttpRequest,
        max_body_bytes: usize,
    ) -> impl Future<Output = Result<Response, Failure>> {
        // Not within the future, which would then have room for the request all the time.
        let answer = self.requests.try_send_request(request);
        async move {
            let (head, body) = self.head(answer).await?.into_parts();
            let body = self.body(body, max_body_bytes).await?;
            Ok(Response::new(head.status.as_u16(), body).with_headers(head.headers))
        }
    }

    async fn head(
        &mut self,
        answer: impl Future<Output = Result<http::Response<Incoming>, Unanswered>>,
    ) -> Result<http::Response<Incoming>, Failure> {
        // Without tokio's budget for a task: once it is spent, an answer that is there would look as if it
        // were not, and wake nobody.
        let mut answer = pin!(tokio::task::unconstrained(answer));
        let driver = &mut self.driver;
        let answer = poll_fn(|cx| {
            driver.poll(cx);
            driver.poll_result(|cx| answer.as_mut().poll(cx))
        })
        .await;
        match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(mut error)) => match error.take_message() {
                Some(request) => Err(Failure::NotStarted(Box::new(request), error.into_error())),
                None => Err(broken(error.into_error()).into()),
            },
            None => Err(TransportError::new(TransportErrorKind::Interrupted).into()),
        }
    }

    async fn body(&mut self, mut body: Incoming, limit: usize) -> Result<Bytes, TransportError> {
        let mut whole = Bounded::new(limit, body.size_hint().exact())?;
        let driver = &mut self.driver;
        while !whole.is_complete() {
            let frame = poll_fn(|cx| {
                // Asking for a frame is what makes the driver read one.
                let asked = driver.poll_result(|cx| Pin::new(&mut body).poll_frame(cx));
                if asked.is_ready() {
                    return asked;
                }
                driver.poll(cx);
                driver.poll_result(|cx| Pin::new(&mut body).poll_frame(cx))
            })
            .await;
            match frame {
                Some(Some(Ok(frame))) => {
                    // Trailers say nothing that is needed.
                    if let Ok(chunk) = frame.into_data() {
                        whole.push(chunk)?;
                    }
                }
                Some(Some(Err(error))) => return Err(broken(error)),
                Some(None) => break,
                None => return Err(TransportError::new(TransportErrorKind::Interrupted)),
            }
        }
        Ok(whole.into_bytes())
    }
}

fn broken(error: hyper::Error) -> TransportError {
    TransportError::new(TransportErrorKind::Interrupted).with_source(error)
}

/// The half of a connection that reads and writes.
struct Driver {
    connection: http1::Connection<TokioIo<Socket>, Full<Bytes>>,
    ended: bool,
}

impl Driver {
    /// Reads and writes what can be read and written now. An error reaches whoever waits for an
    /// answer by itself, and on an idle connection it is an end like any other.
    fn poll(&mut self, cx: &mut Context<'_>) {
        if !self.ended {
            self.ended = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }

    /// Polls what only the driver can make ready, so that it needs no waker of its own; `None` if
    /// the driver has ended and it will never be ready.
    fn poll_result<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<Option<T>> {
        match poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if self.ended => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
