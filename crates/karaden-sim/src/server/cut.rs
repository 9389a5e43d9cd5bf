//! Cutting a connection: at once, or as soon as everything written so far has left.

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

/// The knife for one connection; clones cut the same one.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    token: CancellationToken,
    once_flushed: Arc<AtomicBool>,
}

impl Cut {
    /// A cut that also happens with that of `all`.
    pub(super) fn child_of(all: &CancellationToken) -> Self {
        Self { token: all.child_token(), once_flushed: Arc::default() }
    }

    /// Cuts at once.
    pub(super) fn now(&self) {
        self.token.cancel();
    }

    /// Cuts after the next flush, so that what was written before it is on the wire.
    pub(super) fn once_flushed(&self) {
        self.once_flushed.store(true, Ordering::Release);
    }

    pub(super) fn happened(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }
}

/// A stream that tells its [`Cut`] of every flush.
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
        if flushed.is_ready() && self.cut.once_flushed.load(Ordering::Acquire) {
            self.cut.now();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
