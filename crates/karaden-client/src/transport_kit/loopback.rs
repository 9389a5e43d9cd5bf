//! The stage for transports that speak HTTP/1.1.

use std::{
    any::Any,
    collections::VecDeque,
    fmt, io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{
    HeaderValue,
    header::{CONTENT_LENGTH, LOCATION},
};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use super::stage::{Behaviour, Counter, Scene, Stage, UnderWay};
use crate::transport::Transport;

/// A server on 127.0.0.1 for each scene, over HTTP/1.1 without TLS.
pub struct Loopback<F>(F);

impl<F, T> Loopback<F>
where
    F: Fn() -> T + Send + Sync,
    T: Transport,
{
    /// Creates the stage for transports that `make` makes, a new one for each scene.
    pub fn new(make: F) -> Self {
        Self(make)
    }
}

impl<F> fmt::Debug for Loopback<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback").finish_non_exhaustive()
    }
}

#[async_trait]
impl<F, T> Stage for Loopback<F>
where
    F: Fn() -> T + Send + Sync,
    T: Transport,
{
    async fn set(&self, behaviours: Vec<Behaviour>) -> Scene {
        let socket = TcpSocket::new_v4().expect("the system has sockets");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port on loopback is free");
        let address = socket.local_addr().expect("a bound socket has an address");
        let requests = Counter::new();
        let is_absent = matches!(behaviours.first(), Some(Behaviour::Absent));
        let server: Box<dyn Any + Send + Sync> = if is_absent {
            // Keeps the port, so that no other server gets it meanwhile, and refuses connections.
            Box::new(socket)
        } else {
            let listener = socket.listen(BACKLOG).expect("a bound socket can listen");
            let behaviours = Arc::new(Mutex::new(VecDeque::from(behaviours)));
            Box::new(Server(tokio::spawn(serve(listener, behaviours, requests.clone()))))
        };
        Scene::new((self.0)(), format!("http://{address}/"), requests, server)
    }
}

/// The most connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// The task of a server. Ends with its scene.
struct Server(JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Behaviours = Arc<Mutex<VecDeque<Behaviour>>>;
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The body of [`Behaviour::Endless`], in chunks.
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 1024;

async fn serve(listener: TcpListener, behaviours: Behaviours, requests: Counter) {
    // Dropped with this task, and ends the connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (behaviours, requests) = (Arc::clone(&behaviours), requests.clone());
        let service =
            service_fn(move |request| respond(request, Arc::clone(&behaviours), requests.clone()));
        connections.spawn(async move {
            // An error is that of a client that is gone, or of `Behaviour::Close`.
            let _ended =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(
    request: http::Request<Incoming>,
    behaviours: Behaviours,
    requests: Counter,
) -> Result<http::Response<Body>, io::Error> {
    let under_way = requests.begin();
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    under_way.receive(http::Request::from_parts(head, body));
    let next = behaviours.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let whole = |status, body| {
        response(status, Full::new(body).map_err(|never| match never {}).boxed_unsync())
    };
    match next.unwrap_or(Behaviour::Close) {
        Behaviour::Absent | Behaviour::Close => Err(closed()),
        Behaviour::Cut(body) => {
            let length = body.len() + 1;
            let mut response = response(200, cut(body))?;
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            Ok(response)
        }
        Behaviour::CutUnannounced(body) => response(200, cut(body)),
        Behaviour::Endless => response(200, endless(under_way)),
        Behaviour::Redirect(status) => {
            let mut response = whole(status, Bytes::new())?;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/elsewhere"));
            Ok(response)
        }
        Behaviour::Respond(status, body) => whole(status, body),
        Behaviour::Silence => std::future::pending().await,
        Behaviour::Unannounced(body) => {
            let frames = stream::iter([Ok(Frame::data(body))]);
            response(200, StreamBody::new(frames).boxed_unsync())
        }
    }
}

fn closed() -> io::Error {
    io::Error::other("closed on purpose")
}

/// Returns a body that breaks off after these bytes.
fn cut(body: Bytes) -> Body {
    let breaks_off = async {
        // hyper writes what it has before it waits, and nothing after an error.
        sleep(Duration::from_millis(50)).await;
        Err(closed())
    };
    let frames = stream::iter([Ok(Frame::data(body))]).chain(stream::once(breaks_off));
    StreamBody::new(frames).boxed_unsync()
}

/// Returns the body of [`Behaviour::Endless`]. The request is under way until its end.
fn endless(under_way: UnderWay) -> Body {
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let frames = stream::iter(0..CHUNKS).map(move |_| {
        under_way.write(CHUNK);
        Ok(Frame::data(chunk.clone()))
    });
    StreamBody::new(frames).boxed_unsync()
}

fn response(status: u16, body: Body) -> Result<http::Response<Body>, io::Error> {
    http::Response::builder().status(status).body(body).map_err(io::Error::other)
}
