//! Delivery reports that come early, twice, late, out of order, or about nothing.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use mfa_plugin_api::{PluginError, Services, Step};
use otp_cache::{
    ChallengeStore, DeliveryNotes,
    conformance::{Fault, Faulty},
    memory::MemoryStore,
};
use sms_otp_plugin::Reported;
use sms_sender::{
    DeliveryStatus::{self, Delivered, Failed, OutOfRange, Pending},
    LookUp, LookUpError, OutgoingSms, RecordingSender, Reference, SmsError, SmsOutcome, SmsSender,
    TextLimit,
};
use tokio::sync::Notify;

use crate::support::{World, config, notice, prompt};

impl World {
    async fn try_report(
        &self,
        reference: &str,
        status: DeliveryStatus,
    ) -> Result<Reported, PluginError> {
        self.plugin.report(&self.services, reference, status, self.clock.now()).await
    }

    async fn report(&self, reference: &str, status: DeliveryStatus) -> Reported {
        self.try_report(reference, status).await.expect("the stores work")
    }

    /// The reference of the message sent as number `index`.
    fn reference(&self, index: usize) -> String {
        self.sender.sent()[index].reference().as_str().to_owned()
    }
}

#[tokio::test]
async fn a_report_is_recorded_and_shown() {
    for (status, key) in [
        (Delivered, "otp-delivered"),
        (OutOfRange, "otp-out-of-range"),
        (Failed, "otp-not-delivered"),
    ] {
        let world = World::new();
        let login = world.login("f1");
        prompt(login.begin().await);
        assert_eq!(world.report(&world.reference(0), status).await, Reported::Recorded);
        let page = login.status().await.expect("a prompt");
        assert_eq!(notice(&page), Some(key));
        assert!(world.sender.looked_up().is_empty());
    }
}

#[tokio::test]
async fn a_report_that_says_nothing_yet_changes_nothing() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    assert_eq!(world.report(&world.reference(0), Pending).await, Reported::NothingNew);
    assert_eq!(notice(&login.status().await.expect("a prompt")), None);
}

#[tokio::test]
async fn the_second_report_of_the_same_says_nothing_new() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    let reference = world.reference(0);
    assert_eq!(world.report(&reference, OutOfRange).await, Reported::Recorded);
    assert_eq!(world.report(&reference, OutOfRange).await, Reported::NothingNew);
    assert_eq!(world.report(&reference, Delivered).await, Reported::Recorded);
    assert_eq!(world.report(&reference, Delivered).await, Reported::NothingNew);
    world.report(&reference, Failed).await;
    let page = login.status().await.expect("a prompt");
    assert_eq!(notice(&page), Some("otp-delivered"), "a delivery is final");
}

#[tokio::test]
async fn a_report_about_a_foreign_reference_finds_nothing() {
    let world = World::new();
    prompt(world.login("f1").begin().await);
    let long = "9".repeat(100_000);
    for foreign in ["", "no such reference", "00000000000000000000000000", &long] {
        assert_eq!(world.report(foreign, Delivered).await, Reported::Unknown);
    }
}

#[tokio::test]
async fn a_late_report_finds_nothing() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    let reference = world.reference(0);
    world.advance(299);
    assert_eq!(world.report(&reference, OutOfRange).await, Reported::Recorded);
    world.advance(1);
    assert_eq!(world.report(&reference, Delivered).await, Reported::Unknown);
}

#[tokio::test]
async fn a_report_after_the_login_says_nothing_new() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
    assert_eq!(world.report(&world.reference(0), Delivered).await, Reported::NothingNew);
}

#[tokio::test]
async fn a_failure_of_an_earlier_message_does_not_speak_for_the_later_one() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    world.advance(60);
    prompt(login.action("resend").await);
    let [first, second] = [world.reference(0), world.reference(1)];
    assert_ne!(first, second);
    assert_eq!(world.report(&first, Failed).await, Reported::NothingNew);
    assert_eq!(world.report(&first, OutOfRange).await, Reported::NothingNew);
    assert_eq!(world.report(&second, OutOfRange).await, Reported::Recorded);
    // Both carry the same code, so the earlier one helps as well.
    assert_eq!(world.report(&first, Delivered).await, Reported::Recorded);
    assert_eq!(notice(&login.status().await.expect("a prompt")), Some("otp-delivered"));
}

/// Holds each message until the test lets it go.
#[derive(Debug, Default)]
struct SlowSender {
    sender: RecordingSender,
    entered: Notify,
    gate: Notify,
}

#[async_trait]
impl SmsSender for SlowSender {
    fn text_limit(&self) -> TextLimit {
        self.sender.text_limit()
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let outcome = self.sender.send(sms).await;
        self.entered.notify_one();
        self.gate.notified().await;
        outcome
    }

    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError> {
        self.sender.look_up(reference, sent_at).await
    }
}

#[tokio::test]
async fn a_report_that_overtakes_the_reply_of_the_provider_is_recorded() {
    let slow = Arc::new(SlowSender::default());
    let world = World { sender: slow.sender.clone(), ..World::with_sender(config(), slow.clone()) };
    let login = world.login("f1");
    let (step, reported) = tokio::join!(login.begin(), async {
        slow.entered.notified().await;
        let reported = world.report(&world.reference(0), Delivered).await;
        slow.gate.notify_one();
        reported
    });
    prompt(step);
    assert_eq!(reported, Reported::Recorded);
    assert_eq!(notice(&login.status().await.expect("a prompt")), Some("otp-delivered"));
}

#[tokio::test]
async fn without_notes_a_code_is_sent_and_a_report_is_an_error() {
    let mut world = World::new();
    let store: Arc<dyn ChallengeStore> = world.services.find().cloned().expect("a store");
    let quota: Arc<dyn otp_cache::Quota> = world.services.find().cloned().expect("quotas");
    world.services = Services::new().with(store).with(quota);
    let login = world.login("f1");
    prompt(login.begin().await);
    let error = world.try_report(&world.reference(0), Delivered).await.expect_err("no notes");
    assert!(matches!(error, PluginError::MissingService("delivery notes")), "{error:?}");
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn a_failed_store_of_notes_costs_the_report_and_not_the_message() {
    let mut world = World::new();
    let notes = Arc::new(Faulty::new(MemoryStore::new()));
    world.services =
        std::mem::take(&mut world.services).with::<Arc<dyn DeliveryNotes>>(notes.clone());
    notes.fail(Fault::NotDone);
    let login = world.login("f1");
    prompt(login.begin().await);
    let reference = world.reference(0);
    let error = world.try_report(&reference, Delivered).await.expect_err("an outage");
    assert!(matches!(error, PluginError::Outage { .. }), "{error:?}");
    notes.heal();
    assert_eq!(world.report(&reference, Delivered).await, Reported::Unknown);
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}
