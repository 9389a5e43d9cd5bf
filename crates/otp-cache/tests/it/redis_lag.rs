//! What is lost when a replica is promoted that has not heard of the last writes: the stated bound,
//! and that nothing beyond it is lost.

use std::time::Duration;

use otp_cache::{
    ChallengeStore, Charge, Quota, QuotaKey,
    redis::{RedisConfig, RedisStore},
};
use otp_core::{
    Binding, Challenge, ChallengeId, CodeFormat, DigestKey, KeyId, KeyRing, LockoutState,
    NewChallenge, Nonce, PhoneNumber, Policy, Purpose, SubjectKey, gcra::Rate,
};

use crate::{
    redis_faults::recovered,
    redis_store::connect,
    support::{
        now,
        redis::{Server, wait_until},
    },
};

const RIGHT: &str = "knows the code";
const WRONG: &str = "guesses";

fn subject(name: &str) -> SubjectKey {
    SubjectKey::derive("", name)
}

fn purposes() -> [Purpose; 3] {
    ["a", "b", "c"].map(|name| Purpose::new(name).expect("a name"))
}

async fn opened(store: &RedisStore, name: &str, purpose: Purpose) -> Challenge {
    let id = *SubjectKey::derive(name, purpose.as_str()).as_bytes();
    let new = NewChallenge {
        id: ChallengeId::from_bytes(id),
        purpose,
        kid: KeyId::new(1),
        nonce: Nonce::from_bytes([1; 16]),
        expires_at: now() + Duration::from_secs(300),
    };
    let opened = store.open(subject(name), new, &Policy::default(), now()).await;
    opened.expect("works").expect("granted")
}

/// What was handed out, consumed and charged.
#[derive(Debug, PartialEq, Eq)]
struct Spent {
    /// At each of three challenges of one subject, in turn, and in all.
    attempts: [u32; 3],
    is_locked: bool,
    consumed: bool,
    charges: u32,
}

/// All that one server grants: attempts until none is left, the one success, and a whole burst.
async fn spend(store: &RedisStore) -> Spent {
    let policy = Policy::default();
    let mut attempts = [0; 3];
    for (count, purpose) in attempts.iter_mut().zip(purposes()) {
        let id = ChallengeId::from_bytes(*SubjectKey::derive(WRONG, purpose.as_str()).as_bytes());
        for _ in 0..7 {
            let attempt = store.begin_attempt(subject(WRONG), id, &policy, now()).await;
            *count += u32::from(attempt.expect("works").is_ok());
        }
    }
    let status = store.subject_status(subject(WRONG), &policy, now()).await.expect("works");
    let rate = Rate::new(5, Duration::from_secs(3600)).expect("a sound rate");
    let mut charges = 0;
    for _ in 0..7 {
        let charge = Charge::new(QuotaKey::derive("", "sends"), rate);
        charges += u32::from(store.charge(&[charge], now()).await.expect("works").is_ok());
    }
    Spent {
        attempts,
        is_locked: matches!(status.lockout_state, LockoutState::Locked { .. }),
        consumed: consume(store).await,
        charges,
    }
}

/// Whether somebody who knows the code gets in.
async fn consume(store: &RedisStore) -> bool {
    let keys = KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[7; 32]).expect("long enough"));
    let format = CodeFormat::digits(6).expect("six digits are allowed");
    let phone = PhoneNumber::from_japanese("090-1234-5678").expect("a mobile number");
    let (purpose, policy) = (Purpose::LOGIN, Policy::default());
    let binding = Binding {
        tenant: "",
        subject: RIGHT,
        flow: "f",
        purpose,
        destination: phone.as_e164().as_bytes(),
    };
    let id = ChallengeId::from_bytes(*SubjectKey::derive(RIGHT, purpose.as_str()).as_bytes());
    let attempt = store.begin_attempt(subject(RIGHT), id, &policy, now()).await.expect("works");
    let Ok(attempt) = attempt else { return false };
    let code = attempt.challenge().code(&keys, &binding, &format).expect("the ring has the key");
    let typed = format.normalise(code.expose_secret()).expect("a code has its own format");
    let verified = attempt.verify(&keys, &binding, &format, &typed, now()).expect("is right");
    store.consume(verified, now()).await.expect("works").is_ok()
}

