//! A host that redirects after each POST: the GET shows what the POST produced, and counts nothing.

use std::time::Duration;

use mfa_controller::StepClass;
use mfa_plugin_api::{Message, Notice, Rejection, RejectionKind};

use crate::{
    dummy::Dummy,
    support::{World, factor, prompted, rejection, session_token},
};

#[tokio::test]
async fn view_shows_the_rejection_of_the_last_submission() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let submitted = prompted(world.submit(&token, "prune").await);
    for _ in 0..2 {
        let step = world.view(&token).await;
        assert_eq!(step.class(), StepClass::Refused);
        assert_eq!(prompted(step).prompt, submitted.prompt);
    }
    let live = world.watch(&token).await.expect("an open prompt");
    assert_eq!(*live.prompt(), submitted.prompt);
    let calls = ["begin", "submit", "status", "status", "status"];
    assert_eq!(world.first.calls(), calls, "nothing is submitted again");
    session_token(world.submit(&token, "plum").await);
}

#[tokio::test]
async fn the_next_submission_or_action_replaces_the_rejection() {
    let world = World::new().await;
    let token = world.begun("/").await;
    assert_eq!(rejection(world.submit(&token, "prune").await), "word-wrong");
    let malformed = Rejection::new(RejectionKind::Malformed, Message::new("word-empty"));
    world.first.show_next(Dummy::prompt().with_rejection(malformed));
    world.submit(&token, "").await;
    assert_eq!(rejection(world.view(&token).await), "word-empty");
    world.action(&token, "nudge").await;
    let shown = prompted(world.view(&token).await).prompt;
    assert_eq!(shown.rejection, None);
    assert_eq!(shown.notice.expect("a notice").message.key(), "word-nudged");
}

#[tokio::test]
async fn view_shows_the_notice_of_the_last_action() {
    let world = World::new().await;
    let token = world.begun("/").await;
    world.action(&token, "nudge").await;
    for _ in 0..2 {
        let step = world.view(&token).await;
        assert_eq!(step.class(), StepClass::Asked);
        let notice = prompted(step).prompt.notice.expect("a notice");
        assert_eq!(notice.message.key(), "word-nudged");
    }
    assert_eq!(world.first.calls(), ["begin", "action", "status", "status"]);
    world.action(&token, "no such action").await;
    assert_eq!(prompted(world.view(&token).await).prompt.notice, None);
}

#[tokio::test]
async fn a_rejection_that_says_until_when_ends_then() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let retry_at = world.clock.now() + Duration::from_secs(60);
    let too_soon =
        Rejection::new(RejectionKind::TooMany, Message::new("word-wait")).with_retry_at(retry_at);
    world.first.show_next(Dummy::prompt().with_rejection(too_soon));
    world.action(&token, "nudge").await;
    world.clock.advance(Duration::from_millis(59_999));
    let step = world.view(&token).await;
    assert_eq!((step.class(), step.retry_at()), (StepClass::TooMany, Some(retry_at)));
    assert_eq!(rejection(step), "word-wait");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(prompted(world.view(&token).await).prompt, Dummy::prompt());
}

#[tokio::test]
async fn what_the_plugin_shows_now_replaces_what_is_older() {
    let world = World::new().await;
    let token = world.begun("/").await;
    world.submit(&token, "prune").await;
    let expired = Rejection::new(RejectionKind::Expired, Message::new("word-expired"));
    world.first.show_next(Dummy::prompt().with_rejection(expired));
    assert_eq!(rejection(world.view(&token).await), "word-expired");

    world.action(&token, "nudge").await;
    let heard = Notice::new(Message::new("word-heard"));
    world.first.show_next(Dummy::prompt().with_notice(heard.clone()));
    assert_eq!(prompted(world.view(&token).await).prompt.notice, Some(heard));
}

#[tokio::test]
async fn the_rejection_of_one_factor_is_not_shown_for_another() {
    let world = World::new().await;
    let token = world.begun("/both/").await;
    assert_eq!(rejection(world.submit(&token, "prune").await), "word-wrong");
    world.submit(&token, "plum").await;
    let shown = prompted(world.view(&token).await);
    assert_eq!((shown.pending.factor, shown.prompt), (factor("second"), Dummy::prompt()));
}
