//! The HTTP side: connections, routing, faults, and an orderly end.

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
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use self::{
    calls::{api, operation},
    cut::{Cut, Cuttable},
};
use crate::{
    body::{Reply, text},
    control, inbox,
    operation::Operation,
    request::Call,
    shared::Shared,
    sms,
    storage::LARGEST_UPLOAD,
    tls,
};

/// The largest request body of the APIs.
const LARGEST_REQUEST: usize = 256 * 1024;
/// Of a request to send one message: the longest text takes 8 KiB, the rest is for tags. It bounds what
/// one message of the history takes.
const LARGEST_SEND: usize = 32 * 1024;
/// After a failed `accept` (out of descriptors, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long requests in flight may take to end once the simulator stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Accepts connections until told to stop, then waits for those that are open.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener, tls: Option<TlsAcceptor>) {
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
                let talk = Talk {
                    shared: Arc::clone(&shared),
                    builder: Arc::clone(&builder),
                    graceful: graceful.watcher(),
                    cut: Cut::child_of(&cut_all),
                };
                let _ = stream.set_nodelay(true);
                match &tls {
                    None => drop(tokio::spawn(talk.over(stream))),
                    Some(acceptor) => drop(tokio::spawn(talk.over_tls(acceptor.clone(), stream))),
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await;
}

/// One connection and what it needs.
struct Talk {
    shared: Arc<Shared>,
    builder: Arc<auto::Builder<TokioExecutor>>,
    graceful: Watcher,
    cut: Cut,
}

impl Talk {
    async fn over_tls(self, acceptor: TlsAcceptor, stream: TcpStream) {
        let accepted = tokio::select! {
            accepted = tls::accept(&acceptor, stream) => accepted,
            () = self.shared.stop.cancelled() => return,
        };
        match accepted {
            Ok(stream) => self.over(stream).await,
            Err(error) => tracing::debug!(error = %error, "a TLS handshake failed"),
        }
    }

    async fn over(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
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
            // Dropping the connection closes its socket, whatever was being answered.
            () = cut.happened() => {}
        }
    }
}

async fn handle(shared: &Arc<Shared>, request: Request<Incoming>, cut: &Cut) -> Reply {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let operation = operation(&parts.method, path);
    let limit = match operation {
        Some(Operation::Upload) => LARGEST_UPLOAD,
        Some(Operation::Send | Operation::Queue | Operation::QueueLong) => LARGEST_SEND,
        _ => LARGEST_REQUEST,
    };
    let Ok(body) = read(body, limit).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large");
    };
    let call = Call {
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
            misbehave::answer(shared, &call, operation, cut).await
        }
        Some(operation) => api(shared, &call, operation),
        None => other(shared, &call),
    }
}

/// Everything that is not an API call.
fn other(shared: &Arc<Shared>, call: &Call<'_>) -> Reply {
    if call.path.starts_with("/api/") {
        return sms::handle(shared, call);
    }
    if guard::is_foreign(call) {
        return text(StatusCode::FORBIDDEN, "another site may not work the switches");
    }
    let reply = inbox::handle(shared, call).or_else(|| control::handle(shared, call));
    guard::secured(reply.unwrap_or_else(|| text(StatusCode::NOT_FOUND, "Not Found")))
}

async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, ()> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // Nearly every request is one frame: no copy then.
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
