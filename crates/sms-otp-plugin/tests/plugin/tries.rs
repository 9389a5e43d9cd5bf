//! Tries, which are never given back, and numbers that the provider refuses.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mfa_plugin_api::{Step, Unavailable};
use sms_otp_plugin::{SendLimit, SmsOtpPlugin};
use sms_sender::{FailingSender, RefusedReason};

use crate::support::{PHONE, World, config, keys, prompt, rejection};

fn unavailable(step: Step) -> Unavailable {
    match step {
        Step::Unavailable(unavailable) => unavailable,
        other => panic!("not unavailable: {other:?}"),
    }
}

fn count(world: &World, event: &str) -> usize {
    world.audit.names().iter().filter(|name| **name == event).count()
}

#[tokio::test]
async fn tries_that_send_nothing_are_limited_to_three_a_minute_and_twenty_an_hour() {
    let sender = FailingSender::not_sent();
    let world = World::with_sender(config(), Arc::new(sender.clone()));
    let login = world.login("f1");
    for _ in 0..100 {
        unavailable(login.begin().await);
    }
    assert_eq!(sender.calls(), 3);
    let limited = unavailable(login.begin().await);
    assert_eq!(limited.message.key(), "otp-tries-limited");
    assert_eq!(limited.retry_at, Some(world.clock.now() + Duration::from_secs(20)));
    // A login of their own gives no tries.
    unavailable(world.login("f2").begin().await);
    assert_eq!(sender.calls(), 3);
    // What is limited is recorded once, not with each click.
    assert_eq!(count(&world, "otp.rate_limited"), 1);
    for _ in 0..180 {
        world.advance(10);
        unavailable(login.begin().await);
    }
    // Twenty, and those that have come back in half an hour.
    assert_eq!(sender.calls(), 20 + 10);
}

#[tokio::test]
async fn tries_of_many_users_that_send_nothing_are_limited_together() {
    let sender = FailingSender::not_sent();
    let world = World::with_sender(config(), Arc::new(sender.clone()));
    for n in 0..100 {
        let (user, phone) = (format!("user{n}"), format!("0901{n:03}0000"));
        unavailable(world.login_of(&user, Some(&phone), &user).begin().await);
    }
    assert_eq!(sender.calls(), 60);
}

#[tokio::test]
async fn messages_that_are_sent_do_not_use_up_the_tries_of_others() {
    let world = World::new();
    for n in 0..100 {
        let (user, phone) = (format!("user{n}"), format!("0901{n:03}0000"));
        prompt(world.login_of(&user, Some(&phone), &user).begin().await);
    }
    assert_eq!(world.sender.sent().len(), 100);
}

#[tokio::test]
async fn a_user_without_a_number_has_no_more_tries_than_others() {
    let world = World::new();
    let login = world.login_of("none", None, "f1");
    for _ in 0..50 {
        unavailable(login.begin().await);
    }
    assert_eq!(count(&world, "otp.phone_number_missing"), 3);
    assert_eq!(unavailable(login.begin().await).message.key(), "otp-tries-limited");
}

#[tokio::test]
async fn a_refused_number_stays_shut_for_five_minutes_for_this_user_alone() {
    for limited in [false, true] {
        let world = World::new();
        if limited {
            world.sender.limit_next(None);
        } else {
            world.sender.refuse_next(RefusedReason::Number);
        }
        let login = world.login("f1");
        let refused = unavailable(login.begin().await);
        let events = world.audit.names().len();
        for _ in 0..2 {
            assert_eq!(unavailable(login.begin().await), refused);
        }
        world.advance(299);
        // The provider would accept it by now. It is not asked, in another login neither.
        assert_eq!(unavailable(login.begin().await), refused);
        assert_eq!(unavailable(world.login("f2").begin().await), refused);
        assert!(world.sender.sent().is_empty());
        assert_eq!(world.audit.names().len(), events, "{:?}", world.audit.names());
        prompt(world.login_of("bob", Some(PHONE), "f3").begin().await);
        prompt(world.login_of("alice", Some("08011112222"), "f4").begin().await);
        world.advance(60);
        prompt(login.begin().await);
    }
}

