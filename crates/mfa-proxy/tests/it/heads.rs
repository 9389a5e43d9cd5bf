//! Heads that old or large applications send and expect.

use std::fmt::Write as _;

use mfa_proxy::{ForwardingRules, HeaderCase};
use tokio::io::AsyncWriteExt as _;

use crate::harness::{Application, Gateway, answer, read_head};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Sends a `GET` through a proxy to an application that sends `response` and closes.
async fn through_proxy(response: String) -> String {
    let application = Application::start(move |mut stream, _| {
        let response = response.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(response.as_bytes()).await.expect("the proxy reads");
        }
    })
    .await;
    Gateway::before(&application).await.ask(GET).await
}

fn with_headers(count: usize, bytes: usize) -> String {
    let mut head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n".to_owned();
    for n in 0..count {
        write!(head, "X-{n}: {}\r\n", "v".repeat(bytes)).expect("a string");
    }
    format!("{head}\r\nhello")
}

#[tokio::test]
async fn many_and_large_response_headers_are_passed_on() {
    for (count, bytes) in [(255, 1), (200, 200), (1, 60_000), (8, 7_500)] {
        let response = through_proxy(with_headers(count, bytes)).await;
        assert!(response.ends_with("\r\n\r\nhello"), "{count} of {bytes}: {response:.200}");
        let value = format!(": {}\r\n", "v".repeat(bytes));
        assert_eq!(response.matches(&value).count(), count);
    }
}

#[tokio::test]
async fn too_many_response_headers_are_the_fault_of_the_application() {
    for (count, bytes) in [(257, 1), (1, 80_000)] {
        let response = through_proxy(with_headers(count, bytes)).await;
        assert!(response.ends_with("the application cannot be reached"), "{response:.200}");
    }
}

#[tokio::test]
async fn what_a_proxy_has_to_repair_is_repaired() {
    let response = through_proxy(
        "HTTP/1.1 200 OK\r\nX-Folded: one\r\n\t two\r\n  three\r\nX-Blank : a\r\nContent-Length \t: 5\r\n\r\nhello"
            .to_owned(),
    )
    .await;
    assert!(response.contains("\r\nx-folded: one two three\r\n"), "{response}");
    assert!(response.contains("\r\nx-blank: a\r\n"), "{response}");
    assert!(response.contains("\r\ncontent-length: 5\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nhello"), "{response}");
}

#[tokio::test]
async fn a_coding_that_is_folded_or_follows_a_blank_still_frames_the_response() {
    for line in ["Transfer-Encoding:\r\n chunked", "Transfer-Encoding : chunked"] {
        let response = format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        let response = through_proxy(response).await;
        assert!(response.contains("\r\ntransfer-encoding: chunked\r\n"), "{response}");
        assert!(response.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{response}");
    }
}

/// An application that answers with the head of the request as its body, and `X-OddCASE`.
async fn spelling() -> Application {
    Application::start(async |mut stream, _| {
        loop {
            let head = read_head(&mut stream).await;
            if head.is_empty() {
                return;
            }
            let response = format!(
                "HTTP/1.1 200 OK\r\nX-OddCASE: 1\r\nContent-LENGTH: {}\r\n\r\n{head}",
                head.len()
            );
            stream.write_all(response.as_bytes()).await.expect("the proxy reads");
        }
    })
    .await
}

const ODD: &str =
    "GET / HTTP/1.1\r\nHOST: a\r\nSOAPAction: x\r\nx-UPPER: y\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn names_are_in_lower_case_by_default() {
    let application = spelling().await;
    let gateway = Gateway::before(&application).await;
    let response = gateway.ask(ODD).await;
    assert!(response.contains("\r\nx-oddcase: 1\r\n"), "{response}");
    for name in ["host", "soapaction", "x-upper", "x-forwarded-for", "x-own-user"] {
        assert!(response.contains(&format!("\r\n{name}: ")), "{name}: {response}");
    }
}

#[tokio::test]
async fn names_keep_their_spelling_where_the_application_asks_for_it() {
    let application = spelling().await;
    let rules = ForwardingRules { header_case: HeaderCase::Preserve, ..Default::default() };
    let gateway = Gateway::with_rules(&application, rules).await;
    let response = gateway.ask(ODD).await;
    assert!(response.contains("\r\nX-OddCASE: 1\r\nContent-LENGTH: "), "{response}");
    for name in ["SOAPAction", "x-UPPER", "X-Forwarded-For", "X-Own-User", "HOST"] {
        assert!(response.contains(&format!("\r\n{name}: ")), "{name}: {response}");
    }
}

#[tokio::test]
async fn a_client_cannot_hide_a_header_of_the_proxy_by_its_spelling() {
    let application = spelling().await;
    let rules = ForwardingRules { header_case: HeaderCase::Preserve, ..Default::default() };
    let gateway = Gateway::with_rules(&application, rules).await;
    for spoofed in
        ["x-OWN-uSER: mallory", "x-FORWARDED-for: 203.0.113.9", "FORWARDED: for=203.0.113.9"]
    {
        let request =
            format!("GET / HTTP/1.1\r\nHost: a\r\n{spoofed}\r\nConnection: close\r\n\r\n");
        let response = gateway.ask(&request).await;
        assert!(response.contains("\r\nX-Own-User: alice\r\n"), "{spoofed}: {response}");
        assert!(response.contains("\r\nX-Forwarded-For: 127.0.0.1\r\n"), "{spoofed}: {response}");
        assert!(response.contains("\r\nForwarded: for=127.0.0.1;"), "{spoofed}: {response}");
        assert!(!response.contains("mallory") && !response.contains("203.0.113.9"), "{response}");
    }
}

#[tokio::test]
async fn headers_that_applications_believe_do_not_reach_them() {
    let application = Application::start(async |mut stream, _| {
        let head = read_head(&mut stream).await;
        answer(&mut stream, &head).await;
    })
    .await;
    let filter = mfa_proxy::HeaderFilter::new(
        ["x-foo-*".parse().expect("a pattern")],
        ["my_header".parse().expect("a pattern"), "x-user-id".parse().expect("a pattern")],
    );
    let gateway =
        Gateway::with_rules(&application, ForwardingRules { filter, ..Default::default() }).await;
    let sent = "Proxy: http://evil\r\nX_Auth_Request_User: evil\r\nX-Foo-Bar: evil\r\nX_Foo_Bar: evil\r\n\
                Other_Header: evil\r\nTransfer_Encoding: evil\r\nX-User-Name: evil\r\n\
                My_Header: good1\r\nX-User-Id: good2\r\nX-Requested-With: good3\r\n";
    let response =
        gateway.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\n{sent}Connection: close\r\n\r\n")).await;
    assert!(!response.contains("evil"), "{response}");
    for value in ["my_header: good1", "x-user-id: good2", "x-requested-with: good3"] {
        assert!(response.contains(value), "{value}: {response}");
    }
}
