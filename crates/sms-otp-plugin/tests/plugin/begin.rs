//! Steps 3 to 6: quotas, challenge, message.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use mfa_plugin_api::{Arg, FieldKind, PluginError, Services, Step};
use otp_core::AllowedPrefixes;
use sms_otp_plugin::{DailyBudget, SendLimitSettings, SendLimits, SmsOtpConfig};
use sms_sender::{
    DeliveryStatus, FailingSender, LookUp, LookUpError, OutgoingSms, Reference, RefusedReason,
    SmsAccepted, SmsError, SmsOutcome, SmsReport, SmsSender, TextLimit,
};

use crate::support::{
    PHONE, World, action_names, config, notice, prompt, text_keys, with_many_tries,
};

fn unavailable(step: Step) -> mfa_plugin_api::Unavailable {
    match step {
        Step::Unavailable(unavailable) => unavailable,
        other => panic!("not unavailable: {other:?}"),
    }
}

#[tokio::test]
async fn sends_one_message_and_asks_for_its_code() {
    let world = World::new();
    let login = world.login("f1");
    let prompt = prompt(login.begin().await);

    assert_eq!(prompt.title.key(), "otp-title");
    assert_eq!(text_keys(&prompt), ["otp-sent", "otp-warning"]);
    let args: Vec<_> = prompt.texts[0].args().collect();
    let to = Arg::Text("5678".to_owned());
    assert_eq!(args, [("to", &to), ("digits", &Arg::Count(6))]);
    assert_eq!(prompt.fields.len(), 1);
    assert_eq!(prompt.fields[0].name, "code");
    assert_eq!(prompt.fields[0].kind, FieldKind::OneTimeCode { digits: 6 });
    assert_eq!(prompt.expires_at, Some(world.clock.now() + Duration::from_secs(300)));
    assert_eq!(action_names(&prompt), ["resend"]);
    assert_eq!(prompt.actions[0].available_at, Some(world.clock.now() + Duration::from_secs(60)));
    assert_eq!((prompt.rejection.as_ref(), notice(&prompt)), (None, None));

    let sent = world.sender.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to(), "+819012345678");
    assert_eq!(sent[0].deadline(), Some(world.clock.now() + Duration::from_secs(290)));
    let code = world.code();
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
    let lines: Vec<&str> = sent[0].text().lines().collect();
    let first = format!("【みどり銀行】認証コード {code}");
    let last = format!("@auth.example.jp #{code}");
    assert_eq!(lines, [first.as_str(), "他人に教えないでください", last.as_str()]);
    assert!(sent[0].text().encode_utf16().count() <= 70);
    assert_eq!(world.audit.names(), ["otp.sent"]);
}

#[tokio::test]
async fn writes_in_the_language_of_the_page_or_else_in_the_first() {
    let world = World::new();
    for (flow, locale, start) in [
        ("f1", "en-GB", "みどり銀行 code "),
        ("f2", "ja_JP", "【みどり銀行】認証コード "),
        ("f3", "fr", "【みどり銀行】認証コード "),
    ] {
        let mut login = world.login_of(flow, Some(PHONE), flow);
        login.client.locale = locale.to_owned();
        prompt(login.begin().await);
        let sent = world.sender.sent();
        assert!(sent[sent.len() - 1].text().starts_with(start), "{locale}");
    }
}

#[tokio::test]
async fn the_page_shows_as_many_digits_of_the_number_as_set_and_whom_the_message_is_from() {
    let set = config().with_shown_digits(2).unwrap().with_sender_number("0032-069-000");
    let world = World::with_config(set);
    let page = prompt(world.login("f1").begin().await);
    let to: Vec<_> = page.texts[0].args().collect();
    assert_eq!(to[0], ("to", &Arg::Text("78".to_owned())));
    let number = Arg::Text("0032-069-000".to_owned());
    let sender = page.help.iter().find(|text| text.key() == "otp-help-sender").expect("the help");
    assert_eq!(sender.args().collect::<Vec<_>>(), [("number", &number)]);
    for digits in [0, 1, 5] {
        config().with_shown_digits(digits).expect_err("too few or too many");
    }
}

