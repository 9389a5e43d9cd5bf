//! Connections that keep the gateway waiting, floods of them, and a stop in the middle of requests.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use mfa_demo::Browser;
use tokio::time::Instant;

use crate::harness::{
    ALICE, BINARY, Demo, Process, configure, free_port, log_in, reach_code, until_listening, words,
};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway whose paths are all public.
struct Site {
    demo: Demo,
    port: u16,
    process: Process,
    _folder: tempfile::TempDir,
}

impl Site {
    /// `gateway` is added to its section, `more` at the end.
    async fn start(gateway: &str, more: &str) -> Self {
        let demo = Demo::start();
        let application = demo.application.clone();
        Self::before(demo, &application, gateway, more).await
    }

    async fn before(demo: Demo, application: &str, gateway: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let public = "[[rule]]\npath = \"/\"\naccess = \"public\"\nwithout_second_factor = true\n";
        let file = configure(folder.path(), &demo, port, &format!("{public}{more}"));
        let text = std::fs::read_to_string(&file).expect("text");
        let text = text.replace("[application]", &format!("{gateway}\n[application]"));
        let text = text.replace(&demo.application, application);
        std::fs::write(&file, text).expect("a file");
        let process = Process::start(&["serve", "--config", &file]);
        until_listening(port).await;
        Self { demo, port, process, _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        connect(&format!("127.0.0.1:{}", self.port))
    }

    fn head(&self, line: &str, more: &str) -> String {
        format!("{line}\r\nHost: localhost:{}\r\n{more}\r\n", self.port)
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// Sends `bytes` and returns everything until the gateway closes.
fn talk(mut stream: TcpStream, bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).expect("it reads");
    let mut read = Vec::new();
    if let Err(error) = stream.read_to_end(&mut read) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "still open after {bytes:?}");
    }
    words(&read)
}

