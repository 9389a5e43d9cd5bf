//! A listener for HTTP/1.1: the accept loop, one task for each connection, and a graceful stop.

mod client_io;
mod connection;
mod head_lines;
mod listener;
mod progress;
mod registry;
mod request_body;
mod response_body;
mod settings;
mod signal;
#[cfg(test)]
mod tests;

use std::{
    convert::Infallible, future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode, header::CONNECTION};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    client_io::{ClientIo, ClientWatch},
    connection::{Connection, Ended},
    listener::Accepted,
    registry::{Place, Registry},
    response_body::ResponseBody,
};
pub use self::{
    listener::{InvalidListenAddress, ListenAddress, Listener, UNIX_PEER},
    request_body::{RequestBody, RequestBodyError},
    settings::{Cap, ConnectionEvent, ConnectionObserver, ConnectionSettings, TimeoutKind},
};
use crate::{body::Body, framing, headers};

/// Bounds the head of a request, and what is buffered of a response.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;
/// The pause after a failed `accept`. If the process has no descriptor left, the loop must not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The time between two log records of a failing `accept`.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// A server for one listener.
///
/// It speaks HTTP/1.1 alone: browsers use HTTP/2 only over TLS, which this listener lacks.
#[derive(Debug)]
pub struct Server {
    registry: Arc<Registry>,
}

/// The settings of a server that runs.
#[derive(Debug, Clone)]
pub struct ServerSettings(Arc<Registry>);

impl ServerSettings {
    /// Sets timeouts and caps for connections from now on. Open connections keep their timeouts.
    pub fn set(&self, settings: ConnectionSettings) {
        self.0.set(settings);
    }
}

/// The tokens of a listener's connections.
#[derive(Debug, Clone)]
struct Stop {
    /// Serve no further request.
    graceful: CancellationToken,
    /// Close at once.
    now: CancellationToken,
}

impl Server {
    /// Makes a server with these timeouts and caps. `observer` is told what happens to connections.
    pub fn new(
        settings: ConnectionSettings,
        observer: Option<Arc<dyn ConnectionObserver>>,
    ) -> Self {
        Self { registry: Registry::new(settings, observer) }
    }

    /// Returns a handle that changes timeouts and caps while the server runs.
    pub fn settings(&self) -> ServerSettings {
        ServerSettings(Arc::clone(&self.registry))
    }

    /// Serves connections until `stop`, then waits up to `drain_timeout` for running requests.
    ///
    /// When a cap is reached, a connection that waits for a head makes room for a new one. A peer on a Unix socket
    /// has the address [`UNIX_PEER`].
    pub async fn serve<S, F>(
        self,
        listener: impl Into<Listener>,
        stop: CancellationToken,
        respond: S,
    ) where
        S: Fn(Request<RequestBody>, SocketAddr) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let (listener, tasks) = (listener.into(), TaskTracker::new());
        let stop = Stop { graceful: stop, now: CancellationToken::new() };
        loop {
            let accepted = tokio::select! {
                () = stop.graceful.cancelled() => break,
                accepted = self.accept(&listener) => accepted,
            };
            let peer = match &accepted {
                Accepted::Tcp(_, peer) => *peer,
                Accepted::Unix(_) => UNIX_PEER,
            };
            let Some(place) = self.registry.admit(peer.ip()) else { continue };
            let (respond, stop) = (respond.clone(), stop.clone());
            let respond = move |request| respond(request, peer);
            match accepted {
                Accepted::Tcp(stream, _) => {
                    // Fails only if the socket is already closed.
                    let _ = stream.set_nodelay(true);
                    tasks.spawn(serve_connection(stream, place, stop, respond))
                }
                Accepted::Unix(stream) => {
                    tasks.spawn(serve_connection(stream, place, stop, respond))
                }
            };
        }
        // Closed before the drain, so that no new connection arrives meanwhile.
        drop(listener);
        tasks.close();
        let drain_timeout = self.registry.settings().drain_timeout;
        if tokio::time::timeout(drain_timeout, tasks.wait()).await.is_err() {
            tracing::warn!(
                event = "listener.drain_timeout",
                connections = tasks.len(),
                "requests were still running at the drain timeout"
            );
            stop.now.cancel();
            tasks.wait().await;
        }
    }

    /// Accepts the next connection.
    async fn accept(&self, listener: &Listener) -> Accepted {
        let mut log_at = Instant::now();
        loop {
            self.registry.until_closed().await;
            match listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    // Most likely the process has no descriptor left.
                    self.registry.evict_one();
                    if Instant::now() >= log_at {
                        log_at = Instant::now() + ACCEPT_LOG_INTERVAL;
                        tracing::warn!(
                            event = "listener.accept_failed",
                            error = &error as &dyn std::error::Error,
                            "connections could not be accepted"
                        );
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Serves connections until `stop`, with the default timeouts and caps.
pub async fn serve<S, F>(listener: impl Into<Listener>, stop: CancellationToken, respond: S)
where
    S: Fn(Request<RequestBody>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    Server::new(ConnectionSettings::default(), None).serve(listener, stop, respond).await;
}

async fn serve_connection<T, S, F>(stream: T, place: Place, stop: Stop, respond: S)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(Request<RequestBody>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let connection = Arc::new(Connection::new(&place));
    let is_trusted = place.is_trusted();
    let io = TokioIo::new(ClientIo::new(stream, ClientWatch::new(Arc::clone(&connection), place)));
    let of_service = Arc::clone(&connection);
    let keeps_header_case = connection.settings().keeps_header_case;
    let service = service_fn(move |mut request: Request<Incoming>| {
        let connection = Arc::clone(&of_service);
        let (exchange, lengths) = connection.begin_exchange();
        let framing = framing::check_request(request.headers(), lengths);
        if let Err(error) = framing {
            request.extensions_mut().insert(error);
        }
        if keeps_header_case && !is_trusted {
            headers::forget_spoofed_case(&mut request);
        }
        let response = respond(request.map(|body| RequestBody::new(body, exchange.clone())));
        async move {
            let mut response = response.await;
            if framing.is_err() {
                // Where the next request begins is in doubt too.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                connection.become_tunnel();
            }
            Ok::<_, Infallible>(response.map(|body| ResponseBody::new(body, exchange)))
        }
    });
    let mut served = pin!(
        http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .preserve_header_case(keeps_header_case)
            // Copies what is written into one buffer. A queue of small parts would keep their large buffers.
            .writev(false)
            .serve_connection(io, service)
            .with_upgrades()
    );
    let mut is_stopping = false;
    loop {
        tokio::select! {
            served = &mut served => {
                if let Err(error) = served {
                    tracing::debug!(event = "connection.failed", error = &error as &dyn std::error::Error, "a connection ended with an error");
                }
                return;
            }
            () = stop.graceful.cancelled(), if !is_stopping => {
                if connection.awaits_first_head() {
                    return;
                }
                is_stopping = true;
                served.as_mut().graceful_shutdown();
            }
            () = stop.now.cancelled() => return,
            ended = connection.ended() => {
                if let Ended::TimedOut(kind) = ended {
                    connection.note(ConnectionEvent::TimedOut(kind));
                }
                tracing::debug!(event = "connection.closed", reason = ?ended, "a connection was closed");
                return;
            }
        }
    }
}
