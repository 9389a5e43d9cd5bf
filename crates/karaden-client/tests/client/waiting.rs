//! Waiting for a delivery, with a script and Tokio's paused time, and the push send list.

use std::time::Duration;

use karaden_client::{
    ErrorKind, PollPolicy, Waited, push, sms,
    transport::{Exchange, ScriptedTransport, TransportErrorKind},
};

use crate::common::{SECURITY_CODE, TOKEN, number, scripted_push, scripted_sms};

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
    let waited = scripted_sms(&script).wait_for_delivery(&id, &PollPolicy::default()).await;
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
    let waited = scripted_sms(&script).wait_for_delivery(&id, &PollPolicy::default()).await;
    assert!(waited.expect("read").is_final());
    assert_eq!(began.elapsed(), Duration::from_secs(105));
}

#[tokio::test(start_paused = true)]
async fn the_timeout_returns_the_last_state() {
    let script = ScriptedTransport::default();
    script.extend((0..100).map(|_| push_state("1", "2")));
    let id = push::MessageId::new("m1").expect("an id");
    let began = tokio::time::Instant::now();
    let waited = scripted_push(&script).wait_for_delivery(&id, &PollPolicy::default()).await;
    let Ok(Waited::TimedOut(delivery)) = waited else { panic!("{waited:?}") };
    assert_eq!(delivery.result_status, Some(push::ResultStatus::OutOfRange));
    assert!(began.elapsed() <= Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn lasting_errors_end_the_wait_and_silence_gives_up() {
    let script = ScriptedTransport::new([Exchange::reply(200, r#"{"status":"206"}"#)]);
    let id = push::MessageId::new("m1").expect("an id");
    let client = scripted_push(&script);
    let error =
        client.wait_for_delivery(&id, &PollPolicy::default()).await.expect_err("unknown id");
    assert_eq!(error.kind(), ErrorKind::NotFound);

    script.extend((0..100).map(|_| Exchange::reply(200, r#"{"status":999}"#)));
    let error = client.wait_for_delivery(&id, &PollPolicy::default()).await.expect_err("silence");
    assert_eq!(error.kind(), ErrorKind::GaveUp);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_stops_the_wait() {
    let script = ScriptedTransport::default();
    script.extend((0..100).map(|_| push_state("0", "")));
    let id = push::MessageId::new("m1").expect("an id");
    let client = scripted_push(&script);
    let policy = PollPolicy::default();
    tokio::select! {
        waited = client.wait_for_delivery(&id, &policy) => panic!("{waited:?}"),
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
        assert_eq!(delivery.is_final(), is_final, "{message}/{result}");
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
    assert_eq!(requests[0].url().path(), "/v2/karadensetfilter.json");
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
