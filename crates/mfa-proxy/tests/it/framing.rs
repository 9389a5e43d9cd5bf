//! Requests and responses whose end is in doubt.

use mfa_proxy::ForwardingRules;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Application, Gateway, answer, read_head, read_to_end};

/// An application that answers with the head of the request and as much of a body as `body` has.
async fn echoing(body: usize) -> Application {
    Application::start(move |mut stream, _| async move {
        loop {
            let head = read_head(&mut stream).await;
            if head.is_empty() {
                return;
            }
            let mut read = vec![0; body];
            stream.read_exact(&mut read).await.expect("a body");
            answer(&mut stream, &format!("{head}{}", String::from_utf8_lossy(&read))).await;
        }
    })
    .await
}

/// An application that is never asked.
async fn unasked() -> Application {
    Application::start(async |_, _| panic!("the application was asked")).await
}

#[tokio::test]
async fn a_request_whose_end_is_in_doubt_is_refused_and_the_connection_closed() {
    let application = unasked().await;
    let gateway = Gateway::before(&application).await;
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    for head in [
        "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\ncontent-length: 15\r\n",
        "TRANSFER-encoding: chunked\r\nX: 1\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: ,chunked\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n{chunks}");
        let response = gateway.ask(&request).await;
        assert!(response.contains("connection: close\r\n"), "{head}: {response}");
        assert!(response.ends_with("the request cannot be forwarded"), "{head}: {response}");
    }
    assert_eq!(application.connections(), 0);
}

#[tokio::test]
async fn a_second_request_is_checked_like_the_first() {
    let application = echoing(0).await;
    let gateway = Gateway::before(&application).await;
    let mut client = gateway.connect().await;
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    client.write_all(get.as_bytes()).await.expect("it reads");
    let mut byte = [0];
    client.read_exact(&mut byte).await.expect("a response");
    client.write_all(post.as_bytes()).await.expect("it reads");
    let responses = read_to_end(&mut client).await;
    assert!(responses.ends_with("the request cannot be forwarded"), "{responses}");

    // Its lines arrive together with those of the first.
    let responses = gateway.ask(&format!("{get}{post}")).await;
    assert!(responses.ends_with("the request cannot be forwarded"), "{responses}");
    assert_eq!(responses.matches("HTTP/1.1 200 OK").count(), 2, "{responses}");
}

#[tokio::test]
async fn framing_that_hyper_refuses_gets_400() {
    let application = unasked().await;
    let gateway = Gateway::before(&application).await;
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ] {
        let response = gateway.ask(request).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{request}: {response}");
    }
    assert_eq!(application.connections(), 0);
}

#[tokio::test]
async fn a_get_or_head_with_a_body_is_refused() {
    let application = unasked().await;
    let gateway = Gateway::before(&application).await;
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let mut client = gateway.connect().await;
        client.write_all(head.as_bytes()).await.expect("it reads");
        client.shutdown().await.expect("it is open");
        let response = read_to_end(&mut client).await;
        let is_refused = response.ends_with("a GET or HEAD request has a body");
        let length = "content-length: 32\r\n";
        assert!(
            is_refused || head.starts_with("HEAD") && response.contains(length),
            "{head}: {response}"
        );
    }
    assert_eq!(application.connections(), 0);
}

#[tokio::test]
async fn other_methods_and_empty_bodies_are_forwarded() {
    let application = echoing(5).await;
    let gateway = Gateway::before(&application).await;
    for method in ["DELETE", "OPTIONS", "POST", "PROPFIND"] {
        let request = format!(
            "{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
        );
        let response = gateway.ask(&request).await;
        assert!(response.ends_with("\r\n\r\nhello"), "{method}: {response}");
    }
    let application = echoing(0).await;
    let gateway = Gateway::before(&application).await;
    let empty = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let response = gateway.ask(empty).await;
    assert!(response.contains("GET / HTTP/1.1\r\n"), "{response}");
}

#[tokio::test]
async fn an_application_may_ask_for_the_bodies_of_get() {
    let rules = || ForwardingRules { get_bodies: true, ..Default::default() };
    let application = echoing(5).await;
    let gateway = Gateway::with_rules(&application, rules()).await;
    let request =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    let response = gateway.ask(request).await;
    assert!(response.contains("\r\ncontent-length: 5\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nhello"), "{response}");

    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    let application = echoing(chunks.len()).await;
    let gateway = Gateway::with_rules(&application, rules()).await;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    );
    let response = gateway.ask(&request).await;
    assert!(response.contains("\r\ntransfer-encoding: chunked\r\n"), "{response}");
    assert!(response.ends_with(chunks), "{response}");
}

/// Sends a `GET` through a proxy to an application that sends `response` and closes.
async fn through_proxy(response: &'static str) -> String {
    let application = Application::start(move |mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(response.as_bytes()).await.expect("the proxy reads");
    })
    .await;
    let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    Gateway::before(&application).await.ask(get).await
}

#[tokio::test]
async fn a_response_whose_end_is_in_doubt_is_the_fault_of_the_application() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    ] {
        let answered = through_proxy(response).await;
        assert!(
            answered.ends_with("the application's response is not valid"),
            "{response}: {answered}"
        );
    }
}

#[tokio::test]
async fn garbage_from_an_application_is_its_own_fault() {
    for response in [
        "garbage\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-",
    ] {
        let answered = through_proxy(response).await;
        assert!(answered.ends_with("the application cannot be reached"), "{response}: {answered}");
    }
}

#[tokio::test]
async fn equal_lengths_of_a_response_become_one() {
    for lengths in ["Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5, 5"] {
        let response = format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nhello");
        let answered = through_proxy(response.leak()).await;
        assert_eq!(answered.matches("content-length: 5\r\n").count(), 1, "{answered}");
        assert!(answered.ends_with("\r\n\r\nhello"), "{answered}");
    }
}
