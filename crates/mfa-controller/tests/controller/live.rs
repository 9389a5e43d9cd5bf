//! An open page waits for news: it neither polls nor misses anything.

use std::{pin::Pin, sync::Arc, time::Duration};

use mfa_controller::{Failure, LivePrompt, Watched};
use tokio::time::{Instant, timeout};

use crate::{
    contended::ContendedStore,
    dummy::Next,
    support::{MINUTE, World, rejection, session_token},
};

/// How long a test waits for what must come at once.
const AT_ONCE: Duration = Duration::from_secs(30);

impl World {
    /// Waits until the page of `live` may show something else, while `meanwhile` happens.
    async fn woken<T>(&self, live: &LivePrompt, meanwhile: Pin<Box<impl Future<Output = T>>>) -> T {
        let changed = timeout(AT_ONCE, live.changed(self.clock.now()));
        let (changed, result) = tokio::join!(biased; changed, meanwhile);
        changed.expect("the page wakes").expect("the plugin waits");
        result
    }
}

#[tokio::test]
async fn an_open_page_reads_nothing_while_nothing_happens() {
    let store = Arc::new(ContendedStore::new());
    let world = World::with_sessions(store.clone()).await;
    let token = world.begun("/").await;
    let before = store.reads();
    let live = world.watch(&token).await.expect("an open prompt");
    assert_eq!(store.reads(), before + 1, "the login is loaded once");
    tokio::time::pause();
    assert!(timeout(9 * MINUTE, live.changed(world.clock.now())).await.is_err());
    assert_eq!(store.reads(), before + 1);
    assert_eq!(world.first.calls(), ["begin", "status", "changed"]);
}

#[tokio::test]
async fn a_wrong_submission_in_another_tab_wakes_the_page() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let live = world.watch(&token).await.expect("an open prompt");
    assert_eq!(live.prompt().rejection, None);
    let step = world.woken(&live, Box::pin(world.submit(&token, "prune"))).await;
    let live = world.watch(&token).await.expect("an open prompt");
    let shown = live.prompt().rejection.as_ref().expect("what the other tab was told");
    assert_eq!(shown.message.key(), rejection(step));
}

#[tokio::test]
async fn a_cancel_in_another_tab_wakes_the_page() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let live = world.watch(&token).await.expect("an open prompt");
    let now = world.clock.now();
    world.woken(&live, Box::pin(world.controller.cancel(&token, now))).await;
    assert!(matches!(world.watched(&token).await, Watched::Moved));
}

#[tokio::test]
async fn an_action_in_another_tab_wakes_the_page() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let live = world.watch(&token).await.expect("an open prompt");
    world.woken(&live, Box::pin(world.action(&token, "nudge"))).await;
    let live = world.watch(&token).await.expect("an open prompt");
    assert_eq!(live.prompt().notice.as_ref().expect("news").message.key(), "word-nudged");
}

#[tokio::test]
async fn a_login_that_completes_in_another_tab_wakes_the_page_and_ends_its_stream() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let live = world.watch(&token).await.expect("an open prompt");
    session_token(world.woken(&live, Box::pin(world.submit(&token, "plum"))).await);
    assert!(matches!(world.watched(&token).await, Watched::Moved));
}

#[tokio::test]
async fn a_wait_ends_with_the_login() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let live = world.watch(&token).await.expect("an open prompt");
    world.clock.advance(9 * MINUTE);
    tokio::time::pause();
    let start = Instant::now();
    live.changed(world.clock.now()).await.expect("the plugin waits");
    // The timer counts whole milliseconds, rounded up.
    assert_eq!(start.elapsed().as_secs(), 60);
    world.clock.advance(MINUTE);
    assert!(matches!(world.watched(&token).await, Watched::Moved));
}

#[tokio::test]
async fn a_plugin_that_cannot_wait_ends_the_stream() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let live = world.watch(&token).await.expect("an open prompt");
    world.first.next(Next::Outage);
    assert_eq!(live.changed(world.clock.now()).await, Err(Failure::Outage));
    world.first.next(Next::Break);
    assert_eq!(live.changed(world.clock.now()).await, Err(Failure::Internal));
}

#[tokio::test]
async fn a_factor_that_is_unavailable_has_nothing_to_wait_for() {
    let world = World::new().await;
    world.first.next(Next::Miss);
    let token = world.begun("/").await;
    assert!(matches!(world.watched(&token).await, Watched::Moved));
}
