//! Both Karaden senders against the simulator, over real HTTP.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use karaden_client::{
    Options, RetryPolicy, push, sms,
    transport::{Exchange, ScriptedTransport},
};
use karaden_sim::{Fault, FaultMode, PushAccount, Quirks, Sim, SimConfig, TrackingRule};
use mfa_plugin_api::{Step, Subject};
use otp_core::{ChallengeId, PhoneNumber, message::Host};
use sms_otp_plugin::{
    DailyBudget, KaradenPushSender, KaradenSmsSender, PseudonymKey, SendLimitSettings, SendLimits,
    SmsOtpConfig, SmsTexts,
};
use sms_sender::{
    DeliveryStatus, LookUp, LookUpError, OutgoingSms, Reference, RefusedReason, SmsError,
    SmsOutcome, SmsSender, TextLimit,
};

use crate::support::{World, config, prompt};

fn options() -> Options {
    Options::default().with_total_timeout(Duration::from_secs(2)).with_retry(RetryPolicy::once())
}

async fn sim() -> Sim {
    Sim::start(SimConfig::default()).await.unwrap()
}

fn sms_sender(sim: &Sim) -> KaradenSmsSender {
    let service = sms::ServiceId::new(1).unwrap();
    let client =
        sms::Client::builder("159bfd33-b9b7-f424-4755-c119b324591d", "demo-token", service)
            .with_base_url(format!("{}/api", sim.url()))
            .with_options(options())
            .build();
    KaradenSmsSender::new(client.unwrap())
}

fn contract(sim: &Sim) -> push::Credentials {
    push::Credentials::new()
        .with_base_url(format!("{}/v2/", sim.url()))
        .with_security_code("demo-code")
}

fn push_builder(sim: &Sim) -> push::ClientBuilder {
    push::Client::builder(contract(sim).with_token("demo-push")).with_options(options())
}

/// Of a contract that is known to keep the tracking codes of single messages.
fn push_sender(sim: &Sim) -> KaradenPushSender {
    KaradenPushSender::new(push_builder(sim).with_tracked_single_messages().build().unwrap())
}

fn both(sim: &Sim) -> [Arc<dyn SmsSender>; 2] {
    [Arc::new(sms_sender(sim)), Arc::new(push_sender(sim))]
}

#[expect(clippy::disallowed_methods, reason = "the simulator's clock is the machine's here")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn status(found: &LookUp) -> Option<DeliveryStatus> {
    match found {
        LookUp::Absent => None,
        LookUp::Present(report) => Some(report.status),
    }
}

fn message(to: &str, nth: u8) -> OutgoingSms {
    let reference = Reference::new(ChallengeId::from_bytes([5; 16]), nth);
    let to = PhoneNumber::new(&to.replacen('0', "+81", 1)).unwrap();
    OutgoingSms::new(to, "code 123456\n@auth.example.jp #123456".to_owned(), reference, now())
        .with_deadline(now() + Duration::from_secs(290))
}

