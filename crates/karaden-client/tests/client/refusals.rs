//! What the outcome of a refused send tells: its texts, its kind, its message.

use karaden_client::{
    Error, ErrorKind, Recipient, RefusalReason, SendOutcome,
    transport::{Exchange, ScriptedTransport},
};

use crate::common::{full, scripted_sms, sms_message};

const REFUSED: &str = r#"{"object":"error","code":"validation_error",
    "message":"バリデーションエラーが発生しました",
    "errors":{"body":["本文 SECRET が長すぎます","二つ目"],"to":"番号","09012345678":["x"]}}"#;

#[tokio::test]
async fn the_texts_of_a_422_stay_reachable_and_hidden() {
    let script = ScriptedTransport::new([Exchange::reply(422, REFUSED)]);
    let outcome = scripted_sms(&script).send(sms_message()).await.expect("a response");
    assert!(!outcome.is_accepted());
    let SendOutcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    let texts: Vec<_> = refusal.expose_field_texts().collect();
    assert_eq!(texts, [("body", "本文 SECRET が長すぎます"), ("body", "二つ目"), ("to", "番号")]);
    let shown = format!("{refusal:?} {refusal} {}", full(refusal.error()));
    assert!(!shown.contains("SECRET") && !shown.contains("09012345678"), "{shown}");
}

#[tokio::test]
async fn the_texts_are_bounded_in_number_and_size() {
    let long = "あ".repeat(1500);
    let many: Vec<_> = (0..30).map(|_| long.as_str()).collect();
    let mut errors = serde_json::Map::new();
    errors.insert("a".to_owned(), many.into());
    for letter in 'b'..='z' {
        errors.insert(letter.to_string(), vec!["x"].into());
    }
    let body = serde_json::json!({"object": "error", "code": "validation_error", "errors": errors});
    let script = ScriptedTransport::new([Exchange::reply(422, body.to_string())]);
    let client = karaden_client::sms::Client::builder("t", "t", service())
        .with_options(crate::common::options().with_max_body_bytes(1 << 20))
        .with_transport(script)
        .build()
        .expect("a client");
    let error = client.send(sms_message()).await.expect("a response").into_accepted();
    let error = Error::from(error.expect_err("refused"));
    assert_eq!(error.fields().len(), 20);
    assert_eq!(error.expose_field_texts().count(), 20);
    assert!(error.expose_field_texts().all(|(_, text)| text.chars().count() <= 1000));
}

fn service() -> karaden_client::sms::ServiceId {
    karaden_client::sms::ServiceId::new(1).expect("positive")
}

/// The kind of an error always follows from its reason.
#[tokio::test]
async fn each_reason_has_one_kind() {
    let rows = [
        (400, "invalid_tenant", ErrorKind::Refused),
        (401, "unauthentication", ErrorKind::Unauthenticated),
        (403, "forbidden", ErrorKind::Forbidden),
        (404, "model_not_found", ErrorKind::NotFound),
        (409, "conflict", ErrorKind::Conflict),
        (422, "validation_error", ErrorKind::Refused),
        (429, "too_many", ErrorKind::RateLimited),
    ];
    for (status, code, kind) in rows {
        let body = format!(r#"{{"object":"error","code":"{code}"}}"#);
        let script = ScriptedTransport::new([Exchange::reply(status, body)]);
        let sent = scripted_sms(&script).send(sms_message()).await.expect("a response");
        let refusal = sent.into_accepted().expect_err("refused");
        assert_eq!(refusal.error().kind(), kind, "{status}");
        assert_eq!(refusal.reason().error_kind(), kind, "{status}");
        assert_eq!(refusal.into_message().to(), &recipient(), "{status}");
    }
    assert_eq!(RefusalReason::SplitNotEnabled.error_kind(), ErrorKind::Forbidden);
}

#[tokio::test]
async fn a_refusal_shows_its_reason_and_no_part_twice() {
    let script = ScriptedTransport::new([
        Exchange::reply(422, REFUSED),
        Exchange::reply(200, r#"{"status":"205"}"#),
    ]);
    let sent = scripted_sms(&script).send(sms_message()).await.expect("a response");
    let refusal = sent.into_accepted().expect_err("refused");
    let details = "(validation, HTTP 422, code validation_error)";
    assert_eq!(refusal.to_string(), format!("Karaden refused the message {details}"));
    assert_eq!(refusal.error().to_string(), format!("the request was refused {details}"));

    let sent = crate::common::scripted_push(&script).send(crate::common::push_message()).await;
    let refusal = sent.expect("a response").into_accepted().expect_err("refused");
    let shown = full(&refusal);
    let line = shown.lines().last().expect("a line");
    assert!(line.starts_with("Karaden refused the message (invalid_tracking_code, "), "{line}");
    assert!(line.contains("without_tracking_code"), "the source is the hint: {line}");
    assert_eq!(line.matches("invalid_tracking_code").count(), 1, "{line}");
}

#[test]
fn a_problem_of_the_configuration_shows_in_its_error() {
    let client = karaden_client::sms::Client::builder("t", "t", service())
        .with_base_url("http://karaden.example/api?token=SECRET")
        .build();
    let error = client.expect_err("no TLS");
    assert_eq!(error.to_string(), "the client is misconfigured: the base URL must use https");
    assert!(!full(&error).contains("SECRET"), "{}", full(&error));
}

fn recipient() -> Recipient {
    "090-1234-5678".parse().expect("a mobile number")
}

/// serde reads a struct from a list too.
#[tokio::test]
async fn a_list_is_not_a_message() {
    for body in [r#"["message","m-1"]"#, r#" ["message",false]"#] {
        let script = ScriptedTransport::new([Exchange::reply(200, body)]);
        let error = scripted_sms(&script).send(sms_message()).await.expect_err(body);
        assert!(error.is_outcome_unknown(), "{error:?}");
    }
    for body in [r#"["100"]"#, r#"["100","m1"]"#] {
        let script = ScriptedTransport::new([Exchange::reply(200, body)]);
        let error = crate::common::scripted_push(&script).send(crate::common::push_message()).await;
        assert!(error.expect_err(body).is_outcome_unknown(), "{body}");
    }
    assert!(karaden_client::sms::callback::DeliveryReport::parse(br#"["message","m-1"]"#).is_err());
}
