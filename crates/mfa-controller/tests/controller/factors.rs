//! Several factors, and raising a session.

use std::time::Duration;

use auth_module::Disabled;
use mfa_controller::{Failure, LoginStep, RestartReason, StepClass};
use mfa_plugin_api::AuthenticationMethod;

use crate::support::{
    PASSWORD, World, destination, factor, new_token, pending, prompted, rejection, session_token,
};

#[tokio::test]
async fn a_second_factor_follows_the_first() {
    let world = World::new().await;
    let token = world.begun("/both/x").await;
    let step = world.submit(&token, "plum").await;
    assert_eq!(prompted(step).pending.factor, factor("second"));
    assert_eq!(prompted(world.view(&token).await).pending.factor, factor("second"));
    assert_eq!(rejection(world.submit(&token, "plum").await), "word-wrong");
    let session = session_token(world.submit(&token, "pear").await);
    let amr = world.session(&session).await.expect("a session").amr();
    let amr: Vec<&str> = amr.iter().map(AuthenticationMethod::as_str).collect();
    assert_eq!(amr, ["pwd", "first", "second"]);
}

#[tokio::test]
async fn a_submission_to_a_completed_factor_is_not_passed_to_the_next() {
    let world = World::new().await;
    let token = world.begun("/both/").await;
    pending(world.submit_for(&token, Some(&factor("first")), "plum").await);
    // The second tab still shows the first factor's page.
    let step = world.submit_for(&token, Some(&factor("first")), "plum").await;
    let asked = prompted(step);
    assert_eq!((asked.pending.factor, asked.prompt.rejection), (factor("second"), None));
    assert_eq!(world.second.calls(), ["begin", "status"]);
}

#[tokio::test]
async fn a_factor_cannot_be_skipped() {
    let world = World::new().await;
    let token = world.begun("/both/").await;
    let step = world.submit_for(&token, Some(&factor("second")), "pear").await;
    assert_eq!(prompted(step).pending.factor, factor("first"));
    assert!(world.second.calls().is_empty());
}

#[tokio::test]
async fn a_factor_without_a_plugin_fails_the_login() {
    let world = World::new().await;
    let token = world.begun("/absent/").await;
    let step = world.submit(&token, "plum").await;
    assert!(matches!(step, LoginStep::Failed(Failure::Internal)), "{step:?}");
    assert_eq!(step.class(), StepClass::Failed);
    assert!(matches!(world.view(&token).await, LoginStep::Failed(Failure::Internal)));
}

#[tokio::test]
async fn step_up_asks_for_missing_factors_and_replaces_the_session() {
    let world = World::new().await;
    let low = world.logged_in().await;
    let session = world.session(&low).await.expect("a session");
    let now = world.clock.now();
    let to = destination("/both/x");
    let step = world.controller.step_up(&session, &World::client(), to, now).await;
    assert_eq!(prompted_factor(&step), "second");
    let token = new_token(step);
    assert!(world.session(&low).await.is_some(), "the old session stays open");
    let high = session_token(world.submit(&token, "pear").await);
    assert!(world.session(&low).await.is_none());
    assert!(world.session(&high).await.is_some());
    assert_eq!(world.first.calls(), ["begin", "submit"], "the first factor is not asked again");
}

#[tokio::test]
async fn step_up_asks_again_for_old_evidence() {
    let world = World::new().await;
    let old = world.logged_in().await;
    world.clock.advance(Duration::from_secs(10 * 60));
    let session = world.session(&old).await.expect("a session");
    let to = || destination("/fresh/");
    let now = world.clock.now();
    // Evidence of exactly the allowed age is still fresh.
    let step = world.controller.step_up(&session, &World::client(), to(), now).await;
    let old = session_token(step);
    world.clock.advance(Duration::from_millis(1));
    let session = world.session(&old).await.expect("a session");
    let now = world.clock.now();
    let step = world.controller.step_up(&session, &World::client(), to(), now).await;
    assert_eq!(prompted_factor(&step), "first");
    session_token(world.submit(&new_token(step), "plum").await);
}

#[tokio::test]
async fn step_up_for_a_fresh_password_restarts_at_the_login_page() {
    let world = World::new().await;
    let token = world.logged_in().await;
    world.clock.advance(Duration::from_secs(11 * 60));
    let session = world.session(&token).await.expect("a session");
    let to = destination("/password/");
    let now = world.clock.now();
    let step = world.controller.step_up(&session, &World::client(), to, now).await;
    assert!(matches!(step, LoginStep::Restart(RestartReason::PasswordNeeded)), "{step:?}");
    // From there on it is a login like any other.
    let token = new_token(world.login(PASSWORD, "/password/").await);
    session_token(world.submit(&token, "plum").await);
}

#[tokio::test]
async fn step_up_of_a_session_that_was_logged_out_ends() {
    let world = World::new().await;
    let low = world.logged_in().await;
    let session = world.session(&low).await.expect("a session");
    let now = world.clock.now();
    let to = destination("/both/");
    let token = new_token(world.controller.step_up(&session, &World::client(), to, now).await);
    world.auth.logout(&low, &World::client(), now).await.unwrap();
    let step = world.submit(&token, "pear").await;
    assert!(matches!(step, LoginStep::Restart(RestartReason::Ended)), "{step:?}");
}

#[tokio::test]
async fn step_up_of_a_disabled_user_ends() {
    let world = World::new().await;
    let token = world.logged_in().await;
    let session = world.session(&token).await.expect("a session");
    let (name, now) = (session.user().login_name.clone(), world.clock.now());
    world.auth.set_disabled(&name, Disabled::Yes, "test", now).await.unwrap();
    let to = destination("/both/");
    let step = world.controller.step_up(&session, &World::client(), to, now).await;
    assert!(matches!(step, LoginStep::Restart(RestartReason::Ended)), "{step:?}");
    assert_eq!(world.second.calls(), [""; 0], "no factor begins");
}

#[track_caller]
fn prompted_factor(step: &LoginStep) -> String {
    match step {
        LoginStep::Prompt(step) => step.pending.factor.to_string(),
        other => panic!("not a prompt: {other:?}"),
    }
}
