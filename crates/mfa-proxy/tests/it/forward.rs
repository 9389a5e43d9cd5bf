//! Forwarding to applications that behave badly.

use std::time::Duration;

use mfa_proxy::{ConnectionSettings, UpstreamLimits};
use tokio::{io::AsyncWriteExt as _, time::sleep};

use crate::harness::{Application, Gateway, LIMITS, read_head};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Sends one request through a proxy to an application that sends `response` and closes.
async fn through_proxy(response: &'static str) -> String {
    let application = Application::start(async move |mut stream, _| {
        read_head(&mut stream).await;
        stream.write_all(response.as_bytes()).await.expect("the proxy reads");
    })
    .await;
    Gateway::before(&application).await.ask(GET).await
}

#[tokio::test]
async fn a_response_is_passed_on() {
    let response =
        through_proxy("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("x-a: 1\r\n") && response.ends_with("\r\n\r\nhello"), "{response}");
}

#[tokio::test]
async fn an_unrequested_protocol_change_is_the_fault_of_the_application() {
    let response = through_proxy(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    )
    .await;
    let error = "the application changed the protocol without being asked";
    assert!(response.ends_with(error), "{response}");
}

#[tokio::test]
async fn an_application_that_closes_the_connection_is_unreachable() {
    let response = through_proxy("").await;
    assert!(response.ends_with("the application cannot be reached"), "{response}");
}

#[tokio::test]
async fn an_application_that_stops_in_the_middle_is_cut_off() {
    let application = Application::start(async |mut stream, _| {
        read_head(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("the proxy reads");
        // Longer than the limit in all, but never silent for as long.
        for _ in 0..6 {
            sleep(Duration::from_millis(200)).await;
            stream.write_all(b"part ").await.expect("the proxy reads");
        }
        std::future::pending::<()>().await;
    })
    .await;
    let limits = UpstreamLimits { idle_timeout: Duration::from_secs(1), ..LIMITS };
    let settings = ConnectionSettings::default();
    let gateway = Gateway::start(application.address, limits, settings, None).await;
    let response = gateway.ask(GET).await;
    assert!(response.ends_with(&"part ".repeat(6)), "{response}");
}
