//! The body of a request on its way to the application.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use crate::server::{RequestBody, RequestBodyError};

/// Why the body of a request did not reach the application. Each is the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UploadError {
    #[error("the client's body is broken")]
    Broken,
    #[error("the body is too large")]
    TooLarge,
    #[error("the client's body did not arrive in time")]
    TooSlow,
}

/// A body of limited size.
#[derive(Debug)]
pub(super) struct Upload {
    body: RequestBody,
    /// Read before the application is asked for a connection.
    first: Option<Frame<Bytes>>,
    bytes_left: u64,
    state: Arc<UploadState>,
}

/// What the body waits for, and how it failed.
#[derive(Debug)]
pub(super) struct UploadState(Mutex<Progress>);

#[derive(Debug)]
struct Progress {
    is_waiting_for_client: bool,
    /// Since when we wait for the application.
    since: Instant,
    error: Option<UploadError>,
}

impl Upload {
    /// Waits for the first bytes of `body`. A client that sends none takes no connection to the application.
    pub(super) async fn begin(
        body: RequestBody,
        max_bytes: u64,
    ) -> Result<(Self, Arc<UploadState>), UploadError> {
        let state = Arc::new(UploadState::new());
        let mut upload =
            Self { body, first: None, bytes_left: max_bytes, state: Arc::clone(&state) };
        let first = poll_fn(|cx| Pin::new(&mut upload).poll_frame(cx)).await;
        upload.first = first.transpose()?;
        Ok((upload, state))
    }

    fn check(
        &mut self,
        frame: Result<Frame<Bytes>, RequestBodyError>,
    ) -> Result<Frame<Bytes>, UploadError> {
        let frame = frame.map_err(|error| match error {
            RequestBodyError::Broken(_) => UploadError::Broken,
            RequestBodyError::TooSlow => UploadError::TooSlow,
        })?;
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let left = u64::try_from(bytes).ok().and_then(|bytes| self.bytes_left.checked_sub(bytes));
        self.bytes_left = left.ok_or(UploadError::TooLarge)?;
        Ok(frame)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let mut progress = self.state.lock();
        progress.is_waiting_for_client = polled.is_pending();
        progress.since = Instant::now();
        drop(progress);
        polled.map(|frame| {
            let checked = frame.map(|frame| self.check(frame));
            if let Some(Err(error)) = &checked {
                self.state.lock().error = Some(*error);
            }
            checked
        })
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len);
        let first = u64::try_from(first).unwrap_or(u64::MAX);
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint
    }
}

impl UploadState {
    /// Returns the state of a request without a body.
    pub(super) fn new() -> Self {
        let progress =
            Progress { is_waiting_for_client: false, since: Instant::now(), error: None };
        Self(Mutex::new(progress))
    }

    /// Returns how the body failed.
    pub(super) fn error(&self) -> Option<UploadError> {
        self.lock().error
    }

    /// Waits until the application has kept us waiting for `timeout`. The time of the client does not count.
    pub(super) async fn application_timeout(&self, timeout: Duration) {
        loop {
            let since = {
                let progress = self.lock();
                if progress.is_waiting_for_client { Instant::now() } else { progress.since }
            };
            if since + timeout <= Instant::now() {
                return;
            }
            // The deadline can only move to a later time.
            sleep_until(since + timeout).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
