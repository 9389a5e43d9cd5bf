//! Requests that do the same thing at the same time.

use std::sync::Arc;

use auth_module::{Completed, EndAll};

use crate::common::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_complete_one_login_exactly_one_succeeds() {
    let world = Arc::new(World::new().await);
    let (_, login) = world.alice_pending("/").await;
    let login = world.record_sms(&login).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (world, login) = (Arc::clone(&world), login.clone());
            tokio::spawn(async move { world.complete(&login).await })
        })
        .collect();
    let mut tokens = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Completed::Opened { token, .. } => tokens.push(token),
            Completed::Gone => {}
            Completed::Missing(missing) => panic!("{missing:?}"),
        }
    }
    assert_eq!(tokens.len(), 1);
    assert!(world.auth.load_session(&tokens[0], world.now()).await.unwrap().is_some());
    let ended = world.sessions.end_all(&login.user().id, EndAll::PendingLoginsAndSessions);
    assert_eq!(ended.await.unwrap(), 1, "one session and no pending login");
    let opened = world.events().into_iter().filter(|&event| event == "session.opened");
    assert_eq!(opened.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn evidence_from_many_tabs_at_once_is_never_lost() {
    let world = Arc::new(World::new().await);
    let (token, login) = world.alice_pending("/").await;
    let factors: Vec<_> =
        (0..8).map(|n| mfa_plugin_api::FactorId::new(format!("factor-{n}")).unwrap()).collect();
    let tasks: Vec<_> = factors
        .iter()
        .map(|factor| {
            let (world, login, factor) = (Arc::clone(&world), login.clone(), factor.clone());
            tokio::spawn(async move {
                let evidence = crate::common::sms_evidence(world.now());
                world.auth.record_evidence(&login, &factor, evidence, world.now()).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert!(matches!(task.await.unwrap(), auth_module::Recorded::Done { .. }));
    }
    let login = world.auth.load_pending(&token, world.now()).await.unwrap().unwrap();
    let mut proved: Vec<_> = login.evidence().iter().map(|e| e.factor.clone()).collect();
    assert_eq!(proved.remove(0), mfa_plugin_api::FactorId::PASSWORD);
    proved.sort();
    assert_eq!(proved, factors);
}
