//! The time limits of a call, and the requests that are not sent.

use std::time::Duration;

use karaden_client::{
    ErrorKind, Options, RetryPolicy, push,
    transport::{
        Exchange, Request, Response, ScriptedTransport, Transport, TransportError,
        TransportErrorKind,
    },
};

use crate::common::{contract, options, push_message};

fn client(script: &ScriptedTransport, options: Options) -> push::Client {
    push::Client::builder(contract("https://karaden.example/v2/"))
        .with_transport(script.clone())
        .with_options(options)
        .build()
        .expect("a client")
}

fn failing(kind: TransportErrorKind) -> ScriptedTransport {
    ScriptedTransport::new((0..9).map(|_| Exchange::fail(kind)))
}

#[tokio::test(start_paused = true)]
async fn a_request_without_time_left_is_not_sent() {
    let none = RetryPolicy::default().with_deadline(Duration::ZERO);
    for options in [options().with_retry(none), options().with_total_timeout(Duration::ZERO)] {
        let script = failing(TransportErrorKind::Interrupted);
        let error = client(&script, options).send(push_message()).await.expect_err("no time");
        assert!(error.is_definitely_not_sent(), "{error:?}");
        assert!(error.error().is_timeout());
        assert_eq!(error.error().operation(), Some(("push", "send")));
        assert_eq!(script.requests().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_follows_a_wait_that_ended_after_the_deadline() {
    // The timer counts in milliseconds: this wait ends after two, when the deadline has passed.
    let retry = RetryPolicy::default()
        .without_jitter()
        .with_base(Duration::from_micros(1500))
        .with_deadline(Duration::from_micros(1600));
    let options = options().with_retry(retry);
    let script = failing(TransportErrorKind::Connect);
    let error = client(&script, options).send(push_message()).await.expect_err("no time");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    assert_eq!(error.error().kind(), ErrorKind::Connect);
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn limits_beyond_the_range_of_the_clock_never_end() {
    let retry = RetryPolicy::default().with_deadline(Duration::MAX);
    let options = options().with_retry(retry).with_total_timeout(Duration::MAX);
    let response = Exchange::reply(200, r#"{"status":"100","messageId":"m-1"}"#);
    let script = ScriptedTransport::new([response.after(Duration::from_secs(1 << 20))]);
    let sent = client(&script, options).send(push_message()).await;
    sent.expect("a response").into_accepted().expect("accepted");
}

#[tokio::test(start_paused = true)]
async fn an_unusable_request_is_not_retried() {
    let script = failing(TransportErrorKind::Unusable);
    let error = client(&script, options()).send(push_message()).await.expect_err("unusable");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    assert!(!error.error().is_retryable(), "{error:?}");
    assert_eq!(error.error().kind(), ErrorKind::Config);
    assert_eq!(script.requests().len(), 1);
}

/// A transport that ends at the deadline, before any connection took the request.
#[derive(Debug)]
struct NeverConnects;

#[async_trait::async_trait]
impl Transport for NeverConnects {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        tokio::time::sleep_until(request.deadline().expect("a deadline").into()).await;
        Err(TransportError::new(TransportErrorKind::Connect))
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_ends_at_the_deadline_can_report_not_sent() {
    let once = RetryPolicy::once();
    for (options, limit) in [
        (options().with_retry(once).with_total_timeout(Duration::from_secs(1)), 1),
        (options().with_retry(once.with_deadline(Duration::from_secs(2))), 2),
    ] {
        let client = push::Client::builder(contract("https://karaden.example/v2/"))
            .with_transport(NeverConnects)
            .with_options(options)
            .build()
            .expect("a client");
        let began = tokio::time::Instant::now();
        let error = client.send(push_message()).await.expect_err("no connection");
        assert!(error.is_definitely_not_sent(), "{error:?}");
        assert_eq!(error.error().kind(), ErrorKind::Connect);
        assert_eq!(began.elapsed().as_secs(), limit);
    }
}

#[cfg(all(
    feature = "reqwest",
    not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))
))]
#[tokio::test(start_paused = true)]
async fn https_without_tls_is_a_matter_of_configuration() {
    let client = push::Client::builder(contract("https://127.0.0.1:1/v2/"))
        .with_options(options())
        .build()
        .expect("a client");
    let error = client.send(push_message()).await.expect_err("no TLS");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    assert_eq!(error.error().kind(), ErrorKind::Config);
}

#[cfg(not(feature = "reqwest"))]
#[test]
fn without_a_transport_one_must_be_given() {
    let builder = push::Client::builder(contract("https://karaden.example/v2/"));
    let error = builder.build().expect_err("no transport");
    assert_eq!(error.kind(), ErrorKind::Config);
}

// Without the check, reqwest panics here.
#[cfg(all(feature = "rustls-no-provider", not(any(feature = "rustls", feature = "native-tls"))))]
#[test]
fn without_a_crypto_provider_the_client_is_not_built() {
    let builder = push::Client::builder(contract("https://karaden.example/v2/"));
    let error = builder.build().expect_err("no provider");
    assert_eq!(error.kind(), ErrorKind::Config);
}