#[tokio::test]
async fn a_limited_number_may_try_again_when_the_provider_says_so_within_bounds() {
    for (asked, pause) in [(1, 60), (90, 90), (3600, 300)] {
        let world = World::new();
        world.sender.limit_next(Some(Duration::from_secs(asked)));
        let login = world.login("f1");
        unavailable(login.begin().await);
        world.advance(pause - 1);
        unavailable(login.begin().await);
        world.advance(1);
        prompt(login.begin().await);
    }
}

#[tokio::test]
async fn a_resend_to_a_refused_number_shuts_it_too() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    world.advance(60);
    world.sender.refuse_next(RefusedReason::Number);
    assert_eq!(rejection(login.action("resend").await).1, "otp-resend-failed");
    world.advance(30);
    for _ in 0..3 {
        assert_eq!(rejection(login.action("resend").await).1, "otp-resend-failed");
    }
    assert_eq!(rejection(login.action("resend").await).1, "otp-tries-limited");
    assert_eq!((world.sender.sent().len(), count(&world, "otp.send_refused")), (1, 1));
}

/// Four messages each, beside the first of the day: two colleagues do not stop an office.
#[tokio::test]
async fn colleagues_who_use_all_their_messages_do_not_stop_an_office() {
    let world = World::new();
    for colleague in ["carol", "dave"] {
        let phone = if colleague == "carol" { "08010000001" } else { "08020000001" };
        for n in 0..5 {
            prompt(
                world.login_of(colleague, Some(phone), &format!("{colleague}{n}")).begin().await,
            );
            world.advance(20);
        }
    }
    for n in 0..100 {
        let (user, phone) = (format!("user{n}"), format!("0901{n:03}0000"));
        for login in ["morning", "noon"] {
            let step =
                world.login_of(&user, Some(&phone), &format!("{user} {login}")).begin().await;
            assert!(n > 19 || matches!(step, Step::Prompt(_)), "{user} {login}: {step:?}");
            assert!(login == "noon" || matches!(step, Step::Prompt(_)), "{user}: {step:?}");
        }
    }
}

#[tokio::test]
async fn an_older_code_still_works_after_a_login_that_a_limit_refused() {
    let world = World::new();
    let login = world.login("f0");
    for flow in 1..5 {
        prompt(world.login(&format!("f{flow}")).begin().await);
        world.advance(20);
    }
    prompt(login.begin().await);
    let code = world.code();
    unavailable(world.login("f6").begin().await);
    assert!(matches!(login.submit(&code).await, Step::Done(_)));
}

#[tokio::test]
async fn each_limit_that_is_reached_is_counted() {
    let mut world = World::new();
    let counted = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&counted);
    world.plugin = SmsOtpPlugin::new(config(), keys(), Arc::new(world.sender.clone()))
        .unwrap()
        .with_limit_observer(move |limit| seen.lock().unwrap().push(limit));
    for n in 0..6 {
        world.login(&format!("f{n}")).begin().await;
    }
    assert_eq!(*counted.lock().unwrap(), [SendLimit::TriesMinutely; 3]);
    world.sender.refuse_next(RefusedReason::Number);
    let login = world.login_of("bob", Some("08011112222"), "f9");
    login.begin().await;
    login.begin().await;
    assert_eq!(counted.lock().unwrap().last(), Some(&SendLimit::NumberPaused));
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn a_limit_that_is_reached_again_and_again_is_logged_once_a_minute() {
    let log = testkit::LogCapture::new();
    let capturing = log.start();
    let world = World::new();
    for n in 0..6 {
        world.login(&format!("f{n}")).begin().await;
    }
    drop(capturing);
    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("limit on text")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].contains("tries_minutely") && !text.contains(&PHONE[1..]), "{text}");
}
