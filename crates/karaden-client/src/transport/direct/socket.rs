//! A socket, with or without TLS.

use std::{
    io::{self, Read as _},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// How often a connection with TLS is read from before a request, while something is there.
#[cfg(feature = "rustls-no-provider")]
const MAX_LOOKS: usize = 8;

/// A TCP stream that can look at the socket itself.
///
/// What the runtime knows of a socket is as old as the last time it waited for events. A program
/// that computed for a while, or that runs its runtime only around each call, would not know that
/// the server closed the connection long ago, and would write a request into it: outcome unknown.
#[derive(Debug)]
pub(super) struct Tcp {
    stream: TcpStream,
    look: Look,
    /// Whether the system took any byte since this was last set back.
    has_written: bool,
}

/// Whether a read looks at the socket itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Look {
    #[default]
    No,
    /// The next one, if it would wait.
    Next,
    /// The last one did, and there was nothing.
    InVain,
}

impl Tcp {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, look: Look::No, has_written: false }
    }

    #[cfg(test)]
    pub(super) fn raw(&self) -> SockRef<'_> {
        SockRef::from(&self.stream)
    }

    /// Whether the socket is open and there is nothing to read.
    fn is_silent(&self) -> bool {
        let peeked = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads past the runtime; pending if there is nothing to read.
    fn read_now(&self, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = SockRef::from(&self.stream);
        match socket.peek(&mut [MaybeUninit::uninit()]) {
            Ok(0) => Poll::Ready(Ok(())),
            Ok(_) => {
                let got = (&*socket).read(into.initialize_unfilled())?;
                into.advance(got);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if std::mem::take(&mut self.look) != Look::Next || read.is_ready() {
            return read;
        }
        let read = self.read_now(into);
        if read.is_pending() {
            self.look = Look::InVain;
        }
        read
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.has_written |= matches!(written, Poll::Ready(Ok(1..)));
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What a connection runs over.
#[derive(Debug)]
pub(super) enum Socket {
    Plain(Tcp),
    #[cfg(feature = "rustls-no-provider")]
    Tls(Box<tokio_rustls::client::TlsStream<Tcp>>),
}

/// Calls the same method on whichever stream there is.
macro_rules! either {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket {
            Socket::Plain($stream) => $call,
            #[cfg(feature = "rustls-no-provider")]
            Socket::Tls($stream) => $call,
        }
    };
}

impl Socket {
    /// Whether the socket is open and the server says nothing. Anything else is no good for another
    /// request.
    #[cfg_attr(
        not(feature = "rustls-no-provider"),
        expect(unused_variables, reason = "only TLS may have to read")
    )]
    pub(super) fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_silent(),
            #[cfg(feature = "rustls-no-provider")]
            Self::Tls(stream) => {
                // What came may be for TLS alone, such as a ticket for the next session. Behind it
                // may be more, the end for instance; not for ever, whatever the server sends.
                for _ in 0..MAX_LOOKS {
                    stream.get_mut().0.look = Look::Next;
                    let mut byte = [0];
                    if Pin::new(&mut *stream).poll_read(cx, &mut ReadBuf::new(&mut byte)).is_ready()
                    {
                        return false;
                    }
                    if stream.get_ref().0.look == Look::InVain {
                        return true;
                    }
                }
                false
            }
        }
    }

    /// Whether the system took any byte since [`begin`](Self::begin), of TLS or in the clear.
    pub(super) fn has_written(&mut self) -> bool {
        self.tcp().has_written
    }

    /// Nothing is written yet.
    pub(super) fn begin(&mut self) {
        self.tcp().has_written = false;
    }

    fn tcp(&mut self) -> &mut Tcp {
        match self {
            Self::Plain(tcp) => tcp,
            #[cfg(feature = "rustls-no-provider")]
            Self::Tls(stream) => stream.get_mut().0,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, into))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }
}
