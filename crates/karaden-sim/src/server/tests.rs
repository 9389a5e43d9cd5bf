//! How long a connection lives on which nothing moves, by a clock that the test moves.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::Instant,
};

use super::*;
use crate::config::SimConfig;

/// Starts to serve a connection and returns the client's end of it.
fn connect() -> DuplexStream {
    let (client, server) = tokio::io::duplex(1_024);
    let graceful = GracefulShutdown::new();
    let connection = Connection {
        shared: Arc::new(Shared::new(SimConfig::default(), 1)),
        came_to: [127, 0, 0, 1].into(),
        builder: Arc::new(builder()),
        graceful: graceful.watcher(),
        cut: Cut::child_of(&CancellationToken::new()),
    };
    drop(tokio::spawn(async move {
        connection.serve(server).await;
        drop(graceful);
    }));
    client
}

/// Sends these bytes and returns what came back until the end, and after how many seconds that was.
async fn exchange(sent: &[u8]) -> (String, u64) {
    let began = Instant::now();
    let mut client = connect();
    client.write_all(sent).await.unwrap();
    let mut received = Vec::new();
    // Cutting a connection may look like an error to its client.
    let reading =
        tokio::time::timeout(Duration::from_secs(3_600), client.read_to_end(&mut received));
    let _ended = reading.await.expect("the connection ends");
    (String::from_utf8_lossy(&received).into_owned(), began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_moves_is_closed() {
    for sent in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n",
        "PUT /quirks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    ] {
        assert_eq!(exchange(sent.as_bytes()).await.1, 60, "{sent:?}");
    }
    let idle = exchange(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(idle.0.starts_with("HTTP/1.1 200") && idle.1 == 60, "{idle:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_in_gets_408() {
    let mut client = connect();
    let head = b"PUT /quirks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
    client.write_all(head).await.unwrap();
    let began = Instant::now();
    let (mut reading, mut writing) = tokio::io::split(client);
    let trickling = async {
        loop {
            tokio::time::sleep(Duration::from_secs(20)).await;
            if writing.write_all(b"{").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut status = [0; 12];
    tokio::select! {
        read = reading.read_exact(&mut status) => assert_eq!(read.unwrap(), 12),
        () = trickling => {}
    }
    assert_eq!((&status, began.elapsed().as_secs()), (b"HTTP/1.1 408", 60));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off() {
    let began = Instant::now();
    let mut client = connect();
    let ask = b"GET /assets/inbox.js HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(ask).await.unwrap();
    let mut first = [0; 1];
    client.read_exact(&mut first).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let mut rest = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(3_600), client.read_to_end(&mut rest));
    let _ended = reading.await.expect("the connection ended");
    assert!(rest.len() <= 1_024, "no more than was on its way: {}", rest.len());
    assert_eq!(began.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_a_message_is_not_cut_off() {
    let ask = b"GET /inbox.json?wait_ms=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (received, seconds) = exchange(ask).await;
    assert!(received.ends_with("[]"), "{received}");
    assert_eq!(seconds, 120, "a minute of waiting, then a minute of silence");
}
