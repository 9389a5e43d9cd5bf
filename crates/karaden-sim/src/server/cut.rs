//! Closes a connection: immediately, or after everything written so far is sent.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// Closes one connection. Clones close the same one.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    token: CancellationToken,
    after_flush: Arc<AtomicBool>,
}

impl Cut {
    /// Makes a handle whose connection also closes when `all` is cancelled.
    pub(super) fn child_of(all: &CancellationToken) -> Self {
        Self { token: all.child_token(), after_flush: Arc::default() }
    }

    /// Closes the connection immediately.
    pub(super) fn now(&self) {
        self.token.cancel();
    }

    /// Closes the connection after the next flush, when everything written so far is sent.
    pub(super) fn after_flush(&self) {
        self.after_flush.store(true, Ordering::Release);
    }

    /// Waits until the connection is to be closed.
    pub(super) fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }
}

/// A stream that reports each flush to its [`Cut`].
#[derive(Debug)]
pub(super) struct Cuttable<S> {
    pub(super) stream: S,
    pub(super) cut: Cut,
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() && self.cut.after_flush.load(Ordering::Acquire) {
            self.cut.now();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
