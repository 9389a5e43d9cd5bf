//! A stream whose reads and writes are noted.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Is told what a stream reads and writes.
pub(crate) trait Watch: Unpin {
    /// Notes bytes that were read. They are never empty.
    fn note_read(&self, bytes: &[u8]);

    /// Notes what a write returned.
    fn note_write(&self, written: &Poll<io::Result<usize>>);
}

/// A stream, and what watches it.
#[derive(Debug)]
pub(crate) struct Watched<T, W> {
    // Dropped in this order: what the watch owns is free when the socket is closed.
    stream: T,
    watch: W,
}

impl<T, W> Watched<T, W> {
    pub(crate) fn new(stream: T, watch: W) -> Self {
        Self { stream, watch }
    }
}

impl<T: AsyncRead + Unpin, W: Watch> AsyncRead for Watched<T, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.watch.note_read(&buf.filled()[before..]);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin, W: Watch> AsyncWrite for Watched<T, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
