//! The same code once more.

use std::time::Duration;

use mfa_plugin_api::{Arg, Prompt, RejectionKind, Step};
use sms_otp_plugin::{SendLimitSettings, SendLimits};

use crate::support::{World, action_names, config, notice, prompt, rejection, with_many_tries};

/// Returns the wait in seconds, rounded up.
fn waits(prompt: &Prompt) -> u64 {
    let rejection = prompt.rejection.as_ref().expect("a rejection");
    assert_eq!(
        (rejection.kind, rejection.message.key()),
        (RejectionKind::TooMany, "otp-resend-wait")
    );
    match rejection.message.args().next() {
        Some(("length", Arg::Duration(length))) => {
            length.as_secs() + u64::from(length.subsec_nanos() > 0)
        }
        other => panic!("no length: {other:?}"),
    }
}

#[tokio::test]
async fn sends_the_same_code_under_a_new_reference_and_keeps_its_end() {
    let world = World::new();
    let login = world.login("f1");
    let first = prompt(login.begin().await);
    world.advance(60);
    let again = prompt(login.action("resend").await);
    assert_eq!(notice(&again), Some("otp-resent"));
    assert_eq!(again.expires_at, first.expires_at);
    assert_eq!(again.actions[0].available_at, Some(world.clock.now() + Duration::from_secs(90)));
    let sent = world.sender.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].code(), sent[1].code());
    assert_eq!(sent[0].deadline(), sent[1].deadline());
    assert_ne!(sent[0].reference(), sent[1].reference());
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn too_early_says_how_long_to_wait_and_costs_nothing() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    assert_eq!(waits(&prompt(login.action("resend").await)), 60);
    world.clock.advance(Duration::from_millis(59_001));
    assert_eq!(waits(&prompt(login.action("resend").await)), 1);
    assert_eq!(world.sender.sent().len(), 1);
    world.clock.advance(Duration::from_millis(999));
    assert_eq!(notice(&prompt(login.action("resend").await)), Some("otp-resent"));
}

#[tokio::test]
async fn three_resends_at_60_90_and_180_seconds_and_then_a_new_code() {
    // A longer life than the cooldowns together.
    let lasting = config().with_lifetime(Duration::from_secs(600)).unwrap();
    let world = World::with_config(
        lasting.with_limits(
            SendLimits::new(
                &SendLimitSettings::default().with_per_number(50, 10).with_per_user(50, 10),
            )
            .unwrap(),
        ),
    );
    let login = world.login("f1");
    prompt(login.begin().await);
    for (cooldown, next) in [(60, 90), (90, 180), (180, 0)] {
        world.advance(cooldown - 1);
        assert_eq!(waits(&prompt(login.action("resend").await)), 1);
        world.advance(1);
        let page = prompt(login.action("resend").await);
        assert_eq!(notice(&page), Some("otp-resent"));
        if next > 0 {
            assert_eq!(waits(&prompt(login.action("resend").await)), next);
        } else {
            assert_eq!(action_names(&page), ["new-code"]);
        }
    }
    world.advance(200);
    assert_eq!(rejection(login.action("resend").await).1, "otp-resend-exhausted");
    let codes: Vec<_> = world.sender.sent().iter().map(|s| s.code().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 4);
    assert!(codes.iter().all(|code| *code == codes[0]));
    let old = world.code();
    assert_eq!(notice(&prompt(login.action("new-code").await)), Some("otp-new-code-sent"));
    assert_ne!(world.code(), old);
    assert_eq!(rejection(login.submit(&old).await).1, "otp-wrong");
}

#[tokio::test]
async fn attempts_are_not_given_back() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    for _ in 0..4 {
        login.submit(&world.wrong_code()).await;
    }
    world.advance(60);
    prompt(login.action("resend").await);
    assert_eq!(rejection(login.submit(&world.wrong_code()).await).1, "otp-exhausted");
    world.advance(100);
    assert_eq!(rejection(login.action("resend").await).1, "otp-exhausted");
    assert_eq!(world.sender.sent().len(), 2);
}

