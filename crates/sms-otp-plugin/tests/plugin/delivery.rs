//! What becomes of a message while somebody waits for it.

use sms_sender::DeliveryStatus;

use crate::support::{World, notice, prompt, text_keys};

#[tokio::test]
async fn a_reload_asks_the_provider_now_and_then() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    for _ in 0..40 {
        login.status().await;
        world.advance(1);
    }
    // After 3, 8, 18 and 38 seconds.
    assert_eq!(world.sender.looked_up().len(), 4);
    assert_eq!(world.sender.sent().len(), 1);
}

async fn page_after(status: DeliveryStatus) -> (World, mfa_plugin_api::Prompt) {
    let world = World::new();
    let page = {
        let login = world.login("f1");
        prompt(login.begin().await);
        world.sender.set_status(world.sender.sent()[0].reference(), status);
        login.status().await;
        world.advance(3);
        login.status().await.expect("a prompt")
    };
    (world, page)
}

#[tokio::test]
async fn tells_what_became_of_it() {
    for (status, key) in [
        (DeliveryStatus::Pending, None),
        (DeliveryStatus::Delivered, Some("otp-delivered")),
        (DeliveryStatus::OutOfRange, Some("otp-out-of-range")),
        (DeliveryStatus::Failed, Some("otp-not-delivered")),
    ] {
        let (_, page) = page_after(status).await;
        assert_eq!(notice(&page), key, "{status:?}");
    }
}

#[tokio::test]
async fn a_message_that_did_not_arrive_may_be_sent_again_sooner() {
    for (status, seconds) in [
        (DeliveryStatus::Delivered, 60),
        (DeliveryStatus::OutOfRange, 18),
        (DeliveryStatus::Failed, 18),
    ] {
        let (world, page) = page_after(status).await;
        let at = page.actions[0].available_at.expect("a time");
        let since = at.duration_since(world.clock.now()).unwrap().as_secs();
        // Counted from the report, three seconds after the message.
        assert!(since + 3 <= seconds, "{status:?}: {since}");
        assert_eq!(since + 3 == 60, seconds == 60);
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_resolved_by_its_reference() {
    let world = World::new();
    world.sender.lose_next_answer();
    let login = world.login("f1");
    prompt(login.begin().await);
    world.sender.set_status(world.sender.sent()[0].reference(), DeliveryStatus::Delivered);
    login.status().await;
    world.advance(3);
    let page = login.status().await.expect("a prompt");
    assert_eq!(text_keys(&page)[0], "otp-sent");
    assert_eq!(notice(&page), Some("otp-delivered"));
    assert_eq!(world.sender.sent().len(), 1);
}

#[tokio::test]
async fn a_message_that_is_nowhere_after_half_a_minute_did_not_go_out() {
    let world = World::new();
    world.sender.lose_next_request();
    let login = world.login("f1");
    prompt(login.begin().await);
    for _ in 0..30 {
        let page = login.status().await.expect("a prompt");
        assert_eq!((text_keys(&page)[0], notice(&page)), ("otp-sending", None));
        world.advance(1);
    }
    world.advance(10);
    assert_eq!(notice(&login.status().await.expect("a prompt")), Some("otp-not-delivered"));
    world.advance(15);
    assert_eq!(notice(&prompt(login.action("resend").await)), Some("otp-resent"));
    assert_eq!(world.sender.sent().len(), 1, "the first one never arrived");
}
