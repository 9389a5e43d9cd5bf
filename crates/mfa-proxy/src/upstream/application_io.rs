//! The socket of a connection to the application.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper_rustls::MaybeHttpsStream;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The most that one read returns. hyper doubles its buffer when a read fills it, so it stays at 16 KiB, and
/// grows only for a large head.
const MAX_READ: usize = 16 * 1024 - 1;

/// A stream whose reads are bounded, so that a client that does not read costs little memory.
#[derive(Debug)]
pub(super) struct ApplicationIo(TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>);

impl ApplicationIo {
    pub(super) fn new(stream: MaybeHttpsStream<TokioIo<TcpStream>>) -> TokioIo<Self> {
        TokioIo::new(Self(TokioIo::new(stream)))
    }
}

impl Connection for ApplicationIo {
    fn connected(&self) -> Connected {
        self.0.inner().connected()
    }
}

impl AsyncRead for ApplicationIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = buf.remaining().min(MAX_READ);
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(length));
        let read = Pin::new(&mut self.0).poll_read(cx, &mut part);
        let filled = part.filled().len();
        buf.advance(filled);
        read
    }
}

impl AsyncWrite for ApplicationIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
