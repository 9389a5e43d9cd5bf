//! A login with one factor: from the password to the session, with reloads, tabs and mistakes.

use std::{sync::Arc, time::Duration};

use auth_module::PendingToken;
use mfa_controller::{
    Controller, InvalidPlugins, LoginStep, RejectedReason, RestartReason, StepClass,
};
use mfa_plugin_api::{AuthenticationMethod, FactorId};
use testkit::SeededRandomness;

use crate::{
    dummy::Dummy,
    support::{
        PASSWORD, World, destination, factor, new_token, pending, prompted, rejection,
        session_token,
    },
};

#[tokio::test]
async fn a_right_password_and_submission_open_a_session() {
    let world = World::new().await;
    let step = world.login(PASSWORD, "/x?y=1").await;
    assert_eq!(step.class(), StepClass::Asked);
    let asked = prompted(step);
    assert_eq!(asked.prompt.title.key(), "word-title");
    assert_eq!(asked.pending.factor, factor("first"));
    assert_eq!(asked.pending.expires_at, world.clock.now() + Duration::from_secs(600));
    assert!(asked.has_live_status);
    let token = asked.pending.new_token.expect("a token for the cookie");

    let step = world.submit(&token, "plum").await;
    assert_eq!(step.class(), StepClass::Finished);
    let LoginStep::Finished(finished) = step else { panic!("not finished") };
    assert_eq!(finished.destination, destination("/x?y=1"));
    let session = world.session(&finished.session_token).await.expect("a session");
    let amr = session.amr();
    let amr: Vec<&str> = amr.iter().map(AuthenticationMethod::as_str).collect();
    assert_eq!(amr, ["pwd", "first"]);
    assert_eq!(world.first.calls(), ["begin", "submit"]);
    assert!(world.second.calls().is_empty(), "the second factor was not asked for");
}

#[tokio::test]
async fn a_wrong_password_opens_nothing_and_calls_no_plugin() {
    let world = World::new().await;
    let step = world.login("wrong", "/").await;
    assert!(matches!(step, LoginStep::Rejected(RejectedReason::Credentials)));
    assert_eq!(step.class(), StepClass::Refused);
    assert!(world.first.calls().is_empty());
}

#[tokio::test]
async fn a_password_that_has_to_be_changed_opens_nothing_and_is_told_to_its_owner_only() {
    let world = World::new().await;
    world.passwords.outdate();
    let step = world.login(PASSWORD, "/").await;
    assert!(matches!(step, LoginStep::Rejected(RejectedReason::MustChange)), "{step:?}");
    assert_eq!((step.class(), step.retry_at()), (StepClass::Denied, None));
    let step = world.login("wrong", "/").await;
    assert!(matches!(step, LoginStep::Rejected(RejectedReason::Credentials)), "{step:?}");
    assert!(world.first.calls().is_empty());
}

#[tokio::test]
async fn too_many_wrong_passwords_return_when_the_throttle_ends() {
    let world = World::new().await;
    let step = loop {
        let step = world.login("wrong", "/").await;
        if !matches!(step, LoginStep::Rejected(RejectedReason::Credentials)) {
            break step;
        }
    };
    let LoginStep::Rejected(RejectedReason::Throttled { until }) = step else { panic!("{step:?}") };
    assert_eq!((step.class(), step.retry_at()), (StepClass::TooMany, Some(until)));
    assert!(until > world.clock.now());
}

#[tokio::test]
async fn a_wrong_answer_leaves_the_login_where_it_was() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let step = world.submit(&token, "prune").await;
    assert_eq!(step.class(), StepClass::Refused);
    let asked = prompted(step);
    assert_eq!(asked.prompt.rejection.expect("a rejection").message.key(), "word-wrong");
    assert!(asked.pending.new_token.is_none(), "the browser keeps its cookie");
    session_token(world.submit(&token, "plum").await);
}

#[tokio::test]
async fn view_returns_the_same_page_and_begins_nothing() {
    let world = World::new().await;
    let token = world.begun("/").await;
    for _ in 0..3 {
        assert!(prompted(world.view(&token).await).pending.new_token.is_none());
    }
    assert_eq!(world.first.calls(), ["begin", "status", "status", "status"]);
}

#[tokio::test]
async fn an_action_is_passed_to_the_plugin() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let nudged = prompted(world.action(&token, "nudge").await);
    assert_eq!(nudged.prompt.notice.expect("a notice").message.key(), "word-nudged");
    prompted(world.action(&token, "no such action").await);
}

#[tokio::test]
async fn retry_of_an_open_prompt_returns_the_prompt() {
    let world = World::new().await;
    let token = world.begun("/").await;
    prompted(world.action(&token, "retry").await);
    assert_eq!(world.first.calls(), ["begin", "status"]);
}

