//! What a client gets in place of what it asked for: a page for people, a problem for programs.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::harness::{Demo, Process, configure, free_port, raw, until_listening};

/// A response as it came over the wire.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Returns the value of a header that the response must not have twice; empty if it has none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let values = self.headers(name);
        assert!(values.len() <= 1, "{name} came twice: {}", self.head);
        values.first().copied().unwrap_or_default()
    }

    fn headers(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

/// Sends a request and reads the whole response.
pub(crate) fn send(port: u16, line: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let head = format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n{body}");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut response = Vec::new();
    // A refused body may reset the connection after the response.
    let _ = stream.read_to_end(&mut response);
    let response = String::from_utf8(response).expect("UTF-8");
    let (head, body) = response.split_once("\r\n\r\n").expect("a whole head");
    let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Reads until `end`, or until the connection ends.
fn read_until(reader: impl BufRead, end: &[u8]) -> Vec<u8> {
    let (mut read, mut bytes) = (Vec::new(), reader.bytes());
    while !read.ends_with(end)
        && let Some(Ok(byte)) = bytes.next()
    {
        read.push(byte);
    }
    read
}

/// An application that sends a header of its own. It never answers `/slow`, and breaks off at `/dead`.
pub(crate) fn application() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(&stream);
            let head = read_until(&mut reader, b"\r\n\r\n");
            let head = String::from_utf8(head).expect("ASCII").to_lowercase();
            let length = head.split_once("content-length: ").map(|(_, rest)| rest);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            if head.contains("transfer-encoding: chunked") {
                read_until(&mut reader, b"0\r\n\r\n");
            }
            // Fails if the client breaks off.
            let _ = reader.read_exact(&mut vec![0; length.unwrap_or_default()]);
            if head.contains(" /slow ") {
                kept.push(stream);
            } else if !head.contains(" /dead ") {
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\
                              Strict-Transport-Security: max-age=5\r\nX-Request-Id: own\r\n\r\nok";
                // The gateway may have given up.
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    origin
}

const PUBLIC: &str = "[[rule]]\npath = \"/private/\"\n[[rule]]\npath = \"/upload/\"\naccess = \"public\"\n\
                      max_body_mib = 2\n[[rule]]\npath = \"/\"\naccess = \"public\"\n\
                      without_second_factor = true\n";

/// A gateway in front of [`application`], with changes to its configuration.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) port: u16,
    _demo: Demo,
    _folder: tempfile::TempDir,
}

impl Gateway {
    pub(crate) async fn start(changes: &[(&str, &str)]) -> Self {
        let (demo, folder, port) =
            (Demo::start(), tempfile::tempdir().expect("a folder"), free_port());
        let file = configure(folder.path(), &demo, port, PUBLIC);
        let text = std::fs::read_to_string(&file).expect("a file");
        let text = text
            .replace(&demo.application, &application())
            .replace("[application]\n", "[application]\ntimeout = \"1s\"\nmax_body_mib = 1\n");
        let text = changes.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, &to.replace("PORT", &port.to_string()))
        });
        std::fs::write(&file, text).expect("a file");
        let process = Process::start(&["serve", "--config", &file]);
        until_listening(port).await;
        Self { process, port, _demo: demo, _folder: folder }
    }

    /// Returns the `Host` of the gateway with plain HTTP.
    pub(crate) fn host(&self) -> String {
        format!("Host: localhost:{}\r\n", self.port)
    }
}

