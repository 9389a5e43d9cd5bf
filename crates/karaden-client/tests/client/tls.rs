//! TLS: a private certificate authority, HTTP/2, and untrusted servers, which get no request.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use karaden_client::{
    ErrorKind, RetryPolicy, SendOutcome,
    transport::{ReqwestTransport, ReqwestTransportBuilder},
};
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{
    clients::sms_client_over,
    common::{assert_clean, full, options, sms_message},
};

struct TlsServer {
    addr: SocketAddr,
    pem: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    http2_requests: Arc<AtomicUsize>,
}

impl TlsServer {
    async fn start(name: &str) -> Self {
        let (config, pem) = server_config(name, rustls::ALL_VERSIONS);
        let mut config = Arc::unwrap_or_clone(config);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = Self {
            addr: listener.local_addr().expect("an address"),
            pem,
            connections: Arc::default(),
            requests: Arc::default(),
            http2_requests: Arc::default(),
        };
        let connections = server.connections.clone();
        let counters = (server.requests.clone(), server.http2_requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counters) = (acceptor.clone(), counters.clone());
                let connections = connections.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    connections.fetch_add(1, Ordering::SeqCst);
                    let service = service_fn(move |request| response(request, counters.clone()));
                    let _gone = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.addr.port())
    }
}

/// A server with a self-signed certificate for `name`, and the certificate as PEM.
fn server_config(
    name: &str,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> (Arc<rustls::ServerConfig>, String) {
    let certified = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .expect("a configuration");
    (Arc::new(config), certified.cert.pem())
}

async fn response(
    request: hyper::Request<hyper::body::Incoming>,
    (requests, http2): (Arc<AtomicUsize>, Arc<AtomicUsize>),
) -> Result<hyper::Response<Full<bytes::Bytes>>, std::convert::Infallible> {
    requests.fetch_add(1, Ordering::SeqCst);
    if request.version() == hyper::Version::HTTP_2 {
        http2.fetch_add(1, Ordering::SeqCst);
    }
    let _body = request.into_body().collect().await;
    Ok(hyper::Response::new(Full::from(r#"{"object":"message","id":"m-1"}"#)))
}

/// A transport that trusts this certificate only.
fn trusting(pem: &str) -> ReqwestTransportBuilder {
    ReqwestTransport::builder().with_root_certificates_pem(pem).with_only_given_roots()
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn http2_is_spoken_if_it_is_allowed() {
    let server = TlsServer::start("localhost").await;
    let client = sms_client_over(&server.url(), options(), trusting(&server.pem).with_http2());
    client.send(sms_message()).await.expect("a response").into_accepted().expect("accepted");
    let sends = (0..20).map(|_| client.send(sms_message()));
    for outcome in futures_util::future::join_all(sends).await {
        assert!(matches!(outcome, Ok(SendOutcome::Accepted(_))), "{outcome:?}");
    }
    assert_eq!(server.http2_requests.load(Ordering::SeqCst), 21);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1, "one connection carries them all");
}

/// The default transport speaks HTTP/1.1, where a connection carries one request at a time.
#[tokio::test]
async fn by_default_a_connection_carries_one_request_at_a_time() {
    let server = TlsServer::start("localhost").await;
    let client = sms_client_over(&server.url(), options(), trusting(&server.pem));
    for _ in 0..5 {
        client.send(sms_message()).await.expect("a response").into_accepted().expect("accepted");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    assert_eq!(server.http2_requests.load(Ordering::SeqCst), 0);
    let sends = (0..20).map(|_| client.send(sms_message()));
    for outcome in futures_util::future::join_all(sends).await {
        assert!(matches!(outcome, Ok(SendOutcome::Accepted(_))), "{outcome:?}");
    }
    assert_eq!(server.requests.load(Ordering::SeqCst), 25);
    assert!(server.connections.load(Ordering::SeqCst) <= 20);
}

#[tokio::test]
async fn a_given_authority_is_trusted_in_addition_to_the_systems() {
    let server = TlsServer::start("localhost").await;
    let transport = ReqwestTransport::builder().with_root_certificates_pem(server.pem.clone());
    let client = sms_client_over(&server.url(), options(), transport);
    client.send(sms_message()).await.expect("a response").into_accepted().expect("accepted");
}

#[tokio::test]
async fn an_untrusted_server_gets_no_request() {
    let trusted = TlsServer::start("localhost").await;
    let stranger = TlsServer::start("localhost").await;
    let other_name = TlsServer::start("other.example").await;
    for (server, transport) in [
        (&stranger, trusting(&trusted.pem)),
        (&stranger, ReqwestTransport::builder()),
        (&other_name, trusting(&other_name.pem)),
    ] {
        let client = sms_client_over(&server.url(), options(), transport);
        let error = client.send(sms_message()).await.expect_err("not trusted");
        assert_eq!(error.error().kind(), ErrorKind::Connect, "{error:?}");
        assert!(error.is_definitely_not_sent());
        assert_clean(&full(&error));
        assert_eq!(server.requests.load(Ordering::SeqCst), 0);
    }
}

/// The last TLS record before the end of a connection.
#[derive(Clone, Copy)]
enum LastRecord {
    Goodbye,
    Nothing,
    /// A record for TLS itself, which hides the end of the connection at first.
    NewKeys,
}

/// A server in its own thread that responds to one request per connection, closes it, and then
/// reports that.
fn closing_server(last_record: LastRecord) -> (SocketAddr, String, std::sync::mpsc::Receiver<()>) {
    use std::io::{Read as _, Write as _};

    let (config, pem) = server_config("localhost", rustls::ALL_VERSIONS);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    let (tell, closed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let tls = rustls::ServerConnection::new(config.clone()).expect("a session");
            let mut stream = rustls::StreamOwned::new(tls, stream.expect("a connection"));
            let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
            while !read.ends_with(b"tag-1") {
                let got = stream.read(&mut buffer).expect("readable");
                read.extend_from_slice(&buffer[..got]);
            }
            let body = r#"{"object":"message","id":"m-1"}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).expect("written");
            match last_record {
                LastRecord::Goodbye => stream.conn.send_close_notify(),
                LastRecord::Nothing => {}
                LastRecord::NewKeys => stream.conn.refresh_traffic_keys().expect("TLS 1.3"),
            }
            stream.flush().expect("written");
            drop(stream);
            let _nobody_waits = tell.send(());
        }
    });
    (addr, pem, closed)
}

#[test]
fn a_connection_that_the_server_closed_gets_no_request() {
    for last_record in [LastRecord::Goodbye, LastRecord::Nothing, LastRecord::NewKeys] {
        let (addr, pem, closed) = closing_server(last_record);
        let url = format!("https://localhost:{}", addr.port());
        let client = sms_client_over(&url, options(), trusting(&pem));
        // This runtime does not run between two calls, so it has not seen the end of the connection.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        for _ in 0..5 {
            let sent = runtime.block_on(client.send(sms_message()));
            sent.expect("a response").into_accepted().expect("accepted");
            closed.recv_timeout(std::time::Duration::from_secs(10)).expect("closed");
        }
    }
}

/// A server that ends each connection with the last record of its handshake.
fn leaving_server() -> (SocketAddr, String) {
    use std::io::Write as _;

    let (config, pem) = server_config("localhost", &[&rustls::version::TLS12]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut tls = rustls::ServerConnection::new(config.clone()).expect("a session");
            while tls.is_handshaking() {
                tls.read_tls(&mut stream).expect("readable");
                tls.process_new_packets().expect("TLS");
                if !tls.is_handshaking() {
                    tls.send_close_notify();
                }
                // In one write, so that the end arrives with the handshake.
                let mut flight = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut flight).expect("into memory");
                }
                stream.write_all(&flight).expect("written");
            }
        }
    });
    (addr, pem)
}