#[tokio::test]
async fn both_listeners_close_at_the_preface_of_http2() {
    let demo = Demo::start();
    for origin in [&demo.gateway, &demo.ops] {
        let address = origin.trim_start_matches("http://").replace("localhost", "127.0.0.1");
        assert_eq!(talk(connect(&address), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "", "{origin}");
    }
}

#[tokio::test]
async fn each_way_to_keep_the_gateway_waiting_ends() {
    let site = Site::start(
        "",
        "[connections]\nhead_timeout = \"1s\"\nidle_timeout = \"2s\"\nprogress_timeout = \"1s\"\n",
    )
    .await;
    assert_eq!(talk(site.connect(), ""), "");
    assert_eq!(talk(site.connect(), "P"), "");
    assert_eq!(talk(site.connect(), "GET / HTTP/1.1\r\nHost: "), "");
    let answer = talk(site.connect(), &site.head("GET /public/ HTTP/1.1", ""));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let post = site.head("POST /echo/ HTTP/1.1", "Content-Length: 9\r\n");
    for body in ["", "abc"] {
        let answer = talk(site.connect(), &format!("{post}{body}"));
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    let (code, log) = site.process.terminate();
    assert_eq!(code, Some(0));
    assert!(!log.contains("proxy.failed"), "{log}");
}

#[tokio::test]
async fn the_broken_body_of_a_client_is_not_a_fault_of_the_application() {
    let site = Site::start("", "").await;
    let post = site.head("POST /echo/ HTTP/1.1", "Transfer-Encoding: chunked\r\n");
    for body in ["zz\r\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\r\nx\r\n"] {
        let answer = talk(site.connect(), &format!("{post}{body}"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
    }
    // Breaks off half way.
    let mut stream = site.connect();
    stream.write_all(format!("{post}3\r\nab").as_bytes()).expect("it reads");
    drop(stream);
    let (code, log) = site.process.terminate();
    assert_eq!(code, Some(0));
    assert!(!log.contains("proxy.failed") && !log.contains("the application did not"), "{log}");
}

/// Runs `command` of the program with this limit of open files.
fn with_open_files(limit: u32, arguments: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {limit} && exec {BINARY} {arguments}")]);
    command
}

#[tokio::test]
async fn a_flood_of_silent_connections_keeps_nobody_out() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let file = configure(folder.path(), &demo, port, "[log]\nfilter = \"warn\"\n");
    let text = std::fs::read_to_string(&file).expect("text");
    let ops_port = free_port();
    let text = text
        .replace("ops_listen = \"127.0.0.1:0\"", &format!("ops_listen = \"127.0.0.1:{ops_port}\""));
    std::fs::write(&file, text).expect("a file");
    // Room for 38 connections.
    let _gateway = Process::spawn(with_open_files(300, &format!("serve --config {file}")));
    until_listening(port).await;
    let flood = |n: usize| {
        let mut stream = connect(&format!("127.0.0.1:{port}"));
        stream.write_all([&b""[..], b"P", b"GET / HTTP/1.1\r\n"][n % 3]).expect("it reads");
        stream
    };
    let mut silent: Vec<TcpStream> = (0..200).map(flood).collect();
    let mut browser = Browser::new(&format!("http://localhost:{port}")).expect("a client");
    for path in ["/_mfa/login", "/", "/_mfa/assets/unknown"] {
        let seen = browser.get(path).await.expect("an answer");
        assert!(seen.status != 503, "{path}: {}", seen.status);
        silent.extend((0..50).map(flood));
    }
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ops = |path: &str| client.get(format!("http://127.0.0.1:{ops_port}{path}")).send();
    assert_eq!(ops("/readyz").await.expect("an answer").status(), 200);
    let metrics = ops("/metrics").await.expect("an answer").text().await.expect("text");
    let evicted = "mfa_connections_closed_by_limit_total{reason=\"evicted\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(evicted));
    let count: u32 = count.and_then(|count| count.parse().ok()).unwrap_or(0);
    assert!(count >= 250, "{metrics}");
}

#[tokio::test]
async fn too_few_open_files_are_refused_at_start() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = configure(folder.path(), &demo, free_port(), "");
    let done = with_open_files(200, &format!("serve --config {file}")).output().expect("it runs");
    let said = words(&done.stderr);
    assert!(!done.status.success(), "{said}");
    assert!(
        said.contains("the limit of open files is 200, and the gateway needs at least 288"),
        "{said}"
    );
}

#[tokio::test]
async fn a_stop_ends_within_its_time_whatever_is_open() {
    // An application that never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let application = format!("http://{}", silent.local_addr().expect("an address"));
    let demo = Demo::start();
    let site = Site::before(demo, &application, "stop_timeout = \"2s\"", "").await;
    let mut hanging = site.connect();
    hanging.write_all(site.head("GET / HTTP/1.1", "").as_bytes()).expect("it reads");
    let mut half = site.connect();
    half.write_all(b"GET / HT").expect("it reads");
    let _silent = site.connect();
    // The request has reached the application.
    let _taken = silent.accept().expect("a connection");
    let began = Instant::now();
    let Site { process, demo, .. } = site;
    let (code, log) = process.terminate();
    assert_eq!(code, Some(0));
    assert!(log.contains("listener.drain_timeout"), "{log}");
    // The default is 8 s.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    drop(demo);
}

#[tokio::test]
async fn the_newest_two_pages_of_a_login_get_live_status() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    reach_code(&mut browser, ALICE).await;
    let cookies: Vec<String> =
        browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let host = demo.gateway.trim_start_matches("http://");
    let open = || {
        let mut stream = connect(&host.replace("localhost", "127.0.0.1"));
        let request = format!(
            "GET /_mfa/factor/events HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\n\r\n",
            cookies.join("; ")
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        until(&mut stream, "event: status");
        stream
    };
    let mut first = open();
    let (mut second, mut third) = (open(), open());
    until(&mut first, "event: end");
    let mut fourth = open();
    until(&mut second, "event: end");
    // Others log in as before, and the stop ends what is open.
    let mut other = demo.browser();
    log_in(&demo, &mut other, crate::harness::BOB).await;
    assert_eq!(demo.process.terminate().0, Some(0));
    for stream in [&mut third, &mut fourth] {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).expect("an end");
        assert!(!rest.contains("event: end"), "{rest}");
    }
}

/// Reads until `text` has come.
fn until(stream: &mut TcpStream, text: &str) {
    let mut read = String::new();
    while !read.contains(text) {
        let mut byte = [0];
        let count = stream.read(&mut byte).expect("bytes in time");
        assert_ne!(count, 0, "the end, after {read}");
        read.push(char::from(byte[0]));
    }
}
