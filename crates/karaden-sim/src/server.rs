//! The HTTP server: connections, routing, faults, shutdown.

mod activity;
mod bomb;
mod calls;
mod cut;
mod guard;
mod host;
mod method;
mod misbehave;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, uri::Authority};
use http_body_util::{BodyExt, LengthLimitError, Limited};
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
    activity::Activity,
    calls::{handle_api, operations},
    cut::{Cut, Watched},
};
#[cfg(feature = "tls")]
use crate::tls;
use crate::{
    body::{Reply, text},
    control, inbox, log,
    operation::{Api, Operation},
    request::Call,
    resource::Methods,
    shared::Shared,
    sms::{self, Failure},
    storage::{self, MAX_UPLOAD_BYTES},
};

/// Maximum size of a request body.
const MAX_REQUEST_BYTES: usize = 256 * 1024;
/// Maximum size of a request that sends one message: the longest text takes 8 KiB, the rest is for
/// tags. It limits the memory that one message of the history takes.
const MAX_SEND_BYTES: usize = 32 * 1024;
/// How long nothing may move on a connection while no request is handled, how long a head may take, and how long the
/// body of a request may take.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
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
    let builder = Arc::new(builder());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                // No address: the connection is gone.
                let Ok(address) = stream.local_addr() else { continue };
                let connection = Connection {
                    shared: Arc::clone(&shared),
                    came_to: address.ip(),
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

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(SILENCE_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    builder
}

/// One accepted connection.
struct Connection {
    shared: Arc<Shared>,
    /// The simulator's address, as the client sees it.
    came_to: IpAddr,
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
        let Self { shared, came_to, builder, graceful, cut } = self;
        let activity = Activity::new();
        let exchange = Exchange { shared, came_to, cut: cut.clone(), activity: activity.clone() };
        let service = service_fn(move |request| {
            let exchange = exchange.clone();
            async move { Ok::<_, Infallible>(exchange.respond(request).await) }
        });
        let stream = Watched { stream, cut: cut.clone(), activity: activity.clone() };
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        tokio::select! {
            _ = graceful.watch(connection) => {}
            // Dropping the connection closes its socket, even in the middle of a response.
            () = cut.cancelled() => {}
            () = activity.ended(SILENCE_TIMEOUT) => {}
        }
    }
}

/// What the requests of a connection share.
#[derive(Clone)]
struct Exchange {
    shared: Arc<Shared>,
    came_to: IpAddr,
    cut: Cut,
    activity: Activity,
}

impl Exchange {
    async fn respond(&self, request: Request<Incoming>) -> Reply {
        let is_head = request.method() == Method::HEAD;
        let reply = self.handle(request).await;
        if is_head { method::without_body(reply) } else { reply }
    }

    async fn handle(&self, request: Request<Incoming>) -> Reply {
        let shared = &self.shared;
        let (parts, body) = request.into_parts();
        let host = match host::check(&parts, self.came_to, &shared.config) {
            Ok(host) => host,
            Err(status) => return refuse_host(status),
        };
        let (method, path) = (method::handled_as(&parts.method), parts.uri.path());
        let operations = operations(path);
        let operation = operations.iter().copied().find(|one| one.method() == *method);
        let body = match read_body(body, max_bytes(operation)).await {
            Ok(body) => body,
            Err(status) => return text(status, status.canonical_reason().unwrap_or_default()),
        };
        let _handling = self.activity.handling();
        let mut call = Call {
            method,
            path,
            query: parts.uri.query().unwrap_or_default(),
            host: host.as_ref().map(Authority::as_str),
            headers: &parts.headers,
            body: &body,
            now: shared.clock.now(),
        };
        match operation {
            Some(operation) if shared.has_faults() => {
                misbehave::handle(shared, &call, operation, &self.cut).await
            }
            Some(operation) => handle_api(shared, &call, operation),
            None if !operations.is_empty() => refuse_method(shared, method, &operations),
            None => {
                inbox::wait(shared, &call).await;
                call.now = shared.clock.now();
                handle_own(shared, &call)
            }
        }
    }
}

/// Returns how long the body of a request may be.
fn max_bytes(operation: Option<Operation>) -> usize {
    match operation {
        Some(Operation::Upload) => MAX_UPLOAD_BYTES,
        Some(Operation::Send | Operation::Queue | Operation::QueueLong) => MAX_SEND_BYTES,
        _ => MAX_REQUEST_BYTES,
    }
}

fn refuse_host(status: StatusCode) -> Reply {
    text(
        status,
        match status {
            StatusCode::MISDIRECTED_REQUEST => {
                "the simulator does not know this host name; --host adds one\n"
            }
            _ => "a request has one valid Host\n",
        },
    )
}

/// Makes the response to a method that an API's path does not have.
fn refuse_method(shared: &Shared, method: &Method, operations: &[Operation]) -> Reply {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    // The SMS API documents no error for this. We use the code of the 500.
    let refusal = match operations {
        [Operation::Upload | Operation::Download, ..] => {
            storage::refusal(status, "MethodNotAllowed")
        }
        [first, ..] if first.api() == Api::Sms => {
            Failure::for_status(status).reply(&shared.world().quirks)
        }
        _ => text(status, "Method Not Allowed"),
    };
    method::other(method, operations.iter().map(|one| one.method()), refusal)
}

/// Handles everything that is not an API call.
fn handle_own(shared: &Arc<Shared>, call: &Call<'_>) -> Reply {
    if call.path.starts_with("/api/") {
        return sms::handle(shared, call);
    }
    if guard::is_cross_site(call) {
        return text(StatusCode::FORBIDDEN, "cross-site requests are not allowed");
    }
    let reply = match inbox::methods(call.path).or_else(|| control::methods(call.path)) {
        None => text(StatusCode::NOT_FOUND, "Not Found"),
        Some(methods) => {
            let found = methods.iter().find(|(method, _)| method == call.method);
            found.map_or_else(|| refuse_own(call, methods), |(_, handle)| handle(shared, call))
        }
    };
    guard::with_security_headers(reply)
}

/// Makes the response to a method that a path of the simulator's own does not have.
fn refuse_own(call: &Call<'_>, methods: Methods) -> Reply {
    let refusal = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    method::other(call.method, methods.iter().map(|(method, _)| method.clone()), refusal)
}

/// Reads the body of a request.
///
/// # Errors
///
/// 413 if it is longer than `limit`, 408 if it takes too long, 400 if its framing is broken.
async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, StatusCode> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let reading = tokio::time::timeout(SILENCE_TIMEOUT, read_frames(body, limit));
    reading.await.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}

async fn read_frames(mut body: Incoming, limit: usize) -> Result<Bytes, StatusCode> {
    let broken = |_| StatusCode::BAD_REQUEST;
    // Nearly every body is one frame, which then needs no copy.
    let first = match body.frame().await {
        None => return Ok(Bytes::new()),
        Some(frame) => frame.map_err(broken)?.into_data().unwrap_or_default(),
    };
    if body.is_end_stream() && first.len() <= limit {
        return Ok(first);
    }
    let rest = Limited::new(body, limit.saturating_sub(first.len()));
    let rest = rest.collect().await.map_err(|error| {
        let is_too_long = error.is::<LengthLimitError>();
        if is_too_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST }
    })?;
    Ok([first, rest.to_bytes()].concat().into())
}
