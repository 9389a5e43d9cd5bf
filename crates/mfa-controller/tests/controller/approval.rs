//! A factor that the user satisfies elsewhere, as with an approval on a phone: `status` reports it.

use std::sync::Arc;

use mfa_controller::{LoginStep, RestartReason, Watched};
use mfa_plugin_api::PluginState;

use crate::{
    dummy::{Dummy, Next},
    support::{World, either, prompted, session_token},
};

/// How often the audit trail says that a factor was satisfied.
fn satisfied(world: &World) -> usize {
    let records = world.audit.records();
    let shown = records.iter().map(|record| format!("{record:?}"));
    shown.filter(|record| record.contains("factor.satisfied") && record.contains("first")).count()
}

#[tokio::test]
async fn a_reload_completes_an_approved_login() {
    let world = World::new().await;
    let token = world.begun("/").await;
    prompted(world.view(&token).await);
    world.first.approve();
    let session = session_token(world.view(&token).await);
    assert!(world.session(&session).await.is_some());
    assert_eq!(satisfied(&world), 1);
    let again = world.view(&token).await;
    assert!(matches!(again, LoginStep::Restart(RestartReason::Ended)), "{again:?}");
}

#[tokio::test]
async fn an_approval_leads_to_the_next_factor() {
    let world = World::new().await;
    let token = world.begun("/both/").await;
    world.first.approve();
    assert_eq!(prompted(world.view(&token).await).pending.factor.as_str(), "second");
    session_token(world.submit(&token, "pear").await);
}

#[tokio::test]
async fn a_stream_records_an_approval_and_the_reload_opens_the_session() {
    let world = World::new().await;
    let token = world.begun("/").await;
    assert!(world.watch(&token).await.is_some());
    world.first.approve();
    assert!(matches!(world.watched(&token).await, Watched::Moved));
    assert_eq!(satisfied(&world), 1);
    // The stream wakes again, or another one does, before the page has loaded itself again.
    assert!(matches!(world.watched(&token).await, Watched::Moved));
    session_token(world.view(&token).await);
    assert_eq!(satisfied(&world), 1);
}

#[tokio::test]
async fn a_stream_that_closes_while_it_records_an_approval_loses_nothing() {
    let world = World::new().await;
    let token = world.begun("/").await;
    world.first.approve();
    // Polled once and dropped, as when the browser closes the page.
    tokio::select! {
        biased;
        _ = world.watched(&token) => panic!("the plugin waits for its store"),
        () = std::future::ready(()) => {}
    }
    world.controller.drain().await;
    session_token(world.view(&token).await);
    assert_eq!(satisfied(&world), 1);
}

#[tokio::test]
async fn an_approval_wakes_the_pages_of_other_tabs() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let open = world.watch(&token).await.expect("an open prompt");
    world.first.approve();
    let approved = async {
        assert!(matches!(world.watched(&token).await, Watched::Moved));
    };
    let (changed, ()) = tokio::join!(biased; open.changed(world.clock.now()), approved);
    changed.expect("the plugin waits");
    assert!(matches!(world.watched(&token).await, Watched::Moved));
}

#[tokio::test]
async fn a_declined_login_is_denied_and_stays_so() {
    let world = World::new().await;
    let token = world.begun("/").await;
    world.first.next(Next::Deny(None));
    assert!(matches!(world.view(&token).await, LoginStep::Denied(_)));
    let login = world.auth.load_pending(&token, world.clock.now()).await.unwrap().unwrap();
    let kept = login.factor(&"first".parse().unwrap()).unwrap();
    assert_eq!(kept.state, Some(PluginState::from_bytes("first")), "the plugin's state stays");
    let calls = world.first.calls();
    assert!(matches!(world.view(&token).await, LoginStep::Denied(_)));
    assert_eq!(world.first.calls(), calls, "a denied factor is not asked again");
}

#[tokio::test]
async fn a_stream_saves_that_the_login_was_declined() {
    let world = World::new().await;
    let token = world.begun("/").await;
    world.first.next(Next::Deny(None));
    assert!(matches!(world.watched(&token).await, Watched::Moved));
    let calls = world.first.calls();
    assert!(matches!(world.view(&token).await, LoginStep::Denied(_)));
    assert_eq!(world.first.calls(), calls);
}

#[tokio::test]
async fn a_factor_whose_status_is_unavailable_gives_way_to_its_alternative() {
    let world = World::with_policy(either(&["first", "second"])).await;
    let token = world.begun("/").await;
    world.first.next(Next::Miss);
    assert_eq!(prompted(world.view(&token).await).pending.factor.as_str(), "second");
    session_token(world.submit(&token, "pear").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_reloads_and_streams_after_an_approval_exactly_one_opens_a_session() {
    let world = Arc::new(World::new().await);
    for n in [2_usize, 20, 200] {
        let token = Arc::new(world.begun("/").await);
        let before = satisfied(&world);
        world.first.approve();
        let tasks: Vec<_> = (0..n)
            .map(|task| {
                let (world, token) = (Arc::clone(&world), Arc::clone(&token));
                tokio::spawn(async move {
                    if task % 2 == 0 {
                        world.watched(&token).await;
                        None
                    } else {
                        Some(world.view(&token).await)
                    }
                })
            })
            .collect();
        let mut steps = Vec::new();
        for task in tasks {
            steps.extend(task.await.unwrap());
        }
        // If a stream has recorded the approval last, the reload comes now.
        steps.push(world.view(&token).await);
        let finished = steps.iter().filter(|step| matches!(step, LoginStep::Finished(_))).count();
        assert_eq!(finished, 1, "{steps:?}");
        assert_eq!(satisfied(&world), before + 1);
        let others = |step: &&LoginStep| {
            matches!(step, LoginStep::Prompt(_) | LoginStep::Restart(RestartReason::Ended))
        };
        assert_eq!(steps.iter().filter(others).count(), steps.len() - 1, "{steps:?}");
    }
}

#[tokio::test]
async fn a_view_that_changes_nothing_wakes_nobody() {
    let world = World::new().await;
    let token = world.begun("/").await;
    let open = world.watch(&token).await.expect("an open prompt");
    let waiting = open.changed(world.clock.now());
    let views = async {
        for _ in 0..3 {
            assert_eq!(prompted(world.view(&token).await).prompt, Dummy::prompt());
        }
    };
    tokio::select! {
        biased;
        _ = waiting => panic!("a view woke the page"),
        () = views => {}
    }
}
