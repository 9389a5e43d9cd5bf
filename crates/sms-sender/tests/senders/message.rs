//! What a message is checked for before it is sent.

use std::{collections::BTreeSet, time::SystemTime};

use otp_core::ChallengeId;
use sms_sender::{FailingSender, Reference, RefusedReason, SmsOutcome, SmsSender as _, TextLimit};

use crate::common::{sms, sms_of};

#[test]
fn a_reference_is_short_plain_and_tells_messages_apart() {
    let mut seen = BTreeSet::new();
    for id in [[0; 16], [0xff; 16], [1; 16], [2; 16]] {
        for nth in 0..=u8::MAX {
            let reference = Reference::new(ChallengeId::from_bytes(id), nth);
            let name = reference.as_str();
            assert_eq!(name.len(), if nth < 36 { 26 } else { 27 });
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
            assert!(seen.insert(name.to_owned()));
        }
    }
}

#[test]
fn a_text_that_phones_do_not_show_fits_no_limit() {
    let limit = TextLimit::new(70, 1);
    for text in ["", " ", "\u{a0}", "\n", "a\tb", "a\rb", "a\r\nb", "a\u{7f}", "a\u{85}"] {
        assert!(!sms_of(text).fits(limit), "{text:?}");
    }
    for text in ["a", " a", "a\nb", "a\n", "あ\u{3099}"] {
        assert!(sms_of(text).fits(limit), "{text:?}");
    }
}

#[tokio::test]
async fn a_sender_for_tests_fails_no_message_that_is_refused_or_late() {
    let sender = FailingSender::unknown();
    let refused = SmsOutcome::Refused(RefusedReason::Message);
    assert_eq!(sender.send(&sms_of(&"あ".repeat(71))).await.unwrap(), refused);
    assert_eq!(sender.send(&sms_of("a\tb")).await.unwrap(), refused);
    let late = sms().with_deadline(SystemTime::UNIX_EPOCH);
    assert!(sender.send(&late).await.unwrap_err().is_not_sent());
    assert!(!sender.send(&sms()).await.unwrap_err().is_not_sent());
    assert_eq!(sender.calls(), 4);
}