#[tokio::test]
async fn a_refusal_is_a_problem_for_programs_and_a_page_for_people() {
    let gateway = Gateway::start(&[]).await;
    let (port, host) = (gateway.port, gateway.host());
    let own = format!("{host}Origin: http://localhost:{port}\r\n");
    let foreign = format!("{host}Origin: https://evil.example\r\n");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let large = format!("{own}{form}Content-Length: 40000\r\n");
    let upload = format!("{host}Content-Length: 1048577\r\n");
    let long = format!("GET /{}", "a".repeat(9_000));
    let long_own = format!("GET /_mfa/login?{}", "a".repeat(26_000));
    let full = "a".repeat(40_000);
    let cases = [
        ("GET /%", host.as_str(), "", 400, "bad_request", "could not be read"),
        ("GET /private/", &host, "", 401, "login_required", "Sign in"),
        ("POST /private/", &host, "", 401, "login_required", "Sign in"),
        ("GET /_mfa/factor/events", &host, "", 401, "login_lost", "cookies"),
        ("POST /_mfa/login", &foreign, "", 403, "form_refused", "Open the page again"),
        ("GET /_mfa/nothing", &host, "", 404, "not_found", "Check the address"),
        ("DELETE /_mfa/login", &own, "", 405, "method_not_allowed", "does not accept"),
        ("TRACE /", &host, "", 405, "method_not_allowed", "does not accept"),
        ("POST /_mfa/login", &large, &full, 413, "too_large", "larger than 33 KiB"),
        ("POST /a", &upload, "", 413, "too_large", "larger than 1 MiB"),
        (&long, &host, "", 414, "uri_too_long", "longer than 8192 characters"),
        (&long_own, &host, "", 414, "uri_too_long", "longer than 25600 characters"),
        ("GET /", "Host: other.example\r\n", "", 421, "misdirected", "No service uses"),
        ("GET /dead", &host, "", 502, "application_down", "not available"),
        ("GET /slow", &host, "", 504, "application_slow", "too long"),
    ];
    for (line, headers, body, status, code, said) in cases {
        let said_in = |answer: &Answer| {
            assert_eq!(answer.status, status, "{line:.60}: {}", answer.body);
            assert_eq!(answer.header("cache-control"), "no-store", "{line:.60}");
            assert!(answer.header("vary").contains("Accept, "), "{line:.60}");
            let is_asked = answer.header("www-authenticate") == "FormBased";
            assert_eq!(is_asked, status == 401, "{line:.60}");
        };
        let problem = send(port, line, &format!("{headers}Accept-Language: en\r\n"), body);
        said_in(&problem);
        assert_eq!(problem.header("content-type"), "application/problem+json", "{line:.60}");
        assert_eq!(problem.header("content-language"), "en");
        let told = problem.json();
        assert_eq!((&told["status"], &told["code"]), (&status.into(), &code.into()), "{line:.60}");
        assert!(told["type"].as_str().is_some_and(|url| url.ends_with(&format!("#{code}"))));
        let detail = told["detail"].as_str().expect("a text");
        assert!(detail.contains(said) && !detail.contains('\u{200b}'), "{line:.60}: {detail}");
        assert!(told["title"].as_str().is_some_and(|title| !title.is_empty()));
        let id = told["request_id"].as_str().expect("a text");
        assert_eq!(id, problem.header("x-request-id"));
        assert!(id.starts_with(told["reference"].as_str().expect("a text")), "{told}");
        let has_login = code == "login_required";
        assert_eq!(told.get("login").is_some(), has_login, "{told}");

        if line.starts_with("GET") {
            let head = send(port, &line.replacen("GET", "HEAD", 1), headers, body);
            said_in(&head);
            assert_eq!(
                (head.header("content-type"), head.body.as_str()),
                ("application/problem+json", "")
            );
        }
        if has_login {
            continue;
        }
        let for_people =
            format!("{headers}Accept: text/html, */*;q=0.8\r\nAccept-Language: ja\r\n");
        let page = send(port, line, &for_people, body);
        said_in(&page);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{line:.60}");
        assert!(page.body.contains("<html lang=\"ja\""), "{line:.60}: {}", page.body);
        assert!(page.body.contains("お問い合わせ番号"), "{line:.60}: {}", page.body);
        let for_script = format!("{for_people}Sec-Fetch-Dest: empty\r\n");
        let told = send(port, line, &for_script, body).json();
        assert_eq!(told["code"], code);
        assert!(told["title"].as_str().is_some_and(|title| !title.is_ascii()), "{told}");
    }
    let login = send(port, "GET /private/?a=b", &host, "").json();
    assert_eq!(login["login"], "/_mfa/login?return_to=%2Fprivate%2F%3Fa%3Db");
    let to_login = send(port, "GET /private/", &format!("{host}Accept: text/html\r\n"), "");
    assert_eq!((to_login.status, to_login.body.as_str()), (303, ""));
}

