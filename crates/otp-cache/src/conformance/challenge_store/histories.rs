//! Recorded histories of every call under load, checked against one record.

use std::{sync::Arc, time::SystemTime};

use otp_core::{Attempt, ChallengeId, Consumed, DeliveryStatus, NewChallenge, Policy, Verified};

use super::model::{Answer, Call, Sequential};
use crate::{
    ChallengeStore,
    conformance::{
        amounts::{MINUTE, eight_purposes},
        dice::Dice,
        history::{History, Ticks},
        kit::{Codes, Kit, Person},
        linear::{is_linearizable, shown},
    },
};

/// Callers of one history, all at once.
const CALLERS: usize = 6;

/// Calls of each caller.
const TURNS: usize = 5;

/// Histories. A lost update needs two calls that meet, so one history is not enough to find it every time.
const ROUNDS: u64 = 48;

/// Six callers at once make every call of the contract on one subject. In every other round the store has never
/// heard of the subject before. The results must be those of some order that real time allows. A call that
/// failed may have happened or not.
///
/// # Panics
///
/// If no order explains the results.
pub async fn histories_are_linearizable<S: ChallengeStore>(kit: &Kit<S>) {
    for round in 0..ROUNDS {
        let (who, now) = (kit.person(), kit.start());
        let history = record_history(kit, &who, round, now).await;
        let model = Sequential::new(who.key(), kit.policy.clone(), now);
        assert!(
            is_linearizable(&model, &history),
            "clauses 1 to 3, 5, 6 and 11: no order of these calls explains the answers:\n{}",
            shown(&history)
        );
    }
}

/// One caller of a history.
struct Caller<S> {
    store: Arc<S>,
    codes: Arc<Codes>,
    policy: Policy,
    who: Person,
    now: SystemTime,
    history: History<Call, Answer>,
    proofs: Vec<Verified>,
}

impl<S: ChallengeStore> Caller<S> {
    fn new(kit: &Kit<S>, store: Arc<S>, who: &Person, now: SystemTime, ticks: &Ticks) -> Self {
        Self {
            store,
            codes: kit.codes(),
            policy: kit.policy.clone(),
            who: who.clone(),
            now,
            history: History::new(ticks),
            proofs: Vec::new(),
        }
    }

    async fn open(&mut self, new: NewChallenge) {
        let answer = self.store.open(self.who.key(), new, &self.policy, self.now);
        self.history.record(Call::Open(new), answer, |seen| Answer::Open(seen.clone())).await;
    }

    async fn load(&mut self, id: ChallengeId) {
        let answer = self.store.load(self.who.key(), id, self.now);
        self.history.record(Call::Load(id), answer, |seen| Answer::Load(seen.clone())).await;
    }

    /// Begins an attempt and types the right code.
    async fn attempt(&mut self, id: ChallengeId) {
        let answer = self.store.begin_attempt(self.who.key(), id, &self.policy, self.now);
        let seen = |seen: &Result<Attempt, _>| {
            Answer::Attempt(match seen {
                Ok(attempt) => Ok((attempt.challenge().clone(), attempt.attempts_left())),
                Err(refused) => Err(*refused),
            })
        };
        if let Some(Ok(attempt)) = self.history.record(Call::Attempt(id), answer, seen).await {
            self.proofs.push(self.codes.verified(&self.who, attempt, self.now));
        }
    }

    async fn consume(&mut self, proof: Verified) {
        let call = Call::Consume(proof.challenge_id());
        let answer = self.store.consume(proof, self.now);
        let seen = |seen: &Result<Consumed, _>| {
            Answer::Consume(seen.as_ref().map(drop).map_err(|refused| *refused))
        };
        self.history.record(call, answer, seen).await;
    }

    async fn resend(&mut self, id: ChallengeId) {
        let at = self.now + MINUTE;
        let answer = self.store.grant_resend(self.who.key(), id, &self.policy, at);
        self.history
            .record(Call::Resend(id, at), answer, |seen| Answer::Resend(seen.clone()))
            .await;
    }

