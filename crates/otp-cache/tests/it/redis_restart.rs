//! A server that is killed and started again: what it counted is still there, and a server that would
//! forget it is refused.

use std::time::Duration;

use otp_cache::{
    ChallengeStore, Charge, Quota, QuotaKey, StoreErrorKind, SubjectStatus,
    redis::{RedisConfig, RedisStore},
};
use otp_core::{ChallengeId, LockoutState, Policy, PolicySettings, SubjectKey, gcra::Rate};

use crate::{
    redis_store::{connect, patient},
    support::{challenge, now, redis::Server},
};

/// What an operator is told to set.
const KEPT: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "everysec"];

/// Limits under which a subject reaches the hard stop without a lock before it.
fn to_the_consecutive_failure_limit() -> Policy {
    let settings = PolicySettings {
        attempts_per_challenge: 10,
        attempts_per_subject: 100,
        ..PolicySettings::default()
    };
    Policy::new(settings).expect("within the ranges")
}

/// So many attempts of the subject, ten at each challenge.
async fn guess(store: &RedisStore, subject: SubjectKey, times: u8) {
    let policy = to_the_consecutive_failure_limit();
    for number in 0..times {
        let id = ChallengeId::from_bytes([number / 10; 16]);
        if number % 10 == 0 {
            let opened = store.open(subject, challenge(number / 10), &policy, now()).await;
            assert_eq!(opened.expect("works").expect("not blocked yet").id(), id);
        }
        let attempt = store.begin_attempt(subject, id, &policy, now()).await;
        assert!(attempt.expect("works").is_ok(), "attempt {number}");
    }
}

/// Calls until the store answers again, within 30 seconds.
async fn status(store: &RedisStore, subject: SubjectKey) -> SubjectStatus {
    for _ in 0..600 {
        match store.subject_status(subject, &to_the_consecutive_failure_limit(), now()).await {
            Ok(status) => return status,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no answer within 30 seconds of a restart");
}

#[tokio::test]
async fn counts_blocks_and_quotas_outlive_a_killed_server() {
    let mut server = Server::start(&KEPT);
    let store = connect(RedisConfig::standalone(server.url())).await;
    let [blocked, some] = ["blocked", "some"].map(|name| SubjectKey::derive("", name));
    guess(&store, blocked, 100).await;
    guess(&store, some, 3).await;
    let rate = Rate::new(2, Duration::from_secs(3600)).expect("a sound rate");
    let charge = Charge::new(QuotaKey::derive("", "a"), rate).with_events(2);
    let charged = store.charge(&[charge], now()).await.expect("works");
    assert!(charged.is_ok());
    let before = [status(&store, blocked).await, status(&store, some).await];
    assert_eq!(
        (before[0].lockout_state, before[0].consecutive_failures),
        (LockoutState::Blocked, 100)
    );
    server.kill();
    server.restart();
    let after = [status(&store, blocked).await, status(&store, some).await];
    assert_eq!(after, before, "nothing was forgotten");
    let id = ChallengeId::from_bytes([0; 16]);
    let challenge = store.load(some, id, now()).await.expect("works").expect("is still open");
    assert_eq!(challenge.attempts(), 3);
    let refused = store.charge(&[charge], now()).await.expect("works");
    assert!(refused.is_err(), "the quota is as used up as before");
}

#[tokio::test]
async fn a_server_that_forgets_at_a_restart_is_refused() {
    let mut server = Server::start(&["--appendonly", "no"]);
    let config = patient(RedisConfig::standalone(server.url()));
    let refused = RedisStore::connect(config.clone()).await.expect_err("it would forget");
    assert_eq!(refused.kind(), StoreErrorKind::Misconfigured);
    assert!(refused.to_string().contains("appendonly"), "{refused}");
    assert!(!refused.is_retryable() && !refused.is_outcome_unknown());
    // And this is what it would do.
    let store = connect(config.clone().dangerous_allow_volatile()).await;
    let subject = SubjectKey::derive("", "blocked");
    guess(&store, subject, 100).await;
    server.kill();
    server.restart();
    let forgotten = status(&store, subject).await;
    assert_eq!((forgotten.lockout_state, forgotten.consecutive_failures), (LockoutState::Open, 0));
    // Told to keep a file, it is good enough from then on.
    server.command(&["CONFIG", "SET", "appendonly", "yes"]).expect("a plain command");
    connect(config).await;
}
