//! Comparison with the pure rules: the same calls in the same order must have the same results.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use otp_core::{
    ChallengeId, DeliveryStatus, LockoutState, Policy, PolicySettings, Purpose, SubjectRecord,
};

use crate::{
    ChallengeStore, SubjectStatus,
    conformance::{
        amounts::{DAY, JUMPS},
        dice::Dice,
        kit::{Kit, Person, ok},
    },
};

/// Compares the store with the rules of [`SubjectRecord`]. The same calls in the same order must have the same
/// results, on random walks over calls, instants and purposes that reach both sides of every boundary. The clock jumps
/// back and forth, by a day or a year too.
///
/// # Panics
///
/// If the store and the rules differ, or the store fails.
pub async fn decides_as_the_pure_rules<S: ChallengeStore>(kit: &Kit<S>) {
    let strict = PolicySettings {
        attempts_per_challenge: 3,
        attempts_per_subject: 4,
        quiet_period: Duration::from_secs(60),
        locks: vec![Duration::from_secs(60)],
        max_consecutive_failures: 50,
        resends_per_challenge: 5,
        resend_cooldowns: [30, 300].map(Duration::from_secs).to_vec(),
        undelivered_cooldown: Duration::from_secs(5),
    };
    let strict = Policy::new(strict).expect("within the ranges");
    for seed in 0..16 {
        Walk::new(kit, kit.policy.clone(), seed).go(150).await;
        Walk::new(kit, strict.clone(), seed).go(150).await;
    }
}

struct Walk<'a, S> {
    kit: &'a Kit<S>,
    policy: Policy,
    who: Person,
    record: SubjectRecord,
    ids: Vec<ChallengeId>,
    now: SystemTime,
    dice: Dice,
}

/// Panics if the pure rules and the store differ.
#[track_caller]
fn same<T: PartialEq + Debug>(what: &str, expected: &T, answered: &T) {
    assert_eq!(answered, expected, "{what}: the store (left) and the pure rules (right) differ");
}

impl<'a, S: ChallengeStore> Walk<'a, S> {
    fn new(kit: &'a Kit<S>, policy: Policy, seed: u64) -> Self {
        let record = SubjectRecord::new();
        Self {
            policy,
            who: kit.person(),
            record,
            ids: vec![ChallengeId::from_bytes(kit.bytes())],
            now: kit.start(),
            dice: Dice::new(seed),
            kit,
        }
    }

    async fn go(&mut self, steps: u32) {
        for _ in 0..steps {
            if self.dice.below(48) == 0 {
                self.jump_ahead().await;
            } else {
                self.pass_time();
            }
            match self.dice.below(16) {
                0..=3 => self.open().await,
                4..=9 => self.attempt().await,
                10 => self.resend().await,
                11 => self.deliver().await,
                12 => self.revoke().await,
                13 => self.unlock_now_and_then().await,
                _ => self.look().await,
            }
        }
        self.look().await;
    }

    /// Moves the clock: mostly not; otherwise to, or just before, an instant at which some rule changes its
    /// decision; sometimes back, like a clock that is set.
    fn pass_time(&mut self) {
        // More often while it is locked, because a walk seldom is.
        let state = self.record.lockout_state(&self.policy, self.now);
        let odds = if matches!(state, LockoutState::Locked { .. }) { 6 } else { 24 };
        if self.dice.below(odds) == 0 {
            self.now -= self.dice.pick(&JUMPS);
            return;
        }
        let seconds =
            self.dice.pick(&[0, 0, 0, 0, 0, 0, 1, 5, 15, 30, 60, 90, 180, 300, 900, 1800, 3600]);
        let less = Duration::from_millis(self.dice.pick(&[0, 0, 1]));
        self.now += Duration::from_secs(seconds).saturating_sub(less);
    }

