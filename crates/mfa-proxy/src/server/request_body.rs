//! The body of a request as it arrives.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    connection::Exchange,
    progress::Progress,
    settings::{ConnectionEvent, TimeoutKind},
};

/// The body of a request. It ends with [`RequestBodyError::TooSlow`] if the client makes no progress.
///
/// The time runs only while the caller waits for the client. A caller that does not read takes none of it.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    progress: Progress,
    timer: Option<Pin<Box<Sleep>>>,
    /// `None` once the body has arrived.
    exchange: Option<Exchange>,
}

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "each has a status of its own")]
pub enum RequestBodyError {
    /// The client broke off, or sent what is no HTTP/1.1.
    #[error("the client's body is broken")]
    Broken(#[source] hyper::Error),
    /// The client made no progress.
    #[error("the client's body did not arrive in time")]
    TooSlow,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, exchange: Exchange) -> Self {
        let progress = Progress::new(exchange.connection().settings().progress_timeout);
        let exchange = (!incoming.is_end_stream()).then_some(exchange);
        Self { incoming, progress, timer: None, exchange }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        if self.progress.wait(now) {
            self.set_stalled(true);
        }
        let deadline = self.progress.deadline().unwrap_or(now);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }

    fn set_stalled(&self, is_stalled: bool) {
        if let Some(exchange) = &self.exchange {
            exchange.connection().set_stalled(is_stalled);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) else {
            ready!(this.poll_timer(cx));
            if let Some(exchange) = this.exchange.take() {
                exchange.connection().set_stalled(false);
                exchange.connection().note(ConnectionEvent::TimedOut(TimeoutKind::Body));
            }
            return Poll::Ready(Some(Err(RequestBodyError::TooSlow)));
        };
        let bytes =
            frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        this.progress.advance(Instant::now(), bytes);
        this.set_stalled(false);
        if frame.is_none() || this.incoming.is_end_stream() {
            this.exchange = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(RequestBodyError::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
