//! The transport seam: requests that a test builds, wrappers, and limits.

use std::time::{Duration, Instant};

use karaden_client::{
    Invalid, Rule, async_trait,
    http::{HeaderValue, Method},
    transport::{
        Exchange, Limited, Request, Response, ScriptedTransport, Transport, TransportError,
        TransportErrorKind,
    },
};
use tokio::time::Instant as TokioInstant;

use crate::common::{contract, options, push_message};

fn request() -> Request {
    Request::builder(Method::POST, "https://karaden.example/v2/").build().expect("a request")
}

#[test]
fn a_request_can_be_built_and_read() {
    let deadline: Instant = TokioInstant::now().into();
    let request = Request::builder(Method::GET, "https://karaden.example/a?b=SECRET")
        .with_header("accept".parse().expect("a name"), HeaderValue::from_static("x"))
        .with_body("SECRET")
        .with_max_body_bytes(7)
        .with_deadline(deadline)
        .build()
        .expect("a request");
    assert_eq!(request.url(), "https://karaden.example/a?b=SECRET");
    assert_eq!((request.method(), request.max_body_bytes()), (&Method::GET, 7));
    assert_eq!((request.headers().len(), request.deadline()), (1, Some(deadline)));
    assert_eq!(request.body(), "SECRET");
    assert!(!format!("{request:?}").contains("SECRET"), "{request:?}");
    for url in ["", "karaden.example", "ftp://karaden.example/", "https://", "mailto:a@b"] {
        let invalid = Request::builder(Method::GET, url).build().expect_err(url);
        assert_eq!((invalid.field(), invalid.rule()), ("url", Rule::HttpUrl), "{url}");
    }
}

#[derive(Debug)]
struct Traced(ScriptedTransport);

#[async_trait]
impl Transport for Traced {
    async fn execute(&self, mut request: Request) -> Result<Response, TransportError> {
        request.headers_mut().insert("traceparent", HeaderValue::from_static("00-1-2-01"));
        self.0.execute(request).await
    }
}

