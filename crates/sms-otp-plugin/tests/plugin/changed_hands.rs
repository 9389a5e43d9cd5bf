//! A number that belongs to another person now: a stranger holds the phone.

use std::time::{Duration, SystemTime};

use mfa_plugin_api::{Step, Subject, Unavailable};
use sms_otp_plugin::Reported;
use sms_sender::{DeliveryStatus, RefusedReason, SmsReport};
use tokio::time::Instant;

use crate::support::{Login, PHONE, World, prompt, with_many_tries};

#[track_caller]
fn unavailable(step: Step) -> Unavailable {
    match step {
        Step::Unavailable(unavailable) => unavailable,
        other => panic!("not unavailable: {other:?}"),
    }
}

/// Whatever the user does, no code is asked for, none is accepted and none is sent.
async fn is_closed(world: &World, login: &Login<'_>) {
    let sent = world.sender.sent().len();
    for step in [
        login.current().await.expect("the login has begun"),
        login.begin().await,
        login.submit(&world.code()).await,
        login.submit("no code").await,
        login.action("resend").await,
        login.action("new-code").await,
        // As after a crash: the host has lost the state.
        world.login("f1").begin().await,
    ] {
        assert_eq!(unavailable(step).message.key(), "otp-changed-hands");
    }
    assert_eq!(world.sender.sent().len(), sent);
    assert!(world.audit.names().contains(&"otp.number_changed_hands"));
    assert!(!world.audit.names().contains(&"otp.verified"));
}

async fn report(world: &World, status: DeliveryStatus) -> Reported {
    let sent = world.sender.sent();
    let reference = sent[0].reference().as_str();
    let reported = world.plugin.report(&world.services, reference, status, world.clock.now());
    reported.await.expect("the stores work")
}

#[tokio::test]
async fn a_refusal_because_of_it_costs_nothing_and_says_why() {
    let world = World::with_config(with_many_tries());
    let login = world.login("f1");
    for _ in 0..10 {
        world.sender.refuse_next(RefusedReason::ChangedHands);
        assert_eq!(unavailable(login.begin().await).message.key(), "otp-changed-hands");
        assert!(login.status().await.is_some_and(|prompt| prompt.fields.is_empty()));
    }
    assert!(world.audit.names().iter().all(|name| *name == "otp.number_changed_hands"));
    // The hourly five are all still there, once the directory has the new number.
    for flow in 0..5 {
        prompt(world.login(&format!("g{flow}")).begin().await);
    }
}

#[tokio::test]
async fn a_resend_that_finds_it_makes_the_earlier_code_worthless() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    world.advance(60);
    world.sender.refuse_next(RefusedReason::ChangedHands);
    let step = login.action("resend").await;
    assert_eq!(unavailable(step).message.key(), "otp-changed-hands");
    is_closed(&world, &login).await;
}

#[tokio::test]
async fn a_report_closes_the_login() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    assert_eq!(report(&world, DeliveryStatus::ChangedHands).await, Reported::Recorded);
    is_closed(&world, &login).await;
    for status in [DeliveryStatus::ChangedHands, DeliveryStatus::Delivered] {
        report(&world, status).await;
        is_closed(&world, &login).await;
    }
}

#[tokio::test]
async fn a_report_about_an_earlier_message_closes_the_login_too() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    world.advance(60);
    prompt(login.action("resend").await);
    assert_eq!(report(&world, DeliveryStatus::ChangedHands).await, Reported::Recorded);
    is_closed(&world, &login).await;
}

#[tokio::test]
async fn a_look_up_closes_the_login() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    world.sender.set_status(world.sender.sent()[0].reference(), DeliveryStatus::ChangedHands);
    login.status().await;
    world.advance(3);
    is_closed(&world, &login).await;
}

#[tokio::test(start_paused = true)]
async fn an_open_page_wakes_at_once() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    let shown = login.status().await.expect("a prompt");
    let start = Instant::now();
    tokio::join!(
        biased;
        async {
            tokio::task::yield_now().await;
            report(&world, DeliveryStatus::ChangedHands).await
        },
        login.changed(&shown),
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    is_closed(&world, &login).await;
}

#[tokio::test]
async fn another_login_after_the_number_was_corrected_works() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    report(&world, DeliveryStatus::ChangedHands).await;
    let corrected = world.login_of("alice", Some("08087654321"), "f2");
    prompt(corrected.begin().await);
    assert!(matches!(corrected.submit(&world.code()).await, Step::Done(_)));
}

fn with_phone_since<'w>(world: &'w World, flow: &str, since: &str) -> Login<'w> {
    let mut login = world.login(flow);
    login.subject = Subject::new("test", "alice")
        .with_attribute(Subject::PHONE_NUMBER, PHONE)
        .with_attribute(Subject::PHONE_SINCE, since);
    login
}

#[tokio::test]
async fn the_sender_is_told_since_when_the_number_is_the_users() {
    let world = World::new();
    prompt(world.login("f1").begin().await);
    assert_eq!(world.sender.sent()[0].phone_since(), None);
    let login = with_phone_since(&world, "f2", "2020-02-29");
    prompt(login.begin().await);
    world.advance(60);
    prompt(login.action("resend").await);
    // Midnight in Japan.
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_582_902_000);
    for sms in &world.sender.sent()[1..] {
        assert_eq!(sms.phone_since(), Some(since));
    }
}

#[tokio::test]
async fn without_a_valid_day_no_message_goes_out() {
    let world = World::with_config(with_many_tries());
    for (nth, since) in ["", "yesterday", "2020-02-30", "20200229", "9999-01-01"].iter().enumerate()
    {
        let login = with_phone_since(&world, &format!("f{nth}"), since);
        assert_eq!(unavailable(login.begin().await).message.key(), "otp-unavailable");
    }
    assert!(world.sender.sent().is_empty());
    assert_eq!(world.audit.names(), ["otp.phone_since_invalid"; 5]);
}

#[tokio::test]
async fn carrier_and_parts_are_in_the_audit_trail() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    let report = SmsReport::new(DeliveryStatus::Delivered).with_carrier("docomo").with_parts(2);
    world.sender.set_report(world.sender.sent()[0].reference(), report);
    login.status().await;
    world.advance(3);
    login.status().await;
    assert_eq!(world.audit.names(), ["otp.sent", "otp.delivery"]);
    let shown = format!("{:?}", world.audit.events());
    for part in ["\"parts\"", "\"docomo\"", "\"delivered\""] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}
