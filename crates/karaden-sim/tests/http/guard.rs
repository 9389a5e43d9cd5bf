//! Whom the simulator answers: requests to a name of its own, and none from the pages of other sites.

use karaden_sim::{Sim, SimConfig, SimError};
use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Bench, NUMBER, TENANT, start};

/// Paths of each kind.
const PATHS: [&str; 6] =
    ["/", "/inbox.json", "/faults", "/nothing", "/v2/karadeninquiry.json", "/storage/results/x"];

/// Sends these bytes and returns the status of the response.
async fn raw(bench: &Bench, request: &str) -> String {
    let mut stream = TcpStream::connect(bench.sim.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8_lossy(&line[9..]).into_owned()
}

async fn statuses(bench: &Bench, host: &str) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    for path in PATHS {
        let request = bench.request(Method::GET, path).header("Host", host);
        statuses.push(request.send().await.unwrap().status());
    }
    let api = bench.sms(Method::GET, "/messages").header("Host", host);
    statuses.push(api.send().await.unwrap().status());
    statuses
}

#[tokio::test]
async fn a_foreign_host_is_refused_on_every_path() {
    let bench = start(SimConfig::default()).await;
    bench.send(NUMBER, &[]).await;
    for host in [
        "evil.example",
        "evil.example:8081",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "notlocalhost",
        "10.0.0.7",
        "0.0.0.0",
        "127.1",
        "[2001:db8::1]",
    ] {
        let refused = vec![StatusCode::MISDIRECTED_REQUEST; PATHS.len() + 1];
        assert_eq!(statuses(&bench, host).await, refused, "{host}");
    }
    let refused = bench.request(Method::GET, "/inbox.json").header("Host", "evil.example");
    let said = refused.send().await.unwrap().text().await.unwrap();
    assert!(said.contains("--host") && !said.contains("evil"), "{said}");
}

#[tokio::test]
async fn loopback_names_and_configured_names_are_known() {
    let config = SimConfig::default()
        .with_hosts(["sim", "192.0.2.7", "2001:db8::7"])
        .with_public_url("http://public.example:8081");
    let bench = start(config).await;
    let port = bench.sim.addr().port();
    let known = statuses(&bench, &format!("127.0.0.1:{port}")).await;
    assert_eq!(known[..2], [StatusCode::OK, StatusCode::OK]);
    for host in [
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "app.localhost:8081",
        "127.9.9.9",
        "[::1]:8081",
        "[::ffff:127.0.0.1]",
        "sim",
        "Sim:8081",
        "192.0.2.7:80",
        "[2001:db8:0::7]",
        "public.example",
    ] {
        assert_eq!(statuses(&bench, host).await, known, "{host}");
    }
    assert_eq!(statuses(&bench, "other.example").await[0], StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn a_request_has_one_valid_host() {
    let bench = start(SimConfig::default()).await;
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"),
        ("GET /healthz HTTP/1.0\r\n\r\n", "200"),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "204"),
        ("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"),
        ("GET /healthz HTTP/1.0\r\nHost: evil.example\r\n\r\n", "421"),
        ("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "421"),
        ("CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "421"),
        ("GET /healthz HTTP/1.1\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost, localhost\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: x@localhost\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", "400"),
        (
            "POST /reset HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "400",
        ),
    ] {
        assert_eq!(raw(&bench, request).await, status, "{request:?}");
    }
}

#[tokio::test]
async fn only_names_without_a_port_can_be_configured() {
    for name in ["sim:8081", "http://sim", "a b", "", "x@sim", "sim/"] {
        let started = Sim::start(SimConfig::default().with_hosts([name])).await;
        let Err(SimError::InvalidSetting { setting, .. }) = started else { panic!("{name}") };
        assert_eq!(setting, "hosts");
    }
}

#[tokio::test]
async fn no_page_of_another_site_uses_inbox_or_controls() {
    let bench = start(SimConfig::default()).await;
    let host = bench.sim.addr().to_string();
    let calls = [
        (Method::GET, "/inbox.json", 200),
        (Method::GET, "/inbox/events", 200),
        (Method::GET, "/faults", 200),
        (Method::GET, "/quirks", 200),
        (Method::GET, "/delivery", 200),
        (Method::GET, "/clock", 200),
        (Method::GET, "/healthz", 200),
        (Method::HEAD, "/inbox.json", 200),
        (Method::GET, "/", 200),
        (Method::PUT, "/faults", 200),
        (Method::POST, "/inbox/clear", 303),
        (Method::DELETE, "/inbox.json", 200),
        (Method::POST, "/reset", 200),
        (Method::OPTIONS, "/faults", 204),
    ];
    for (header, value, is_ours) in [
        ("Origin", "https://evil.example".to_owned(), false),
        ("Origin", "null".to_owned(), false),
        ("Origin", "http://127.0.0.1:1".to_owned(), false),
        ("Sec-Fetch-Site", "cross-site".to_owned(), false),
        ("Sec-Fetch-Site", "same-site".to_owned(), false),
        ("Origin", format!("http://{host}"), true),
        ("Sec-Fetch-Site", "same-origin".to_owned(), true),
        ("Sec-Fetch-Site", "none".to_owned(), true),
    ] {
        for (method, path, status) in calls.clone() {
            let request = bench.request(method.clone(), path).header(header, &value);
            let response = request.body(r#"{"mode":"none"}"#).send().await.unwrap();
            let expected = if is_ours { status } else { 403 };
            assert_eq!(response.status(), expected, "{method} {path} {header}: {value}");
        }
    }
}

#[tokio::test]
async fn a_link_on_another_site_leads_to_the_page_only() {
    let bench = start(SimConfig::default()).await;
    for (method, path, status) in [
        (Method::GET, "/", 200),
        (Method::GET, "/s/abcdefg", 404),
        (Method::GET, "/inbox.json", 403),
        (Method::GET, "/inbox/events", 403),
        (Method::GET, "/faults", 403),
        (Method::POST, "/inbox/clear", 403),
    ] {
        let request = bench
            .request(method, path)
            .header("Sec-Fetch-Site", "cross-site")
            .header("Sec-Fetch-Mode", "navigate");
        assert_eq!(request.send().await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test]
async fn the_apis_do_not_look_at_the_site() {
    // A client of Karaden is no browser, and both APIs have credentials.
    let bench = start(SimConfig::default()).await;
    let listed = bench.sms(Method::GET, "/messages").header("Origin", "null");
    assert_eq!(listed.send().await.unwrap().status(), 200);
    let path = format!("/api/{TENANT}/messages");
    let unknown = bench.request(Method::GET, &path).header("Sec-Fetch-Site", "cross-site");
    assert_eq!(unknown.send().await.unwrap().status(), 400);
}
