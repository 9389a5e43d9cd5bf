//! Steps 7 to 9: reading, counting, comparing, consuming.

use std::{sync::Arc, time::Duration};

use mfa_plugin_api::{Arg, AuthenticationMethod, PluginError, RejectionKind, Step};
use otp_cache::ChallengeStore;
use otp_core::{Policy, PolicySettings};

use crate::{
    counting::CountingStore,
    support::{Login, PHONE, World, action_names, config, prompt, rejection, with_many_tries},
};

async fn begun<'w>(world: &'w World, flow: &str) -> Login<'w> {
    let login = world.login(flow);
    prompt(login.begin().await);
    login
}

#[tokio::test]
async fn the_right_code_satisfies_the_factor_once() {
    let world = World::new();
    let login = begun(&world, "f1").await;
    let Step::Done(evidence) = login.submit(&world.code()).await else { panic!("not done") };
    let methods: Vec<&str> = evidence.methods.iter().map(AuthenticationMethod::as_str).collect();
    assert_eq!(methods, ["otp", "sms"]);
    assert_eq!(evidence.verified_at, world.clock.now());
    assert_eq!(
        rejection(login.submit(&world.code()).await),
        (RejectionKind::Expired, "otp-expired".into())
    );
    assert_eq!(world.audit.names(), ["otp.sent", "otp.verified"]);
}

#[tokio::test]
async fn a_right_code_is_not_lost_to_a_conflict() {
    for (conflicts, is_done) in [(2, true), (3, false)] {
        let store = Arc::new(CountingStore::default());
        let mut world = World::new();
        world.services = world.services.with::<Arc<dyn ChallengeStore>>(store.clone());
        let login = begun(&world, "f1").await;
        store.conflict(conflicts);
        match login.try_submit(&world.code()).await {
            Ok(reply) => assert!(is_done && matches!(reply.step, Step::Done(_))),
            Err(error) => {
                assert!(!is_done && matches!(error, PluginError::Outage { .. }), "{error:?}");
                // Nothing was done, so the same code is still good.
                assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
            }
        }
    }
}

#[tokio::test]
async fn a_code_is_taken_however_people_write_it() {
    let world = World::with_config(with_many_tries());
    for (n, write) in [
        |c: &str| format!(" {} {} ", &c[..3], &c[3..]),
        |c: &str| c.chars().map(|d| char::from_u32(d as u32 + 0xfee0).unwrap()).collect(),
        |c: &str| format!("{}－{}", &c[..3], &c[3..]),
        |c: &str| format!("認証コード：{c}"),
    ]
    .into_iter()
    .enumerate()
    {
        let login = begun(&world, &format!("f{n}")).await;
        assert!(matches!(login.submit(&write(&world.code())).await, Step::Done(_)), "{n}");
    }
}