/// A primary and replicas that have heard of its challenges.
async fn with_replicas(count: usize) -> (Server, Vec<Server>) {
    let primary = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let follow = format!("127.0.0.1 {}", primary.port);
    let replicas: Vec<_> = (0..count).map(|_| Server::start(&["--replicaof", &follow])).collect();
    wait_until("the replicas follow", || replicas.iter().all(Server::is_synced_replica));
    let acks = u8::try_from(count).expect("a few");
    let store = connect(RedisConfig::standalone(primary.url()).with_replica_acks(acks)).await;
    // A replica that follows has still to tell its primary so.
    recovered("replicas", async || store.unlock(subject(RIGHT)).await).await;
    opened(&store, RIGHT, Purpose::LOGIN).await;
    for purpose in purposes() {
        opened(&store, WRONG, purpose).await;
    }
    (primary, replicas)
}

/// Everything once: five attempts at a challenge, ten in all, one success, one burst.
const ONCE: Spent = Spent { attempts: [5, 5, 0], is_locked: true, consumed: true, charges: 5 };
const NOTHING: Spent = Spent { attempts: [0; 3], is_locked: true, consumed: false, charges: 0 };

#[tokio::test]
async fn without_acknowledgements_a_failover_gives_the_limits_once_more() {
    let (mut primary, replicas) = with_replicas(1).await;
    // The worst lag there can be: the replica hears of nothing any more.
    replicas[0].command(&["REPLICAOF", "NO", "ONE"]).expect("a plain command");
    let old = connect(RedisConfig::standalone(primary.url())).await;
    assert_eq!(spend(&old).await, ONCE, "the old primary enforces the limits");
    assert_eq!(spend(&old).await, NOTHING);
    primary.kill();
    let new = connect(RedisConfig::standalone(replicas[0].url())).await;
    assert_eq!(spend(&new).await, ONCE, "and so does the new one: once more");
    assert_eq!(spend(&new).await, NOTHING, "and never again");
}

#[tokio::test]
async fn of_two_replicas_the_one_that_acknowledged_loses_nothing_and_the_other_the_lag() {
    let (mut primary, replicas) = with_replicas(2).await;
    let [behind, ahead] = &replicas[..] else { panic!("two replicas") };
    behind.command(&["REPLICAOF", "NO", "ONE"]).expect("a plain command");
    let old = connect(RedisConfig::standalone(primary.url()).with_replica_acks(1)).await;
    assert_eq!(spend(&old).await, ONCE, "one replica holds it all");
    primary.kill();
    ahead.command(&["REPLICAOF", "NO", "ONE"]).expect("a plain command");
    let new = connect(RedisConfig::standalone(ahead.url())).await;
    assert_eq!(spend(&new).await, NOTHING, "all that was acknowledged is known");
    let new = connect(RedisConfig::standalone(behind.url())).await;
    assert_eq!(spend(&new).await, ONCE, "what it had not heard of is granted once more");
    assert_eq!(spend(&new).await, NOTHING, "and never again");
}

#[tokio::test]
async fn with_as_many_acknowledgements_as_replicas_no_choice_loses_anything() {
    let (mut primary, replicas) = with_replicas(2).await;
    let old = connect(RedisConfig::standalone(primary.url()).with_replica_acks(2)).await;
    assert_eq!(spend(&old).await, ONCE, "both replicas hold it all");
    primary.kill();
    for replica in &replicas {
        replica.command(&["REPLICAOF", "NO", "ONE"]).expect("a plain command");
        let new = connect(RedisConfig::standalone(replica.url())).await;
        assert_eq!(spend(&new).await, NOTHING, "whichever is promoted");
    }
}
