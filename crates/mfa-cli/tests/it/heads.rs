//! Heads of requests: framing, hosts, and the address of the client.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::Value;

use crate::harness::{Demo, Process, configure, free_port, until_listening, words};

const HOST: &str = "login.example.jp";

/// A gateway for `https://login.example.jp` whose paths are all public, behind a proxy that the tests are.
struct Site {
    demo: Demo,
    port: u16,
    process: Process,
    folder: tempfile::TempDir,
}

impl Site {
    /// `gateway` and `application` are added to their sections.
    async fn start(gateway: &str, application: &str) -> Self {
        let (demo, folder, port) =
            (Demo::start(), tempfile::tempdir().expect("a folder"), free_port());
        let public = "[[rule]]\npath = \"/\"\naccess = \"public\"\n\
                      without_second_factor = true\n";
        let file = configure(folder.path(), &demo, port, public);
        let text = std::fs::read_to_string(&file).expect("text");
        let text = text
            .replace(&format!("http://localhost:{port}"), &format!("https://{HOST}"))
            .replace("[application]", &format!("{gateway}\n[application]\n{application}"));
        std::fs::write(&file, text).expect("a file");
        let process = Process::start(&["serve", "--config", &file]);
        until_listening(port).await;
        Self { demo, port, process, folder }
    }

    /// Sends bytes and returns everything until the gateway closes.
    fn talk(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a socket");
        stream.write_all(bytes.as_bytes()).expect("it reads");
        let mut read = Vec::new();
        if let Err(error) = stream.read_to_end(&mut read) {
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "still open after {bytes:?}");
        }
        words(&read)
    }

    /// Sends a `GET` for `target` with these lines, and returns the whole response.
    fn get(&self, target: &str, lines: &str) -> String {
        self.talk(&format!("GET {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n"))
    }

    /// Returns a header as it reached the application.
    fn received(&self, target: &str, lines: &str, name: &str) -> String {
        let response = self.get(target, lines);
        assert!(response.starts_with("HTTP/1.1 200 "), "{lines}: {response}");
        let (_, body) = response.split_once("\r\n\r\n").expect("a body");
        let echo: Value = serde_json::from_str(body).expect("JSON");
        let headers = echo["headers"].as_array().expect("a list");
        let mut values = headers.iter().filter(|pair| pair[0] == name);
        let value = values.next().unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(values.next(), None, "{name} twice");
        value[1].as_str().expect("text").to_owned()
    }
}

fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or(response)
}

#[tokio::test]
async fn each_spelling_of_the_host_is_the_same_host() {
    let site = Site::start(
        "trusted_proxies = [\"127.0.0.1\"]\nadditional_origins = [\"https://[2001:db8::1]:8443\"]",
        "",
    )
    .await;
    for host in [
        HOST,
        "LOGIN.example.JP",
        "login.example.jp.",
        "login.example.jp:443",
        "Login.Example.jp.:443",
        "login.example.jp:",
    ] {
        let lines = format!("Host: {host}\r\n");
        for name in ["host", "x-forwarded-host"] {
            assert_eq!(site.received("/echo/", &lines, name), HOST, "{host}");
        }
        let absolute = format!("https://{HOST}:443/echo/");
        assert_eq!(site.received(&absolute, &lines, "host"), HOST, "{host}");
    }
    for host in ["[2001:db8::1]:8443", "[2001:DB8:0:0::1]:8443"] {
        let received = site.received("/echo/", &format!("Host: {host}\r\n"), "x-forwarded-host");
        assert_eq!(received, "[2001:db8::1]:8443");
    }
    for host in [
        "login.example.jp:80",
        "login.example.jp..",
        "x.login.example.jp",
        "[2001:db8::1]",
        "a@login.example.jp",
        "login%2eexample.jp",
    ] {
        assert_eq!(status(&site.get("/echo/", &format!("Host: {host}\r\n"))), "421", "{host}");
    }
    let other = site.get("https://evil.example/echo/", &format!("Host: {HOST}\r\n"));
    assert_eq!(status(&other), "421");
}

#[tokio::test]
async fn one_path_answers_without_a_host_if_it_is_switched_on() {
    let site = Site::start("trusted_proxies = []\nhealth_path = \"/_mfa/health\"", "").await;
    for lines in ["", "Host: 10.0.0.7\r\n", "Host: a\r\nHost: b\r\n", "Host: login.example.jp\r\n"]
    {
        let response = site.get("/_mfa/health", lines);
        assert!(
            response.starts_with("HTTP/1.1 200 ") && response.ends_with("\r\n\r\nok\n"),
            "{response}"
        );
    }
    assert_eq!(status(&site.talk("HEAD /_mfa/health HTTP/1.0\r\n\r\n")), "200");
    assert_eq!(status(&site.get("/_mfa/healthy", "")), "400");
    assert_eq!(status(&site.get("/", "Host: 10.0.0.7\r\n")), "421");
    let post = "POST /_mfa/health HTTP/1.1\r\nHost: 10.0.0.7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&site.talk(post)), "421");

    let site = Site::start("trusted_proxies = []", "").await;
    assert_eq!(status(&site.get("/_mfa/health", "")), "400");
    assert_eq!(status(&site.get("/_mfa/health", "Host: login.example.jp\r\n")), "404");
}

