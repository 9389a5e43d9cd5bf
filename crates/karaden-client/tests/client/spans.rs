//! What spans and events contain, and what they must not.

use karaden_client::{
    push, sms,
    transport::{Exchange, ScriptedTransport, TransportErrorKind},
};
use testkit::{LeakScanner, LogCapture};

use crate::common::{
    NUMBER, SECURITY_CODE, TENANT, TEXT, TOKEN, contract, options, push_message, sms_message,
};

fn scanner() -> LeakScanner {
    LeakScanner::new()
        .with_secret("token", TOKEN)
        .with_secret("security code", SECURITY_CODE)
        .with_secret("text", TEXT)
        .with_secret("code", "482913")
        .with_phone_number("number", NUMBER)
}

#[tokio::test]
async fn spans_tell_what_happened_and_nothing_of_the_message() {
    let log = LogCapture::new();
    let listening = log.start();
    let quoting = format!(r#"{{"object":"error","code":"validation_error","message":"{NUMBER}"}}"#);
    let script = ScriptedTransport::new([
        Exchange::fail(TransportErrorKind::Connect),
        Exchange::reply(200, r#"{"object":"message","id":"m-1"}"#),
        Exchange::reply(422, quoting),
        Exchange::fail(TransportErrorKind::Interrupted),
        Exchange::reply(200, format!(r#"{{"status":"999","messageId":"{TOKEN}"}}"#)),
        Exchange::reply(503, TEXT),
        Exchange::reply(503, TEXT),
        Exchange::reply(503, TEXT),
        Exchange::reply(200, format!(r#"{{"status":"301","message":"{TEXT}"}}"#)),
    ]);
    let sms = sms::Client::builder(TENANT, TOKEN, sms::ServiceId::new(1).expect("positive"))
        .with_options(options())
        .with_transport(script.clone())
        .build()
        .expect("a client");
    for _ in 0..3 {
        let _outcome = sms.send(sms_message()).await;
    }
    let push = push::Client::builder(contract("https://karaden.example/v2"))
        .with_options(options())
        .with_transport(script)
        .build()
        .expect("a client");
    let _outcome = push.send(push_message()).await;
    let _outcome = push.inquire(&push::MessageId::new("m1").expect("an id")).await;
    let _outcome = push.send(push_message()).await;
    drop(listening);

    let text = log.text();
    for word in [
        r#"api="sms""#,
        r#"operation="send""#,
        r#"api="push""#,
        r#"operation="inquire""#,
        "retries=1",
        r#"outcome="ok""#,
        r#"outcome="refused""#,
        r#"outcome="unknown""#,
        r#"outcome="failed""#,
        "status=422",
        r#"reason="validation""#,
        r#"reason="invalid_text""#,
        "with_carrier_fields",
        "kind=Interrupted",
    ] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    scanner().assert_clean("the log", &text);
}
