//! Timeouts and caps, with a paused clock and connections in memory.

mod caps;
mod timeouts;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    ConnectionEvent, ConnectionObserver, ConnectionSettings, RequestBody, Stop, registry::Registry,
    serve_connection,
};
use crate::body::{Body, full};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// How many bytes a connection in memory holds for each side.
const BUFFER: usize = 4096;
/// A connection that is open for so long is never closed.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Keeps every event.
#[derive(Debug, Default)]
struct Events(Mutex<Vec<ConnectionEvent>>);

impl Events {
    fn count(&self, event: ConnectionEvent) -> usize {
        self.0.lock().expect("no panic").iter().filter(|each| **each == event).count()
    }
}

impl ConnectionObserver for Events {
    fn note(&self, event: ConnectionEvent) {
        self.0.lock().expect("no panic").push(event);
    }
}

/// A server without a listener.
struct World {
    registry: Arc<Registry>,
    events: Arc<Events>,
    stop: CancellationToken,
}

/// The client's side of a connection.
struct Client {
    stream: DuplexStream,
    opened_at: Instant,
    /// Returns when the connection was closed.
    served: JoinHandle<Instant>,
}

impl World {
    fn new(settings: ConnectionSettings) -> Self {
        let events = Arc::new(Events::default());
        let registry = Registry::new(settings, Some(Arc::clone(&events) as _));
        Self { registry, events, stop: CancellationToken::new() }
    }

    fn connect(&self, peer: &str) -> Option<Client> {
        let peer: IpAddr = peer.parse().expect("an address");
        let place = self.registry.admit(peer)?;
        let (stream, server) = duplex(BUFFER);
        let stop = Stop { graceful: self.stop.clone(), now: CancellationToken::new() };
        let serving = serve_connection(server, place, stop, respond);
        let served = tokio::spawn(async {
            serving.await;
            Instant::now()
        });
        Some(Client { stream, opened_at: Instant::now(), served })
    }

    fn connect_once(&self) -> Client {
        self.connect("192.0.2.1").expect("a place")
    }
}

impl Client {
    async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.expect("an open connection");
    }

    /// Reads one response with a body of the length in its head.
    async fn response(&mut self) -> String {
        let mut read = String::new();
        while !read.ends_with("end") {
            let mut byte = [0];
            let count = self.stream.read(&mut byte).await.expect("an open connection");
            assert_ne!(count, 0, "closed after {read:?}");
            read.push(char::from(byte[0]));
        }
        read
    }

    /// Waits until the server closes. Returns the seconds since the connection was opened, and what it sent.
    async fn closed(mut self) -> (u64, String) {
        let mut read = Vec::new();
        // A cut connection is an error or an end.
        let _ = timeout(LONG, self.stream.read_to_end(&mut read)).await.expect("it is closed");
        let after = self.served.await.expect("no panic") - self.opened_at;
        (after.as_secs(), String::from_utf8_lossy(&read).into_owned())
    }

    /// Waits until the server has closed a connection whose client reads nothing.
    async fn cut(self) -> u64 {
        let _stream = self.stream;
        let ended_at = timeout(LONG, self.served).await.expect("it is closed");
        (ended_at.expect("no panic") - self.opened_at).as_secs()
    }
}

/// Responds to `/large` with a large body, to `/hang` never, and else when the body has arrived.
async fn respond(request: Request<RequestBody>) -> Response<Body> {
    match request.uri().path() {
        "/large" => Response::new(full(vec![b'x'; 1024 * 1024])),
        "/hang" => std::future::pending().await,
        _ => match request.into_body().collect().await {
            Ok(body) => Response::new(full(format!("{} bytes: end", body.to_bytes().len()))),
            Err(error) => Response::new(full(format!("{error}: end"))),
        },
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
