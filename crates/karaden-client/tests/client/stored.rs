//! What an application stores or shows: the feature `serde`.

use karaden_client::{
    Recipient, push, sms,
    transport::{Exchange, ScriptedTransport},
};

use crate::common::{NUMBER, TEXT, number, scripted_push, scripted_sms};

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("JSON")
}

#[test]
fn ids_tags_and_numbers_come_back_and_are_checked() {
    let tag = sms::Tag::random();
    assert_eq!(serde_json::from_str::<sms::Tag>(&json(&tag)).expect("a tag"), tag);
    assert!(serde_json::from_str::<sms::Tag>("\"a b\"").is_err());
    assert!(serde_json::from_str::<sms::MessageId>("\"../x\"").is_err());
    assert!(serde_json::from_str::<push::MessageId>("\"\"").is_err());

    assert_eq!(json(&number()), format!("\"{NUMBER}\""));
    let other = Recipient::with_prefixes("020-1234-5678", &["020"]).expect("allowed");
    assert_eq!(serde_json::from_str::<Recipient>(&json(&other)).expect("a number"), other);
    let error = serde_json::from_str::<Recipient>("\"0901234567x\"").expect_err("no number");
    assert!(!error.to_string().contains("0901234567"), "{error}");
}

/// A shared code that came back as a unique one would resolve an unknown outcome wrongly.
#[test]
fn a_shared_tracking_code_stays_shared() {
    for code in [push::TrackingCode::random(), push::TrackingCode::shared("day1").expect("a code")]
    {
        let back: push::TrackingCode = serde_json::from_str(&json(&code)).expect("a code");
        assert_eq!((back.is_unique(), &back), (code.is_unique(), &code));
    }
    assert!(
        serde_json::from_str::<push::TrackingCode>(r#"{"code":"-","is_unique":true}"#).is_err()
    );
}

#[tokio::test]
async fn a_stored_message_has_no_number_and_no_text() {
    let body = serde_json::json!({
        "object": "message", "id": "m-1", "to": NUMBER, "body": TEXT, "status": "done",
        "sent_result": "new_word", "carrier": "docomo", "charged_count_per_sent": 2,
        "created_at": "2027-01-15T17:00:00.250+09:00",
        "error": {"code": "validation_error", "message": TEXT, "errors": {"to": [NUMBER]}},
    });
    let script = ScriptedTransport::new([Exchange::reply(200, body.to_string())]);
    let id = sms::MessageId::new("m-1").expect("an id");
    let message = scripted_sms(&script).get(&id).await.expect("read");
    assert_eq!(message.to.as_deref(), Some(NUMBER));
    let stored = json(&message);
    assert!(!stored.contains(NUMBER) && !stored.contains(TEXT), "{stored}");
    assert!(stored.contains(r#""created_at":"2027-01-15T08:00:00.25Z""#), "{stored}");
    let back: sms::Message = serde_json::from_str(&stored).expect("a message");
    assert_eq!((back.to, back.body, back.created_at), (None, None, message.created_at));
    assert_eq!((back.sent_result, back.carrier), (message.sent_result, message.carrier));
}

#[tokio::test]
async fn a_stored_report_has_no_text() {
    let body = format!(
        r#"{{"status":"100","messagestatus":"1","resultstatus":"77","carrier":"1",
        "senddate":"2027/01/15 17:00:00","docomoMessage":"{TEXT}"}}"#
    );
    let script = ScriptedTransport::new([Exchange::reply(200, body)]);
    let id = push::MessageId::new("m1").expect("an id");
    let report = scripted_push(&script).inquire(&id).await.expect("read");
    assert_eq!(report.text.as_deref(), Some(TEXT));
    let stored = json(&report);
    assert!(!stored.contains(TEXT), "{stored}");
    let back: push::MessageReport = serde_json::from_str(&stored).expect("a report");
    assert_eq!((back.text, back.sent_at), (None, report.sent_at));
    assert_eq!(back.result_status, report.result_status);
}
