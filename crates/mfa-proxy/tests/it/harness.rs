//! Applications that behave as told, and a proxy in front of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response};
use mfa_proxy::{
    Body, ClientUse, ConnectionEvent, ConnectionObserver, ConnectionSettings, ForwardingRules,
    HeaderCase, NormalPath, Origin, Proxy, RequestBody, Server, TunnelTerms, UpstreamLimits, full,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub(crate) const LIMITS: UpstreamLimits = UpstreamLimits {
    max_body_bytes: 1024 * 1024,
    timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(10),
};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// An application. `talk` gets each of its connections, with its number.
pub(crate) struct Application {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Application {
    pub(crate) async fn start<F>(talk: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, count.fetch_add(1, Ordering::SeqCst)));
            }
        });
        Self { address, connections }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads the head of a request. Empty at the end of the connection.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).expect("text")
}

/// Writes a whole response.
pub(crate) async fn answer(stream: &mut TcpStream, body: &str) {
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(response.as_bytes()).await.expect("the proxy reads");
}

/// Counts what happens to connections.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) open: AtomicUsize,
    pub(crate) evicted: AtomicUsize,
}

impl ConnectionObserver for Counts {
    fn note(&self, event: ConnectionEvent) {
        match event {
            ConnectionEvent::Opened => self.open.fetch_add(1, Ordering::SeqCst),
            ConnectionEvent::Closed => self.open.fetch_sub(1, Ordering::SeqCst),
            ConnectionEvent::Evicted => self.evicted.fetch_add(1, Ordering::SeqCst),
            ConnectionEvent::Refused(_) | ConnectionEvent::TimedOut(_) => 0,
        };
    }
}

/// A proxy that forwards everything. An error of the proxy is the body of the response.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<Counts>,
    pub(crate) use_by_client: ClientUse,
    /// Ends every tunnel.
    pub(crate) cut: Arc<Notify>,
    stop: CancellationToken,
}

impl Gateway {
    pub(crate) async fn start(
        application: SocketAddr,
        limits: UpstreamLimits,
        settings: ConnectionSettings,
        tunnel_idle_timeout: Option<Duration>,
    ) -> Self {
        let rules = ForwardingRules::default();
        Self::start_with(application, limits, rules, settings, tunnel_idle_timeout).await
    }

    /// Starts a gateway with these rules, and with settings that go with them.
    pub(crate) async fn with_rules(application: &Application, rules: ForwardingRules) -> Self {
        let keeps_header_case = rules.header_case == HeaderCase::Preserve;
        let settings = ConnectionSettings { keeps_header_case, ..Default::default() };
        Self::start_with(application.address, LIMITS, rules, settings, None).await
    }

    async fn start_with(
        application: SocketAddr,
        limits: UpstreamLimits,
        rules: ForwardingRules,
        settings: ConnectionSettings,
        tunnel_idle_timeout: Option<Duration>,
    ) -> Self {
        let url = format!("http://{application}").parse().expect("a URL");
        let proxy = Arc::new(Proxy::new(&url, limits, rules, "own_").expect("a proxy"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = Self {
            address: listener.local_addr().expect("an address"),
            counts: Arc::default(),
            use_by_client: ClientUse::default(),
            cut: Arc::default(),
            stop: CancellationToken::new(),
        };
        let (used, cut) = (gateway.use_by_client.clone(), Arc::clone(&gateway.cut));
        let server = Server::new(settings, Some(Arc::clone(&gateway.counts) as _));
        tokio::spawn(server.serve(listener, gateway.stop.clone(), move |request, peer| {
            let cut = Arc::clone(&cut);
            let tunnel = tunnel_idle_timeout.map(|idle_timeout| {
                TunnelTerms::new(idle_timeout, used.clone(), async move { cut.notified().await })
            });
            forward(Arc::clone(&proxy), request, peer, tunnel)
        }));
        gateway
    }

    pub(crate) async fn before(application: &Application) -> Self {
        Self::start(application.address, LIMITS, ConnectionSettings::default(), None).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// Sends one request on a connection of its own and returns the whole response.
    pub(crate) async fn ask(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.write_all(request.as_bytes()).await.expect("it reads");
        read_to_end(&mut client).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) async fn read_to_end(client: &mut TcpStream) -> String {
    let mut response = Vec::new();
    let reading = timeout(PATIENCE, client.read_to_end(&mut response));
    // A connection that is cut off ends with an error.
    let _ = reading.await.expect("the end of the connection");
    String::from_utf8_lossy(&response).into_owned()
}

async fn forward(
    proxy: Arc<Proxy>,
    request: Request<RequestBody>,
    peer: SocketAddr,
    tunnel: Option<TunnelTerms>,
) -> Response<Body> {
    let path = NormalPath::parse(request.uri().path()).expect("a plain path");
    let host = HeaderValue::from_static("app.example.jp");
    let origin = Origin { client: peer.ip(), scheme: "http", host: &host };
    let mut own = HeaderMap::new();
    own.insert("x-own-user", HeaderValue::from_static("alice"));
    match proxy.forward(request, &path, &origin, &own, tunnel).await {
        Ok(response) => response,
        Err(error) => Response::new(full(error.to_string())),
    }
}
