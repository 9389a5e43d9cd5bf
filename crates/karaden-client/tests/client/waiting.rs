//! Waiting for a delivery, with a script and Tokio's paused time, and the push send list.

use std::time::Duration;

use karaden_client::{
    ErrorKind, OUT_OF_RANGE_WINDOW, PollPolicy, Waited, push, sms,
    transport::{Exchange, ScriptedTransport, TransportErrorKind},
};

use crate::common::{SECURITY_CODE, TOKEN, now, number, scripted_push, scripted_sms};

fn sms_state(result: &str, sent: &str) -> Exchange {
    let body = format!(
        r#"{{"object":"message","id":"m-1","status":"done","result":"{result}","sent_result":"{sent}"}}"#
    );
    Exchange::reply(200, body)
}

fn push_state(message: &str, result: &str) -> Exchange {
    let body = format!(
        r#"{{"status":"100","messagestatus":"{message}","resultstatus":"{result}","carrier":""}}"#
    );
    Exchange::reply(200, body)
}

#[tokio::test(start_paused = true)]
async fn the_wait_continues_through_open_states_and_temporary_errors() {
    let script = ScriptedTransport::new([
        sms_state("processing", "none"),
        Exchange::reply(503, ""),
        Exchange::fail(TransportErrorKind::Connect),
        sms_state("done", "received"),
    ]);
    let id = sms::MessageId::new("m-1").expect("an id");
    let began = tokio::time::Instant::now();
    let waited = scripted_sms(&script).wait_for_delivery(&id, &PollPolicy::default(), now()).await;
    let Ok(Waited::Final(message)) = waited else { panic!("{waited:?}") };
    assert!(message.is_received());
    // 5 s, then 15 s, 30 s, 30 s.
    assert_eq!(began.elapsed(), Duration::from_secs(80));
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_not_called_before_retry_after() {
    let script = ScriptedTransport::new([
        Exchange::reply(429, "").with_header("retry-after", "100"),
        sms_state("done", "received"),
    ]);
    let id = sms::MessageId::new("m-1").expect("an id");
    let began = tokio::time::Instant::now();
    let waited = scripted_sms(&script).wait_for_delivery(&id, &PollPolicy::default(), now()).await;
    assert!(waited.expect("read").is_final());
    assert_eq!(began.elapsed(), Duration::from_secs(105));
}

#[tokio::test(start_paused = true)]
async fn the_timeout_returns_the_last_state() {
    let script = ScriptedTransport::default();
    script.extend((0..100).map(|_| push_state("1", "2")));
    let id = push::MessageId::new("m1").expect("an id");
    let began = tokio::time::Instant::now();
    let waited = scripted_push(&script).wait_for_delivery(&id, &PollPolicy::default(), now()).await;
    let Ok(Waited::TimedOut(delivery)) = waited else { panic!("{waited:?}") };
    assert_eq!(delivery.result_status, Some(push::ResultStatus::OutOfRange));
    assert!(began.elapsed() <= Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn look_ups_are_at_least_100_ms_apart() {
    for short in [Duration::ZERO, Duration::from_millis(99), Duration::from_millis(100)] {
        let script = ScriptedTransport::default();
        script.extend((0..100).map(|_| push_state("1", "2")));
        let policy = PollPolicy::default()
            .with_initial_delay(Duration::ZERO)
            .with_intervals(short, short)
            .with_timeout(Duration::from_secs(1));
        let id = push::MessageId::new("m1").expect("an id");
        let waited = scripted_push(&script).wait_for_delivery(&id, &policy, now()).await;
        assert!(!waited.expect("read").is_final());
        // At 0, 100 … 1000 ms.
        assert_eq!(script.requests().len(), 11, "{short:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lasting_errors_end_the_wait_and_silence_gives_up() {
    let script = ScriptedTransport::new([Exchange::reply(200, r#"{"status":"201"}"#)]);
    let id = push::MessageId::new("m1").expect("an id");
    let (client, policy) = (scripted_push(&script), PollPolicy::default());
    let error = client.wait_for_delivery(&id, &policy, now()).await.expect_err("wrong key");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);

    script.extend((0..100).map(|_| Exchange::reply(200, r#"{"status":999}"#)));
    let error = client.wait_for_delivery(&id, &policy, now()).await.expect_err("silence");
    assert_eq!(error.kind(), ErrorKind::GaveUp);
}

#[tokio::test(start_paused = true)]
async fn not_found_means_not_yet_in_the_first_window_only() {
    let every = Duration::from_secs(10);
    let policy = PollPolicy::default().with_initial_delay(every).with_intervals(every, every);
    let not_found = || Exchange::reply(404, r#"{"object":"error","code":"model_not_found"}"#);
    let id = sms::MessageId::new("m-1").expect("an id");

    let seen_late = [not_found(), not_found(), sms_state("done", "received")];
    let script = ScriptedTransport::new(seen_late);
    let waited = scripted_sms(&script).wait_for_delivery(&id, &policy, now()).await;
    assert!(waited.expect("visible after 30 s").is_final());

    // At 10 and 20 s not yet; at 30 s, the end of the window, for good.
    let script = ScriptedTransport::default();
    script.extend((0..100).map(|_| not_found()));
    let began = tokio::time::Instant::now();
    let error = scripted_sms(&script).wait_for_delivery(&id, &policy, now()).await;
    assert_eq!(error.expect_err("unknown id").kind(), ErrorKind::NotFound);
    assert_eq!(began.elapsed(), Duration::from_secs(30));

    // The push API, with no window.
    let script = ScriptedTransport::new([Exchange::reply(200, r#"{"status":"206"}"#)]);
    let id = push::MessageId::new("m1").expect("an id");
    let policy = policy.with_unseen_window(Duration::ZERO);
    let error = scripted_push(&script).wait_for_delivery(&id, &policy, now()).await;
    assert_eq!(error.expect_err("unknown id").kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn an_unconnected_message_is_open_until_its_limit() {
    let unconnected = |instants: &str| {
        let body = format!(
            r#"{{"object":"message","id":"m-1","status":"done","result":"done","sent_result":"unconnected"{instants}}}"#
        );
        Exchange::reply(200, body)
    };
    let second = Duration::from_secs(1);
    // `now()` is 17:00:00 in Japan.
    let rows = [
        (r#","limited_at":"2027-01-15T17:05:00+09:00","sent_at":"2027-01-15T17:00:00+09:00""#, 300),
        (r#","limited_at":null,"sent_at":"2027-01-15T17:00:00+09:00""#, 72 * 3600),
        (r#","created_at":"2027-01-15T17:00:00+09:00""#, 72 * 3600),
    ];
    for (instants, open_for) in rows {
        let script = ScriptedTransport::new([unconnected(instants)]);
        let id = sms::MessageId::new("m-1").expect("an id");
        let message = scripted_sms(&script).get(&id).await.expect("read");
        let end = now() + Duration::from_secs(open_for);
        assert_eq!(message.open_until(), Some(end), "{instants}");
        assert!(!message.is_final(end - second), "{instants}");
        assert!(message.is_final(end), "{instants}");
    }
    let script = ScriptedTransport::new([unconnected("")]);
    let id = sms::MessageId::new("m-1").expect("an id");
    let message = scripted_sms(&script).get(&id).await.expect("read");
    assert!(!message.is_final(now() + OUT_OF_RANGE_WINDOW * 1000), "no instant is known");

    // The wait goes on, and the message arrives.
    let script = ScriptedTransport::new([unconnected(rows[0].0), sms_state("done", "received")]);
    let client = scripted_sms(&script);
    let waited = client.wait_for_delivery(&id, &PollPolicy::default(), now()).await;
    let Ok(Waited::Final(message)) = waited else { panic!("{waited:?}") };
    assert!(message.is_received());
}

#[tokio::test(start_paused = true)]
async fn a_push_message_out_of_range_is_open_for_as_long() {
    let body = r#"{"status":"100","messagestatus":"1","resultstatus":"2","carrier":"1",
        "senddate":"2027/01/15 17:00:00"}"#;
    let script = ScriptedTransport::new([Exchange::reply(200, body)]);
    let id = push::MessageId::new("m1").expect("an id");
    let report = scripted_push(&script).inquire(&id).await.expect("read");
    let end = now() + OUT_OF_RANGE_WINDOW;
    assert_eq!(report.open_until(), Some(end));
    assert!(!report.is_final(end - Duration::from_secs(1)));
    assert!(report.is_final(end));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_stops_the_wait() {
    let script = ScriptedTransport::default();
    script.extend((0..100).map(|_| push_state("0", "")));
    let id = push::MessageId::new("m1").expect("an id");
    let client = scripted_push(&script);
    let policy = PollPolicy::default();
    tokio::select! {
        waited = client.wait_for_delivery(&id, &policy, now()) => panic!("{waited:?}"),
        () = tokio::time::sleep(Duration::from_secs(25)) => {}
    }
    let asked = script.requests().len();
    assert_eq!(asked, 2);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(script.requests().len(), asked);
}

#[test]
fn which_states_are_final() {
    let rows = [
        ("0", "", false),
        ("0", "1", false),
        ("1", "0", false),
        ("1", "", false),
        ("1", "1", true),
        ("1", "2", false),
        ("1", "3", true),
        ("1", "4", true),
        ("1", "99", true),
        ("1", "77", false),
        ("2", "", true),
        ("3", "0", true),
        ("9", "0", true),
        ("01", "01", true),
        ("", "", false),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    for (message, result, is_final) in rows {
        let script = ScriptedTransport::new([push_state(message, result)]);
        let id = push::MessageId::new("m1").expect("an id");
        let delivery = runtime.block_on(scripted_push(&script).inquire(&id)).expect("read");
        assert_eq!(delivery.is_final(now()), is_final, "{message}/{result}");
        assert_eq!(delivery.is_changed_hands(), message == "3", "{message}/{result}");
    }
}

#[tokio::test]
async fn the_send_list_is_changed_in_json_with_small_letters() {
    let script = ScriptedTransport::new([
        Exchange::reply(
            200,
            r#"{"status":"100","request":"1","success":"1","error":"0","errors":[]}"#,
        ),
        Exchange::reply(
            200,
            r#"{"status":900,"request":2,"success":0,"error":2,"errors":[
                {"errorrow":"1","erroritem":"phonenumber","errorstatus":"901"},
                {"errorrow":2,"erroritem":"09012345678","errorstatus":202}]}"#,
        ),
        Exchange::reply(200, r#"{"status":"201"}"#),
    ]);
    let client = scripted_push(&script);
    let change = client.add_to_send_list(&[number()]).await.expect("changed");
    assert_eq!((change.succeeded, change.failures.len()), (Some(1), 0));
    let change = client.replace_send_list(&[number(), number()]).await.expect("changed");
    assert_eq!(change.failures[0].index, Some(0));
    assert_eq!(change.failures[0].item.as_deref(), Some("phonenumber"));
    assert_eq!(change.failures[0].problem, Some(push::RowProblem::AlreadyListed));
    assert_eq!(change.failures[1].item, None, "it quotes the number");
    assert_eq!(change.failures[1].problem, Some(push::RowProblem::InvalidNumber));
    let error = client.add_to_send_list(&[number()]).await.expect_err("wrong key");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);

    let requests = script.requests();
    assert_eq!(requests[0].url(), "https://karaden.example/v2/karadensetfilter.json");
    let body =
        |at: usize| serde_json::from_slice::<serde_json::Value>(requests[at].body()).expect("JSON");
    let row = serde_json::json!({"phonenumber": "09012345678", "status": "1"});
    let expected = serde_json::json!({
        "token": TOKEN, "securitycode": SECURITY_CODE, "type": "1", "list": [row],
    });
    assert_eq!(body(0), expected);
    assert_eq!(body(1)["type"], "0");
    assert!(!format!("{:?}", requests[0]).contains("SECRET"));
}
