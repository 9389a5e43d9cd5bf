//! Concurrent requests.

use std::sync::Arc;

use mfa_controller::{LoginStep, RestartReason};

use crate::support::World;

/// Runs `n` copies of a request at the same time and returns their steps.
async fn at_once<F>(n: usize, request: impl Fn() -> F) -> Vec<LoginStep>
where
    F: Future<Output = LoginStep> + Send + 'static,
{
    let tasks: Vec<_> = (0..n).map(|_| tokio::spawn(request())).collect();
    let mut steps = Vec::with_capacity(n);
    for task in tasks {
        steps.push(task.await.unwrap());
    }
    steps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_right_submissions_exactly_one_opens_a_session() {
    let world = Arc::new(World::new().await);
    for n in [2, 20, 200] {
        let token = Arc::new(world.begun("/").await);
        let steps = at_once(n, || {
            let (world, token) = (Arc::clone(&world), Arc::clone(&token));
            async move { world.submit(&token, "plum").await }
        })
        .await;
        let finished = steps.iter().filter(|s| matches!(s, LoginStep::Finished(_))).count();
        let ended = |s: &&LoginStep| matches!(s, LoginStep::Restart(RestartReason::Ended));
        assert_eq!((finished, steps.iter().filter(ended).count()), (1, n - 1), "{steps:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_submissions_and_reloads_lose_no_evidence() {
    let world = Arc::new(World::new().await);
    let token = Arc::new(world.begun("/both/").await);
    let steps = at_once(8, || {
        let (world, token) = (Arc::clone(&world), Arc::clone(&token));
        async move {
            world.view(&token).await;
            let first = crate::support::factor("first");
            world.submit_for(&token, Some(&first), "plum").await
        }
    })
    .await;
    assert!(steps.iter().all(|step| matches!(step, LoginStep::Prompt(_))), "{steps:?}");
    crate::support::session_token(world.submit(&token, "pear").await);
}
