//! Recorded histories of `begin_attempt` and `consume` under load, checked against one record.

use std::{
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use otp_core::{
    AttemptRefused, ChallengeId, ConsumeRefused, NewChallenge, Policy, Purpose, SubjectKey,
    SubjectRecord,
};

use crate::{
    ChallengeStore,
    conformance::{
        kit::{Kit, Person},
        linear::{Event, Model, is_linearizable},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Attempt(ChallengeId),
    Consume(ChallengeId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Attempt(Result<u8, AttemptRefused>),
    Consume(Result<(), ConsumeRefused>),
}

/// One subject's record that executes one call after the other.
#[derive(Clone)]
struct Sequential {
    record: SubjectRecord,
    subject: SubjectKey,
    policy: Policy,
    now: SystemTime,
}

impl PartialEq for Sequential {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

impl Eq for Sequential {}

impl Hash for Sequential {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.record.to_bytes().hash(state);
    }
}

impl Model for Sequential {
    type Call = Call;
    type Answer = Answer;

    fn step(&mut self, call: &Call) -> Answer {
        match call {
            Call::Attempt(id) => {
                let attempt = self.record.begin_attempt(self.subject, *id, &self.policy, self.now);
                Answer::Attempt(attempt.map(|attempt| attempt.attempts_left()))
            }
            // The model has no proof to consume. A success ends the challenge and clears the counters, which is
            // what revoking and unlocking do.
            Call::Consume(id) => {
                let is_there = self.record.challenge(*id, self.now).is_some();
                if is_there {
                    self.record.revoke(*id);
                    self.record.unlock();
                }
                Answer::Consume(is_there.then_some(()).ok_or(ConsumeRefused::NotFound))
            }
        }
    }
}

/// Eight callers make attempts at two challenges of one subject and consume some of them. The results must be
/// those of some order that real time allows. A call with an error may have happened or not.
///
/// # Panics
///
/// If no order explains the results.
pub async fn histories_are_linearizable<S: ChallengeStore>(kit: &Kit<S>) {
    for round in 0..12 {
        let (who, now) = (kit.person(), kit.start());
        let first = kit.opened(&who, now).await.id();
        let second = kit.opened_for(&who, Purpose::STEP_UP, now).await.id();
        let record = read_back(kit, &who, &[first, second], now).await;
        let model = Sequential { record, subject: who.key(), policy: kit.policy.clone(), now };
        let history = record_history(kit, &who, [first, second], round).await;
        assert!(
            is_linearizable(&model, &history),
            "clauses 1 and 2: no order of these calls explains the answers: {history:#?}"
        );
    }
}

/// Returns the record that the store must have: both challenges open, nothing counted.
async fn read_back<S: ChallengeStore>(
    kit: &Kit<S>,
    who: &Person,
    ids: &[ChallengeId],
    now: SystemTime,
) -> SubjectRecord {
    let mut record = SubjectRecord::new();
    for id in ids {
        let stored = kit.load(who, *id, now).await.expect("just opened");
        let new = NewChallenge {
            id: *id,
            purpose: stored.purpose(),
            kid: stored.kid(),
            nonce: *stored.nonce(),
            expires_at: stored.expires_at(),
        };
        let _ = record.open(new, &kit.policy, now).expect("an empty record takes both");
    }
    record
}

async fn record_history<S: ChallengeStore>(
    kit: &Kit<S>,
    who: &Person,
    ids: [ChallengeId; 2],
    round: usize,
) -> Vec<Event<Call, Answer>> {
    const CALLERS: usize = 8;
    let ticks = Arc::new(AtomicU64::new(0));
    let now = kit.start();
    let key = who.key();
    let first = kit
        .at_once(CALLERS, |caller, store| {
            let (ticks, policy) = (Arc::clone(&ticks), kit.policy.clone());
            async move {
                let mut events = Vec::new();
                let mut attempts = Vec::new();
                for turn in 0..3 {
                    let id = ids[(caller + turn + round) % 2];
                    let called_at = ticks.fetch_add(1, Ordering::SeqCst);
                    let answer = store.begin_attempt(key, id, &policy, now).await;
                    let answered_at = ticks.fetch_add(1, Ordering::SeqCst);
                    let seen = answer.ok().map(|answer| {
                        Answer::Attempt(match answer {
                            Ok(attempt) => {
                                let left = attempt.attempts_left();
                                attempts.push(attempt);
                                Ok(left)
                            }
                            Err(refused) => Err(refused),
                        })
                    });
                    events.push(Event {
                        called_at,
                        answered_at,
                        call: Call::Attempt(id),
                        answer: seen,
                    });
                }
                (events, attempts)
            }
        })
        .await;
    let mut events = Vec::new();
    let mut proofs = Vec::new();
    for (seen, attempts) in first {
        events.extend(seen);
        proofs.extend(attempts.into_iter().map(|attempt| kit.verified(who, attempt, now)));
    }
    let proofs = std::sync::Mutex::new(proofs);
    let count = proofs.lock().expect("no panic holds it").len();
    let second = kit
        .at_once(count, |_, store| {
            let (ticks, policy) = (Arc::clone(&ticks), kit.policy.clone());
            let proof = proofs.lock().expect("no panic holds it").pop().expect("one each");
            async move {
                let id = proof.challenge_id();
                let called_at = ticks.fetch_add(1, Ordering::SeqCst);
                let answer = store.consume(proof, now).await;
                let answered_at = ticks.fetch_add(1, Ordering::SeqCst);
                let answer = answer.ok().map(|answer| Answer::Consume(answer.map(drop)));
                let consumed = Event { called_at, answered_at, call: Call::Consume(id), answer };
                // Another attempt follows at once, in a race with the other consumers.
                let called_at = ticks.fetch_add(1, Ordering::SeqCst);
                let answer = store.begin_attempt(key, id, &policy, now).await;
                let answered_at = ticks.fetch_add(1, Ordering::SeqCst);
                let answer = answer
                    .ok()
                    .map(|answer| Answer::Attempt(answer.map(|attempt| attempt.attempts_left())));
                vec![consumed, Event { called_at, answered_at, call: Call::Attempt(id), answer }]
            }
        })
        .await;
    events.extend(second.into_iter().flatten());
    events
}
