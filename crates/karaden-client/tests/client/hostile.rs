//! A server that does everything wrong.

use std::{net::SocketAddr, sync::{Arc, atomic::{AtomicUsize, Ordering}}, time::Duration};

use karaden_client::{ErrorKind, Options, SendOutcome, sms, transport::ReqwestTransport};
use tokio::{io::{AsyncReadExt as _, AsyncWriteExt as _}, net::{TcpListener, TcpStream}};

use crate::{clients::{push_client, sms_client_over, sms_client_with}, common::{assert_clean, full, options, push_message, sms_message}};

const GOOD: &str = r#"{"object":"message","id":"m-1","tags":["tag-1"]}"#;

/// What the server does after it has read a request.
#[derive(Clone)]
enum Act {
    /// Responds with these bytes and waits for the next request.
    Respond(Vec<u8>),
    /// Responds with these bytes and closes.
    RespondAndClose(Vec<u8>),
    /// Responds with these bytes and resets the connection.
    RespondAndReset(Vec<u8>),
    /// Responds with these bytes and then sends nothing more.
    RespondAndHang(Vec<u8>),
    /// Responds with these bytes over and over.
    Endless(Vec<u8>, Vec<u8>),
    /// Responds with these bytes, one each 20 ms.
    Dribble(Vec<u8>),
}

/// A server that always does the same, and counts.
struct Hostile {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Hostile {
    async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let this = Self { addr, connections: Arc::default(), requests: Arc::default() };
        let (connections, requests) = (this.connections.clone(), this.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, act.clone(), requests.clone()));
            }
        });
        this
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }
}

async fn serve(mut stream: TcpStream, act: Act, requests: Arc<AtomicUsize>) {
    while read_request(&mut stream).await.is_some() {
        requests.fetch_add(1, Ordering::SeqCst);
        match &act {
            Act::Respond(bytes) => {
                let _gone = stream.write_all(bytes).await;
            }
            Act::RespondAndClose(bytes) => {
                let _gone = stream.write_all(bytes).await;
                return;
            }
            Act::RespondAndReset(bytes) => {
                let _gone = stream.write_all(bytes).await;
                let _gone = stream.flush().await;
                stream.set_zero_linger().expect("a socket option");
                return;
            }
            Act::RespondAndHang(bytes) => {
                let _gone = stream.write_all(bytes).await;
                std::future::pending::<()>().await;
            }
            Act::Endless(head, chunk) => {
                let _gone = stream.write_all(head).await;
                while stream.write_all(chunk).await.is_ok() {}
                return;
            }
            Act::Dribble(bytes) => {
                for byte in bytes {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                return;
            }
        }
    }
}

/// Reads a whole request and returns its head. `None` at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let head = read.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.trim().parse().expect("a length"));
            if read.len() >= end + 4 + length {
                return Some(head);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(got) => read.extend_from_slice(&buffer[..got]),
        }
    }
}

