//! Forwarding over real sockets, to applications that behave badly.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use mfa_proxy::{Body, NormalPath, Origin, Proxy, full, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Starts an application that sends `response` on one connection and closes it.
async fn application(response: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.expect("a request");
        stream.write_all(response.as_bytes()).await.expect("the proxy reads");
    });
    address
}

/// Forwards a request. An error becomes the body of the response.
async fn forward(
    proxy: Arc<Proxy>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Body> {
    let path = NormalPath::parse(request.uri().path()).expect("a plain path");
    let host = HeaderValue::from_static("app.example.jp");
    let origin = Origin { client: peer.ip(), scheme: "http", host: &host };
    match proxy.forward(request, &path, &origin, &HeaderMap::new()).await {
        Ok(response) => response,
        Err(error) => Response::new(full(error.to_string())),
    }
}

/// Sends one request through a proxy and returns the whole response.
async fn through_proxy(application: SocketAddr) -> String {
    let url = format!("http://{application}").parse().expect("a URL");
    let proxy = Arc::new(Proxy::new(&url, 1024, TIMEOUT, "own_").expect("a proxy"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, stop.clone(), move |request, peer| {
        forward(Arc::clone(&proxy), request, peer)
    }));
    let mut client = TcpStream::connect(address).await.expect("it listens");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await.expect("it reads");
    let mut response = String::new();
    client.read_to_string(&mut response).await.expect("a response");
    stop.cancel();
    serving.await.expect("the server ends");
    response
}

#[tokio::test]
async fn a_response_is_passed_on() {
    let application =
        application("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello").await;
    let response = through_proxy(application).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("x-a: 1\r\n") && response.ends_with("\r\n\r\nhello"), "{response}");
}

#[tokio::test]
async fn an_unrequested_protocol_change_is_the_fault_of_the_application() {
    let application = application(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    )
    .await;
    let response = through_proxy(application).await;
    let error = "the application changed the protocol without being asked";
    assert!(response.ends_with(error), "{response}");
}

#[tokio::test]
async fn an_application_that_closes_the_connection_is_unreachable() {
    let response = through_proxy(application("").await).await;
    assert!(response.ends_with("the application cannot be reached"), "{response}");
}