#[tokio::test]
async fn a_message_arrives_and_is_found_by_its_reference() {
    let sim = sim().await;
    for (nth, sender) in both(&sim).into_iter().enumerate() {
        let sms = message("09012345678", u8::try_from(nth).unwrap());
        let at = sms.now();
        let absent = sender.look_up(sms.reference(), at).await.unwrap();
        assert_eq!(absent, LookUp::Absent);
        let SmsOutcome::Accepted(accepted) = sender.send(&sms).await.unwrap() else {
            panic!("not accepted")
        };
        assert!(accepted.id.is_some());
        let inbox = sim.inbox(Some("09012345678"));
        assert_eq!(inbox.len(), nth + 1);
        assert!(inbox.iter().all(|m| m.body == sms.expose_text()));
        let found = sender.look_up(sms.reference(), at).await.unwrap();
        assert_eq!(status(&found), Some(DeliveryStatus::Delivered));
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn a_long_message_arrives_through_push_in_parts() {
    let sim = sim().await;
    let texts = SmsTexts::new("みどり銀行", Host::new("auth.example.jp").unwrap())
        .with_words("ja", format!("{{code}}{}", "あ".repeat(113 - 12 - 19)))
        .with_max_parts(2);
    let config = SmsOtpConfig::new(texts, PseudonymKey::from_bytes(&[9; 32]).unwrap());
    let world = World::with_sender(config, Arc::new(push_sender(&sim)));
    prompt(world.login("f1").begin().await);
    let inbox = sim.inbox(None);
    assert_eq!(inbox.len(), 1);
    assert_eq!((inbox[0].body.encode_utf16().count(), inbox[0].parts), (113, 2));
    sim.shutdown().await;
}

#[tokio::test]
async fn the_budget_pays_for_each_part_of_a_long_message_before_it_is_sent() {
    let sim = sim().await;
    for sender in both(&sim) {
        let limit = sender.text_limit();
        let texts = SmsTexts::new("み".repeat(145), Host::new("auth.example.jp").unwrap());
        let budget = SendLimitSettings::default().with_daily_budget(DailyBudget::new(100, 10));
        let key = PseudonymKey::from_bytes(&[9; 32]).unwrap();
        let config = SmsOtpConfig::new(texts.with_max_parts(3), key)
            .with_limits(SendLimits::new(&budget).unwrap());
        let world = World::with_sender(config, sender);
        world.clock.set(now());
        let before = sim.inbox(None).len();
        for n in 0..3 {
            let phone = format!("0901234567{n}");
            prompt(world.login_of(&format!("u{n}"), Some(&phone), &format!("f{n}")).begin().await);
        }
        let refused = world.login_of("u3", Some("09012345673"), "f3").begin().await;
        assert!(matches!(refused, Step::Unavailable(_)), "{refused:?}");
        let inbox = sim.inbox(None);
        assert_eq!(inbox.len() - before, 3);
        for sms in &inbox[..3] {
            assert_eq!(limit.split(&sms.body).unwrap().len(), 3);
        }
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn a_push_text_is_sent_in_no_more_parts_than_its_limit_says() {
    let (sender, script) = scripted_push(1);
    let text = format!("{}。", "あ".repeat(47)).repeat(10);
    assert_eq!(sender.text_limit().split(&text).unwrap().len(), 7);
    let reference = Reference::new(ChallengeId::from_bytes([5; 16]), 0);
    let to = PhoneNumber::from_japanese("09012345678").unwrap();
    let sent = sender.send(&OutgoingSms::new(to, text, reference, now())).await.unwrap();
    let SmsOutcome::Accepted(accepted) = sent else { panic!("{sent:?}") };
    assert_eq!(accepted.parts, Some(7));
    let body = String::from_utf8(script.requests()[0].body().to_vec()).unwrap();
    assert!(body.contains("message7=") && !body.contains("message8="), "{body}");
}

#[tokio::test]
async fn no_billed_parts_before_the_message_is_sent_say_nothing() {
    let accepted = |count: &str| {
        let body = format!(r#"{{"object":"message","id":"m-1","charged_count_per_sent":{count}}}"#);
        Exchange::reply(200, body)
    };
    let answers = ["0", "-1", "3"].map(accepted);
    let client = sms::Client::builder("tenant", "token", sms::ServiceId::new(1).unwrap())
        .with_transport(ScriptedTransport::new(answers))
        .build();
    let sender = KaradenSmsSender::new(client.unwrap());
    for parts in [None, None, Some(3)] {
        let sent = sender.send(&message("09012345678", 0)).await.unwrap();
        let SmsOutcome::Accepted(accepted) = sent else { panic!("{sent:?}") };
        assert_eq!(accepted.parts, parts);
    }
}

#[tokio::test]
async fn the_reference_is_the_tag_and_its_last_eight_digits_are_the_tracking_code() {
    let sim = sim().await;
    let [sms, push] = both(&sim);
    sms.send(&message("09012345678", 7)).await.unwrap();
    assert_eq!(sim.inbox(None)[0].tags, [message("09012345678", 7).reference().as_str()]);
    let mut codes = Vec::new();
    for nth in 0..3 {
        push.send(&message("09012345678", nth)).await.unwrap();
        let newest = sim.inbox(None).into_iter().next().unwrap();
        assert!(newest.tags[0].len() == 8 && newest.tags[0].parse::<u32>().is_ok());
        codes.push(newest.tags);
    }
    codes.dedup();
    assert_eq!(codes.len(), 3, "each resend has its own");
    sim.shutdown().await;
}

#[tokio::test]
async fn a_push_message_that_is_not_found_is_absent_only_where_single_messages_are_tracked() {
    let sim = sim().await;
    let untold = KaradenPushSender::new(push_builder(&sim).build().unwrap());
    let sms = message("09012345678", 0);
    assert_eq!(push_sender(&sim).look_up(sms.reference(), now()).await.unwrap(), LookUp::Absent);
    untold.look_up(sms.reference(), now()).await.unwrap_err();
    // The service ignores the code: the message is on the phone, and not found.
    sim.set_quirks(Quirks::default().with_push_single_untracked(true));
    untold.send(&sms).await.unwrap();
    untold.look_up(sms.reference(), now()).await.unwrap_err();
    sim.set_quirks(Quirks::default());
    untold.send(&message("09012345678", 1)).await.unwrap();
    let found = untold.look_up(message("09012345678", 1).reference(), now()).await.unwrap();
    assert_eq!(status(&found), Some(DeliveryStatus::Delivered));
    sim.shutdown().await;
}

#[tokio::test]
async fn a_contract_without_tracking_codes_gets_its_messages_without() {
    let account = PushAccount::default().with_tracking(TrackingRule::Refused);
    let config = SimConfig::default().with_push_accounts([account]);
    let sim = Sim::start(config).await.unwrap();
    let sender = push_sender(&sim);
    // All at once: each is refused, none is lost.
    let sends = (0..4).map(|nth| {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(&message("09012345678", nth)).await })
    });
    for sent in sends.collect::<Vec<_>>() {
        assert!(matches!(sent.await.unwrap().unwrap(), SmsOutcome::Accepted(_)));
    }
    assert_eq!(sim.inbox(None).len(), 4);
    assert!(sim.inbox(None).iter().all(|one| one.tags.is_empty()));
    sender.look_up(message("09012345678", 0).reference(), now()).await.unwrap_err();
    // Any other refusal stays one.
    let outcome = sender.send(&message("09000000010", 0)).await.unwrap();
    assert_eq!(outcome, SmsOutcome::Refused(RefusedReason::Number));
    sim.shutdown().await;
}

#[tokio::test]
async fn a_refused_deadline_is_left_out_and_nothing_else() {
    let refusal = |fields: &str| {
        let body = format!(
            r#"{{"object":"error","code":"validation_error","message":"x","errors":{{{fields}}}}}"#
        );
        Exchange::reply(422, body)
    };
    let accepted = || Exchange::reply(200, r#"{"object":"message","id":"m-1"}"#);
    let only = r#""limited_at":["x"]"#;
    let both = r#""limited_at":["x"],"body":["x"]"#;
    for (answers, requests, is_sent) in [
        (vec![refusal(only), accepted()], 2, true),
        (vec![refusal(only), refusal(only)], 2, false),
        (vec![refusal(both)], 1, false),
    ] {
        let script = ScriptedTransport::new(answers);
        let client = sms::Client::builder("tenant", "token", sms::ServiceId::new(1).unwrap())
            .with_options(options())
            .with_transport(script.clone())
            .build();
        let sender = KaradenSmsSender::new(client.unwrap());
        let outcome = sender.send(&message("09012345678", 0)).await.unwrap();
        assert_eq!(matches!(outcome, SmsOutcome::Accepted(_)), is_sent, "{outcome:?}");
        let sent = script.requests();
        assert_eq!(sent.len(), requests);
        let has_deadline = |at: usize| sent[at].body().windows(11).any(|w| w == b"limited_at=");
        assert!(has_deadline(0));
        assert!(requests == 1 || !has_deadline(1));
    }
}

#[tokio::test]
async fn what_the_carrier_says_is_told() {
    let sim = sim().await;
    for (nth, sender) in both(&sim).into_iter().enumerate() {
        let nth = u8::try_from(nth).unwrap() * 8;
        for (n, number, expected) in [
            (0, "09000000002", DeliveryStatus::OutOfRange),
            (1, "09000000003", DeliveryStatus::Failed),
            (2, "09000000004", DeliveryStatus::Pending),
            (3, "09000000005", DeliveryStatus::Pending),
            (4, "09000000007", DeliveryStatus::Failed),
        ] {
            let sms = message(number, nth + n);
            sender.send(&sms).await.unwrap();
            let found = sender.look_up(sms.reference(), sms.now()).await.unwrap();
            assert_eq!(status(&found), Some(expected), "{number}");
        }
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn a_refused_number_is_about_the_number() {
    let sim = sim().await;
    for sender in both(&sim) {
        let outcome = sender.send(&message("09000000010", 0)).await.unwrap();
        assert_eq!(outcome, SmsOutcome::Refused(RefusedReason::Number));
    }
    assert!(sim.inbox(None).is_empty());
    sim.shutdown().await;
}

#[tokio::test]
async fn wrong_credentials_are_about_the_account() {
    let sim = sim().await;
    let client =
        push::Client::builder(contract(&sim).with_token("wrong")).with_options(options()).build();
    let push = KaradenPushSender::new(client.unwrap());
    let service = sms::ServiceId::new(1).unwrap();
    let client = sms::Client::builder("159bfd33-b9b7-f424-4755-c119b324591d", "wrong", service)
        .with_base_url(format!("{}/api", sim.url()))
        .with_options(options())
        .build();
    let sms = KaradenSmsSender::new(client.unwrap());
    for sender in [Arc::new(push) as Arc<dyn SmsSender>, Arc::new(sms)] {
        let outcome = sender.send(&message("09012345678", 0)).await.unwrap();
        assert_eq!(outcome, SmsOutcome::Refused(RefusedReason::Account));
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn no_connection_is_not_sent_and_a_lost_answer_is_unknown() {
    let sim = sim().await;
    let [sms, push] = both(&sim);
    for sender in [&sms, &push] {
        for mode in [FaultMode::AcceptThenDrop, FaultMode::Malformed, FaultMode::Status(500)] {
            sim.set_faults(vec![Fault::new(mode)]);
            let error = sender.send(&message("09012345678", 0)).await.unwrap_err();
            assert!(!error.is_not_sent(), "{mode:?}");
        }
        sim.set_faults(vec![Fault::new(FaultMode::Status(429))]);
        let error = sender.send(&message("09012345678", 0)).await.unwrap_err();
        assert!(error.is_not_sent() && error.is_rate_limited());
    }
    sim.set_faults(Vec::new());
    sim.shutdown().await;
    for sender in [&sms, &push] {
        let error = sender.send(&message("09012345678", 0)).await.unwrap_err();
        assert!(error.is_not_sent());
        sender.look_up(message("09012345678", 0).reference(), now()).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_whole_login_through_each_api() {
    let sim = sim().await;
    for sender in both(&sim) {
        let world = World::with_sender(config(), sender);
        world.clock.set(now());
        let login = world.login("f1");
        prompt(login.begin().await);
        let inbox = sim.inbox(Some("09012345678"));
        let code = inbox[0].body.rsplit_once('#').expect("a code").1.to_owned();
        assert!(matches!(login.submit(&code).await, Step::Done(_)));
    }
    sim.shutdown().await;
}

/// Sends to the number that changed hands, which the simulator knows by its digits. No phone has it.
#[derive(Debug)]
struct Reassigned(Arc<dyn SmsSender>);

#[async_trait]
impl SmsSender for Reassigned {
    fn text_limit(&self) -> TextLimit {
        self.0.text_limit()
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let to = PhoneNumber::new("+819000000006").unwrap();
        let text = sms.expose_text().to_owned();
        let mut sent = OutgoingSms::new(to, text, sms.reference().clone(), sms.now());
        if let Some(since) = sms.phone_since() {
            sent = sent.with_phone_since(since);
        }
        self.0.send(&sent).await
    }

    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError> {
        self.0.look_up(reference, sent_at).await
    }
}

#[tokio::test]
async fn the_number_history_check_keeps_the_code_from_the_numbers_new_owner() {
    let sim = sim().await;
    let checking = Arc::new(push_sender(&sim).with_number_history());
    assert_eq!(checking.text_limit().max_parts(), 1, "longer texts are not checked");
    let sending = Arc::new(push_sender(&sim));
    assert!(checking.checks_number_history() && !sending.checks_number_history());
    let api = Arc::new(sms_sender(&sim));
    // This number was reassigned; it is checked only by a sender and with a day.
    let mut arrived = 0;
    let cases: [(Arc<dyn SmsSender>, Option<&str>, bool); 4] = [
        (checking.clone(), Some("2020-01-01"), true),
        (checking, None, false),
        (sending, Some("2020-01-01"), false),
        (api, Some("2020-01-01"), false),
    ];
    for (case, (sender, since, is_kept)) in cases.into_iter().enumerate() {
        let world = World::with_sender(config(), Arc::new(Reassigned(sender)));
        world.clock.set(now());
        let mut login = world.login(&format!("f{case}"));
        if let Some(since) = since {
            login.subject = login.subject.with_attribute(Subject::PHONE_SINCE, since);
        }
        let begun = login.begin().await;
        assert!(matches!(begun, Step::Prompt(_)), "{case}: {:?}", world.audit.events());
        login.status().await;
        world.advance(3);
        let shown = login.current().await;
        arrived += usize::from(!is_kept);
        assert_eq!(sim.inbox(None).len(), arrived, "{case}");
        let is_closed = matches!(shown, Some(Step::Unavailable(_)));
        assert_eq!(is_closed, is_kept, "{case}: {shown:?}");
        let again = login.begin().await;
        assert_eq!(matches!(again, Step::Unavailable(_)), is_kept, "{case}: {again:?}");
        assert_eq!(sim.inbox(None).len(), arrived, "{case}: sent again");
    }
    sim.shutdown().await;
}

/// A push sender whose requests are recorded. Each one is accepted.
fn scripted_push(requests: usize) -> (KaradenPushSender, ScriptedTransport) {
    let accepted = r#"{"status":"100","messageId":"m1"}"#;
    let script = ScriptedTransport::new((0..requests).map(|_| Exchange::reply(200, accepted)));
    let account = push::Credentials::new()
        .with_base_url("https://karaden.example/v2/")
        .with_token("demo-push")
        .with_security_code("demo-code");
    let client = push::Client::builder(account).with_transport(script.clone()).build();
    (KaradenPushSender::new(client.unwrap()), script)
}

#[tokio::test]
async fn a_consent_that_a_clock_puts_into_the_future_is_of_today() {
    let (sender, script) = scripted_push(2);
    let sender = sender.with_number_history();
    // The last moment of 2026-11-30 in Japan.
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_796_050_799_990);
    let sms = |since| {
        let reference = Reference::new(ChallengeId::from_bytes([5; 16]), 0);
        let to = PhoneNumber::from_japanese("09012345678").unwrap();
        OutgoingSms::new(to, "code 123456".to_owned(), reference, now).with_phone_since(since)
    };
    for skew in [10, 60_000] {
        let sent = sender.send(&sms(now + Duration::from_millis(skew))).await.unwrap();
        assert!(matches!(sent, SmsOutcome::Accepted(_)), "{sent:?}");
    }
    for request in script.requests() {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(body.contains("PermitDate=20261130"), "{body}");
    }
}

#[tokio::test]
async fn the_carrier_and_the_parts_are_told() {
    let sim = sim().await;
    let expected = [(Some("docomo"), Some(1)), (Some("docomo"), None)];
    for (nth, (sender, expected)) in both(&sim).into_iter().zip(expected).enumerate() {
        let sms = message("09000000011", u8::try_from(nth).unwrap());
        sender.send(&sms).await.unwrap();
        let found = sender.look_up(sms.reference(), sms.now()).await.unwrap();
        let LookUp::Present(report) = found else { panic!("absent") };
        assert_eq!((report.carrier.as_deref(), report.parts), expected);
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn a_message_whose_deadline_has_passed_is_not_sent() {
    let sim = sim().await;
    for sender in both(&sim) {
        let sms = message("09012345678", 0);
        let late = sms.clone().with_deadline(sms.now());
        assert!(sender.send(&late).await.unwrap_err().is_not_sent());
    }
    assert!(sim.inbox(None).is_empty());
    sim.shutdown().await;
}
