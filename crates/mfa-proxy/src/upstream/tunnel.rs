//! An upgraded connection: bytes in both directions, until somebody ends it.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional},
    time::{Instant, sleep_until},
};

/// How a tunnel may be used. Made before the application is asked.
pub struct TunnelTerms {
    idle_timeout: Duration,
    use_by_client: ClientUse,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Whether the client has sent bytes through a tunnel.
#[derive(Debug, Clone, Default)]
pub struct ClientUse(Arc<AtomicBool>);

impl ClientUse {
    /// Returns whether bytes came from the client since the last call.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl TunnelTerms {
    /// Makes terms: the tunnel ends after `idle_timeout` without a byte in either direction, and when `ended`
    /// is ready. `use_by_client` is set by each byte of the client.
    ///
    /// What `ended` owns is dropped with the tunnel.
    pub fn new(
        idle_timeout: Duration,
        use_by_client: ClientUse,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self { idle_timeout, use_by_client, ended: Box::pin(ended) }
    }

    /// Copies bytes until either side closes or the terms end it.
    pub(super) async fn run(self, client: OnUpgrade, application: OnUpgrade) {
        let (Ok(client), Ok(application)) = tokio::join!(client, application) else { return };
        self.copy(TokioIo::new(client), TokioIo::new(application)).await;
    }

    async fn copy<C, A>(self, client: C, mut application: A)
    where
        C: AsyncRead + AsyncWrite + Unpin,
        A: AsyncRead + AsyncWrite + Unpin,
    {
        let used_at = Arc::new(Mutex::new(Instant::now()));
        let mut client = Observed {
            stream: client,
            use_by_client: self.use_by_client,
            used_at: Arc::clone(&used_at),
        };
        tokio::select! {
            copied = copy_bidirectional(&mut client, &mut application) => {
                if let Err(error) = copied {
                    tracing::debug!(event = "tunnel.failed", error = &error as &dyn std::error::Error, "an upgraded connection ended with an error");
                }
            }
            () = idle(&used_at, self.idle_timeout) => {
                tracing::debug!(event = "tunnel.idle", "an upgraded connection was idle");
            }
            () = self.ended => {
                tracing::debug!(event = "tunnel.ended", "an upgraded connection was cut");
            }
        }
    }
}

impl fmt::Debug for TunnelTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelTerms")
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}

async fn idle(used_at: &Mutex<Instant>, timeout: Duration) {
    loop {
        let ends_at = *used_at.lock().unwrap_or_else(PoisonError::into_inner) + timeout;
        if ends_at <= Instant::now() {
            return;
        }
        sleep_until(ends_at).await;
    }
}

/// The client's side of a tunnel. It sees the bytes of both directions.
struct Observed<T> {
    stream: T,
    use_by_client: ClientUse,
    used_at: Arc<Mutex<Instant>>,
}

impl<T> Observed<T> {
    fn note_use(&self) {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Observed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.note_use();
            self.use_by_client.0.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Observed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.note_use();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