#[tokio::test]
async fn a_new_code_is_not_to_be_had_while_the_old_one_is_good() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    for action in ["new-code", "no such action", ""] {
        let page = prompt(login.action(action).await);
        assert_eq!((notice(&page), page.rejection.as_ref()), (None, None), "{action}");
    }
    assert_eq!(world.sender.sent().len(), 1);
    world.advance(300);
    assert_eq!(rejection(login.action("resend").await).1, "otp-expired");
    assert_eq!(world.sender.sent().len(), 1);
}

#[tokio::test]
async fn a_resend_that_fails_leaves_the_code_good_and_gives_the_quota_back() {
    let world = World::with_config(with_many_tries());
    let login = world.login("f1");
    prompt(login.begin().await);
    let code = world.code();
    world.advance(60);
    world.sender.fail_next();
    let page = prompt(login.action("resend").await);
    let soon = world.clock.now() + Duration::from_secs(15);
    assert_eq!(page.actions[0].available_at, Some(soon), "nothing came, so not 90 s");
    let rejection_of = page.rejection.expect("a rejection");
    assert_eq!(rejection_of.kind, RejectionKind::Unavailable);
    assert_eq!(rejection_of.message.key(), "otp-resend-failed");
    // Four of the hourly five are left: one was sent, and none was lost.
    for flow in 0..4 {
        prompt(world.login(&format!("g{flow}")).begin().await);
    }
    assert!(matches!(world.login("g4").begin().await, Step::Unavailable(_)));
    assert_eq!(rejection(login.submit(&code).await).1, "otp-expired", "replaced by the others");
}

#[tokio::test]
async fn a_resend_after_the_deadline_is_refused_and_costs_nothing() {
    let world = World::with_config(with_many_tries());
    // The deadline is 290.5 s after the clock's start, on the wire the whole second before.
    world.clock.advance(Duration::from_millis(500));
    let login = world.login("f1");
    prompt(login.begin().await);
    world.clock.advance(Duration::from_millis(289_499));
    for step in [1, 300, 9_000] {
        world.clock.advance(Duration::from_millis(step));
        assert_eq!(rejection(login.action("resend").await).1, "otp-resend-exhausted");
    }
    assert_eq!(world.sender.sent().len(), 1);
    // Four of the hourly five are left.
    for flow in 0..4 {
        prompt(world.login(&format!("g{flow}")).begin().await);
    }
    assert!(world.sender.sent().iter().all(|sms| sms.deadline().is_some()));
}

#[tokio::test]
async fn the_last_resend_before_the_deadline_still_goes_out_with_it() {
    let world = World::new();
    world.clock.advance(Duration::from_millis(500));
    let login = world.login("f1");
    let end = prompt(login.begin().await).expires_at.expect("an end");
    world.clock.advance(Duration::from_millis(289_499));
    assert_eq!(notice(&prompt(login.action("resend").await)), Some("otp-resent"));
    assert_eq!(world.sender.sent()[1].deadline(), Some(end - Duration::from_secs(10)));
}

#[tokio::test]
async fn without_a_deadline_a_code_is_sent_again_until_its_end() {
    let world = World::with_config(config().without_deadline());
    let login = world.login("f1");
    prompt(login.begin().await);
    world.advance(295);
    assert_eq!(notice(&prompt(login.action("resend").await)), Some("otp-resent"));
}

#[tokio::test]
async fn a_resend_counts_against_the_limits_and_says_until_when() {
    let settings = SendLimitSettings::default().with_per_user(1, 10);
    let world = World::with_config(config().with_limits(SendLimits::new(&settings).unwrap()));
    let login = world.login("f1");
    prompt(login.begin().await);
    world.advance(60);
    let page = prompt(login.action("resend").await);
    let rejection = page.rejection.expect("a rejection");
    assert_eq!((rejection.kind, rejection.message.key()), (RejectionKind::TooMany, "otp-limited"));
    assert_eq!(rejection.retry_at, Some(world.clock.now() + Duration::from_secs(59 * 60)));
    assert_eq!(world.sender.sent().len(), 1);
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn an_unknown_resend_is_not_repeated_either() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    world.advance(60);
    world.sender.lose_next_request();
    let page = prompt(login.action("resend").await);
    // Nobody knows whether it was sent, and the page does not say so.
    assert_eq!(notice(&page), Some("otp-resending"));
    assert_eq!(waits(&prompt(login.action("resend").await)), 90);
    assert_eq!(world.sender.sent().len(), 1);
}
