//! The accept loop: one task per connection, bounded heads, and a graceful shutdown.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use crate::body::Body;

const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;
/// The largest number of open connections. Further ones wait in the backlog of the system.
const MAX_CONNECTIONS: usize = 8192;
/// How long running requests may take after `stop`.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed `accept`. If the process has no descriptor left, the loop must not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `stop`, then waits up to 30 s for running requests.
pub async fn serve<S, F>(listener: TcpListener, stop: CancellationToken, respond: S)
where
    S: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let builder = connection_builder();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            next = accept(&listener, &places) => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(event = "listener.accept_failed", error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Fails only if the socket is already closed.
        let _ = stream.set_nodelay(true);
        let respond = respond.clone();
        let service = service_fn(move |request| {
            let response = respond(request, peer);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let connection =
            builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // Held until the connection ends.
            let _place = place;
            if let Err(error) = watched.await {
                tracing::debug!(event = "connection.failed", error = %error, "a connection ended with an error");
            }
        });
    }
    // Closed before the drain, so that no new connection arrives meanwhile.
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            event = "listener.drain_timeout",
            "requests were still running at the drain timeout"
        );
    }
}

/// Accepts the next connection as soon as a permit is free.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, std::io::Result<(TcpStream, SocketAddr)>) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    (place, listener.accept().await)
}

/// Makes a builder for HTTP/1.1 alone. Browsers use HTTP/2 only over TLS, which this listener lacks.
fn connection_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
}