#[tokio::test]
async fn a_wrapper_adds_a_header_to_each_request_and_to_no_other() {
    let script = ScriptedTransport::default();
    script.extend((0..2).map(|_| Exchange::reply(200, r#"{"status":"100","messageId":"m"}"#)));
    let build = |transport: Box<dyn Transport>| {
        let builder = karaden_client::push::Client::builder(contract("https://karaden.example/v2"));
        builder.with_options(options()).with_transport(transport).build().expect("a client")
    };
    let wrapped = build(Box::new(Traced(script.clone())));
    assert!(wrapped.send(push_message()).await.expect("a response").is_accepted());
    let plain = build(Box::new(script.clone()));
    assert!(plain.send(push_message()).await.expect("a response").is_accepted());
    let has = |at: usize| script.requests()[at].headers().contains_key("traceparent");
    assert!(has(0) && !has(1));
}

#[tokio::test]
async fn a_scripted_response_longer_than_allowed_is_too_large() {
    let script =
        ScriptedTransport::new([Exchange::reply(200, "12345"), Exchange::reply(200, "1234")]);
    let limited = || {
        let builder = Request::builder(Method::GET, "https://karaden.example/");
        builder.with_max_body_bytes(4).build().expect("a request")
    };
    let error = script.execute(limited()).await.expect_err("too long");
    assert_eq!(error.kind(), TransportErrorKind::TooLarge);
    assert_eq!(script.execute(limited()).await.expect("it fits").body(), "1234");
}

fn slow(steps: usize, seconds: u64) -> ScriptedTransport {
    let step = |_| Exchange::reply(200, "").after(Duration::from_secs(seconds));
    ScriptedTransport::new((0..steps).map(step))
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_requests_are_on_their_way_at_once() {
    let script = slow(6, 1);
    let limited = Limited::new(script.clone()).with_at_once(2);
    let began = TokioInstant::now();
    let sends = (0..6).map(|_| limited.execute(request()));
    let all = futures_util::future::join_all(sends);
    tokio::pin!(all);
    let not_yet = tokio::time::timeout(Duration::from_millis(500), &mut all).await;
    assert!(not_yet.is_err());
    assert_eq!(script.requests().len(), 2);
    assert!(all.await.iter().all(Result::is_ok));
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn requests_begin_at_even_distances() {
    let limited = Limited::new(slow(121, 0)).with_per_minute(120);
    let clone = limited.clone();
    let began = TokioInstant::now();
    for at in 0..120 {
        // Clones share the pace.
        let transport = if at % 2 == 0 { &limited } else { &clone };
        transport.execute(request()).await.expect("a response");
        assert_eq!(began.elapsed(), Duration::from_millis(500 * at));
    }
    // An idle time is not made up for.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let idle = TokioInstant::now();
    limited.execute(request()).await.expect("a response");
    assert_eq!(idle.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_begin_before_its_deadline_is_not_sent() {
    let after = |seconds| {
        let deadline = TokioInstant::now() + Duration::from_secs(seconds);
        let builder = Request::builder(Method::POST, "https://karaden.example/");
        builder.with_deadline(deadline.into()).build().expect("a request")
    };
    let script = slow(9, 0);
    let limited = Limited::new(script.clone()).with_per_minute(6);
    limited.execute(after(1)).await.expect("the first begins at once");
    // The next turn comes after 10 s: not before a deadline at that instant.
    let error = limited.execute(after(10)).await.expect_err("no time");
    assert_eq!(error.kind(), TransportErrorKind::Connect);
    limited.execute(after(11)).await.expect("in time");
    assert_eq!(script.requests().len(), 2);

    let script = slow(9, 5);
    let limited = Limited::new(script.clone()).with_at_once(1);
    let (first, second) = tokio::join!(limited.execute(after(60)), limited.execute(after(4)));
    first.expect("a response");
    assert_eq!(second.expect_err("no time").kind(), TransportErrorKind::Connect);
    assert_eq!(script.requests().len(), 1);
}

/// A request that is dropped while it waits gives its place back.
#[tokio::test(start_paused = true)]
async fn a_dropped_request_frees_its_place() {
    let limited = Limited::new(slow(9, 60)).with_at_once(1);
    let second = Duration::from_secs(1);
    assert!(tokio::time::timeout(second, limited.execute(request())).await.is_err());
    let began = TokioInstant::now();
    limited.execute(request()).await.expect("a response");
    assert_eq!(began.elapsed(), Duration::from_secs(60));
}

/// Also without a deadline, and in whatever order the calls are dropped.
#[tokio::test(start_paused = true)]
async fn dropped_requests_give_their_turns_back() {
    let script = slow(200, 0);
    let limited = Limited::new(script.clone()).with_per_minute(120);
    let waiting = futures_util::future::join_all((0..100).map(|_| limited.execute(request())));
    let second = Duration::from_millis(1_100);
    assert!(tokio::time::timeout(second, waiting).await.is_err());
    // At 0, 500 and 1000 ms.
    assert_eq!(script.requests().len(), 3);
    let began = TokioInstant::now();
    for at in [400, 900, 1400] {
        limited.execute(request()).await.expect("a response");
        assert_eq!(began.elapsed(), Duration::from_millis(at));
    }
    // A turn that was given back too late for anyone is not made up for.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let idle = TokioInstant::now();
    for at in [0, 500, 1000] {
        limited.execute(request()).await.expect("a response");
        assert_eq!(idle.elapsed(), Duration::from_millis(at));
    }
}

#[test]
fn rules_are_shown_in_words() {
    let invalid: Invalid = Request::builder(Method::GET, "x").build().expect_err("no URL");
    assert_eq!(invalid.to_string(), "`url` must be an http or https URL, found another value");
}
