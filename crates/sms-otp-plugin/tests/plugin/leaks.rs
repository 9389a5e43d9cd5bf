//! What must not appear anywhere but in the message.

use mfa_plugin_api::{Step, Subject};
use otp_core::{ChallengeId, PhoneNumber};
use sms_sender::{OutgoingSms, Reference};
use testkit::{LeakScanner, LogCapture};

use crate::support::{PHONE, World, prompt};

#[tokio::test]
async fn neither_code_nor_number_is_shown_logged_or_kept() {
    let world = World::new();
    let log = LogCapture::new();
    let listening = log.start();
    let mut seen = Vec::new();
    let login = world.login("f1");
    world.sender.fail_next();
    seen.push(format!("{:?}", login.begin().await));
    world.sender.lose_next_answer();
    seen.push(format!("{:?}", login.begin().await));
    seen.push(format!("{:?}", login.submit(&world.wrong_code()).await));
    seen.push(format!("{:?}", login.submit("not a code").await));
    world.advance(60);
    seen.push(format!("{:?}", login.action("resend").await));
    seen.push(format!("{:?}", login.status().await));
    let state = login.state.lock().unwrap().clone().expect("a state");
    let code = world.code();
    let step = login.submit(&code).await;
    assert!(matches!(step, Step::Done(_)));
    seen.push(format!("{step:?}"));
    tracing::info!("so that the log is not empty");
    drop(listening);

    let scanner = LeakScanner::new().with_secret("code", &code).with_phone_number("number", PHONE);
    scanner.assert_clean("steps", &seen.join("\n"));
    scanner.assert_clean("log", &log.text());
    scanner.assert_clean("audit trail", &format!("{:?}", world.audit.events()));
    scanner.assert_clean("state", &format!("{:?}{:?}", state, state.as_bytes()));
    scanner.assert_clean("plugin", &format!("{:?}", world.plugin));
    scanner.assert_clean("services", &format!("{:?}", world.services));
    scanner.assert_clean("messages", &format!("{:?}{:?}", world.sender, world.sender.sent()));
    scanner.assert_clean("login", &format!("{login:?}"));
}

#[test]
fn a_message_shows_neither_number_nor_text() {
    let now = std::time::SystemTime::UNIX_EPOCH;
    let reference = Reference::new(ChallengeId::from_bytes([1; 16]), 0);
    let to = PhoneNumber::from_japanese(PHONE).unwrap();
    let sms = OutgoingSms::new(to, "code 654321".to_owned(), reference, now);
    let scanner =
        LeakScanner::new().with_secret("code", "654321").with_phone_number("number", PHONE);
    scanner.assert_clean("Debug", &format!("{sms:?} {:?}", Some(sms.clone())));
    assert_eq!(sms.expose_text(), "code 654321");
}

#[tokio::test]
async fn the_number_comes_from_the_directory_only() {
    let world = World::new();
    let mut login = world.login("f1");
    login.subject = Subject::new("test", "alice").with_attribute("phone", "08011112222");
    assert!(matches!(login.begin().await, Step::Unavailable(_)));
    login.subject =
        Subject::new("test", "alice").with_attribute(Subject::PHONE_NUMBER, "+81 90-1234-5678");
    prompt(login.begin().await);
    assert_eq!(world.sender.sent()[0].to(), "+819012345678");
}