    /// Sets the clock ahead. What has then expired may be swept, so nothing that could come back stays open.
    async fn jump_ahead(&mut self) {
        for id in self.ids.clone() {
            self.record.revoke(id);
            ok(self.kit.node().revoke(self.who.key(), id).await);
        }
        self.now += self.dice.pick(&[DAY, 365 * DAY]);
    }

    fn id(&mut self) -> ChallengeId {
        let from = self.ids.len().saturating_sub(3);
        self.dice.pick(&self.ids[from..])
    }

    async fn open(&mut self) {
        let names = ["login", "step-up", "a", "b", "c", "d", "e", "f", "g"];
        let few = if self.dice.below(4) == 0 { names.len() } else { 2 };
        let purpose = Purpose::new(self.dice.pick(&names[..few])).expect("a short name");
        let mut new = self.kit.new_challenge(purpose, self.now);
        if self.dice.below(10) == 0 {
            new.id = self.id();
        }
        let expected = self.record.open(new, &self.policy, self.now);
        self.ids.push(new.id);
        let store = self.kit.node();
        let answered = ok(store.open(self.who.key(), new, &self.policy, self.now).await);
        same("open", &expected, &answered);
    }

    async fn attempt(&mut self) {
        let (key, id) = (self.who.key(), self.id());
        let expected = self.record.begin_attempt(key, id, &self.policy, self.now);
        let store = self.kit.node();
        let answered = ok(store.begin_attempt(key, id, &self.policy, self.now).await);
        match (expected, answered) {
            (Ok(expected), Ok(answered)) => {
                same("begin_attempt", expected.challenge(), answered.challenge());
                same("begin_attempt", &expected.subject(), &answered.subject());
                same("begin_attempt", &expected.attempts_left(), &answered.attempts_left());
                same("begin_attempt", &expected.lockout_state(), &answered.lockout_state());
                if self.dice.below(8) == 0 {
                    let ours = self.kit.verified(&self.who, expected, self.now);
                    let theirs = self.kit.verified(&self.who, answered, self.now);
                    self.pass_time();
                    let expected = self.record.consume(ours, self.now);
                    let expected = expected.map(|c| c.attempts()).map_err(|no| no.refused);
                    let answered = ok(self.kit.node().consume(theirs, self.now).await);
                    same("consume", &expected, &answered.map(|c| c.attempts()));
                }
            }
            (expected, answered) => same("begin_attempt", &expected.err(), &answered.err()),
        }
    }

    async fn resend(&mut self) {
        let id = self.id();
        let expected = self.record.grant_resend(id, &self.policy, self.now);
        let store = self.kit.node();
        let answered = ok(store.grant_resend(self.who.key(), id, &self.policy, self.now).await);
        same("grant_resend", &expected, &answered);
    }

    async fn deliver(&mut self) {
        let id = self.id();
        let all = (0..5).filter_map(DeliveryStatus::from_u8).collect::<Vec<_>>();
        let delivery = self.dice.pick(&all);
        self.record.record_delivery(id, delivery, &self.policy, self.now);
        let (store, key) = (self.kit.node(), self.who.key());
        ok(store.record_delivery(key, id, delivery, &self.policy, self.now).await);
    }

    async fn revoke(&mut self) {
        let id = self.id();
        self.record.revoke(id);
        ok(self.kit.node().revoke(self.who.key(), id).await);
    }

    async fn unlock_now_and_then(&mut self) {
        if self.dice.below(4) == 0 {
            self.record.unlock();
            ok(self.kit.node().unlock(self.who.key()).await);
        }
    }

    async fn status(&self) -> SubjectStatus {
        ok(self.kit.node().subject_status(self.who.key(), &self.policy, self.now).await)
    }

    async fn look(&mut self) {
        let id = self.id();
        let expected = self.record.challenge(id, self.now).cloned();
        let answered = ok(self.kit.node().load(self.who.key(), id, self.now).await);
        same("load", &expected, &answered);
        let expected = SubjectStatus::of(&self.record, &self.policy, self.now);
        same("subject_status", &expected, &self.status().await);
    }
}
