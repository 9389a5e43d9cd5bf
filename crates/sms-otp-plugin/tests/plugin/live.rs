//! An open page: it waits for news and does not poll.

use std::{sync::Arc, time::Duration};

use mfa_plugin_api::{Prompt, Services};
use otp_cache::{ChallengeStore, LocalNotifier, Notifier};
use sms_otp_plugin::{Reported, SmsOtpPlugin};
use sms_sender::DeliveryStatus;
use tokio::time::{Instant, timeout};

use crate::{
    counting::CountingStore,
    support::{Login, World, config, keys, notice, prompt},
};

const SECOND: Duration = Duration::from_secs(1);

/// Begins the login and returns what its page shows.
async fn opened(login: &Login<'_>) -> Prompt {
    prompt(login.begin().await);
    login.status().await.expect("a prompt")
}

/// Reports on the last message.
async fn report(world: &World, plugin: &SmsOtpPlugin, status: DeliveryStatus) -> Reported {
    let sent = world.sender.sent();
    let reference = sent.last().expect("a message").reference().as_str().to_owned();
    let reported = plugin.report(&world.services, &reference, status, world.clock.now()).await;
    reported.expect("the stores work")
}

#[tokio::test(start_paused = true)]
async fn an_open_page_reads_the_store_once_while_nothing_happens() {
    let mut world = World::new();
    let store = Arc::new(CountingStore::default());
    world.services =
        std::mem::take(&mut world.services).with::<Arc<dyn ChallengeStore>>(store.clone());
    let login = world.login("f1");
    let shown = opened(&login).await;
    let before = store.calls();
    let waited = timeout(120 * SECOND, login.changed(&shown)).await;
    assert!(waited.is_err(), "nothing happened, and the code has not expired");
    assert_eq!(store.calls(), before + 1, "when the wait began, and not again");
    // After 3, 8, 18, 38, 78 and 118 seconds.
    assert_eq!(world.sender.looked_up().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_report_wakes_the_page_at_once() {
    let world = World::new();
    let login = world.login("f1");
    let shown = opened(&login).await;
    let start = Instant::now();
    let (reported, ()) = tokio::join!(
        biased;
        async {
            // The page waits by now: it was not asked before this side gave way.
            tokio::task::yield_now().await;
            report(&world, &world.plugin, DeliveryStatus::Delivered).await
        },
        login.changed(&shown),
    );
    assert_eq!((reported, start.elapsed()), (Reported::Recorded, Duration::ZERO));
    assert_eq!(notice(&login.status().await.expect("a prompt")), Some("otp-delivered"));
    assert!(world.sender.looked_up().is_empty(), "nobody asked the provider");
}

/// Two nodes with the same stores, whose notifier connects them.
#[tokio::test(start_paused = true)]
async fn a_report_to_one_node_wakes_the_page_at_another() {
    let world = World::new();
    let node = SmsOtpPlugin::new(config(), keys(), Arc::new(world.sender.clone())).unwrap();
    let login = world.login("f1");
    let shown = opened(&login).await;
    let start = Instant::now();
    let (reported, ()) = tokio::join!(
        biased;
        async {
            tokio::task::yield_now().await;
            report(&world, &node, DeliveryStatus::OutOfRange).await
        },
        login.changed(&shown),
    );
    assert_eq!((reported, start.elapsed()), (Reported::Recorded, Duration::ZERO));
    assert_eq!(notice(&login.status().await.expect("a prompt")), Some("otp-out-of-range"));
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_brings_news_wakes_every_page_of_the_login() {
    let world = World::new();
    let login = world.login("f1");
    let shown = opened(&login).await;
    world.sender.set_status(world.sender.sent()[0].reference(), DeliveryStatus::Delivered);
    let start = Instant::now();
    tokio::join!(login.changed(&shown), login.changed(&shown));
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert_eq!(world.sender.looked_up().len(), 1, "one page asked for both");
    assert_eq!(notice(&login.status().await.expect("a prompt")), Some("otp-delivered"));
}

#[tokio::test(start_paused = true)]
async fn a_page_wakes_when_its_code_expires() {
    let world = World::new();
    let login = world.login("f1");
    let shown = opened(&login).await;
    let start = Instant::now();
    login.changed(&shown).await;
    assert_eq!(start.elapsed(), 300 * SECOND);
    world.advance(300);
    let expired = login.status().await.expect("a prompt");
    assert_ne!(expired, shown);
    // There is nothing more to wait for than an action in another tab.
    login.changed(&expired).await;
    assert_eq!(start.elapsed(), 900 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_out_of_date_does_not_wait() {
    let world = World::new();
    let login = world.login("f1");
    let shown = opened(&login).await;
    report(&world, &world.plugin, DeliveryStatus::Delivered).await;
    let start = Instant::now();
    login.changed(&shown).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn news_of_another_user_wakes_no_page() {
    let world = World::new();
    let login = world.login("f1");
    let shown = opened(&login).await;
    prompt(world.login_of("bob", Some("08011112222"), "f2").begin().await);
    let waited = timeout(2 * SECOND, async {
        tokio::join!(
            login.changed(&shown),
            report(&world, &world.plugin, DeliveryStatus::Delivered),
        )
    });
    assert!(waited.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn without_a_notifier_or_room_for_a_subscription_look_ups_still_bring_news() {
    let full: Arc<dyn Notifier> = Arc::new(LocalNotifier::with_capacity(0));
    for notifier in [None, Some(full)] {
        let mut world = World::new();
        let store: Arc<dyn ChallengeStore> = world.services.find().cloned().expect("a store");
        let quota: Arc<dyn otp_cache::Quota> = world.services.find().cloned().expect("quotas");
        world.services = Services::new().with(store).with(quota);
        if let Some(notifier) = notifier {
            world.services = std::mem::take(&mut world.services).with(notifier);
        }
        let login = world.login("f1");
        let shown = opened(&login).await;
        world.sender.set_status(world.sender.sent()[0].reference(), DeliveryStatus::Delivered);
        let start = Instant::now();
        login.changed(&shown).await;
        assert_eq!(start.elapsed(), 3 * SECOND);
        assert_eq!(notice(&login.status().await.expect("a prompt")), Some("otp-delivered"));
    }
}