    async fn deliver(&mut self, id: ChallengeId, delivery: DeliveryStatus) {
        let key = self.who.key();
        let answer = self.store.record_delivery(key, id, delivery, &self.policy, self.now);
        self.history.record(Call::Deliver(id, delivery), answer, |()| Answer::Done).await;
    }

    async fn revoke(&mut self, id: ChallengeId) {
        let answer = self.store.revoke(self.who.key(), id);
        self.history.record(Call::Revoke(id), answer, |()| Answer::Done).await;
    }

    async fn status(&mut self) {
        let answer = self.store.subject_status(self.who.key(), &self.policy, self.now);
        self.history.record(Call::Status, answer, |seen| Answer::Status(*seen)).await;
    }

    async fn unlock(&mut self) {
        let answer = self.store.unlock(self.who.key());
        self.history.record(Call::Unlock, answer, |()| Answer::Done).await;
    }

    /// Makes one call by chance: `new` is what it would open, `ids` are the challenges that it may name.
    async fn turn(&mut self, dice: &mut Dice, new: NewChallenge, ids: &[ChallengeId]) {
        let id = dice.pick(ids);
        match dice.below(18) {
            0..=1 => self.open(new).await,
            2..=5 => self.attempt(id).await,
            6..=7 => match self.proofs.pop() {
                Some(proof) => self.consume(proof).await,
                None => self.attempt(id).await,
            },
            8..=9 => self.resend(id).await,
            10..=11 => {
                let news = [
                    DeliveryStatus::Delivered,
                    DeliveryStatus::OutOfRange,
                    DeliveryStatus::Failed,
                    DeliveryStatus::ChangedHands,
                ];
                self.deliver(id, dice.pick(&news)).await;
            }
            12 => self.revoke(id).await,
            13 => self.unlock().await,
            14..=15 => self.status().await,
            _ => self.load(id).await,
        }
    }
}

async fn record_history<S: ChallengeStore>(
    kit: &Kit<S>,
    who: &Person,
    round: u64,
    now: SystemTime,
) -> Vec<Event> {
    let ticks = Ticks::default();
    let is_known = round % 2 == 1;
    let purposes = eight_purposes();
    // Each caller opens for a purpose of its own, or shares one with others and replaces what they opened.
    let shared = if is_known { 3 } else { CALLERS };
    let news: Vec<Vec<_>> = (0..CALLERS)
        .map(|caller| {
            let new = |_| kit.new_challenge(purposes[caller % shared], now);
            (0..TURNS).map(new).collect()
        })
        .collect();
    let mut ids: Vec<_> = news.iter().map(|own| own[0].id).collect();
    let mut alone = Caller::new(kit, kit.node(), who, now, &ticks);
    if is_known {
        for purpose in &purposes[..2] {
            let new = kit.new_challenge(*purpose, now);
            ids.insert(0, new.id);
            alone.open(new).await;
        }
    }
    // Some of the challenges, so that several callers meet at each.
    let few = &ids[..4];
    let race = |number: usize, store| {
        let mut caller = Caller::new(kit, store, who, now, &ticks);
        let (news, few) = (news[number].clone(), few.to_vec());
        let mut dice = Dice::new(round * 64 + number as u64);
        async move {
            for (turn, new) in news.into_iter().enumerate() {
                if turn == 0 && !is_known {
                    caller.open(new).await;
                } else {
                    caller.turn(&mut dice, new, &few).await;
                }
            }
            caller.history.events
        }
    };
    // Over several threads, or in one task, in which all have begun before one continues.
    let callers = if round % 4 < 2 {
        kit.in_turn(CALLERS, race).await
    } else {
        kit.at_once(CALLERS, race).await
    };
    // What was lost shows at the end, even if no call of the race saw it.
    alone.status().await;
    for id in &ids {
        alone.load(*id).await;
    }
    let mut events = alone.history.events;
    events.extend(callers.into_iter().flatten());
    events
}

type Event = crate::conformance::linear::Event<Call, Answer>;