fn response(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn quick() -> Options {
    options().with_total_timeout(Duration::from_millis(400))
}

#[tokio::test]
async fn every_failure_after_the_request_is_unknown_and_not_repeated() {
    let partial = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"object\":".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let big_chunk = [b"4000\r\n".to_vec(), vec![b' '; 0x4000], b"\r\n".to_vec()].concat();
    let rows = [
        ("closed", Act::RespondAndClose(vec![]), ErrorKind::Interrupted),
        ("reset", Act::RespondAndReset(vec![]), ErrorKind::Interrupted),
        ("cut body", Act::RespondAndClose(partial.clone()), ErrorKind::Interrupted),
        ("reset in body", Act::RespondAndReset(partial.clone()), ErrorKind::Interrupted),
        ("silent", Act::RespondAndHang(vec![]), ErrorKind::Timeout),
        ("silent in body", Act::RespondAndHang(partial), ErrorKind::Timeout),
        ("slow", Act::Dribble(response("", GOOD.as_bytes())), ErrorKind::Timeout),
        (
            "not HTTP",
            Act::RespondAndClose(b"\0\x01\x02 nonsense\r\n\r\n".to_vec()),
            ErrorKind::Interrupted,
        ),
        (
            "announced too large",
            Act::RespondAndHang(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n".to_vec()),
            ErrorKind::TooLarge,
        ),
        ("endless body", Act::Endless(chunked.clone(), big_chunk), ErrorKind::TooLarge),
        (
            "endless headers",
            Act::Endless(
                b"HTTP/1.1 200 OK\r\n".to_vec(),
                b"x-pad: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".to_vec(),
            ),
            ErrorKind::Interrupted,
        ),
        (
            "endless extension",
            Act::Endless([&chunked[..], b"1;"].concat(), vec![b'x'; 1000]),
            ErrorKind::Interrupted,
        ),
        (
            "endless trailers",
            Act::Endless([&chunked[..], b"0\r\n"].concat(), b"a: b\r\n".repeat(100)),
            ErrorKind::Interrupted,
        ),
        (
            "endless interim responses",
            Act::Endless(vec![], b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
            ErrorKind::Timeout,
        ),
        (
            "compressed",
            Act::Respond(response("content-encoding: gzip\r\n", b"\x1f\x8b\x08 and so on")),
            ErrorKind::Decode,
        ),
        ("empty", Act::Respond(response("", b"")), ErrorKind::Decode),
        (
            "HTML",
            Act::Respond(response("content-type: application/json\r\n", b"<html>")),
            ErrorKind::Decode,
        ),
    ];
    for (name, act, kind) in rows {
        let server = Hostile::start(act).await;
        // Short only where a timeout is expected, so that a busy machine changes nothing.
        let options = if kind == ErrorKind::Timeout { quick() } else { options() };
        let client = sms_client_with(&server.url(), options);
        let error = client.send(sms_message()).await.expect_err(name);
        assert!(error.is_outcome_unknown(), "{name}: {error:?}");
        assert_eq!(error.error().kind(), kind, "{name}: {error:?}");
        assert_eq!(server.counts().1, 1, "{name}: the request went out more than once");
        assert_clean(&full(&error));
    }
}

/// The whole of `GOOD` as one chunk, with `extension` behind its length.
fn chunk(extension: &str) -> String {
    format!("{:x}{extension}\r\n{GOOD}\r\n", GOOD.len())
}

/// Invalid or ambiguous responses, each with the JSON of an accepted message.
fn doubtful_responses() -> Vec<String> {
    let length = GOOD.len();
    let heads = [
        format!("content-length: {length}\r\ncontent-length: {}", length + 1),
        format!("content-length: {length}, {}", length + 1),
        format!("content-length: +{length}"),
        format!("content-length: -{length}"),
        "content-length: ".to_owned(),
        format!("content-length: {length},"),
        format!("content-length: 0x{length:x}"),
        "content-length: 18446744073709551616".to_owned(),
        format!("content-length: {}", length + 1),
        format!("content-length: {}", length - 1),
        "transfer-encoding: identity".to_owned(),
        "transfer-encoding: xchunked".to_owned(),
        format!("no colon\r\ncontent-length: {length}"),
        format!("space : 1\r\ncontent-length: {length}"),
        format!("a: 1\r\n folded\r\ncontent-length: {length}"),
        format!("a: \u{1}\r\ncontent-length: {length}"),
        format!("{}content-length: {length}", "a: b\r\n".repeat(100)),
        format!("a: {}\r\ncontent-length: {length}", "b".repeat(500 << 10)),
    ];
    let statuses = [
        "HTTP/2 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 101 Switching\r\nupgrade: x",
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 304 Not Modified",
        "\u{15}\u{3}\u{1}",
        "<html>",
    ];
    let codings = ["gzip, chunked", "chunked\r\ntransfer-encoding: chunked", "identity, chunked"];
    let (one, last) = (chunk(""), "0\r\n\r\n");
    let chunked = [
        // A line without a length is not a length of zero: a body that lost a line is incomplete.
        format!("{one}\r\n\r\n"),
        format!("{one} \r\n\r\n"),
        format!("{one};a=b\r\n\r\n"),
        one.clone(),
        format!("{one}0\r\n"),
        format!("{one}xyz\r\n"),
        format!("{one}-1\r\n"),
        format!("{length:x}\r\n{GOOD}{last}"),
        format!("{:x}\r\n{GOOD}\r\n{last}", length - 1),
        format!("{length:x}\n{GOOD}\r\n{last}"),
        format!("ffffffffffffffffff\r\n{GOOD}\r\n{last}"),
        // What is one line to this client must not be two to a proxy.
        format!("{}{last}", chunk(";a\nb")),
        format!("{}{last}", chunk(";a\rb")),
        format!("{}{last}", chunk(&format!(";{}", "x".repeat(17 << 10)))),
        format!("{one}0\r\nno colon\r\n\r\n"),
        format!("{one}0\r\n: no name\r\n\r\n"),
        format!("{one}0\r\na: {}\r\n\r\n", "b".repeat(17 << 10)),
    ];
    let of_head = |head| format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{GOOD}");
    let of_status = |status| format!("{status}\r\ncontent-length: {length}\r\n\r\n{GOOD}");
    let of_chunks = |coding: &str, chunks: &str| {
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n{chunks}")
    };
    let mut all: Vec<_> = heads.into_iter().map(of_head).collect();
    all.extend(statuses.into_iter().map(of_status));
    all.extend(codings.map(|coding| of_chunks(coding, &format!("{one}{last}"))));
    all.extend(chunked.map(|chunks| of_chunks("chunked", &chunks)));
    let old = of_chunks("chunked", &format!("{one}{last}")).replace("HTTP/1.1", "HTTP/1.0");
    all.push(old);
    all
}

#[tokio::test]
async fn a_doubtful_response_is_unknown_and_the_request_is_not_repeated() {
    for response in doubtful_responses() {
        let server = Hostile::start(Act::RespondAndClose(response.clone().into_bytes())).await;
        let client = sms_client_with(&server.url(), options());
        let shown: String = response.chars().take(200).collect();
        match client.send(sms_message()).await {
            Err(error) => assert!(error.is_outcome_unknown(), "{shown:?}: {error:?}"),
            Ok(outcome) => panic!("{shown:?}: {outcome:?}"),
        }
        assert_eq!(server.counts().1, 1, "{shown:?}");
    }
}

#[tokio::test]
async fn a_response_about_a_message_with_other_tags_is_no_acceptance() {
    for (tags, is_accepted) in [
        (r#","tags":["tag-2"]"#, false),
        (r#","tags":["tag-2","tag-1"]"#, true),
        (r#","tags":["TAG-1"]"#, true),
        (r#","tags":[]"#, true),
        ("", true),
    ] {
        let body = format!(r#"{{"object":"message","id":"m-1"{tags}}}"#);
        let server = Hostile::start(Act::Respond(response("", body.as_bytes()))).await;
        match sms_client_with(&server.url(), options()).send(sms_message()).await {
            Ok(outcome) => assert!(is_accepted && outcome.is_accepted(), "{tags}"),
            Err(error) => assert!(!is_accepted && error.is_outcome_unknown(), "{tags}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn valid_responses_of_the_same_forms_are_accepted() {
    let length = GOOD.len();
    let (one, last) = (chunk(""), "0\r\n\r\n");
    let heads = [
        format!("content-length: {length}\r\n\r\n{GOOD}"),
        // RFC 9112, section 6.3: equal lengths may count as one.
        format!("content-length: {length}, {length}\r\n\r\n{GOOD}"),
        format!("content-length: {length}\r\ncontent-length: {length}\r\n\r\n{GOOD}"),
        // RFC 9112, section 2.2: a bare LF may end a line of a head. hyper has no setting for it.
        format!("a: b\ncontent-length: {length}\n\n{GOOD}"),
        format!("{}content-length: {length}\r\n\r\n{GOOD}", "a: b\r\n".repeat(99)),
        format!("a: {}\r\ncontent-length: {length}\r\n\r\n{GOOD}", "b".repeat(64 << 10)),
        format!("\r\n{GOOD}"),
        format!("transfer-encoding: Chunked\r\n\r\n{one}{last}"),
        format!("transfer-encoding: chunked\r\n\r\n{}{last}", chunk(";a=b")),
        format!("transfer-encoding: chunked\r\n\r\n{one}0\r\na: b\r\n\r\n"),
    ];
    for head in heads {
        let response = format!("HTTP/1.1 200 OK\r\n{head}");
        let server = Hostile::start(Act::RespondAndClose(response.into_bytes())).await;
        let outcome = sms_client_with(&server.url(), options()).send(sms_message()).await;
        let shown: String = head.chars().take(200).collect();
        assert!(matches!(outcome, Ok(SendOutcome::Accepted(_))), "{shown:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_expected_json_is_accepted_with_any_content_type() {
    for headers in ["content-type: text/html\r\n", "content-type: nonsense\r\n", ""] {
        let server = Hostile::start(Act::Respond(response(headers, GOOD.as_bytes()))).await;
        let outcome = sms_client_with(&server.url(), options()).send(sms_message()).await;
        assert!(matches!(outcome, Ok(SendOutcome::Accepted(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn the_limit_of_a_body_is_exact() {
    let body = |length: usize| format!("{GOOD}{}", " ".repeat(length - GOOD.len()));
    for (length, fits) in [(1000, true), (1001, false)] {
        let server = Hostile::start(Act::Respond(response("", body(length).as_bytes()))).await;
        let client = sms_client_with(&server.url(), options().with_max_body_bytes(1000));
        let outcome = client.send(sms_message()).await;
        assert_eq!(outcome.is_ok(), fits, "{length}: {outcome:?}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Hostile::start(Act::Respond(response("", GOOD.as_bytes()))).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/api", target.url());
        let redirect =
            format!("HTTP/1.1 {status} Go\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Hostile::start(Act::Respond(redirect.into_bytes())).await;
        let error =
            sms_client_with(&server.url(), options()).send(sms_message()).await.expect_err("no");
        assert_eq!(error.error().kind(), ErrorKind::Redirect);
        let id = sms::MessageId::new("m-1").expect("an id");
        let error = sms_client_with(&server.url(), options()).get(&id).await.expect_err("no");
        assert_eq!(error.kind(), ErrorKind::Redirect);
    }
    assert_eq!(target.counts(), (0, 0), "credentials went to the other place");
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = Hostile::start(Act::Respond(response("", GOOD.as_bytes()))).await;
    let client = sms_client_with(&server.url(), options());
    for _ in 0..5 {
        client.send(sms_message()).await.expect("a response").into_accepted().expect("accepted");
    }
    assert_eq!(server.counts(), (1, 5));
}

#[tokio::test]
async fn reads_are_retried_where_sends_are_not() {
    let server = Hostile::start(Act::RespondAndReset(vec![])).await;
    let id = sms::MessageId::new("m-1").expect("an id");
    let error = sms_client_with(&server.url(), options()).get(&id).await.expect_err("resets");
    assert!(error.is_retryable() && !error.is_outcome_unknown());
    assert_eq!(server.counts().1, 3);
}

#[tokio::test]
async fn the_deadline_bounds_all_attempts() {
    let server = Hostile::start(Act::RespondAndHang(vec![])).await;
    let retry = karaden_client::RetryPolicy::default()
        .with_max_attempts(100)
        .with_base(Duration::from_millis(1))
        .with_deadline(Duration::from_millis(500));
    let options = options().with_total_timeout(Duration::from_millis(200)).with_retry(retry);
    let id = sms::MessageId::new("m-1").expect("an id");
    let began = tokio::time::Instant::now();
    let error = sms_client_with(&server.url(), options).get(&id).await.expect_err("hangs");
    assert!(error.is_timeout());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(400) && took < Duration::from_secs(3), "{took:?}");
    assert!(server.counts().1 <= 4);
}

fn proxied_client(proxy: SocketAddr) -> karaden_client::sms::Client {
    let transport =
        ReqwestTransport::builder().with_proxy(format!("http://user:pw-SECRET@{proxy}"));
    sms_client_over("http://karaden.invalid", options().dangerous_allow_http(), transport)
}

#[tokio::test]
async fn an_explicit_proxy_is_used() {
    // The "proxy" responds itself: the test checks its request.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let head = read_request(&mut stream).await.expect("a request");
        stream.write_all(&response("", GOOD.as_bytes())).await.expect("written");
        head
    });
    let client = proxied_client(proxy);
    client.send(sms_message()).await.expect("a response").into_accepted().expect("accepted");
    let head = asked.await.expect("asked");
    assert!(head.starts_with("POST http://karaden.invalid/api/"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    drop(listener);
    let client = proxied_client(proxy);
    let error = client.send(sms_message()).await.expect_err("no proxy");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    assert!(!full(&error).contains("pw-SECRET"), "{}", full(&error));
}

#[tokio::test]
async fn secrets_in_urls_stay_out_of_errors_of_the_library() {
    for act in [Act::RespondAndClose(vec![]), Act::RespondAndReset(b"HTTP/1.1 200 OK\r\n".to_vec())] {
        let server = Hostile::start(act).await;
        let client = push_client(&server.url());
        let id = karaden_client::push::MessageId::new("m1").expect("an id");
        let error = client.inquire(&id).await.expect_err("broken");
        assert_clean(&full(&error));
        assert!(!full(&error).contains("karadeninquiry"), "{}", full(&error));
        let error = client.send(push_message()).await.expect_err("broken");
        assert_clean(&full(&error));
    }
}