#[tokio::test]
async fn a_listed_proxy_names_the_client_in_each_form() {
    let both = "Forwarded: for=203.0.113.5\r\nX-Forwarded-For: 198.51.100.9\r\n";
    let listed = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]";
    let site = Site::start(listed, "").await;
    for (lines, expected) in [
        ("", "127.0.0.1"),
        ("X-Forwarded-For: 198.51.100.9:5678\r\n", "198.51.100.9"),
        ("X-Forwarded-For: \"[2001:db8::1]:443\", 10.0.0.2:1\r\n", "2001:db8::1"),
        ("X-Forwarded-For: 203.0.113.5, unknown\r\n", "127.0.0.1"),
        ("Forwarded: for=203.0.113.5\r\n", "127.0.0.1"),
        (both, "198.51.100.9"),
    ] {
        let lines = format!("Host: {HOST}\r\n{lines}");
        assert_eq!(site.received("/echo/", &lines, "x-forwarded-for"), expected, "{lines}");
    }
    let site = Site::start(&format!("{listed}\nclient_address_header = \"forwarded\""), "").await;
    for (lines, expected) in [
        ("Forwarded: for=\"[2001:db8::2]:1\";proto=https\r\n", "2001:db8::2"),
        ("X-Forwarded-For: 198.51.100.9\r\n", "127.0.0.1"),
        (both, "203.0.113.5"),
    ] {
        let lines = format!("Host: {HOST}\r\n{lines}");
        assert_eq!(site.received("/echo/", &lines, "x-forwarded-for"), expected, "{lines}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_listed_is_logged_and_counted() {
    let ops = free_port();
    let site = Site::start("trusted_proxies = []", "").await;
    drop(site.process);
    let file = site.folder.path().join("gateway.toml");
    let text = std::fs::read_to_string(&file).expect("text");
    let text =
        text.replace("ops_listen = \"127.0.0.1:0\"", &format!("ops_listen = \"127.0.0.1:{ops}\""));
    std::fs::write(&file, text).expect("a file");
    let process = Process::start(&["serve", "--config", &file.display().to_string()]);
    until_listening(site.port).await;
    let site = Site { process, ..site };
    for _ in 0..3 {
        let lines = format!("Host: {HOST}\r\nX-Forwarded-For: 198.51.100.9\r\n");
        assert_eq!(site.received("/echo/", &lines, "x-forwarded-for"), "127.0.0.1");
    }
    let metrics = reqwest::get(format!("http://127.0.0.1:{ops}/metrics")).await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    assert!(metrics.contains("mfa_client_addresses_ignored_total 3\n"), "{metrics}");
    let (_, log) = site.process.terminate();
    assert_eq!(log.matches("client_address.ignored").count(), 1, "{log}");
    drop(site.demo);
}

#[tokio::test]
async fn bodies_whose_end_is_in_doubt_and_those_of_get_are_refused() {
    let site = Site::start("trusted_proxies = []", "").await;
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    for (lines, expected) in [
        ("Content-Length: 15\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 15\r\n", "400"),
        ("Transfer-Encoding: chunked, chunked\r\n", "400"),
        ("Transfer-Encoding: gzip, chunked\r\n", "400"),
        ("Transfer-Encoding: gzip\r\n", "400"),
    ] {
        for path in ["/echo/", "/_mfa/login"] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n");
            assert_eq!(status(&site.talk(&format!("{head}{chunks}"))), expected, "{path} {lines}");
        }
    }
    let get = format!(
        "GET /echo/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    );
    assert_eq!(status(&site.talk(&get)), "400");
    let (_, log) = site.process.terminate();
    assert!(!log.contains("proxy.failed"), "{log}");

    let site = Site::start("trusted_proxies = []", "get_bodies = true").await;
    assert_eq!(status(&site.talk(&get)), "200");
}

#[tokio::test]
async fn headers_that_applications_believe_are_dropped_and_exceptions_pass() {
    let site = Site::start(
        "trusted_proxies = []",
        "drop_headers = [\"x-foo-*\"]\npass_headers = [\"x-user-id\", \"my_header\"]\nheader_case = \"preserve\"",
    )
    .await;
    let lines = format!(
        "Host: {HOST}\r\nTrue-Client-IP: evil\r\nX_Auth_Request_User: evil\r\nX-HTTP-Method-Override: evil\r\n\
         Proxy: evil\r\nX-Foo-Bar: evil\r\nOther_Header: evil\r\nX-User-Id: good1\r\nMy_Header: good2\r\n"
    );
    let response = site.get("/echo/", &lines);
    assert!(response.starts_with("HTTP/1.1 200 ") && !response.contains("evil"), "{response}");
    assert!(response.contains("good1") && response.contains("good2"), "{response}");
}
