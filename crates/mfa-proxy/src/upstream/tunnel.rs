//! An upgraded connection: bytes in both directions, until somebody ends it.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    time::{Instant, sleep_until},
};

use crate::watched::{Watch, Watched};

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
        let watch = TunnelUse { by_client: self.use_by_client, used_at: Arc::clone(&used_at) };
        let mut client = Watched::new(client, watch);
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

/// Watches the client's side of a tunnel. It sees the bytes of both directions.
struct TunnelUse {
    by_client: ClientUse,
    used_at: Arc<Mutex<Instant>>,
}

impl TunnelUse {
    fn note(&self) {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Watch for TunnelUse {
    fn note_read(&self, _bytes: &[u8]) {
        self.note();
        self.by_client.0.store(true, Ordering::Relaxed);
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.note();
        }
    }
}
