//! Properties: encoded values are read back unchanged, and no response makes the client panic.

use std::{collections::HashMap, time::Duration};

use karaden_client::{
    SendOutcome, push, sms,
    transport::{Exchange, ScriptedTransport},
};
use proptest::prelude::*;

use crate::common::{now, number, scripted_push, scripted_sms};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn form(body: &[u8]) -> HashMap<String, Vec<String>> {
    let mut form: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        form.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    form
}

/// Any JSON, also with the names that the API uses.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[a-z0-9:T+ Z-]{0,24}".prop_map(Into::into),
        Just("message".into()),
        Just("list".into()),
        Just("error".into()),
        Just("100".into()),
    ];
    let name = prop_oneof![
        Just("object".to_owned()),
        Just("id".to_owned()),
        Just("messageId".to_owned()),
        Just("status".to_owned()),
        Just("data".to_owned()),
        Just("list".to_owned()),
        Just("tags".to_owned()),
        Just("errors".to_owned()),
        Just("error".to_owned()),
        "[a-z_]{1,10}",
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map(name.clone(), inner, 0..8)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_and_label_reach_the_sms_api_unchanged(
        body in "[ -~\n\u{a1}-\u{d7ff}\u{e000}-\u{fffd}]{1,60}[a-z]",
        label in "[ -~ぁ-ん]{1,20}",
        ahead in 1_u64..2_000_000,
    ) {
        let script = ScriptedTransport::new([Exchange::reply(
            200,
            r#"{"object":"message","id":"m-1"}"#,
        )]);
        let tag = sms::Tag::random();
        let message = sms::NewMessage::new(number(), body.as_str())
            .and_then(|m| m.with_tag(tag.clone()).with_label(&label))
            .and_then(|m| m.with_limited_at(now() + Duration::from_secs(ahead), now()))
            .expect("valid");
        let outcome = run(scripted_sms(&script).send(message)).expect("a response");
        prop_assert!(matches!(outcome, SendOutcome::Accepted(_)));
        let form = form(script.requests()[0].body());
        prop_assert_eq!(&form["body"], &[body]);
        prop_assert_eq!(&form["tags[]"], &[tag.as_str().to_owned(), label]);
        let limited: jiff::Timestamp = form["limited_at"][0].parse().expect("an instant");
        let expected = 1_800_000_000 + i64::try_from(ahead).expect("small");
        prop_assert_eq!(limited.as_second(), expected);
    }

    #[test]
    fn a_long_text_reaches_push_whole_and_in_order(body in "([a-zあ-ん、。\n&+%= ]{1,690}|([あ-ん]{44,60}[。、\n ]){10,14})x") {
        let script = ScriptedTransport::new([Exchange::reply(
            200,
            r#"{"status":"100","messageId":"m1"}"#,
        )]);
        // A line break counts as three. So two units of a part may be left empty before it.
        let units: usize = body.chars().map(|c| if c == '\n' { 3 } else { 1 }).sum();
        let message = push::NewMessage::long(number(), body.as_str());
        prop_assert!(message.is_ok() || units > 10 * 68, "{units} units do not fit: {message:?}");
        let Ok(message) = message else { return Ok(()) };
        let parts = message.parts();
        prop_assert!(parts <= 10);
        run(scripted_push(&script).send(message)).expect("a response").into_accepted().expect("accepted");
        let form = form(script.requests()[0].body());
        let sent: String = (1..=parts).map(|at| form[&format!("message{at}")][0].clone()).collect();
        prop_assert_eq!(sent, body);
        let beyond = format!("message{}", parts + 1);
        prop_assert!(!form.contains_key(&beyond));
    }

    #[test]
    fn seven_hundred_units_always_fit(body in "([あ-ん]{30,69}[。、 .]){10,20}x") {
        let units = body.chars().count();
        let message = push::NewMessage::long(number(), body);
        prop_assert_eq!(message.is_ok(), units <= 700, "{} units", units);
    }

    #[test]
    fn no_response_breaks_the_sms_client(status in 200_u16..600, json in any_json()) {
        let script = ScriptedTransport::default();
        script.extend((0..3).map(|_| Exchange::reply(status, json.to_string())));
        let client = scripted_sms(&script);
        let message = sms::NewMessage::new(number(), "本文");
        let sent = run(client.send(message.expect("valid")));
        // "Accepted" only ever on 200 with a message; a refusal only ever on 4xx.
        match sent {
            Ok(SendOutcome::Accepted(_)) => prop_assert!(status == 200 && json["object"] == "message"),
            Ok(SendOutcome::Refused(_)) => prop_assert!((400..500).contains(&status)),
            Err(error) if error.is_definitely_not_sent() => {
                prop_assert!((400..500).contains(&status));
            }
            Err(_) => {}
        }
        let _any = run(client.list(&sms::ListQuery::default()));
        let _any = run(client.find_by_tag(&sms::Tag::random()));
    }

    #[test]
    fn no_response_breaks_the_push_client(status in 200_u16..600, json in any_json()) {
        let script = ScriptedTransport::default();
        script.extend((0..4).map(|_| Exchange::reply(status, json.to_string())));
        let client = scripted_push(&script);
        let message = push::NewMessage::new(number(), "本文").expect("valid");
        if let Ok(SendOutcome::Accepted(accepted)) = run(client.send(message)) {
            prop_assert!(!accepted.message_id.as_str().is_empty());
        }
        let _any = run(client.inquire(&push::MessageId::new("m1").expect("an id")));
        let code = push::TrackingCode::new("1").expect("a code");
        let _any = run(client.find_by_tracking_code(&code, now(), now()));
        let _any = run(client.add_to_send_list(&[number()]));
    }

    #[test]
    fn no_bytes_break_the_clients(status in 200_u16..600, body: Vec<u8>) {
        let script = ScriptedTransport::default();
        script.extend((0..2).map(|_| Exchange::reply(status, body.clone())));
        let message = sms::NewMessage::new(number(), "本文");
        let _any = run(scripted_sms(&script).send(message.expect("valid")));
        let message = push::NewMessage::new(number(), "本文").expect("valid");
        let _any = run(scripted_push(&script).send(message));
    }
}

#[test]
fn a_text_is_split_late_rather_than_refused() {
    let text = format!("{}。", "あ".repeat(46)).repeat(14);
    assert_eq!(text.chars().count(), 658);
    let message = push::NewMessage::long(number(), text.as_str()).expect("it fits into ten parts");
    assert_eq!(message.parts(), 10);
    let full = push::NewMessage::long(number(), "あ".repeat(700)).expect("just fits");
    assert_eq!(full.parts(), 10);
    let error = push::NewMessage::long(number(), "あ".repeat(701)).expect_err("one too many");
    assert_eq!(error.rule(), karaden_client::Rule::AtMostParts(10));
    // A text that cannot fit is refused before it is split.
    let error =
        push::NewMessage::long(number(), "あ".repeat(10_000_000)).expect_err("far too long");
    assert_eq!(error.rule(), karaden_client::Rule::AtMostParts(10));
}
