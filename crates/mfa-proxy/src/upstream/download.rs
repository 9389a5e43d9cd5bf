//! The body of a response on its way from the application.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::body::BoxError;

/// A body that ends with an error if the application is silent for too long.
#[derive(Debug)]
pub(super) struct Download {
    incoming: Incoming,
    idle_timeout: Duration,
    /// Runs only while we wait for the application, not while the client reads.
    timer: Pin<Box<Sleep>>,
    is_waiting: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the application stopped in the middle of a response")]
struct Silent;

impl Download {
    pub(super) fn new(incoming: Incoming, idle_timeout: Duration) -> Self {
        Self { incoming, idle_timeout, timer: Box::pin(sleep(idle_timeout)), is_waiting: false }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) {
            this.is_waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if !this.is_waiting {
            this.is_waiting = true;
            this.timer.as_mut().reset(Instant::now() + this.idle_timeout);
        }
        ready!(this.timer.as_mut().poll(cx));
        tracing::warn!(
            event = "proxy.response_timeout",
            "the application stopped in the middle of a response"
        );
        Poll::Ready(Some(Err(Silent.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