#[tokio::test]
async fn what_is_no_code_costs_no_attempt() {
    let world = World::new();
    let login = begun(&world, "f1").await;
    for (typed, key) in [
        ("", "otp-empty"),
        ("　 ", "otp-empty"),
        ("12345", "otp-malformed"),
        ("1234567", "otp-malformed"),
        ("12345a", "otp-malformed"),
        ("123456 654321", "otp-malformed"),
    ] {
        for _ in 0..4 {
            let step = login.submit(typed).await;
            assert_eq!(rejection(step), (RejectionKind::Malformed, key.into()), "{typed:?}");
        }
    }
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn a_wrong_code_tells_what_is_left_until_a_new_one_is_needed() {
    let world = World::new();
    let login = begun(&world, "f1").await;
    for left in (1..=4_u64).rev() {
        let page = prompt(login.submit(&world.wrong_code()).await);
        let rejection = page.rejection.expect("a rejection");
        assert_eq!((rejection.kind, rejection.message.key()), (RejectionKind::Wrong, "otp-wrong"));
        assert_eq!(rejection.field.as_deref(), Some("code"));
        assert_eq!(rejection.message.args().next(), Some(("attempts_left", &Arg::Count(left))));
    }
    let page = prompt(login.submit(&world.wrong_code()).await);
    assert_eq!(page.rejection.as_ref().unwrap().message.key(), "otp-exhausted");
    assert!(page.fields.is_empty());
    assert_eq!(action_names(&page), ["new-code"]);
    // The right code comes too late, and a reload tells the same.
    assert_eq!(rejection(login.submit(&world.code()).await).1, "otp-exhausted");
    let reloaded = login.status().await.expect("a prompt");
    assert_eq!(reloaded.rejection.unwrap().message.key(), "otp-exhausted");
    // One click further everything works again.
    let old = world.code();
    prompt(login.action("new-code").await);
    assert_ne!(world.code(), old);
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn ten_wrong_codes_over_any_number_of_logins_lock_for_15_minutes() {
    let world = World::new();
    let first = begun(&world, "f1").await;
    for _ in 0..5 {
        first.submit(&world.wrong_code()).await;
    }
    let second = begun(&world, "f2").await;
    for _ in 0..4 {
        assert_eq!(rejection(second.submit(&world.wrong_code()).await).1, "otp-wrong");
    }
    let until = world.clock.now() + Duration::from_secs(15 * 60);
    let locked = |step: Step| match step {
        Step::Denied(denied) => {
            assert_eq!(denied.message.key(), "otp-locked");
            denied.until
        }
        other => panic!("not denied: {other:?}"),
    };
    assert_eq!(locked(second.submit(&world.wrong_code()).await), Some(until));
    // The lock is looked at before the code, so it tells nothing of it; and it sends nothing.
    assert_eq!(locked(second.submit(&world.code()).await), Some(until));
    let sent = world.sender.sent().len();
    assert_eq!(locked(world.login("f3").begin().await), Some(until));
    assert_eq!(world.sender.sent().len(), sent);
    let names = world.audit.names();
    let locks = names.iter().filter(|name| **name == "otp.locked").count();
    assert_eq!(locks, 1, "recorded when the lock begins, not when a request meets it");
    // Nobody else is locked.
    prompt(world.login_of("bob", Some("08087654321"), "f4").begin().await);
    world.advance(15 * 60);
    let after = begun(&world, "f5").await;
    assert!(matches!(after.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn the_hard_stop_needs_an_administrator() {
    let settings = PolicySettings {
        attempts_per_challenge: 10,
        attempts_per_subject: 50,
        max_consecutive_failures: 50,
        ..PolicySettings::default()
    };
    let limits = sms_otp_plugin::SendLimitSettings::default()
        .with_per_user(9, 10)
        .with_per_number(9, 10)
        .with_tries_per_user(9, 10);
    let world = World::with_config(
        config()
            .with_policy(Policy::new(settings).unwrap())
            .with_limits(sms_otp_plugin::SendLimits::new(&limits).unwrap()),
    );
    let mut last = None;
    for flow in 0..5 {
        let login = begun(&world, &format!("f{flow}")).await;
        for _ in 0..10 {
            last = Some(login.submit(&world.wrong_code()).await);
        }
    }
    let Some(Step::Denied(denied)) = last else { panic!("not denied: {last:?}") };
    assert_eq!((denied.message.key(), denied.until), ("otp-blocked", None));
    world.advance(24 * 60 * 60);
    assert!(matches!(world.login("f9").begin().await, Step::Denied(_)));
}

#[tokio::test]
async fn at_the_end_of_its_life_a_code_is_gone() {
    let world = World::new();
    let login = begun(&world, "f1").await;
    let code = world.code();
    world.clock.advance(Duration::from_millis(299_999));
    assert_eq!(rejection(login.submit(&world.wrong_code()).await).1, "otp-wrong");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(
        rejection(login.submit(&code).await),
        (RejectionKind::Expired, "otp-expired".into())
    );
    let page = login.status().await.expect("a prompt");
    assert_eq!(action_names(&page), ["new-code"]);
    prompt(login.action("new-code").await);
    assert_eq!(rejection(login.submit(&code).await).1, "otp-wrong", "the old code stays dead");
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn a_code_is_good_for_its_own_login_user_and_number_only() {
    let world = World::new();
    let login = begun(&world, "f1").await;
    let code = world.code();
    // Another user's login does not take it.
    let bob = world.login_of("bob", Some("08087654321"), "f1");
    prompt(bob.begin().await);
    assert_eq!(rejection(bob.submit(&code).await).1, "otp-wrong");
    // Nor does alice's own login once her number has changed.
    let moved = world.login_of("alice", Some("09099999999"), "f1");
    *moved.state.lock().unwrap() = login.state.lock().unwrap().clone();
    assert_eq!(rejection(moved.submit(&code).await).1, "otp-wrong");
    // And a second login of hers replaces the first.
    let second = begun(&world, "f2").await;
    assert_eq!(rejection(login.submit(&code).await).1, "otp-expired");
    assert_eq!(rejection(second.submit(&code).await).1, "otp-wrong");
    assert!(matches!(second.submit(&world.code()).await, Step::Done(_)));
}

#[tokio::test]
async fn a_number_that_was_taken_away_ends_the_login() {
    let world = World::new();
    let login = begun(&world, "f1").await;
    let gone = world.login_of("alice", None, "f1");
    *gone.state.lock().unwrap() = login.state.lock().unwrap().clone();
    assert!(matches!(gone.submit(&world.code()).await, Step::Unavailable(_)));
    world.advance(60);
    assert!(matches!(gone.action("resend").await, Step::Unavailable(_)));
    assert_eq!(world.sender.sent().len(), 1);
}

#[tokio::test]
async fn an_answer_before_any_question_is_asked_anew() {
    let world = World::new();
    let login = world.login_of("alice", Some(PHONE), "f1");
    assert_eq!(rejection(login.submit("123456").await).1, "otp-expired");
    assert_eq!(rejection(login.submit("").await).1, "otp-expired");
    assert_eq!(login.status().await, None);
    assert!(world.sender.sent().is_empty());
}

#[tokio::test]
async fn a_state_that_is_not_ours_counts_as_none() {
    let world = World::new();
    let login = begun(&world, "f1").await;
    for bytes in [&b""[..], b"\x02\0\0\0\0\0", b"\x01\0\0\0\0\0\0", b"garbage"] {
        *login.state.lock().unwrap() = Some(mfa_plugin_api::PluginState::from_bytes(bytes));
        prompt(login.begin().await);
        assert_eq!(world.sender.sent().len(), 1);
    }
    assert!(matches!(login.submit(&world.code()).await, Step::Done(_)));
}
