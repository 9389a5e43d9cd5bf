//! The HTTP server: connections, routing, faults, shutdown.

mod bomb;
mod calls;
mod cut;
mod guard;
mod misbehave;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Limited};
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
#[cfg(feature = "tls")]
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use self::{
    calls::{handle_api, operation},
    cut::{Cut, Cuttable},
};
#[cfg(feature = "tls")]
use crate::tls;
use crate::{
    body::{Reply, text},
    control, inbox, log,
    operation::Operation,
    request::Call,
    shared::Shared,
    sms,
    storage::MAX_UPLOAD_BYTES,
};

/// Maximum size of a request body.
const MAX_REQUEST_BYTES: usize = 256 * 1024;
/// Maximum size of a request that sends one message: the longest text takes 8 KiB, the rest is for
/// tags. It limits the memory that one message of the history takes.
const MAX_SEND_BYTES: usize = 32 * 1024;
/// The pause after a failed `accept`, for example without free descriptors. Without it the loop would
/// use a whole core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long requests in progress may take to finish when the simulator stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Accepts connections until the simulator stops, then waits for the open ones.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener) {
    let graceful = GracefulShutdown::new();
    let cut_all = CancellationToken::new();
    let _cut_on_drop = cut_all.clone().drop_guard();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(60));
    builder.http2().timer(TokioTimer::new());
    let builder = Arc::new(builder);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = Connection {
                    shared: Arc::clone(&shared),
                    builder: Arc::clone(&builder),
                    graceful: graceful.watcher(),
                    cut: Cut::child_of(&cut_all),
                };
                let _ = stream.set_nodelay(true);
                drop(tokio::spawn(connection.serve_socket(stream)));
            }
            Err(error) => {
                log::accept_failed(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
}

/// One accepted connection.
struct Connection {
    shared: Arc<Shared>,
    builder: Arc<auto::Builder<TokioExecutor>>,
    graceful: Watcher,
    cut: Cut,
}

impl Connection {
    async fn serve_socket(self, stream: TcpStream) {
        #[cfg(feature = "tls")]
        if let Some(identity) = &self.shared.config.tls {
            let acceptor = identity.acceptor();
            return self.serve_tls(acceptor, stream).await;
        }
        self.serve(stream).await;
    }

    #[cfg(feature = "tls")]
    async fn serve_tls(self, acceptor: TlsAcceptor, stream: TcpStream) {
        let accepted = tokio::select! {
            accepted = tls::accept(&acceptor, stream) => accepted,
            () = self.shared.stop.cancelled() => return,
        };
        match accepted {
            Ok(stream) => self.serve(stream).await,
            Err(error) => log::handshake_failed(&error),
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let Self { shared, builder, graceful, cut } = self;
        let service = {
            let (shared, cut) = (Arc::clone(&shared), cut.clone());
            service_fn(move |request| {
                let (shared, cut) = (Arc::clone(&shared), cut.clone());
                async move { Ok::<_, Infallible>(handle(&shared, request, &cut).await) }
            })
        };
        let io = TokioIo::new(Cuttable { stream, cut: cut.clone() });
        let connection = builder.serve_connection(io, service).into_owned();
        tokio::select! {
            _ = graceful.watch(connection) => {}
            // Dropping the connection closes its socket, even in the middle of a response.
            () = cut.cancelled() => {}
        }
    }
}

async fn handle(shared: &Arc<Shared>, request: Request<Incoming>, cut: &Cut) -> Reply {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let operation = operation(&parts.method, path);
    let limit = match operation {
        Some(Operation::Upload) => MAX_UPLOAD_BYTES,
        Some(Operation::Send | Operation::Queue | Operation::QueueLong) => MAX_SEND_BYTES,
        _ => MAX_REQUEST_BYTES,
    };
    let Ok(body) = read_body(body, limit).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large");
    };
    let mut call = Call {
        method: &parts.method,
        path,
        query: parts.uri.query().unwrap_or_default(),
        host: parts
            .headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str)),
        headers: &parts.headers,
        body: &body,
        now: shared.clock.now(),
    };
    match operation {
        Some(operation) if shared.has_faults() => {
            misbehave::handle(shared, &call, operation, cut).await
        }
        Some(operation) => handle_api(shared, &call, operation),
        None => {
            inbox::wait(shared, &call).await;
            call.now = shared.clock.now();
            handle_other(shared, &call)
        }
    }
}

/// Handles everything that is not an API call.
fn handle_other(shared: &Arc<Shared>, call: &Call<'_>) -> Reply {
    if call.path.starts_with("/api/") {
        return sms::handle(shared, call);
    }
    if guard::is_cross_site(call) {
        return text(StatusCode::FORBIDDEN, "cross-site requests are not allowed");
    }
    let reply = inbox::handle(shared, call).or_else(|| control::handle(shared, call));
    guard::with_security_headers(reply.unwrap_or_else(|| text(StatusCode::NOT_FOUND, "Not Found")))
}

async fn read_body(mut body: Incoming, limit: usize) -> Result<Bytes, ()> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // Nearly every body is one frame, which then needs no copy.
    let first = match body.frame().await {
        None => return Ok(Bytes::new()),
        Some(frame) => frame.map_err(drop)?.into_data().unwrap_or_default(),
    };
    if body.is_end_stream() && first.len() <= limit {
        return Ok(first);
    }
    let rest = Limited::new(body, limit.saturating_sub(first.len()));
    let rest = rest.collect().await.map_err(drop)?.to_bytes();
    Ok([first, rest].concat().into())
}