#[tokio::test]
async fn a_deadline_can_be_left_out() {
    let world = World::with_config(config().without_deadline());
    prompt(world.login("f1").begin().await);
    assert_eq!(world.sender.sent()[0].deadline(), None);
}

#[tokio::test]
async fn begun_again_it_shows_the_same_prompt_and_sends_nothing() {
    let world = World::new();
    let login = world.login("f1");
    let first = prompt(login.begin().await);
    assert_eq!(prompt(login.begin().await), first);
    // As after a crash, or a browser that went away: the host knows nothing of the first call.
    let forgetful = world.login("f1");
    assert_eq!(text_keys(&prompt(forgetful.begin().await)), ["otp-sending", "otp-warning"]);
    assert_eq!(world.sender.sent().len(), 1);
    assert!(matches!(forgetful.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn a_missing_a_foreign_and_a_refused_number_and_a_provider_that_is_down_look_alike() {
    let but_060 = AllowedPrefixes::from_list(["070", "080", "090"]).unwrap();
    let world = World::with_config(config().with_prefixes(but_060));
    let none = world.login_of("none", None, "f1").begin().await;
    let foreign = world.login_of("foreign", Some("+1 212 555 0123"), "f2").begin().await;
    let excluded = world.login_of("excluded", Some("06012345678"), "f3").begin().await;
    world.sender.refuse_next(RefusedReason::Number);
    let refused = world.login_of("refused", Some(PHONE), "f4").begin().await;
    world.sender.fail_next();
    let down = world.login_of("down", Some(PHONE), "f5").begin().await;
    let expected = unavailable(none);
    assert_eq!(expected.message.key(), "otp-unavailable");
    for step in [foreign, excluded, refused, down] {
        assert_eq!(unavailable(step), expected);
    }
    assert!(world.sender.sent().is_empty());
}

#[tokio::test]
async fn what_was_not_sent_costs_no_quota_and_leaves_no_challenge() {
    let world = World::with_config(with_many_tries());
    let login = world.login("f1");
    for round in 0..20 {
        if round % 2 == 0 {
            world.sender.fail_next();
        } else {
            world.sender.refuse_next(RefusedReason::Account);
        }
        unavailable(login.begin().await);
        assert!(login.status().await.is_some_and(|prompt| prompt.fields.is_empty()));
    }
    // The hourly five are all still there.
    for flow in 0..5 {
        prompt(world.login(&format!("g{flow}")).begin().await);
    }
    unavailable(world.login("g5").begin().await);
    assert_eq!(world.sender.sent().len(), 5);
}

#[tokio::test]
async fn an_unknown_outcome_asks_for_the_code_and_is_never_sent_again() {
    let world = World::new();
    world.sender.lose_next_answer();
    let login = world.login("f1");
    let page = prompt(login.begin().await);
    assert_eq!(text_keys(&page), ["otp-sending", "otp-warning"]);
    for _ in 0..3 {
        login.begin().await;
        login.status().await;
        login.action("new-code").await;
    }
    assert_eq!(world.sender.sent().len(), 1);
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
    assert_eq!(world.audit.names(), ["otp.send_unknown", "otp.verified"]);
}

#[tokio::test]
async fn a_provider_that_is_down_can_be_tried_again() {
    let sender = Arc::new(FailingSender::not_sent());
    let world = World::with_sender(config(), sender.clone());
    let login = world.login("f1");
    for tries in 1..=3 {
        assert_eq!(unavailable(login.begin().await).message.key(), "otp-unavailable");
        assert_eq!(sender.calls(), tries);
    }
}

fn limits(change: impl FnOnce(&mut SendLimitSettings)) -> SmsOtpConfig {
    let mut settings = SendLimitSettings::default()
        .with_per_number(100, 100)
        .with_per_user(100, 100)
        .with_per_address(100)
        .with_firsts_per_address(100)
        .with_per_network(100)
        .with_tries_per_user(100, 100)
        .with_per_block(100, Duration::from_secs(600));
    change(&mut settings);
    config().with_limits(SendLimits::new(&settings).unwrap())
}

/// Begins logins of `user`, `phone` and `address` by their numbers until one is refused; answers how
/// many messages went out, and when the next may.
async fn until_refused(
    world: &World,
    who: impl Fn(u32) -> (String, String, String),
) -> (usize, Duration) {
    for n in 0..200 {
        let (user, phone, address) = who(n);
        let mut login = world.login_of(&user, Some(&phone), &format!("f{n}"));
        login.client.address = address.parse().unwrap();
        if let Step::Unavailable(refused) = login.begin().await {
            assert!(["otp-limited", "otp-tries-limited"].contains(&refused.message.key()));
            let wait = refused.retry_at.expect("a time").duration_since(world.clock.now());
            return (world.sender.sent().len(), wait.unwrap());
        }
    }
    panic!("never refused");
}

#[tokio::test]
async fn each_limit_holds_and_says_until_when() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let fixed = |user: &'static str, phone: &'static str, address: &'static str| {
        move |n: u32| {
            let or = |fixed: &str, other: String| {
                if fixed.is_empty() { other } else { fixed.to_owned() }
            };
            // Blocks and networks of their own, unless fixed.
            let phone = or(phone, format!("090{:04}0000", 1000 + n));
            (
                or(user, format!("user{n}")),
                phone,
                or(address, format!("10.0.{}.{}", n / 250, n % 250)),
            )
        }
    };

    let world = World::with_config(limits(|l| l.per_number_hourly = 5));
    assert_eq!(until_refused(&world, fixed("", PHONE, "")).await, (5, minutes(12)));
    let world = World::with_config(limits(|l| l.per_number_daily = 10));
    assert_eq!(until_refused(&world, fixed("", PHONE, "")).await, (10, minutes(144)));
    let world = World::with_config(limits(|l| l.per_user_hourly = 5));
    assert_eq!(until_refused(&world, fixed("alice", "", "")).await, (5, minutes(12)));
    let world = World::with_config(limits(|l| l.per_user_daily = 10));
    assert_eq!(until_refused(&world, fixed("alice", "", "")).await, (10, minutes(144)));
    let world = World::with_config(limits(|l| l.tries_per_user_minutely = 3));
    let seconds = Duration::from_secs;
    assert_eq!(until_refused(&world, fixed("alice", "", "")).await, (3, seconds(20)));
    let world = World::with_config(limits(|l| l.tries_per_user_hourly = 20));
    assert_eq!(until_refused(&world, fixed("alice", "", "")).await, (20, minutes(3)));
    let world = World::with_config(limits(|l| l.firsts_per_address_hourly = 10));
    assert_eq!(until_refused(&world, fixed("", "", "192.0.2.9")).await, (10, minutes(6)));
    // All but a user's first message of the day.
    let world = World::with_config(limits(|l| l.per_address_hourly = 10));
    assert_eq!(until_refused(&world, fixed("alice", "", "192.0.2.9")).await, (11, minutes(6)));
    let world = World::with_config(limits(|l| l.per_network_hourly = 10));
    let in_one_24 = |n: u32| {
        let (_, phone, _) = fixed("", "", "x")(n);
        ("alice".to_owned(), phone, format!("192.0.2.{n}"))
    };
    assert_eq!(until_refused(&world, in_one_24).await, (11, minutes(6)));
    let world = World::with_config(limits(|l| l.firsts_per_address_hourly = 10));
    let in_one_64 = |n: u32| {
        let (user, phone, _) = fixed("", "", "x")(n);
        (user, phone, format!("2001:db8:0:1::{n:x}"))
    };
    assert_eq!(until_refused(&world, in_one_64).await, (10, minutes(6)));
    let world = World::with_config(limits(|l| l.per_block = 30));
    let in_one_block = |n: u32| {
        let (user, _, address) = fixed("", "x", "")(n);
        (user, format!("0901234{n:04}"), address)
    };
    let (sent, wait) = until_refused(&world, in_one_block).await;
    assert_eq!((sent, wait), (30, Duration::from_secs(20)));
    assert!(world.audit.names().contains(&"otp.rate_limited"));

    let budget = DailyBudget::new(100, 12);
    let world = World::with_config(limits(|l| l.daily_budget = Some(budget)));
    let (sent, _) = until_refused(&world, fixed("", "", "")).await;
    assert_eq!(sent, 8);
}

#[tokio::test]
async fn a_limit_lets_go_again_in_time() {
    let world = World::with_config(limits(|l| l.per_user_hourly = 1));
    prompt(world.login("f1").begin().await);
    let refused = unavailable(world.login("f2").begin().await);
    let wait = refused.retry_at.unwrap().duration_since(world.clock.now()).unwrap();
    let moment = Duration::from_millis(1);
    world.clock.advance(wait.saturating_sub(moment));
    unavailable(world.login("f3").begin().await);
    world.clock.advance(moment);
    prompt(world.login("f4").begin().await);
}

#[tokio::test]
async fn without_its_services_or_randomness_it_refuses() {
    let mut world = World::new();
    world.services = Services::new();
    let login = world.login("f1");
    let error = login.try_submit("123456").await.unwrap_err();
    assert!(matches!(error, PluginError::MissingService(_)));
}

/// Splits every message into twenty, and bills each part.
#[derive(Debug)]
struct Splitting;

#[async_trait]
impl SmsSender for Splitting {
    fn text_limit(&self) -> TextLimit {
        TextLimit::new(70, 1)
    }

    async fn send(&self, _: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        Ok(SmsOutcome::Accepted(SmsAccepted::new("m-1").with_parts(20)))
    }

    async fn look_up(&self, _: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        Ok(LookUp::Absent)
    }
}

#[tokio::test]
async fn a_message_billed_beyond_the_budget_uses_up_what_is_left_of_it() {
    let budget = DailyBudget::new(100, 12);
    let config = limits(|l| l.daily_budget = Some(budget));
    let world = World::with_sender(config, Arc::new(Splitting));
    prompt(world.login("f1").begin().await);
    let refused = unavailable(world.login("f2").begin().await);
    // Twelve of a hundred in a day come back in 12 % of a day.
    let wait = refused.retry_at.unwrap().duration_since(world.clock.now()).unwrap();
    assert_eq!(wait, Duration::from_secs(24 * 60 * 60) * 12 / 100);
}

#[tokio::test]
async fn parts_that_a_later_report_bills_are_charged_too() {
    let budget = DailyBudget::new(100, 12);
    let world = World::with_config(limits(|l| l.daily_budget = Some(budget)));
    let login = world.login("f1");
    prompt(login.begin().await);
    let sms = &world.sender.sent()[0];
    let report = SmsReport::new(DeliveryStatus::Delivered).with_parts(8);
    world.sender.set_report(sms.reference(), report);
    world.advance(3);
    // Each of them shows the news once.
    for _ in 0..3 {
        login.status().await;
        world.advance(3);
    }
    let refused = unavailable(world.login("f2").begin().await);
    let wait = refused.retry_at.unwrap().duration_since(world.clock.now()).unwrap();
    // 96 of a hundred are spent. Eight more come back in 8 % of a day, less the 12 s that have passed.
    let day = Duration::from_secs(24 * 60 * 60);
    assert_eq!(wait + Duration::from_secs(12), day * 8 / 100);
}
