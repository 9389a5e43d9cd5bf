//! Many requests at once.

use std::sync::{Arc, Mutex};

use mfa_plugin_api::{Reply, Step};
use sms_otp_plugin::{SendLimitSettings, SendLimits};

use crate::support::{Login, World, config, prompt};

/// The same login as another request sees it.
fn copy<'w>(world: &'w World, login: &Login<'_>) -> Login<'w> {
    let state = login.state.lock().unwrap().clone();
    Login { state: Mutex::new(state), ..world.login(login.flow.as_str()) }
}

async fn submit_at_once(
    world: &Arc<World>,
    flow: &'static str,
    n: usize,
    code: impl Fn(usize) -> String,
) -> Vec<Reply> {
    let state = {
        let login = world.login(flow);
        prompt(login.begin().await);
        login.state.lock().unwrap().clone()
    };
    let tasks: Vec<_> = (0..n)
        .map(|n| {
            let (world, state, code) = (Arc::clone(world), state.clone(), code(n));
            tokio::spawn(async move {
                let login = world.login(flow);
                *login.state.lock().unwrap() = state;
                login.try_submit(&code).await.unwrap()
            })
        })
        .collect();
    let mut replies = Vec::new();
    for task in tasks {
        replies.push(task.await.unwrap());
    }
    replies
}

fn done(replies: &[Reply]) -> usize {
    replies.iter().filter(|reply| matches!(reply.step, Step::Done(_))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_right_codes_exactly_one_satisfies_the_factor() {
    let world = Arc::new(World::new());
    prompt(world.login("f1").begin().await);
    let code = world.code();
    // The challenge allows five attempts, so of fifty right codes four or more never get one.
    let replies = submit_at_once(&world, "f1", 50, |_| code.clone()).await;
    assert_eq!(done(&replies), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_wrong_codes_no_more_are_looked_at_than_allowed() {
    let world = Arc::new(World::new());
    prompt(world.login("f1").begin().await);
    let right: u32 = world.code().parse().unwrap();
    let wrong = |n: usize| {
        let n = u32::try_from(n).unwrap();
        format!("{:06}", (right + 1 + n) % 1_000_000)
    };
    let replies = submit_at_once(&world, "f1", 200, wrong).await;
    assert_eq!(done(&replies), 0);
    let looked_at = world.audit.names().iter().filter(|name| **name == "otp.wrong_code").count();
    assert_eq!(looked_at, 5);
    // Two challenges more: ten in all for this user.
    let second = world.login("f2");
    prompt(second.begin().await);
    submit_at_once(&world, "f2", 200, wrong).await;
    let looked_at = world.audit.names().iter().filter(|name| **name == "otp.wrong_code").count();
    assert_eq!(looked_at, 10);
    assert!(matches!(world.login("f3").begin().await, Step::Denied(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_that_begins_many_times_at_once_sends_one_message() {
    let world = Arc::new(World::new());
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.login("f1").begin().await })
        })
        .collect();
    for task in tasks {
        assert_eq!(prompt(task.await.unwrap()).fields.len(), 1);
    }
    assert_eq!(world.sender.sent().len(), 1);
    let login = world.login("f1");
    prompt(login.begin().await);
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn two_tabs_that_ask_for_a_new_code_get_one() {
    let world = World::new();
    let login = world.login("f1");
    prompt(login.begin().await);
    world.advance(300);
    let twin = copy(&world, &login);
    prompt(login.action("new-code").await);
    prompt(twin.action("new-code").await);
    assert_eq!(world.sender.sent().len(), 2);
    assert!(matches!(twin.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_resend_asked_for_many_times_at_once_goes_out_once() {
    let world = Arc::new(World::new());
    let login = world.login("f1");
    prompt(login.begin().await);
    let state = login.state.lock().unwrap().clone();
    world.advance(60);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (world, state) = (Arc::clone(&world), state.clone());
            tokio::spawn(async move {
                let login = world.login("f1");
                *login.state.lock().unwrap() = state;
                prompt(login.action("resend").await)
            })
        })
        .collect();
    for task in tasks {
        let page = task.await.unwrap();
        let rejection = page.rejection.map(|rejection| rejection.message.key().to_owned());
        assert!(matches!(rejection.as_deref(), None | Some("otp-resend-wait")), "{rejection:?}");
    }
    assert_eq!(world.sender.sent().len(), 2);
}

/// The losers arrive while the message is on its way, and after it has used up a limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_code_asked_for_many_times_at_once_goes_out_once_and_all_see_its_page() {
    for messages in [2, 5] {
        let limits = SendLimitSettings::default().with_per_user(messages, 10);
        let limits = SendLimits::new(&limits).unwrap();
        let world = Arc::new(World::with_config(config().with_limits(limits)));
        let login = world.login("f1");
        prompt(login.begin().await);
        let state = login.state.lock().unwrap().clone();
        world.advance(300);
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let (world, state) = (Arc::clone(&world), state.clone());
                tokio::spawn(async move {
                    let login = world.login("f1");
                    *login.state.lock().unwrap() = state;
                    let page = prompt(login.action("new-code").await);
                    assert_eq!((page.fields.len(), page.rejection), (1, None));
                    login.state.lock().unwrap().clone()
                })
            })
            .collect();
        let mut states = Vec::new();
        for task in tasks {
            states.push(task.await.unwrap());
        }
        assert_eq!(world.sender.sent().len(), 2);
        for state in states {
            *login.state.lock().unwrap() = state;
            assert_eq!(login.status().await.unwrap().fields.len(), 1);
        }
        assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
    }
}

/// The last message of a limit: a loser that arrives after the winner's charge sees the winner's page too.
#[tokio::test]
async fn a_request_that_is_late_by_a_message_sees_the_page_of_the_winner() {
    let limits = SendLimitSettings::default().with_per_user(2, 10);
    let limits = SendLimits::new(&limits).unwrap();
    let world = World::with_config(config().with_limits(limits));
    let login = world.login("f1");
    prompt(login.begin().await);
    let twin = copy(&world, &login);
    world.advance(60);
    prompt(login.action("resend").await);
    assert_eq!(prompt(twin.action("resend").await).fields.len(), 1);
    assert_eq!(world.sender.sent().len(), 2);
}
