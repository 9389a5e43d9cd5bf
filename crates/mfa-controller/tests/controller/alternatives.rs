//! A requirement that is satisfied by one of several factors.

use mfa_controller::{Failure, LoginStep};
use mfa_plugin_api::AuthenticationMethod;

use crate::support::{PASSWORD, World, either, factor, prompted, session_token};

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
