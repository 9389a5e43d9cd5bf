//! Bodies of requests: slow, broken and unread ones.

use std::time::Duration;

use mfa_proxy::{ConnectionSettings, UpstreamLimits};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::sleep,
};

use crate::harness::{Application, Gateway, LIMITS, answer, read_head, read_to_end};

const HALF_SECOND: Duration = Duration::from_millis(500);

fn post(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
}

/// An application that reads the whole body, and answers after `pause`.
async fn reader(pause: Duration) -> Application {
    Application::start(move |mut stream, _| async move {
        let head = read_head(&mut stream).await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_ok() {
            sleep(pause).await;
            answer(&mut stream, &format!("{length} bytes")).await;
        }
    })
    .await
}

/// A gateway whose application has half a second, and whose clients have `progress`.
async fn gateway(application: &Application, progress: Duration) -> Gateway {
    let limits = UpstreamLimits { timeout: HALF_SECOND, ..LIMITS };
    let settings = ConnectionSettings { progress_timeout: progress, ..Default::default() };
    Gateway::start(application.address, limits, settings, None).await
}

#[tokio::test]
async fn a_slow_but_steady_upload_does_not_use_up_the_time_of_the_application() {
    // The upload takes 1.5 s and the application 1.2 s, each less than its time and both together more.
    let application = reader(Duration::from_millis(1200)).await;
    let limits = UpstreamLimits { timeout: Duration::from_secs(2), ..LIMITS };
    let settings = ConnectionSettings::default();
    let gateway = Gateway::start(application.address, limits, settings, None).await;
    let mut client = gateway.connect().await;
    client.write_all(post(15_000).as_bytes()).await.expect("it reads");
    for _ in 0..15 {
        sleep(Duration::from_millis(100)).await;
        client.write_all(&[b'x'; 1000]).await.expect("it reads");
    }
    let response = read_to_end(&mut client).await;
    assert!(response.ends_with("15000 bytes"), "{response}");
}

#[tokio::test]
async fn the_time_of_the_application_runs_when_the_body_has_arrived() {
    let application = Application::start(async |mut stream, _| {
        let mut bytes = [0; 4096];
        while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
    })
    .await;
    let gateway = gateway(&application, Duration::from_secs(10)).await;
    let response = gateway.ask(&format!("{}x", post(1))).await;
    assert!(response.ends_with("the application did not respond in time"), "{response}");
    // An application that takes nothing has no more time than one that says nothing.
    let application = Application::start(async |stream, _| {
        sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let limits = UpstreamLimits { max_body_bytes: 1 << 30, timeout: HALF_SECOND, ..LIMITS };
    let settings = ConnectionSettings::default();
    let gateway = Gateway::start(application.address, limits, settings, None).await;
    let client = gateway.connect().await;
    let (mut read, mut write) = client.into_split();
    let writing = tokio::spawn(async move {
        write.write_all(post(1 << 29).as_bytes()).await.expect("it reads");
        while write.write_all(&[b'x'; 8192]).await.is_ok() {}
    });
    let mut response = [0; 4096];
    let count = read.read(&mut response).await.expect("a response");
    let response = String::from_utf8_lossy(&response[..count]);
    assert!(response.ends_with("the application did not respond in time"), "{response}");
    writing.abort();
}

#[tokio::test]
async fn a_body_without_progress_is_the_fault_of_the_client() {
    let application = reader(Duration::ZERO).await;
    let gateway = gateway(&application, HALF_SECOND).await;
    let error = "the client's body did not arrive in time";
    let response = gateway.ask(&format!("{}xxx", post(9))).await;
    assert!(response.ends_with(error), "{response}");
    let connections = application.connections();
    let response = gateway.ask(&post(9)).await;
    assert!(response.ends_with(error), "{response}");
    assert_eq!(application.connections(), connections, "a connection was taken for nothing");
}

#[tokio::test]
async fn a_broken_body_is_the_fault_of_the_client() {
    let application = reader(Duration::ZERO).await;
    let gateway = Gateway::before(&application).await;
    for body in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\r\nz\r\n",
        "3\nabc\n0\n\n",
        "-1\r\n\r\n",
    ] {
        let response = gateway
            .ask(&format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}"))
            .await;
        assert!(response.ends_with("the client's body is broken"), "{body:?}: {response}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_while_it_arrives() {
    let application = reader(Duration::ZERO).await;
    let limits = UpstreamLimits { max_body_bytes: 4, ..LIMITS };
    let settings = ConnectionSettings::default();
    let gateway = Gateway::start(application.address, limits, settings, None).await;
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in ["5\r\nabcde\r\n", "4\r\nabcd\r\n1\r\ne\r\n"] {
        let response = gateway.ask(&format!("{chunked}{body}")).await;
        assert!(response.ends_with("the body is too large"), "{response}");
    }
    let response = gateway.ask(&format!("{}abcde", post(5))).await;
    assert!(response.ends_with("the body is too large"), "{response}");
    let response = gateway.ask(&format!("{}abcd", post(4))).await;
    assert!(response.ends_with("4 bytes"), "{response}");
}
