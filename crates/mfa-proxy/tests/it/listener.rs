//! The listener: its addresses, and a flood of silent connections.

use std::{
    fs,
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    sync::atomic::Ordering,
    time::Duration,
};

use http::Response;
use mfa_proxy::{ConnectionSettings, ListenAddress, Listener, Server, UNIX_PEER, full};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixListener, UnixStream, lookup_host},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::harness::{Application, Gateway, LIMITS, answer, read_head};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn silent_connections_do_not_keep_a_client_out() {
    let application = Application::start(async |mut stream, _| {
        while !read_head(&mut stream).await.is_empty() {
            answer(&mut stream, "hello").await;
        }
    })
    .await;
    let settings = ConnectionSettings { max_connections: 50, ..Default::default() };
    let gateway = Gateway::start(application.address, LIMITS, settings, None).await;
    let mut silent = Vec::new();
    for n in 0..500 {
        let mut client = gateway.connect().await;
        // Nothing, the first byte of HTTP/2, or half a head.
        let sent: &[u8] = [&b""[..], b"P", b"GET / HTTP/1.1\r\nHo"][n % 3];
        client.write_all(sent).await.expect("it reads");
        silent.push(client);
        if n % 25 == 0 {
            let response = timeout(Duration::from_secs(10), gateway.ask(GET)).await;
            let response = response.expect("a response in time");
            assert!(response.ends_with("hello"), "{n}: {response:?}");
        }
    }
    assert!(gateway.counts.evicted.load(Ordering::SeqCst) >= 400);
}

#[tokio::test]
async fn the_preface_of_http2_gets_no_answer() {
    let application = Application::start(async |_, _| ()).await;
    let gateway = Gateway::before(&application).await;
    assert_eq!(gateway.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0").await, "");
    assert_eq!(application.connections(), 0);
}

async fn bind(address: &str) -> std::io::Result<Listener> {
    Listener::bind(&address.parse().expect("an address"), 0o600).await
}

fn sockets(listener: &Listener) -> Vec<SocketAddr> {
    let addresses = listener.addresses().expect("addresses");
    let sockets = addresses.into_iter().map(|address| match address {
        ListenAddress::Socket(address) => address,
        other => panic!("{other}"),
    });
    sockets.collect()
}

#[tokio::test]
async fn a_name_is_listened_on_at_each_of_its_addresses() {
    let listener = bind("localhost:0").await.expect("a port");
    let found = sockets(&listener);
    let of_name: Vec<IpAddr> =
        lookup_host("localhost:0").await.expect("addresses").map(|each| each.ip()).collect();
    assert!(
        !found.is_empty() && found.iter().all(|each| of_name.contains(&each.ip())),
        "{found:?}"
    );
    assert!(found.iter().all(|each| each.port() == found[0].port()), "{found:?}");
    for address in found {
        TcpStream::connect(address).await.expect("it listens");
    }
    assert!(bind("name.invalid:0").await.is_err());
}

#[tokio::test]
async fn the_unspecified_ipv6_address_takes_ipv4_and_a_single_one_does_not() {
    let listener = bind("[::]:0").await.expect("a port");
    let port = sockets(&listener)[0].port();
    TcpStream::connect(("127.0.0.1", port)).await.expect("IPv4");
    TcpStream::connect(("::1", port)).await.expect("IPv6");
    let single = bind("[::1]:0").await.expect("a port");
    let port = sockets(&single)[0].port();
    TcpStream::connect(("127.0.0.1", port)).await.expect_err("IPv6 only");
}

#[tokio::test]
async fn a_unix_socket_is_private_replaces_a_stale_one_and_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let address = format!("unix:{}", path.display());
    // The file of a process that has ended without removing it.
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists());
    let listener = bind(&address).await.expect("it is replaced");
    let mode = fs::symlink_metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let taken = bind(&address).await.expect_err("another one listens");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    UnixStream::connect(&path).await.expect("the first one still listens");
    drop(listener);
    assert!(!path.exists());
    fs::write(&path, "precious").expect("a file");
    assert_eq!(bind(&address).await.expect_err("a file").kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&path).expect("the file"), "precious");
}

#[tokio::test]
async fn a_socket_that_has_taken_the_place_of_ours_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = bind(&format!("unix:{}", path.display())).await.expect("a socket");
    fs::remove_file(&path).expect("the file");
    let _other = UnixListener::bind(&path).expect("a socket");
    drop(listener);
    assert!(path.exists());
}

#[tokio::test]
async fn a_peer_on_a_unix_socket_has_an_address_that_no_other_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = bind(&format!("unix:{}", path.display())).await.expect("a socket");
    let (server, stop) =
        (Server::new(ConnectionSettings::default(), None), CancellationToken::new());
    let serving =
        tokio::spawn(server.serve(listener, stop.clone(), async |_, peer: SocketAddr| {
            Response::new(full(peer.to_string()))
        }));
    let mut client = UnixStream::connect(&path).await.expect("it listens");
    client.write_all(GET.as_bytes()).await.expect("it reads");
    let mut response = String::new();
    client.read_to_string(&mut response).await.expect("text");
    assert!(response.ends_with(&UNIX_PEER.to_string()), "{response}");
    assert_eq!(UNIX_PEER.to_string(), "[::]:0");
    stop.cancel();
    serving.await.expect("no panic");
    assert!(!path.exists());
}
