//! Both Karaden senders against the simulator, over real HTTP.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use karaden_client::{Options, RetryPolicy, push, sms};
use karaden_sim::{Fault, FaultMode, Running, Sim, SimConfig};
use mfa_plugin_api::Step;
use otp_core::{ChallengeId, PhoneNumber};
use sms_otp_plugin::{
    DeliveryStatus, KaradenPushSender, KaradenSmsSender, LookUp, OutgoingSms, Reference,
    RefusedReason, SendOutcome, SmsSender,
};

use crate::support::{World, config, prompt};

fn options() -> Options {
    Options::default().with_total_timeout(Duration::from_secs(2)).with_retry(RetryPolicy::once())
}

async fn sim() -> Running {
    Sim::start(SimConfig::default()).await.unwrap()
}

fn sms_sender(sim: &Running) -> KaradenSmsSender {
    let service = sms::ServiceId::new(1).unwrap();
    let client =
        sms::Client::builder("159bfd33-b9b7-f424-4755-c119b324591d", "demo-token", service)
            .with_base_url(format!("{}/api", sim.url()))
            .with_options(options())
            .build();
    KaradenSmsSender::new(client.unwrap())
}

fn push_sender(sim: &Running) -> KaradenPushSender {
    let client = push::Client::builder(format!("{}/v2/", sim.url()), "demo-push", "demo-code")
        .with_options(options())
        .build();
    KaradenPushSender::new(client.unwrap())
}

fn both(sim: &Running) -> [Arc<dyn SmsSender>; 2] {
    [Arc::new(sms_sender(sim)), Arc::new(push_sender(sim))]
}

#[expect(clippy::disallowed_methods, reason = "the simulator's clock is the machine's here")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn message(to: &str, nth: u8) -> OutgoingSms {
    let reference = Reference::new(ChallengeId::from_bytes([5; 16]), nth);
    let to = PhoneNumber::from_japanese(to).unwrap();
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
        let SendOutcome::Accepted(accepted) = sender.send(&sms).await.unwrap() else {
            panic!("not accepted")
        };
        assert!(accepted.id.is_some());
        let inbox = sim.inbox(Some("09012345678"));
        assert_eq!(inbox.len(), nth + 1);
        assert!(inbox.iter().any(|m| m.tags == [sms.reference().as_str()]));
        assert!(inbox.iter().all(|m| m.body == sms.expose_text()));
        let found = sender.look_up(sms.reference(), at).await.unwrap();
        assert_eq!(found, LookUp::Present(DeliveryStatus::Delivered));
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn what_the_carrier_says_is_told() {
    let sim = sim().await;
    for (nth, sender) in both(&sim).into_iter().enumerate() {
        let nth = u8::try_from(nth).unwrap() * 8;
        for (n, number, expected) in [
            (0, "09000000002", DeliveryStatus::OutOfRange),
            (1, "09000000003", DeliveryStatus::Failed),
            (2, "09000000004", DeliveryStatus::Unknown),
            (3, "09000000005", DeliveryStatus::Pending),
            (4, "09000000007", DeliveryStatus::Failed),
        ] {
            let sms = message(number, nth + n);
            sender.send(&sms).await.unwrap();
            let found = sender.look_up(sms.reference(), sms.now()).await.unwrap();
            assert_eq!(found, LookUp::Present(expected), "{number}");
        }
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn a_refused_number_is_about_the_number() {
    let sim = sim().await;
    for sender in both(&sim) {
        let outcome = sender.send(&message("09000000010", 0)).await.unwrap();
        assert_eq!(outcome, SendOutcome::Refused(RefusedReason::Number));
    }
    assert!(sim.inbox(None).is_empty());
    sim.shutdown().await;
}

#[tokio::test]
async fn wrong_credentials_are_about_the_account() {
    let sim = sim().await;
    let client = push::Client::builder(format!("{}/v2/", sim.url()), "wrong", "demo-code")
        .with_options(options())
        .build();
    let push = KaradenPushSender::new(client.unwrap());
    let service = sms::ServiceId::new(1).unwrap();
    let client = sms::Client::builder("159bfd33-b9b7-f424-4755-c119b324591d", "wrong", service)
        .with_base_url(format!("{}/api", sim.url()))
        .with_options(options())
        .build();
    let sms = KaradenSmsSender::new(client.unwrap());
    for sender in [Arc::new(push) as Arc<dyn SmsSender>, Arc::new(sms)] {
        let outcome = sender.send(&message("09012345678", 0)).await.unwrap();
        assert_eq!(outcome, SendOutcome::Refused(RefusedReason::Account));
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
        assert!(error.is_not_sent());
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
