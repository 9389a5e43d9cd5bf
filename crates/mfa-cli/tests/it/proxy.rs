//! What the gateway forwards, and what it does not.

use std::fmt::Write as _;

use mfa_demo::Browser;
use serde_json::Value;

use crate::harness::{ALICE, Demo, log_in, raw};

/// Returns the request as it reached the application.
pub(crate) async fn echo(browser: &mut Browser, path: &str, headers: &[(&str, &str)]) -> Value {
    let seen = browser.get_with(path, headers).await.expect("an answer");
    assert_eq!(seen.status, 200, "{}", seen.body);
    serde_json::from_str(&seen.body).expect("JSON")
}

fn values<'v>(echo: &'v Value, name: &str) -> Vec<&'v str> {
    let headers = echo["headers"].as_array().expect("a list");
    headers
        .iter()
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().expect("text"))
        .collect()
}

#[tokio::test]
async fn only_the_gateway_tells_the_application_who_the_user_is() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    log_in(&demo, &mut browser, ALICE).await;
    let spoofed = [
        ("x-mfa-user", "mallory"),
        ("x_mfa_user", "mallory"),
        ("remote-user", "mallory"),
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9"),
        ("connection", "x-mfa-user, x-mfa-amr"),
        ("x-own", "kept"),
    ];
    let told = echo(&mut browser, "/echo/a%2Db?c=%2F&d", &spoofed).await;
    assert_eq!(told["target"], "/echo/a-b?c=%2F&d");
    assert_eq!(values(&told, "x-mfa-user"), ["alice"]);
    assert_eq!(values(&told, "x-mfa-amr"), ["pwd,otp,sms"]);
    assert_eq!(values(&told, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&told, "x-own"), ["kept"]);
    assert!(!told.to_string().contains("mallory") && !told.to_string().contains("203.0.113.9"));
    assert!(!told.to_string().contains("__Host-mfa"), "our cookies reached the application");
}

#[tokio::test]
async fn a_public_page_gets_no_user() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let seen = browser.get_with("/public/", &[("x-mfa-user", "mallory")]).await.expect("an answer");
    assert!(seen.status == 200 && !seen.body.contains("mallory"));
}

#[tokio::test]
async fn programs_get_a_status_and_people_a_login_page() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = browser.get_with("/echo/x", &[]).await.expect("an answer");
    assert_eq!(page.status, 303);
    for script in [
        ("accept", "application/json"),
        ("x-requested-with", "XMLHttpRequest"),
        ("sec-fetch-dest", "empty"),
    ] {
        let seen = browser.get_with("/echo/x", &[script]).await.expect("an answer");
        let is_refused = seen.status == 401 || script.0 == "accept";
        assert!(is_refused, "{script:?}: {}", seen.status);
    }
    let bare = raw(&demo.gateway, &request(&demo, "GET /echo/x HTTP/1.1", ""));
    assert!(bare.starts_with("HTTP/1.1 401 "), "{bare}");
}

fn request(demo: &Demo, line: &str, more: &str) -> String {
    let host = demo.gateway.trim_start_matches("http://");
    format!("{line}\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn requests_that_two_servers_could_read_differently_are_refused() {
    let demo = Demo::start();
    let host = demo.gateway.trim_start_matches("http://").to_owned();
    let alias = host.replace("localhost", "127.0.0.1");
    let mut many = String::new();
    for n in 0..200 {
        write!(many, "X-{n}: 1\r\n").expect("a string");
    }
    let cases = [
        (format!("GET /public/ HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"), "400"),
        ("GET /public/ HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET /public/ HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), "421"),
        (format!("GET http://evil.example/public/ HTTP/1.1\r\nHost: {host}\r\n\r\n"), "421"),
        // The target names another of the gateway's hosts than `Host`.
        (format!("GET http://{alias}/public/ HTTP/1.1\r\nHost: {host}\r\n\r\n"), "421"),
        (format!("GET http://{host}/public/ HTTP/1.1\r\nHost: {host}\r\n\r\n"), "200"),
        (format!("TRACE /public/ HTTP/1.1\r\nHost: {host}\r\n\r\n"), "405"),
        (format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n"), "405"),
        (format!("GET /public/ HTTP/1.1\r\nHost: {host}\r\nBad : x\r\n\r\n"), "400"),
        (format!("GET /public/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: +1\r\n\r\n"), "400"),
        (format!("GET /public/ HTTP/1.1\r\nHost: {host}\r\n{many}\r\n"), "431"),
    ];
    for (request, status) in cases {
        let head = raw(&demo.gateway, &request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.80}: {head}");
    }
}

#[tokio::test]
async fn each_host_of_the_gateway_is_served_in_any_case() {
    let demo = Demo::start();
    let host = demo.gateway.trim_start_matches("http://");
    for host in [host.to_uppercase(), host.replace("localhost", "127.0.0.1")] {
        let head = raw(&demo.gateway, &format!("GET /public/ HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert!(head.starts_with("HTTP/1.1 200 "), "{host}: {head}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_before_it_is_sent() {
    let demo = Demo::start();
    let head = raw(
        &demo.gateway,
        &request(&demo, "POST /public/ HTTP/1.1", "Content-Length: 99999999999\r\n"),
    );
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
}

#[tokio::test]
async fn a_dead_application_has_its_own_page() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (port, dead) = (crate::harness::free_port(), crate::harness::free_port());
    let file = crate::harness::configure(folder.path(), &demo, port, "");
    let text = std::fs::read_to_string(&file).expect("text");
    let text = text.replace(&demo.application, &format!("http://127.0.0.1:{dead}"));
    std::fs::write(
        &file,
        format!(
            "{text}[[rule]]\npath = \"/\"\naccess = \"public\"\nwithout_second_factor = true\n"
        ),
    )
    .expect("a file");
    let _gateway = crate::harness::Process::start(&["serve", "--config", &file]);
    crate::harness::until_listening(port).await;
    let mut browser = Browser::new(&format!("http://localhost:{port}")).expect("a client");
    let seen = browser.get("/").await.expect("an answer");
    assert_eq!(seen.status, 502, "{}", seen.body);
    assert!(!seen.body.contains(&dead.to_string()), "the page tells where the application is");
}

#[tokio::test]
async fn health_and_metrics_stay_on_their_own_listener() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    log_in(&demo, &mut browser, ALICE).await;
    assert_eq!(demo.ops("/healthz").await.0, 200);
    assert_eq!(demo.ops("/readyz").await.0, 200);
    let (status, metrics) = demo.ops("/metrics").await;
    assert!(
        status == 200 && metrics.contains("mfa_http_requests_total{route=\"factor\""),
        "{metrics}"
    );
    assert!(!metrics.contains("alice") && !metrics.contains("5678"));
    for path in ["/metrics", "/readyz"] {
        assert_eq!(
            demo.browser().get(path).await.expect("an answer").status,
            303,
            "{path} is public"
        );
    }
}
