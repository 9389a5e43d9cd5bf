//! Applications that close a kept connection at the moment of the next request.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;

use crate::harness::{Application, Gateway, answer, read_head};

/// Starts an application that answers one request on each connection, keeps it open, and closes it when the
/// next request has arrived. It keeps the request lines.
async fn application() -> (Application, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let application = Application::start(move |mut stream, number| {
        let kept = Arc::clone(&kept);
        async move {
            for n in 0..2 {
                let head = read_head(&mut stream).await;
                if head.is_empty() {
                    return;
                }
                let line = head.lines().next().unwrap_or_default().to_owned();
                kept.lock().expect("no panic").push(line);
                if n == 0 {
                    answer(&mut stream, &format!("connection {number}")).await;
                }
            }
        }
    })
    .await;
    (application, lines)
}

/// The proxy's own responses have a head too, with a field of this name.
fn is_answer(response: &str) -> bool {
    response.contains("\r\n\r\nconnection ")
}

fn request(method: &str) -> String {
    format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn a_get_is_sent_once_more_on_a_new_connection() {
    let (application, lines) = application().await;
    let gateway = Gateway::before(&application).await;
    for n in 0..5 {
        let response = gateway.ask(&request("GET")).await;
        assert!(is_answer(&response), "{n}: {response}");
    }
    // The first GET, then one failure on the kept connection and one success on a new one, again and again.
    assert!(lines.lock().expect("no panic").len() > 5);
    let head = gateway.ask(&request("HEAD")).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[tokio::test]
async fn a_get_that_fails_on_new_connections_too_is_sent_twice_and_no_more() {
    let application = Application::start(async |mut stream, _| {
        read_head(&mut stream).await;
    })
    .await;
    let gateway = Gateway::before(&application).await;
    let response = gateway.ask(&request("GET")).await;
    assert!(response.ends_with("the application cannot be reached"), "{response}");
    assert_eq!(application.connections(), 2);
}

#[tokio::test]
async fn a_post_is_never_sent_twice_and_never_meets_a_kept_connection() {
    let (application, lines) = application().await;
    let gateway = Gateway::before(&application).await;
    gateway.ask(&request("GET")).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let response = gateway.ask(&request(method)).await;
        assert!(is_answer(&response), "{method}: {response}");
        let sent = lines.lock().expect("no panic");
        let times = sent.iter().filter(|line| line.starts_with(method)).count();
        assert_eq!(times, 1, "{method}");
    }
    let application = Application::start(async |mut stream, _| {
        read_head(&mut stream).await;
        stream.shutdown().await.expect("an open connection");
    })
    .await;
    let gateway = Gateway::before(&application).await;
    let response = gateway.ask(&request("POST")).await;
    assert!(response.ends_with("the application cannot be reached"), "{response}");
    assert_eq!(application.connections(), 1);
}

#[tokio::test]
async fn kept_connections_are_used_again() {
    let application = Application::start(async |mut stream, number| {
        while !read_head(&mut stream).await.is_empty() {
            answer(&mut stream, &format!("connection {number}")).await;
        }
    })
    .await;
    let gateway = Gateway::before(&application).await;
    let mut last = String::new();
    for _ in 0..20 {
        last = gateway.ask(&request("GET")).await;
        tokio::task::yield_now().await;
    }
    assert!(application.connections() < 20, "{last}");
}
