//! A server that does everything wrong, over plain TCP and over TLS.

use std::{net::SocketAddr, sync::{Arc, atomic::{AtomicUsize, Ordering}}, time::Duration};

use karaden_client::{ErrorKind, Options, SendOutcome, sms};
use tokio::{io::{AsyncReadExt as _, AsyncWriteExt as _}, net::{TcpListener, TcpStream}};

use crate::{common::{assert_clean, full, options, push_message, sms_message}, wire::{Wire, on_each_wire}};
#[cfg(feature = "reqwest")]
use crate::wire::sms_client_with;

const GOOD: &str = r#"{"object":"message","id":"m-1","tags":["tag-1"]}"#;

/// What the server does after it read a request.
#[derive(Clone)]
enum Act {
    /// Answers with these bytes and waits for the next request.
    Answer(Vec<u8>),
    /// Answers with these bytes and closes.
    AnswerAndClose(Vec<u8>),
    /// Answers with these bytes and resets the connection.
    AnswerAndReset(Vec<u8>),
    /// Answers with these bytes and then never says anything again.
    AnswerAndHang(Vec<u8>),
    /// Answers with these bytes over and over.
    Endless(Vec<u8>, Vec<u8>),
    /// Answers with these bytes, one each 20 ms.
    Dribble(Vec<u8>),
}

