//! 空電プッシュ v2.

use std::time::Duration;

use karaden_client::{
    ErrorKind, RefusalReason, SendError,
    push::{
        CarrierTexts, Client, Credentials, MessageId, NewMessage, RowProblem, SendOutcome,
        TrackingCode,
    },
};

use crate::{assert_clean, now, number, one_look, options, relay::Relay};

fn client(relay: &Relay) -> Client {
    let credentials = Credentials::new()
        .with_base_url(format!("{}/v2/", relay.url()))
        .with_token("demo-push")
        .with_security_code("demo-code");
    Client::builder(credentials).with_options(options()).build().expect("a client")
}

fn message() -> NewMessage {
    NewMessage::new(number(), "認証コード 123456 & +%").expect("a message")
}

fn code() -> TrackingCode {
    TrackingCode::new("20260101").expect("a code")
}

fn id() -> MessageId {
    MessageId::new("8a1f").expect("an id")
}

/// Every call with everything it can say.
pub(crate) async fn every_call(relay: &Relay) {
    relay.prefer(&[]);
    let client = client(relay);
    let texts = CarrierTexts::same("x").with_au("y").with_rakuten_field();
    let full = NewMessage::per_carrier(number(), texts)
        .and_then(|message| message.with_tracking_code(code()).with_permit_date(now(), now()))
        .and_then(NewMessage::with_short_urls)
        .expect("valid");
    let long = "いつもご利用ありがとうございます。\n".repeat(20);
    let long = NewMessage::long(number(), long).expect("fits").with_tracking_code(code());
    for message in [message(), full, long] {
        let accepted = client.send(message).await.expect("a response").into_accepted();
        assert_eq!(accepted.expect("accepted").message_id, id());
    }
    let sends = ["POST karadenqueue.json", "POST karadenqueue.json", "POST sepakaradenqueue.json"];
    assert_clean(relay, &sends);

    assert!(client.inquire(&id()).await.expect("read").is_received());
    assert!(client.wait_for_delivery(&id(), &one_look(), now()).await.expect("read").is_final());
    let day = Duration::from_secs(24 * 3600);
    let found = client.find_by_tracking_code(&code(), now() - day, now()).await.expect("a list");
    assert_eq!(found.len(), 1);
    let changed = client.add_to_send_list(&[number()]).await.expect("changed");
    assert_eq!((changed.succeeded, changed.failed), (Some(1), Some(0)));
    assert!(client.replace_send_list(&[number()]).await.is_ok());
    let calls = [
        "GET karadeninquiry.json",
        "GET karadeninquiry.json",
        "GET karadeninquiry_tr.json",
        "POST karadensetfilter.json",
        "POST karadensetfilter.json",
    ];
    assert_clean(relay, &calls);
}

/// Every code that the file has an example of.
pub(crate) async fn every_answer_code(relay: &Relay) {
    let client = client(relay);
    let rows = [
        ("bad_credentials", RefusalReason::Unauthenticated),
        ("bad_number", RefusalReason::InvalidNumber),
        ("restricted", RefusalReason::Restricted),
        ("bad_tracking_code", RefusalReason::InvalidTrackingCode),
        ("no_split", RefusalReason::SplitNotEnabled),
        ("bad_text", RefusalReason::InvalidText),
    ];
    for (example, reason) in rows {
        relay.prefer(&[("queue.json", &format!("example={example}"))]);
        let sent = client.send(message()).await.expect("a response");
        let SendOutcome::Refused(refusal) = sent else { panic!("{example}: {sent:?}") };
        assert_eq!(*refusal.reason(), reason, "{example}");
    }
    relay.prefer(&[("queue.json", "example=internal")]);
    let sent = client.send(message()).await;
    assert!(matches!(sent, Err(SendError::Unknown(_))), "{sent:?}");

    relay.prefer(&[("inquiry.json", "example=unknown_id"), ("_tr.json", "example=none")]);
    assert_eq!(client.inquire(&id()).await.expect_err("unknown").kind(), ErrorKind::NotFound);
    let none = client.find_by_tracking_code(&code(), now(), now()).await.expect("a list");
    assert!(none.is_empty());
    relay.prefer(&[("_tr.json", "example=bad_code"), ("filter.json", "example=partly")]);
    let error = client.find_by_tracking_code(&code(), now(), now()).await.expect_err("refused");
    assert_eq!(error.refusal(), Some(&RefusalReason::InvalidTrackingCode));
    let changed = client.add_to_send_list(&[number(), number()]).await.expect("changed in part");
    assert_eq!(changed.failures[0].problem, Some(RowProblem::AlreadyListed));
    assert_eq!(relay.complaints(), Vec::<String>::new());
    relay.requests();
}
