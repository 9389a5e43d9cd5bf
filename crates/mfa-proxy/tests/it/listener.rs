//! The listener under a flood of silent connections.

use std::{sync::atomic::Ordering, time::Duration};

use mfa_proxy::ConnectionSettings;
use tokio::{io::AsyncWriteExt as _, time::timeout};

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