/// A server that does one thing, and counts.
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
            Act::Answer(bytes) => {
                let _gone = stream.write_all(bytes).await;
            }
            Act::AnswerAndClose(bytes) => {
                let _gone = stream.write_all(bytes).await;
                return;
            }
            Act::AnswerAndReset(bytes) => {
                let _gone = stream.write_all(bytes).await;
                let _gone = stream.flush().await;
                stream.set_zero_linger().expect("a socket option");
                return;
            }
            Act::AnswerAndHang(bytes) => {
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

/// The head of a request, after its whole body was read; `None` at the end of the connection.
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

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn quick() -> Options {
    options().with_total_timeout(Duration::from_millis(400))
}

async fn whatever_happens_after_the_request_left_is_unknown_and_not_repeated(wire: Wire) {
    let partial = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"object\":".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let big_chunk = [b"4000\r\n".to_vec(), vec![b' '; 0x4000], b"\r\n".to_vec()].concat();
    let rows = [
        ("closed", Act::AnswerAndClose(vec![]), ErrorKind::Interrupted),
        ("reset", Act::AnswerAndReset(vec![]), ErrorKind::Interrupted),
        ("cut body", Act::AnswerAndClose(partial.clone()), ErrorKind::Interrupted),
        ("reset in body", Act::AnswerAndReset(partial.clone()), ErrorKind::Interrupted),
        ("silent", Act::AnswerAndHang(vec![]), ErrorKind::Timeout),
        ("silent in body", Act::AnswerAndHang(partial), ErrorKind::Timeout),
        ("slow", Act::Dribble(answer("", GOOD.as_bytes())), ErrorKind::Timeout),
        (
            "not HTTP",
            Act::AnswerAndClose(b"\0\x01\x02 nonsense\r\n\r\n".to_vec()),
            ErrorKind::Interrupted,
        ),
        (
            "announced too large",
            Act::AnswerAndHang(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n".to_vec()),
            ErrorKind::TooLarge,
        ),
        ("endless body", Act::Endless(chunked, big_chunk), ErrorKind::TooLarge),
        (
            "endless headers",
            Act::Endless(
                b"HTTP/1.1 200 OK\r\n".to_vec(),
                b"x-pad: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".to_vec(),
            ),
            ErrorKind::Interrupted,
        ),
        (
            "compressed",
            Act::Answer(answer("content-encoding: gzip\r\n", b"\x1f\x8b\x08 and so on")),
            ErrorKind::Decode,
        ),
        ("empty", Act::Answer(answer("", b"")), ErrorKind::Decode),
        (
            "HTML",
            Act::Answer(answer("content-type: application/json\r\n", b"<html>")),
            ErrorKind::Decode,
        ),
    ];
    for (name, act, kind) in rows {
        let server = Hostile::start(act).await;
        // Short only where the end is a time-out, so that a busy machine changes nothing.
        let options = if kind == ErrorKind::Timeout { quick() } else { options() };
        let client = wire.sms(&server.url(), options);
        let error = client.send(sms_message()).await.expect_err(name);
        assert!(error.is_outcome_unknown(), "{name}: {error:?}");
        assert_eq!(error.error().kind(), kind, "{name}: {error:?}");
        assert_eq!(server.counts().1, 1, "{name}: the request went out more than once");
        assert_clean(&full(&error));
    }
}

async fn a_page_of_the_right_json_is_believed_whatever_its_type(wire: Wire) {
    for headers in ["content-type: text/html\r\n", "content-type: nonsense\r\n", ""] {
        let server = Hostile::start(Act::Answer(answer(headers, GOOD.as_bytes()))).await;
        let outcome = wire.sms(&server.url(), options()).send(sms_message()).await;
        assert!(matches!(outcome, Ok(SendOutcome::Accepted(_))), "{outcome:?}");
    }
}

async fn the_bound_of_a_body_is_exact(wire: Wire) {
    let body = |length: usize| format!("{GOOD}{}", " ".repeat(length - GOOD.len()));
    for (length, fits) in [(1000, true), (1001, false)] {
        let server = Hostile::start(Act::Answer(answer("", body(length).as_bytes()))).await;
        let client = wire.sms(&server.url(), options().with_max_body_bytes(1000));
        let outcome = client.send(sms_message()).await;
        assert_eq!(outcome.is_ok(), fits, "{length}: {outcome:?}");
    }
}

async fn redirects_are_not_followed(wire: Wire) {
    let target = Hostile::start(Act::Answer(answer("", GOOD.as_bytes()))).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/api", target.url());
        let redirect =
            format!("HTTP/1.1 {status} Go\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Hostile::start(Act::Answer(redirect.into_bytes())).await;
        let error =
            wire.sms(&server.url(), options()).send(sms_message()).await.expect_err("no");
        assert_eq!(error.error().kind(), ErrorKind::Redirect);
        let id = sms::MessageId::new("m-1").expect("an id");
        let error = wire.sms(&server.url(), options()).get(&id).await.expect_err("no");
        assert_eq!(error.kind(), ErrorKind::Redirect);
    }
    assert_eq!(target.counts(), (0, 0), "credentials went to the other place");
}

async fn one_connection_serves_many_requests(wire: Wire) {
    let server = Hostile::start(Act::Answer(answer("", GOOD.as_bytes()))).await;
    let client = wire.sms(&server.url(), options());
    for _ in 0..5 {
        client.send(sms_message()).await.expect("an answer").accepted().expect("accepted");
    }
    assert_eq!(server.counts(), (1, 5));
}

async fn reads_survive_what_sends_do_not(wire: Wire) {
    let server = Hostile::start(Act::AnswerAndReset(vec![])).await;
    let id = sms::MessageId::new("m-1").expect("an id");
    let error = wire.sms(&server.url(), options()).get(&id).await.expect_err("resets");
    assert!(error.is_retryable() && !error.is_outcome_unknown());
    assert_eq!(server.counts().1, 3);
}

async fn the_deadline_bounds_all_attempts(wire: Wire) {
    let server = Hostile::start(Act::AnswerAndHang(vec![])).await;
    let retry = karaden_client::RetryPolicy::default()
        .with_max_attempts(100)
        .with_base(Duration::from_millis(1))
        .with_deadline(Duration::from_millis(500));
    let options = options().with_total_timeout(Duration::from_millis(200)).with_retry(retry);
    let id = sms::MessageId::new("m-1").expect("an id");
    let began = tokio::time::Instant::now();
    let error = wire.sms(&server.url(), options).get(&id).await.expect_err("hangs");
    assert!(error.is_timeout());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(400) && took < Duration::from_secs(3), "{took:?}");
    assert!(server.counts().1 <= 4);
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn an_explicit_proxy_is_used() {
    // The "proxy" answers itself; what matters is what it is asked.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let head = read_request(&mut stream).await.expect("a request");
        stream.write_all(&answer("", GOOD.as_bytes())).await.expect("written");
        head
    });
    let options =
        options().with_proxy(&format!("http://user:pw-SECRET@{proxy}")).dangerous_allow_http();
    assert!(!format!("{options:?}").contains("SECRET"));
    let client = sms_client_with("http://karaden.invalid", options);
    client.send(sms_message()).await.expect("an answer").accepted().expect("accepted");
    let head = asked.await.expect("asked");
    assert!(head.starts_with("POST http://karaden.invalid/api/"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a_proxy_that_is_not_there_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    drop(listener);
    let options =
        options().with_proxy(&format!("http://user:pw-SECRET@{proxy}")).dangerous_allow_http();
    let client = sms_client_with("http://karaden.invalid", options);
    let error = client.send(sms_message()).await.expect_err("no proxy");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    assert!(!full(&error).contains("pw-SECRET"), "{}", full(&error));
}

async fn secrets_in_urls_stay_out_of_errors_of_the_library(wire: Wire) {
    for act in [Act::AnswerAndClose(vec![]), Act::AnswerAndReset(b"HTTP/1.1 200 OK\r\n".to_vec())] {
        let server = Hostile::start(act).await;
        let client = wire.push(&server.url(), options());
        let id = karaden_client::push::MessageId::new("m1").expect("an id");
        let error = client.inquire(&id).await.expect_err("broken");
        assert_clean(&full(&error));
        assert!(!full(&error).contains("karadeninquiry"), "{}", full(&error));
        let error = client.send(push_message()).await.expect_err("broken");
        assert_clean(&full(&error));
    }
}

on_each_wire!(
    whatever_happens_after_the_request_left_is_unknown_and_not_repeated,
    a_page_of_the_right_json_is_believed_whatever_its_type,
    the_bound_of_a_body_is_exact,
    redirects_are_not_followed,
    one_connection_serves_many_requests,
    reads_survive_what_sends_do_not,
    the_deadline_bounds_all_attempts,
    secrets_in_urls_stay_out_of_errors_of_the_library,
);
