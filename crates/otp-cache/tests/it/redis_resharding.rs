//! A cluster that moves slots while they are written to: every write is served at each step of the
//! move, and none is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use otp_cache::{
    ChallengeStore, Charge, Quota, QuotaKey,
    redis::{RedisConfig, RedisStore},
};
use otp_core::{
    ChallengeId, KeyId, NewChallenge, Nonce, Policy, PolicySettings, Purpose, SubjectKey,
    gcra::Rate,
};
use tokio::task::JoinSet;

use crate::{
    redis_store::connect,
    support::{
        now,
        redis::{Cluster, Server, wait_until},
    },
};

/// So many charges that no test uses them up, none of which is refilled.
fn wide() -> Rate {
    Rate::new(1_000_000, Duration::from_secs(366 * 24 * 3600)).expect("a sound rate")
}

/// Limits under which a subject can guess a hundred times.
fn policy() -> Policy {
    let settings = PolicySettings {
        attempts_per_challenge: 10,
        attempts_per_subject: 100,
        ..PolicySettings::default()
    };
    Policy::new(settings).expect("within the ranges")
}

/// A subject and a quota of the same bytes, so that both keys lie in one slot.
#[derive(Clone, Copy)]
struct Person {
    subject: SubjectKey,
    slot: u16,
}

impl Person {
    fn quota(&self) -> QuotaKey {
        QuotaKey::from_bytes(*self.subject.as_bytes())
    }
}

/// So many people whose slots are the first node's.
fn people_on(node: &Server, count: usize) -> Vec<Person> {
    let person = |number: u32| {
        let subject = SubjectKey::derive("", &number.to_string());
        let key = format!("{{{subject}}}");
        let slot = node.command(&["CLUSTER", "KEYSLOT", &key]).expect("a plain command");
        Person { subject, slot: redis::from_redis_value(slot).expect("a number") }
    };
    (0..).map(person).filter(|person| person.slot <= 5460).take(count).collect()
}

/// What a store answered to one person's calls.
#[derive(Default)]
struct Tally {
    attempts: AtomicU32,
    charges: AtomicU32,
    /// Calls that failed: each may have counted.
    unknown: AtomicU32,
}

impl Tally {
    fn acknowledged(&self) -> u32 {
        self.attempts.load(Ordering::SeqCst) + self.charges.load(Ordering::SeqCst)
    }

    fn note<T>(&self, count: &AtomicU32, answer: &Result<T, otp_cache::StoreError>) {
        match answer {
            Ok(_) => count.fetch_add(1, Ordering::SeqCst),
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                self.unknown.fetch_add(1, Ordering::SeqCst)
            }
        };
    }
}

/// Charges without end, with an attempt in between, until told to stop.
async fn write(store: Arc<RedisStore>, person: Person, tally: Arc<Tally>, stop: Arc<AtomicBool>) {
    let (policy, mut number) = (policy(), 0_u8);
    while !stop.load(Ordering::SeqCst) {
        let charge = Charge::new(person.quota(), wide());
        let charged = store.charge(&[charge], now()).await;
        tally.note(&tally.charges, &charged.map(|granted| granted.expect("far below the limit")));
        // A tenth of the writes are attempts, while the hard stop is far.
        if number >= 90 || !tally.acknowledged().is_multiple_of(10) {
            continue;
        }
        let id = ChallengeId::from_bytes([number / 10; 16]);
        if number.is_multiple_of(10) {
            let new = NewChallenge {
                id,
                purpose: Purpose::LOGIN,
                kid: KeyId::new(1),
                nonce: Nonce::from_bytes([1; 16]),
                expires_at: now() + Duration::from_secs(300),
            };
            let opened = store.open(person.subject, new, &policy, now()).await;
            if opened.is_err() {
                // Perhaps it is open all the same; the next one replaces it.
                number += 10;
                continue;
            }
        }
        let attempt = store.begin_attempt(person.subject, id, &policy, now()).await;
        tally.note(
            &tally.attempts,
            &attempt.map(|handed_out| handed_out.expect("below all limits")),
        );
        number += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counts_survive_resharding_under_load() {
    let cluster = Cluster::start();
    let (from, to) = (&cluster.nodes[0], &cluster.nodes[1]);
    let people = people_on(from, 6);
    let stop = Arc::new(AtomicBool::new(false));
    let (mut load, mut stores, mut tallies) = (JoinSet::new(), Vec::new(), Vec::new());
    for acks in [0, 1] {
        let config = RedisConfig::cluster(cluster.urls()).with_replica_acks(acks);
        let store = Arc::new(connect(config.with_key_prefix(&format!("p{acks}"))).await);
        for person in &people {
            let tally = Arc::new(Tally::default());
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            load.spawn(write(store, *person, Arc::clone(&tally), stop));
            tallies.push((stores.len(), *person, tally));
        }
        stores.push(store);
    }
    tokio::task::block_in_place(|| {
        for Person { slot, .. } in &people {
            // At each step of the move, both stores must get writes through to the slot.
            Cluster::move_slot(from, to, *slot, |step| {
                let theirs = || tallies.iter().filter(|(_, person, _)| person.slot == *slot);
                let before: Vec<_> = theirs().map(|(_, _, tally)| tally.acknowledged()).collect();
                wait_until(&format!("slot {slot} is written to while {step}"), || {
                    let is_written = |(before, tally): (&u32, &Tally)| {
                        // One may have been on its way before the step.
                        tally.acknowledged() >= before + 3
                    };
                    let now = theirs().map(|(_, _, tally)| tally.as_ref());
                    before.iter().zip(now).all(is_written)
                });
            });
        }
    });
    stop.store(true, Ordering::SeqCst);
    while let Some(done) = load.join_next().await {
        done.expect("no task panics");
    }
    for (which, person, tally) in tallies {
        let store = &stores[which];
        let status = store.subject_status(person.subject, &policy(), now()).await.expect("works");
        let ask = Charge::new(person.quota(), wide()).with_events(0);
        let asked = store.charge(&[ask], now()).await.expect("works").expect("far below the limit");
        let unknown = tally.unknown.load(Ordering::SeqCst);
        for (what, acknowledged, counted) in [
            ("attempts", &tally.attempts, u32::from(status.consecutive_failures)),
            ("charges", &tally.charges, wide().burst() - asked.left()),
        ] {
            let acknowledged = acknowledged.load(Ordering::SeqCst);
            assert!(acknowledged > 0, "{what} were written during the move");
            assert!(
                (acknowledged..=acknowledged + unknown).contains(&counted),
                "{what} with {which} replicas: {acknowledged} acknowledged, {unknown} unknown, {counted} counted"
            );
        }
    }
}
