//! Plugins that fail, hang, panic or break their contract, and browsers that disconnect.

use std::{sync::Arc, time::Duration};

use mfa_controller::{Failure, LoginStep, StepClass};
use testkit::LogCapture;

use crate::{
    contended::ContendedStore,
    dummy::Next,
    support::{PASSWORD, World, prompted, rejection, session_token},
};

fn failure(step: &LoginStep) -> Failure {
    match step {
        LoginStep::Failed(failure) => *failure,
        other => panic!("did not fail: {other:?}"),
    }
}

#[tokio::test]
async fn a_failing_plugin_opens_no_session_and_the_login_continues() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let log = LogCapture::new();
    let listening = log.start();
    for (next, expected, class) in [
        (Next::Break, Failure::Internal, StepClass::Failed),
        (Next::Outage, Failure::Outage, StepClass::Unavailable),
        (Next::Panic, Failure::Internal, StepClass::Failed),
    ] {
        world.first.next(next);
        let step = world.submit(&token, "plum").await;
        assert_eq!((failure(&step), step.class()), (expected, class));
    }
    drop(listening);
    assert!(log.text().contains("breaking") && log.text().contains("a plugin failed"));
    session_token(world.submit(&token, "plum").await);
}

#[tokio::test(start_paused = true)]
async fn a_plugin_call_ends_at_its_deadline() {
    let world = World::new().await;
    let controller = world.controller.clone().with_plugin_deadline(Duration::from_secs(3));
    let token = world.begun("/").await;
    world.first.next(Next::Hang);
    let began = tokio::time::Instant::now();
    let step = controller.view(&token, &World::client(), world.clock.now()).await;
    assert_eq!(failure(&step), Failure::Outage);
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    prompted(world.view(&token).await);
}

#[tokio::test]
async fn a_plugin_cannot_satisfy_its_factor_in_begin() {
    let world = World::new().await;
    world.first.next(Next::Satisfy);
    let step = world.login(PASSWORD, "/").await;
    assert_eq!(failure(&step), Failure::Internal);
}

#[tokio::test]
async fn a_factor_that_failed_to_begin_begins_with_the_next_request() {
    let world = World::new().await;
    let token = world.begun("/both/").await;
    world.second.next(Next::Outage);
    assert_eq!(failure(&world.submit(&token, "plum").await), Failure::Outage);
    // The first factor's evidence is stored. The second factor begins with the next request.
    prompted(world.view(&token).await);
    assert_eq!(world.second.calls(), ["begin", "begin"]);
    session_token(world.submit(&token, "pear").await);
    assert_eq!(world.first.calls(), ["begin", "submit"]);
}

#[tokio::test]
async fn a_call_continues_after_the_browser_disconnects() {
    let world = Arc::new(World::new().await);
    let token = Arc::new(world.begun("/both/").await);
    // The second factor's `begin` waits, for example while a message is being sent.
    let held = world.second.gate.acquire_many(1_000).await.unwrap();
    let connection = tokio::spawn({
        let (world, token) = (Arc::clone(&world), Arc::clone(&token));
        async move { world.submit(&token, "plum").await }
    });
    world.second.entered.notified().await;
    connection.abort();
    assert!(connection.await.is_err_and(|error| error.is_cancelled()));
    drop(held);
    world.controller.drain().await;
    assert_eq!(world.second.calls(), ["begin"]);
    prompted(world.view(&token).await);
    assert_eq!(world.second.calls(), ["begin", "status"], "begun once and stored");
}

#[tokio::test]
async fn a_reply_that_could_not_be_saved_is_not_reported_as_saved() {
    let store = Arc::new(ContendedStore::new());
    let world = World::with_sessions(store.clone()).await;
    let token = world.begun("/").await;
    store.contend(true);
    assert_eq!(failure(&world.submit(&token, "prune").await), Failure::Outage);
    store.contend(false);
    assert_eq!(prompted(world.view(&token).await).prompt.rejection, None, "nothing was saved");
    session_token(world.submit(&token, "plum").await);
}

#[tokio::test]
async fn a_factor_with_an_unreadable_snapshot_begins_again_unsatisfied() {
    let world = World::new().await;
    let token = world.begun("/").await;
    assert_eq!(rejection(world.submit(&token, "prune").await), "word-wrong");
    // Another version of this program has written the snapshot.
    let (digest, now) = (token.digest(), world.clock.now());
    let (record, _) = world.sessions.load_pending(digest, now).await.unwrap().unwrap();
    let mut json = serde_json::to_value(record).unwrap();
    json["factors"]["first"]["status"] = serde_json::json!({ "satisfied": {} });
    world.sessions.end_pending(digest).await.unwrap();
    world.sessions.open_pending(digest, serde_json::from_value(json).unwrap()).await.unwrap();

    assert!(world.watch(&token).await.is_none(), "a stream begins nothing");
    prompted(world.view(&token).await);
    assert_eq!(world.first.calls(), ["begin", "submit", "begin"]);
    assert_eq!(rejection(world.submit(&token, "prune").await), "word-wrong");
    session_token(world.submit(&token, "plum").await);
}