#[tokio::test]
async fn every_405_says_which_methods_there_are() {
    let gateway = Gateway::start(&[]).await;
    let (port, host) = (gateway.port, gateway.host());
    let forwarded = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    for (line, allowed) in [
        ("DELETE /_mfa/login", "GET,HEAD,POST"),
        ("TRACE /_mfa/login", "GET,HEAD,POST"),
        ("OPTIONS /_mfa/account", "GET,HEAD"),
        ("POST /_mfa/assets/pages.css", "GET,HEAD"),
        ("PUT /_mfa/logout", "GET,HEAD,POST"),
        ("TRACE /", forwarded),
        ("CONNECT localhost:443", forwarded),
    ] {
        for accept in ["", "Accept: text/html\r\n"] {
            let answer = send(port, line, &format!("{host}{accept}"), "");
            assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{line}");
        }
    }
    let demo = Demo::start();
    let head = raw(&demo.ops, "POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").to_lowercase();
    assert!(
        head.starts_with("http/1.1 405 ") && head.contains("\r\nallow: get, head\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_rule_may_have_a_limit_on_bodies_of_its_own() {
    let gateway = Gateway::start(&[]).await;
    let (port, host) = (gateway.port, gateway.host());
    let declared = |bytes: usize| format!("{host}Content-Length: {bytes}\r\n");
    let mib = 1024 * 1024;
    let body = "a".repeat(mib + 1);
    assert_eq!(send(port, "POST /upload/a", &declared(body.len()), &body).status, 200);
    for (path, limit) in [("/upload/a", 2), ("/a", 1)] {
        let refused = send(port, &format!("POST {path}"), &declared(limit * mib + 1), "");
        let said = format!("larger than {limit} MiB, ");
        assert_eq!(refused.status, 413);
        let english = format!("{}Accept-Language: en\r\n", declared(limit * mib + 1));
        let told = send(port, &format!("POST {path}"), &english, "").json();
        assert!(told["detail"].as_str().is_some_and(|detail| detail.contains(&said)), "{told}");
        // The same for a body without a length, which is counted as it arrives.
        let chunk =
            format!("{:x}\r\n{}\r\n0\r\n\r\n", limit * mib + 1, "a".repeat(limit * mib + 1));
        let chunked = format!("{host}Transfer-Encoding: chunked\r\n");
        assert_eq!(send(port, &format!("POST {path}"), &chunked, &chunk).status, 413, "{path}");
    }
}

#[tokio::test]
async fn every_response_of_an_https_site_has_hsts_once_and_no_other_site_has_it() {
    let hsts = "strict-transport-security";
    let https = [
        ("public_url = \"http://localhost:", "public_url = \"https://login.example.jp\" #"),
        ("insecure_http = true\nlisten", "listen"),
    ];
    let host = "Host: login.example.jp\r\n";
    let requests = [
        ("GET /_mfa/login", host, 200),
        ("GET /_mfa/nothing", host, 404),
        ("GET /_mfa/assets/nothing", host, 404),
        ("GET /_mfa/account", host, 303),
        ("GET /private/", host, 401),
        ("GET /a", host, 200),
        ("GET /dead", host, 502),
        ("TRACE /", host, 405),
        ("GET /%", host, 400),
        ("GET /", "Host: other.example\r\n", 421),
        ("GET /", "", 400),
    ];
    let default = "max-age=31536000; includeSubDomains";
    for (setting, expected, of_application) in [
        ("", default, default),
        ("hsts = \"max-age=300\"\n", "max-age=300", "max-age=300"),
        ("hsts = \"off\"\n", "", "max-age=5"),
    ] {
        let more = ("data_dir", format!("trusted_proxies = []\n{setting}data_dir"));
        let changes = [https[0], https[1], (more.0, more.1.as_str())];
        let gateway = Gateway::start(&changes).await;
        for (line, host, status) in requests {
            let answer = send(gateway.port, line, host, "");
            assert_eq!(answer.status, status, "{line}");
            let expected = if line == "GET /a" { of_application } else { expected };
            assert_eq!(answer.header(hsts), expected, "{setting} {line}");
        }
        let page = send(gateway.port, "GET /_mfa/login", host, "").body;
        let (_, asset) = page.split_once("href=\"/_mfa/assets/").expect("a style sheet");
        let asset = asset.split('"').next().expect("a name");
        let asset = send(gateway.port, &format!("GET /_mfa/assets/{asset}"), host, "");
        assert_eq!((asset.status, asset.header(hsts)), (200, expected));
    }
    let gateway = Gateway::start(&[]).await;
    let own = gateway.host();
    for (line, host, status) in requests {
        let host = if host.contains("login") { own.as_str() } else { host };
        let answer = send(gateway.port, line, host, "");
        assert_eq!((answer.status, answer.header(hsts)), (status, ""), "{line}");
    }
}

#[tokio::test]
async fn our_own_responses_have_the_security_headers_and_those_of_the_application_stay() {
    let gateway = Gateway::start(&[]).await;
    let (port, host) = (gateway.port, gateway.host());
    for (line, status) in [
        ("GET /_mfa/login", 200),
        ("GET /_mfa/account", 303),
        ("GET /_mfa/nothing", 404),
        ("GET /private/", 401),
        ("GET /dead", 502),
        ("GET /%", 400),
    ] {
        let answer = send(port, line, &host, "");
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{line}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{line}");
        assert!(
            answer.header("content-security-policy").starts_with("default-src 'none'"),
            "{line}"
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{line}");
    }
    let page = send(port, "GET /a", &host, "");
    for name in
        ["x-content-type-options", "x-frame-options", "content-security-policy", "cache-control"]
    {
        assert_eq!(page.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn the_operations_listener_answers_no_page_that_rebinds_its_name() {
    let demo = Demo::start();
    let address = demo.ops.trim_start_matches("http://").to_owned();
    for (host, status) in [
        ("evil.example", "421"),
        ("localhost.evil.example", "421"),
        ("gateway.internal", "421"),
        ("localhost", "200"),
        (address.as_str(), "200"),
        ("10.1.2.3:9090", "200"),
    ] {
        for path in ["/metrics", "/healthz"] {
            let head = raw(&demo.ops, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {head}");
        }
    }
    let ops_port = free_port();
    let listen =
        format!("ops_listen = \"127.0.0.1:{ops_port}\"\nops_hosts = [\"gateway.internal\"]");
    let _gateway = Gateway::start(&[("ops_listen = \"127.0.0.1:0\"", &listen)]).await;
    let named = send(ops_port, "GET /healthz", "Host: gateway.internal:9090\r\n", "");
    let foreign = send(ops_port, "GET /healthz", "Host: evil.example\r\n", "");
    assert_eq!((named.status, foreign.status), (200, 421));
    assert!(foreign.body.contains("gateway.ops_hosts"), "{}", foreign.body);
}