#[tokio::test]
async fn a_new_connection_that_the_server_ends_at_once_gets_no_request() {
    let (addr, pem) = leaving_server();
    // A second handshake would be a resumption, in which the client sends the last record.
    let options = options().with_retry(RetryPolicy::once());
    let url = format!("https://localhost:{}", addr.port());
    let client = sms_client_over(&url, options, trusting(&pem));
    let error = client.send(sms_message()).await.expect_err("it left");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    assert_eq!(error.error().kind(), ErrorKind::Connect);
}

#[tokio::test]
async fn a_handshake_that_outlasts_the_time_limits_means_not_sent() {
    // The system accepts the connection, and no byte of TLS comes.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://localhost:{}", silent.local_addr().expect("an address").port());
    let short = std::time::Duration::from_millis(100);
    let once = RetryPolicy::once();
    let usual = ReqwestTransport::builder;
    for (options, transport) in [
        (options().with_total_timeout(short), usual()),
        (options().with_retry(once), usual().with_connect_timeout(short)),
        (options().with_retry(once.with_deadline(short)), usual()),
    ] {
        let client = sms_client_over(&url, options, transport);
        let error = client.send(sms_message()).await.expect_err("silence");
        assert!(error.is_definitely_not_sent(), "{error:?}");
        assert_eq!(error.error().kind(), ErrorKind::Connect);
    }
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn over_http2_a_request_is_not_sent_until_a_connection_takes_it() {
    let (config, pem) = server_config("localhost", rustls::ALL_VERSIONS);
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let server = tokio::spawn(async move {
        // The first connection gets no handshake, the second one no response.
        let (_silent, _) = listener.accept().await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("a connection");
        let stream = TokioIo::new(acceptor.accept(stream).await.expect("TLS"));
        let service = service_fn(|_| {
            std::future::pending::<
                Result<hyper::Response<Full<bytes::Bytes>>, std::convert::Infallible>,
            >()
        });
        let _gone = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(stream, service)
            .await;
    });
    let short = options().with_total_timeout(std::time::Duration::from_millis(500));
    let once = short.with_retry(RetryPolicy::once());
    let client = sms_client_over(&url, once, trusting(&pem).with_http2());
    let error = client.send(sms_message()).await.expect_err("no handshake");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    let error = client.send(sms_message()).await.expect_err("no response");
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert!(error.error().is_timeout(), "{error:?}");
    server.abort();
}

#[test]
fn unreadable_certificates_are_a_configuration_error() {
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        for only in [true, false] {
            let mut builder = ReqwestTransport::builder().with_root_certificates_pem(pem);
            if only {
                builder = builder.with_only_given_roots();
            }
            assert_eq!(builder.build().expect_err(pem).kind(), ErrorKind::Config, "{pem}");
        }
    }
    #[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
    {
        let builder = ReqwestTransport::builder().with_client_certificate_pem("SECRET");
        assert!(!format!("{builder:?}").contains("SECRET"));
        let error = builder.build().expect_err("no certificate");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!full(&error).contains("SECRET"));
    }
}
