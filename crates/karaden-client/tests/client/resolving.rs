//! Resolving unknown outcomes, with a script and Tokio's paused time.

use std::time::Duration;

use karaden_client::{
    ErrorKind, PollPolicy, Resolution, ResolvePolicy, RetryPolicy, SendError, push, sms,
    transport::{Exchange, ScriptedTransport, TransportErrorKind},
};

use crate::common::{
    TENANT, TOKEN, full, now, number, options, push_message, scripted_push, scripted_push_builder,
    scripted_sms, sms_message,
};

const EMPTY: &str = r#"{"object":"list","has_more":false,"data":[]}"#;
const FOUND: &str = r#"{"object":"list","has_more":false,"data":[
    {"object":"message","id":"m-1","tags":["tag-1"]}]}"#;

/// A client whose contract stores the tracking codes of single messages.
fn tracking_client(script: &ScriptedTransport) -> push::Client {
    scripted_push_builder(script).with_tracked_single_messages().build().expect("a client")
}

fn broken() -> Exchange {
    Exchange::fail(TransportErrorKind::Interrupted)
}

async fn unknown_sms(client: &sms::Client) -> sms::UnknownSend {
    match client.send(sms_message()).await {
        Err(SendError::Unknown(unknown)) => unknown,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_arrived_is_found_and_not_sent_again() {
    let script = ScriptedTransport::new([
        broken(),
        Exchange::reply(200, EMPTY),
        Exchange::reply(500, ""),
        Exchange::reply(200, FOUND),
    ]);
    let client = scripted_sms(&script);
    let resolution =
        unknown_sms(&client).await.resolve(&client, &ResolvePolicy::default(), now()).await;
    let Resolution::Accepted(message) = resolution else { panic!("{resolution:?}") };
    assert_eq!(message.id.as_str(), "m-1");
    let posts = script.requests().iter().filter(|r| r.method() == "POST").count();
    assert_eq!((posts, script.steps_left()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn look_ups_of_an_unknown_message_are_at_least_100_ms_apart() {
    let script = ScriptedTransport::new([broken()]);
    script.extend((0..100).map(|_| Exchange::reply(200, EMPTY)));
    let client = scripted_sms(&script);
    let unknown = unknown_sms(&client).await;
    let policy = ResolvePolicy::default()
        .with_intervals(Duration::ZERO, Duration::ZERO)
        .with_absence_window(Duration::from_secs(1));
    let resolution = unknown.resolve(&client, &policy, now()).await;
    assert!(matches!(resolution, Resolution::NotSent(_)));
    // The send, and look-ups at 0, 100 … 1000 ms.
    assert_eq!(script.requests().len(), 12);
}

#[tokio::test(start_paused = true)]
async fn only_lasting_absence_returns_the_message() {
    let script = ScriptedTransport::new([broken()]);
    script.extend((0..100).map(|_| Exchange::reply(200, EMPTY)));
    let client = scripted_sms(&script);
    let unknown = unknown_sms(&client).await;
    let began = tokio::time::Instant::now();
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    assert!(began.elapsed() >= Duration::from_secs(30), "{:?}", began.elapsed());
    let Resolution::NotSent(message) = resolution else { panic!("{resolution:?}") };
    assert_eq!(message.tag().as_str(), "tag-1");
}

#[tokio::test(start_paused = true)]
async fn a_failed_look_up_restarts_the_absence_window() {
    let script = ScriptedTransport::new([broken()]);
    // Absent at 0, 1, 3, 7, 15 and 23 s; a fault at 31 s; absent from 39 s on.
    script.extend((0..6).map(|_| Exchange::reply(200, EMPTY)));
    script.extend([Exchange::reply(500, "")]);
    script.extend((0..100).map(|_| Exchange::reply(200, EMPTY)));
    let client = scripted_sms(&script);
    let unknown = unknown_sms(&client).await;
    let began = tokio::time::Instant::now();
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    assert!(matches!(resolution, Resolution::NotSent(_)), "{resolution:?}");
    assert!(began.elapsed() >= Duration::from_secs(69), "{:?}", began.elapsed());
}

/// A program that gives every message the same tag loses them, if the look-up takes the first one with
/// the tag for the message.
#[tokio::test(start_paused = true)]
async fn an_older_message_with_the_same_tag_is_not_this_one() {
    let found = |created_at: &str| {
        let body = format!(
            r#"{{"object":"list","has_more":false,"data":[
            {{"object":"message","id":"old","tags":["tag-1"],"created_at":"2027-01-14T16:59:59+09:00"}},
            {{"object":"message","id":"new","tags":["tag-1"],"created_at":"{created_at}"}}]}}"#
        );
        Exchange::reply(200, body)
    };
    // `now()` is 2027-01-15T17:00:00+09:00.
    let script = ScriptedTransport::new([broken(), found("2027-01-14T17:00:00+09:00")]);
    let client = scripted_sms(&script);
    let unknown = unknown_sms(&client).await;
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    let Resolution::Accepted(message) = resolution else { panic!("{resolution:?}") };
    assert_eq!(message.id.as_str(), "new");

    let script = ScriptedTransport::new([broken()]);
    script.extend((0..100).map(|_| found("2027-01-01T00:00:00+09:00")));
    let client = scripted_sms(&script);
    let unknown = unknown_sms(&client).await;
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    let Resolution::Unknown(unknown) = resolution else { panic!("{resolution:?}") };
    let shown = full(unknown.look_up_error().expect("a reason"));
    assert!(shown.contains("the tag is not unique"), "{shown}");
}

#[test]
fn every_message_draws_its_own_tag_or_tracking_code() {
    let drawn: std::collections::HashSet<_> = (0..1000)
        .map(|_| sms::NewMessage::new(number(), "x").expect("a message").tag().to_string())
        .collect();
    assert_eq!(drawn.len(), 1000);
    // Eight digits collide now and then.
    let drawn: std::collections::HashSet<_> = (0..100)
        .map(|_| push::NewMessage::new(number(), "x").expect("a message"))
        .map(|message| message.tracking_code().expect("a code").to_string())
        .collect();
    assert!(drawn.len() > 95, "{}", drawn.len());
}

#[tokio::test(start_paused = true)]
async fn without_a_response_the_outcome_stays_unknown() {
    let script = ScriptedTransport::new([broken()]);
    script.extend((0..100).map(|_| Exchange::reply(503, "")));
    let client = scripted_sms(&script);
    let unknown = unknown_sms(&client).await;
    let began = tokio::time::Instant::now();
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    assert!(began.elapsed() <= Duration::from_secs(90));
    let Resolution::Unknown(unknown) = resolution else { panic!("{resolution:?}") };
    assert!(unknown.error().is_outcome_unknown());
    assert_eq!(unknown.look_up_error().and_then(karaden_client::Error::status), Some(503));
}

#[tokio::test(start_paused = true)]
async fn a_look_up_waits_for_retry_after() {
    let script = ScriptedTransport::new([
        broken(),
        Exchange::reply(429, "").with_header("retry-after", "40"),
        Exchange::reply(200, FOUND),
    ]);
    let client = scripted_sms(&script);
    let unknown = unknown_sms(&client).await;
    let began = tokio::time::Instant::now();
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    assert!(matches!(resolution, Resolution::Accepted(_)), "{resolution:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(40));

    // It does not wait beyond the policy's timeout.
    let script = ScriptedTransport::new([
        broken(),
        Exchange::reply(503, "").with_header("retry-after", "100"),
    ]);
    let client = scripted_sms(&script);
    let unknown = unknown_sms(&client).await;
    let began = tokio::time::Instant::now();
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    assert!(matches!(resolution, Resolution::Unknown(_)), "{resolution:?}");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_push_message_is_found_by_its_tracking_code() {
    let script = ScriptedTransport::new([
        broken(),
        Exchange::reply(200, r#"{"status":"100","maxrecord":"0","list":[]}"#),
        Exchange::reply(200, r#"{"status":"100","maxrecord":"1","list":[{"messageId":"m9"}]}"#),
    ]);
    let client = scripted_push(&script);
    let Err(SendError::Unknown(unknown)) = client.send(push_message()).await else { panic!() };
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    let Resolution::Accepted(accepted) = resolution else { panic!("{resolution:?}") };
    assert_eq!(accepted.message_id.as_str(), "m9");
}

#[tokio::test(start_paused = true)]
async fn announced_but_missing_records_prove_no_absence() {
    let script = ScriptedTransport::new([broken()]);
    script.extend(
        (0..100).map(|_| Exchange::reply(200, r#"{"status":"100","maxrecord":"1","list":[]}"#)),
    );
    let client = scripted_push(&script);
    let Err(SendError::Unknown(unknown)) = client.send(push_message()).await else { panic!() };
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    assert!(matches!(resolution, Resolution::Unknown(_)), "{resolution:?}");
}

#[tokio::test(start_paused = true)]
async fn an_inquiry_that_does_not_show_absence_proves_none() {
    for body in [
        r#"{"status":"100"}"#,
        r#"{"status":"100","list":null}"#,
        r#"{"status":"100","maxrecord":"none"}"#,
        r#"{"status":"100","maxrecord":"1","list":[{"messagestatus":"1"}]}"#,
        r#"{"status":"100","maxrecord":"1","list":[{"messageId":" "}]}"#,
        r#"{"status":"100","list":[{"messageid":"m9"}]}"#,
    ] {
        let script = ScriptedTransport::new([broken()]);
        script.extend((0..100).map(|_| Exchange::reply(200, body)));
        let client = scripted_push(&script);
        let Err(SendError::Unknown(unknown)) = client.send(push_message()).await else { panic!() };
        let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
        let Resolution::Unknown(unknown) = resolution else { panic!("{body}: {resolution:?}") };
        let why = unknown.look_up_error().map(karaden_client::Error::kind);
        assert_eq!(why, Some(ErrorKind::Decode), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_records_or_an_empty_list_is_absence() {
    for body in [r#"{"status":"100","maxrecord":0}"#, r#"{"status":"100","list":[]}"#] {
        let script = ScriptedTransport::new([broken()]);
        script.extend((0..100).map(|_| Exchange::reply(200, body)));
        let client = tracking_client(&script);
        let Err(SendError::Unknown(unknown)) = client.send(push_message()).await else { panic!() };
        let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
        assert!(matches!(resolution, Resolution::NotSent(_)), "{body}: {resolution:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_push_message_that_is_not_found_stays_unknown() {
    const NONE: &str = r#"{"status":"100","maxrecord":"0","list":[]}"#;
    let script = ScriptedTransport::new([broken()]);
    script.extend((0..100).map(|_| Exchange::reply(200, NONE)));
    let client = scripted_push(&script);
    assert!(!client.tracks_single_messages() && tracking_client(&script).tracks_single_messages());
    let Err(SendError::Unknown(unknown)) = client.send(push_message()).await else { panic!() };
    let began = tokio::time::Instant::now();
    let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
    let Resolution::Unknown(unknown) = resolution else { panic!("{resolution:?}") };
    let why = full(unknown.look_up_error().expect("a reason"));
    assert!(why.contains("may ignore the tracking codes"), "{why}");
    // It looks up until the timeout, because the message can still appear.
    assert!(began.elapsed() >= Duration::from_secs(80), "{:?}", began.elapsed());
    assert_eq!(script.requests().iter().filter(|r| r.method() == "POST").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_long_push_message_is_found_or_definitely_absent() {
    const NONE: &str = r#"{"status":"100","maxrecord":"0","list":[]}"#;
    const ONE: &str = r#"{"status":"100","maxrecord":"1","list":[{"messageId":"m9"}]}"#;
    for (last, is_found) in [(ONE, true), (NONE, false)] {
        let script = ScriptedTransport::new([broken(), Exchange::reply(200, NONE)]);
        script.extend((0..100).map(|_| Exchange::reply(200, last)));
        let client = scripted_push(&script);
        let code = push::TrackingCode::random();
        let message = push::NewMessage::long(number(), "長い本文。".repeat(30)).expect("valid");
        let sent = client.send(message.with_tracking_code(code.clone())).await;
        let Err(SendError::Unknown(unknown)) = sent else { panic!("{sent:?}") };
        match unknown.resolve(&client, &ResolvePolicy::default(), now()).await {
            Resolution::Accepted(accepted) => assert!(is_found, "{accepted:?}"),
            Resolution::NotSent(message) => {
                assert!(!is_found && message.parts() == 3, "{message:?}");
                assert_eq!(message.tracking_code(), Some(&code));
            }
            Resolution::Unknown(unknown) => panic!("{unknown:?}"),
        }
        let requests = script.requests();
        assert!(requests[0].url().ends_with("/sepakaradenqueue.json"));
        assert!(requests[1].url().contains(code.as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_messages_that_do_not_show_the_tag_proves_no_absence() {
    for tags in ["", r#","tags":null"#, r#","tags":[]"#, r#","tags":["TAG-1"]"#] {
        let body = format!(
            r#"{{"object":"list","has_more":false,"data":[{{"object":"message","id":"m-1"{tags}}}]}}"#
        );
        let script = ScriptedTransport::new([broken()]);
        script.extend((0..100).map(|_| Exchange::reply(200, body.clone())));
        let client = scripted_sms(&script);
        let unknown = unknown_sms(&client).await;
        let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
        let Resolution::Unknown(unknown) = resolution else { panic!("{tags}: {resolution:?}") };
        let why = unknown.look_up_error().map(karaden_client::Error::kind);
        assert_eq!(why, Some(ErrorKind::Decode), "{tags}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_unique_code_nothing_is_looked_up() {
    for code in [None, Some(push::TrackingCode::shared("20270115").expect("a label"))] {
        let script = ScriptedTransport::new([broken()]);
        let client = scripted_push(&script);
        let message = push::NewMessage::new(number(), "本文").expect("valid");
        let message = match code {
            Some(code) => message.with_tracking_code(code),
            None => message.without_tracking_code(),
        };
        let Err(SendError::Unknown(unknown)) = client.send(message).await else { panic!() };
        let resolution = unknown.resolve(&client, &ResolvePolicy::default(), now()).await;
        assert!(matches!(resolution, Resolution::Unknown(_)), "{resolution:?}");
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_response_is_unknown_after_the_total_timeout() {
    let script = ScriptedTransport::new([Exchange::reply(200, "").after(Duration::from_secs(60))]);
    let began = tokio::time::Instant::now();
    let error = scripted_sms(&script).send(sms_message()).await.expect_err("too slow");
    assert!(error.is_outcome_unknown() && error.error().is_timeout());
    assert_eq!(began.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn refused_connections_are_retried_until_one_message_is_sent() {
    let script = ScriptedTransport::new([
        Exchange::fail(TransportErrorKind::Connect),
        Exchange::fail(TransportErrorKind::Connect),
        Exchange::reply(200, r#"{"object":"message","id":"m-1"}"#),
    ]);
    let client = sms::Client::builder(TENANT, TOKEN, sms::ServiceId::new(1).expect("positive"))
        .with_options(options())
        .with_transport(script.clone())
        .build()
        .expect("a client");
    assert!(client.send(sms_message()).await.expect("sent").is_accepted());
    assert_eq!(script.requests().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_longest_durations_never_end_and_do_not_panic() {
    let forever = Duration::MAX;
    let retry = RetryPolicy::default().with_deadline(forever).with_base(forever).with_cap(forever);
    let patient = options().with_retry(retry).with_total_timeout(forever);
    let script = ScriptedTransport::new([
        Exchange::fail(TransportErrorKind::Connect),
        Exchange::reply(200, r#"{"object":"message","id":"m-1","result":"done"}"#),
        broken(),
        Exchange::reply(200, EMPTY),
        Exchange::reply(200, FOUND),
    ]);
    let client = sms::Client::builder(TENANT, TOKEN, sms::ServiceId::new(1).expect("positive"))
        .with_options(patient)
        .with_transport(script.clone())
        .build()
        .expect("a client");
    let id = sms::MessageId::new("m-1").expect("an id");
    let policy = PollPolicy::default().with_initial_delay(forever);
    let error =
        client.wait_for_delivery(&id, &policy, now()).await.expect_err("it may not even begin");
    assert_eq!(error.kind(), ErrorKind::GaveUp);
    let policy = PollPolicy::default().with_timeout(forever);
    assert!(client.wait_for_delivery(&id, &policy, now()).await.expect("read").is_final());
    let unknown = unknown_sms(&client).await;
    let policy = ResolvePolicy::default().with_intervals(forever, forever);
    let Resolution::Unknown(unknown) = unknown.resolve(&client, &policy, now()).await else {
        panic!()
    };
    let policy = ResolvePolicy::default().with_timeout(forever);
    assert!(matches!(unknown.resolve(&client, &policy, now()).await, Resolution::Accepted(_)));
    assert_eq!(script.steps_left(), 0);
}
