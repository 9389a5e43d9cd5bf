//! A requirement that is satisfied by one of several factors.

use std::time::Duration;

use mfa_controller::{Failure, LoginStep, StepClass};
use mfa_plugin_api::AuthenticationMethod;

use crate::{
    dummy::Next,
    support::{
        MINUTE, PASSWORD, World, either, factor, new_token, pending, prompted, session_token,
    },
};

async fn world() -> World {
    World::with_policy(either(&["first", "second"])).await
}

#[tokio::test]
async fn the_preferred_alternative_is_asked_for_and_is_enough() {
    let world = world().await;
    let token = world.begun("/").await;
    assert_eq!(prompted(world.view(&token).await).pending.factor, factor("first"));
    let session = session_token(world.submit(&token, "plum").await);
    let amr = world.session(&session).await.expect("a session").amr();
    let amr: Vec<&str> = amr.iter().map(AuthenticationMethod::as_str).collect();
    assert_eq!(amr, ["pwd", "first"]);
    assert!(world.second.calls().is_empty());
}

#[tokio::test]
async fn an_alternative_without_a_plugin_is_passed_over() {
    let world = World::with_policy(either(&["absent", "second", "first"])).await;
    let token = world.begun("/").await;
    assert_eq!(prompted(world.view(&token).await).pending.factor, factor("second"));
    session_token(world.submit(&token, "pear").await);
    assert!(world.first.calls().is_empty());
}

#[tokio::test]
async fn alternatives_that_no_plugin_provides_let_nobody_in() {
    let world = World::with_policy(either(&["absent", "missing"])).await;
    let step = world.login(PASSWORD, "/").await;
    assert!(matches!(step, LoginStep::Failed(Failure::Internal)), "{step:?}");
}

#[tokio::test]
async fn an_unavailable_factor_falls_back_to_the_next_alternative() {
    let world = world().await;
    world.first.next(Next::Miss);
    let asked = prompted(world.login(PASSWORD, "/").await);
    assert_eq!(asked.pending.factor, factor("second"));
    let token = asked.pending.new_token.expect("a token for the cookie");
    // The login stays there, and the first factor is left alone.
    assert_eq!(prompted(world.view(&token).await).pending.factor, factor("second"));
    prompted(world.action(&token, "retry").await);
    assert_eq!(world.first.calls(), ["begin"]);
    session_token(world.submit(&token, "pear").await);
}

#[tokio::test]
async fn a_factor_that_becomes_unavailable_later_falls_back_too() {
    let world = world().await;
    let token = world.begun("/").await;
    world.first.next(Next::Miss);
    let asked = prompted(world.action(&token, "nudge").await);
    assert_eq!(asked.pending.factor, factor("second"));
    // The page of the first factor is still open in another tab.
    let asked = prompted(world.submit_for(&token, Some(&factor("first")), "plum").await);
    assert_eq!((asked.pending.factor, asked.prompt.rejection), (factor("second"), None));
    session_token(world.submit(&token, "pear").await);
}

#[tokio::test]
async fn when_every_alternative_is_unavailable_a_retry_begins_with_the_preferred_one() {
    let world = world().await;
    world.first.next(Next::Miss);
    world.second.next(Next::Miss);
    let step = world.login(PASSWORD, "/").await;
    assert_eq!(step.class(), StepClass::Unavailable);
    let token = new_token(step);
    // A reload shows the same page and begins nothing.
    let step = world.view(&token).await;
    assert_eq!(step.class(), StepClass::Unavailable);
    assert_eq!(pending(step).factor, factor("second"));
    assert_eq!((world.first.calls(), world.second.calls()), (vec!["begin"], vec!["begin"]));

    world.first.next(Next::Miss);
    let asked = prompted(world.action(&token, "retry").await);
    assert_eq!(asked.pending.factor, factor("second"));
    assert_eq!(world.first.calls(), ["begin", "begin"]);

    world.second.next(Next::Miss);
    assert_eq!(world.action(&token, "nudge").await.class(), StepClass::Unavailable);
    let asked = prompted(world.action(&token, "retry").await);
    assert_eq!(asked.pending.factor, factor("first"));
    session_token(world.submit(&token, "plum").await);
}

#[tokio::test]
async fn a_retry_before_its_time_begins_nothing_and_shows_the_same_page() {
    let world = World::new().await;
    let until = world.clock.now() + MINUTE;
    world.first.next(Next::MissUntil(until));
    let token = new_token(world.login(PASSWORD, "/").await);
    let events = world.audit.records().len();
    world.clock.advance(MINUTE.saturating_sub(Duration::from_millis(1)));
    for _ in 0..5 {
        let step = world.action(&token, "retry").await;
        assert_eq!((step.class(), step.retry_at()), (StepClass::Unavailable, Some(until)));
    }
    assert_eq!((world.first.calls(), world.audit.records().len()), (vec!["begin"], events));
    world.clock.advance(Duration::from_millis(1));
    prompted(world.action(&token, "retry").await);
    session_token(world.submit(&token, "plum").await);
}

#[tokio::test]
async fn a_retry_begins_the_alternatives_whose_wait_is_over_and_no_other() {
    let world = world().await;
    let after = |minutes| world.clock.now() + minutes * MINUTE;
    world.first.next(Next::MissUntil(after(2)));
    world.second.next(Next::MissUntil(after(1)));
    let token = new_token(world.login(PASSWORD, "/").await);
    world.clock.advance(MINUTE);
    world.second.next(Next::MissUntil(after(3)));
    assert_eq!(world.action(&token, "retry").await.class(), StepClass::Unavailable);
    assert_eq!((world.first.calls().len(), world.second.calls().len()), (1, 2));
    world.clock.advance(MINUTE);
    world.first.next(Next::MissUntil(after(9)));
    assert_eq!(world.action(&token, "retry").await.class(), StepClass::Unavailable);
    assert_eq!((world.first.calls().len(), world.second.calls().len()), (2, 2));
}

#[tokio::test]
async fn a_denial_does_not_fall_back() {
    let world = world().await;
    let token = world.begun("/").await;
    world.first.next(Next::Deny(None));
    let step = world.submit(&token, "prune").await;
    assert_eq!(step.class(), StepClass::Denied);
    assert_eq!(pending(step).factor, factor("first"));
    assert!(world.second.calls().is_empty());
}

#[tokio::test]
async fn a_fallback_that_fails_begins_with_the_next_request() {
    let world = world().await;
    let token = world.begun("/").await;
    world.first.next(Next::Miss);
    world.second.next(Next::Outage);
    let step = world.action(&token, "nudge").await;
    assert!(matches!(step, LoginStep::Failed(Failure::Outage)), "{step:?}");
    assert_eq!(prompted(world.view(&token).await).pending.factor, factor("second"));
    session_token(world.submit(&token, "pear").await);
}