#[tokio::test]
async fn a_finished_login_has_ended_in_every_tab() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let session = session_token(world.submit(&token, "plum").await);
    for step in [
        world.submit(&token, "plum").await,
        world.view(&token).await,
        world.action(&token, "nudge").await,
        world.action(&token, "retry").await,
    ] {
        assert!(matches!(step, LoginStep::Restart(RestartReason::Ended)), "{step:?}");
        assert_eq!(step.class(), StepClass::Restart);
    }
    assert!(world.session(&session).await.is_some(), "the session is untouched");
}

#[tokio::test]
async fn an_unknown_token_restarts_the_login() {
    let world = World::new().await;
    world.begun("/").await;
    let stranger = PendingToken::from_bytes([7; 32]);
    for step in [world.submit(&stranger, "plum").await, world.view(&stranger).await] {
        assert!(matches!(step, LoginStep::Restart(RestartReason::Ended)));
    }
    assert_eq!(world.first.calls(), ["begin"]);
}

#[tokio::test]
async fn a_pending_login_ends_at_its_expiry_and_by_cancel() {
    let world = World::new().await;
    let token = world.begun("/").await;
    world.clock.advance(Duration::from_secs(600) - Duration::from_millis(1));
    prompted(world.view(&token).await);
    world.clock.advance(Duration::from_millis(1));
    assert!(matches!(world.submit(&token, "plum").await, LoginStep::Restart(RestartReason::Ended)));

    let token = world.begun("/").await;
    for _ in 0..2 {
        let step = world.controller.cancel(&token, world.clock.now()).await;
        assert!(matches!(step, LoginStep::Restart(RestartReason::Cancelled)));
    }
    assert!(matches!(world.submit(&token, "plum").await, LoginStep::Restart(RestartReason::Ended)));
}

#[tokio::test]
async fn two_logins_of_one_user_are_independent() {
    let world = World::new().await;
    let (one, two) = (world.begun("/one").await, world.begun("/two").await);
    assert_eq!(rejection(world.submit(&one, "prune").await), "word-wrong");
    let first = session_token(world.submit(&two, "plum").await);
    let second = session_token(world.submit(&one, "plum").await);
    assert_ne!(first.digest(), second.digest());
}

#[tokio::test]
async fn an_unavailable_factor_stays_unavailable_until_retry() {
    let world = World::new().await;
    world.first.next(crate::dummy::Next::Miss);
    let step = world.login(PASSWORD, "/").await;
    assert_eq!(step.class(), StepClass::Unavailable);
    let token = new_token(step);
    // Neither a reload nor an unknown action calls the plugin.
    for step in [world.view(&token).await, world.action(&token, "nudge").await] {
        let LoginStep::Unavailable(step) = step else { panic!("{step:?}") };
        assert_eq!(step.message.key(), "word-missing");
    }
    assert_eq!(world.first.calls(), ["begin"]);
    prompted(world.action(&token, "retry").await);
    session_token(world.submit(&token, "plum").await);
}

#[tokio::test]
async fn a_denial_lasts_until_its_end() {
    let world = World::new().await;
    let until = world.clock.now() + Duration::from_secs(60);
    let token = world.begun("/").await;
    world.first.next(crate::dummy::Next::Deny(Some(until)));
    let step = world.submit(&token, "prune").await;
    assert_eq!((step.class(), step.retry_at()), (StepClass::Denied, Some(until)));
    world.clock.advance(Duration::from_millis(59_999));
    for step in [world.view(&token).await, world.action(&token, "retry").await] {
        assert!(matches!(step, LoginStep::Denied(_)), "{step:?}");
    }
    world.clock.advance(Duration::from_millis(1));
    assert!(matches!(world.view(&token).await, LoginStep::Denied(_)), "a reload begins nothing");
    prompted(world.action(&token, "retry").await);

    world.first.next(crate::dummy::Next::Deny(None));
    pending(world.submit(&token, "prune").await);
    world.clock.advance(Duration::from_secs(300));
    assert!(matches!(world.action(&token, "retry").await, LoginStep::Denied(_)));
}

#[tokio::test]
async fn new_refuses_duplicate_factors_and_the_password() {
    let world = World::new().await;
    let build = |names: &[&'static str]| {
        let plugins = names.iter().map(|name| Dummy::new(name, "x") as _).collect();
        let randomness = Arc::new(SeededRandomness::new(1));
        Controller::new(Arc::clone(&world.auth), plugins, randomness).map(|_| ())
    };
    assert_eq!(build(&["a", "b"]), Ok(()));
    assert_eq!(build(&["a", "a"]), Err(InvalidPlugins::Duplicate(factor("a"))));
    assert_eq!(build(&["password"]), Err(InvalidPlugins::Password));
    let names: Vec<&FactorId> = world.controller.factors().collect();
    assert_eq!(names, [&factor("first"), &factor("second")]);
}
