//! A third party's store, as plain as can be: sound, or with one flaw that somebody might make.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_cache::{
    ChallengeStore, Charge, Charged, Quota, QuotaKey, QuotaRefused, StoreError, StoreErrorKind,
    SubjectStatus, conformance::Outage,
};
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, Nonce, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey,
    SubjectRecord, Verified,
    gcra::{self, Tat},
};
use tokio::task::yield_now;

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Reads the record, and writes it back when others have been there.
    CountsOnACopy,
    /// Remembers attempts with the challenge and none with the subject.
    CountsNoSubject,
    /// Reads the record, and removes the challenge when others have been there.
    ConsumesOnACopy,
    /// Lets the challenge be.
    ConsumesAgain,
    /// Clears the counters with a resend.
    ResendForgets,
    /// Clears the counters with a new challenge.
    OpenForgets,
    /// Drops what is over by a clock of its own.
    HasItsOwnClock,
    /// Still serves a challenge at the instant at which it ends.
    IsLate,
    /// Makes another code for a resend.
    ResendsAnotherCode,
    /// Reads the record, and counts the resend when others have been there.
    ResendsOnACopy,
    /// Goes on serving the challenge that was replaced.
    KeepsTheOlder,
    /// Is one write behind when it answers.
    AnswersBeforeItWrites,
    /// Drops somebody when it is full.
    Evicts,
    /// Has no bound.
    NeverFull,
    /// Hands out what it remembers while the backend is out.
    FailsOpen,
    /// Says "done" while the backend is out.
    SaysDone,
    /// Looks for a challenge with everybody.
    MixesSubjects,
    /// Takes the older challenge away first, and opens the new one after a while.
    OpensInTwoSteps,
    /// Takes the challenge away first, and clears the counters after a while.
    ConsumesInTwoSteps,
    /// Reads the stored values, and writes them back after others have changed them.
    ChargesOnACopy,
    /// Charges a key that is named twice in one call only once.
    ChargesAKeyOnce,
    /// Leaves what was charged before the refusal.
    ChargesOneByOne,
    /// Charges at whole milliseconds.
    ChargesByTheMillisecond,
    /// Grants while the backend is out.
    GrantsInAnOutage,
    /// Gives back everything that the key was ever charged.
    RefundsAll,
    /// Gives back what has refilled by itself once more.
    RefundsTwice,
}

#[derive(Clone, Debug, Default)]
struct State {
    subjects: HashMap<SubjectKey, SubjectRecord>,
    older: HashMap<ChallengeId, Challenge>,
    tats: HashMap<QuotaKey, Tat>,
}

/// What a durable store leaves behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct Flawed {
    flaw: Flaw,
    state: Mutex<State>,
    disk: Option<Disk>,
    capacity: usize,
    is_out: AtomicBool,
}

const OUT: StoreError = StoreError::new(StoreErrorKind::Unavailable, "the backend is out");
const FULL: StoreError = StoreError::new(StoreErrorKind::Capacity, "the store is full");

/// The instant that [`Flaw::HasItsOwnClock`] believes in, in the year 2026.
fn own_clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            state: Mutex::default(),
            disk: None,
            capacity: usize::MAX,
            is_out: AtomicBool::new(false),
        }
    }

    pub(crate) fn with_capacity(flaw: Flaw, capacity: usize) -> Self {
        Self { capacity, ..Self::new(flaw) }
    }

    pub(crate) fn on(disk: Disk, flaw: Flaw) -> Self {
        let state = disk.0.lock().expect("no panic holds it").clone();
        Self { state: Mutex::new(state), disk: Some(disk), ..Self::new(flaw) }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// Does `work` in one step, or fails.
    fn step<T>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_out.load(Ordering::SeqCst) {
            return Err(OUT);
        }
        let mut state = self.state.lock().expect("no panic holds it");
        let before = self.disk.is_some().then(|| state.clone());
        let done = work(&mut state);
        if let (Some(disk), Some(before)) = (&self.disk, before) {
            let written =
                if self.has(Flaw::AnswersBeforeItWrites) { before } else { state.clone() };
            *disk.0.lock().expect("no panic holds it") = written;
        }
        done
    }

    /// Applies `rule` to the subject's record: in one step, or as the flaw has it on a copy.
    async fn apply<T>(
        &self,
        subject: SubjectKey,
        on_a_copy: Option<Flaw>,
        rule: impl FnOnce(&mut SubjectRecord) -> T,
    ) -> Result<T, StoreError> {
        yield_now().await;
        let done = if on_a_copy == Some(self.flaw) {
            let mut copy = self.record(subject)?;
            yield_now().await;
            let done = rule(&mut copy);
            self.step(|state| Ok(state.subjects.insert(subject, copy)))?;
            done
        } else {
            self.step(|state| Ok(rule(state.subjects.entry(subject).or_default())))?
        };
        yield_now().await;
        Ok(done)
    }

    fn record(&self, subject: SubjectKey) -> Result<SubjectRecord, StoreError> {
        self.step(|state| Ok(state.subjects.get(&subject).cloned().unwrap_or_default()))
    }

    /// The instant that the rules are asked about.
    fn instant(&self, now: SystemTime) -> SystemTime {
        if self.has(Flaw::IsLate) { now - Duration::from_millis(1) } else { now }
    }

    /// Makes sure that there is room for the subject.
    fn room(&self, state: &mut State, subject: SubjectKey, now: SystemTime) -> bool {
        if state.subjects.contains_key(&subject) || self.has(Flaw::NeverFull) {
            return true;
        }
        if state.subjects.len() >= self.capacity {
            state.subjects.retain(|_, record| {
                let is_expired = |c: &&Challenge| c.is_expired(now);
                let expired: Vec<_> =
                    record.challenges().iter().filter(is_expired).map(Challenge::id).collect();
                for id in expired {
                    record.revoke(id);
                }
                !record.is_empty()
            });
        }
        if state.subjects.len() >= self.capacity && self.has(Flaw::Evicts) {
            let victim = *state.subjects.keys().next().expect("it is full");
            state.subjects.remove(&victim);
        }
        state.subjects.len() < self.capacity
    }

    fn room_for_tat(&self, state: &mut State, key: QuotaKey, now: SystemTime) -> bool {
        if state.tats.contains_key(&key) || self.has(Flaw::NeverFull) {
            return true;
        }
        if state.tats.len() >= self.capacity {
            state.tats.retain(|_, tat| !tat.is_past(now));
        }
        if state.tats.len() >= self.capacity && self.has(Flaw::Evicts) {
            let victim = *state.tats.keys().next().expect("it is full");
            state.tats.remove(&victim);
        }
        state.tats.len() < self.capacity
    }
}

#[async_trait]
impl Outage for Flawed {
    async fn begin(&self) {
        self.is_out.store(true, Ordering::SeqCst);
    }

    async fn end(&self) {
        self.is_out.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl ChallengeStore for Flawed {
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        yield_now().await;
        if self.has(Flaw::OpensInTwoSteps) {
            self.step(|state| {
                let record = state.subjects.entry(subject).or_default();
                let older = record.challenges().iter().find(|c| c.purpose() == new.purpose);
                Ok(older.map(Challenge::id).map(|id| record.revoke(id)))
            })?;
            yield_now().await;
        }
        let opened = self.step(|state| {
            if !self.room(state, subject, now) {
                return Err(FULL);
            }
            let record = state.subjects.entry(subject).or_default();
            if self.has(Flaw::OpenForgets) {
                record.unlock();
            }
            let older = record.challenges().to_vec();
            let opened = record.open(new, policy, self.instant(now));
            if self.has(Flaw::KeepsTheOlder) {
                state.older.extend(older.into_iter().map(|challenge| (challenge.id(), challenge)));
            }
            Ok(opened)
        })?;
        yield_now().await;
        Ok(opened)
    }

    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError> {
        let found = self.record(subject)?.challenge(id, self.instant(now)).cloned();
        let older = self.step(|state| Ok(state.older.get(&id).cloned()))?;
        let found = found.or(older);
        let is_swept = |challenge: &Challenge| challenge.is_expired(own_clock());
        Ok(found.filter(|c| !(self.has(Flaw::HasItsOwnClock) && is_swept(c))))
    }

    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
        let now = self.instant(now);
        if self.has(Flaw::FailsOpen) && self.is_out.load(Ordering::SeqCst) {
            let state = self.state.lock().expect("no panic holds it");
            let mut remembered = state.subjects.get(&subject).cloned().unwrap_or_default();
            return Ok(remembered.begin_attempt(subject, id, policy, now));
        }
        let owner = self.step(|state| {
            let has_it = |record: &SubjectRecord| record.challenges().iter().any(|c| c.id() == id);
            let owner = state.subjects.iter().find(|(_, record)| has_it(record));
            Ok(owner.filter(|_| self.has(Flaw::MixesSubjects)).map_or(subject, |(key, _)| *key))
        })?;
        let rule = |record: &mut SubjectRecord| {
            let attempt = record.begin_attempt(subject, id, policy, now);
            if self.has(Flaw::CountsNoSubject) {
                record.unlock();
            }
            attempt
        };
        self.apply(owner, Some(Flaw::CountsOnACopy), rule).await
    }

    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, StoreError> {
        let (subject, now) = (verified.subject(), self.instant(now));
        if self.has(Flaw::ConsumesAgain) {
            return Ok(self.record(subject)?.consume(verified, now));
        }
        if self.has(Flaw::ConsumesInTwoSteps) {
            let before = self.record(subject)?;
            let id = verified.challenge_id();
            let is_first =
                self.step(|state| Ok(state.subjects.entry(subject).or_default().revoke(id)))?;
            yield_now().await;
            if is_first {
                self.step(|state| {
                    state.subjects.entry(subject).or_default().unlock();
                    Ok(())
                })?;
                return Ok(before.clone().consume(verified, now));
            }
            return Ok(SubjectRecord::new().consume(verified, now));
        }
        self.apply(subject, Some(Flaw::ConsumesOnACopy), |record| record.consume(verified, now))
            .await
    }

    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
        let rule = |record: &mut SubjectRecord| {
            let mut resent = record.grant_resend(id, policy, self.instant(now));
            if self.has(Flaw::ResendForgets) {
                record.unlock();
            }
            if let (Ok(resent), Flaw::ResendsAnotherCode) = (&mut resent, self.flaw) {
                let mut parts = resent.challenge.to_parts();
                parts.nonce = Nonce::from_bytes([0; 16]);
                resent.challenge = Challenge::from_parts(&parts).expect("still sound");
            }
            resent
        };
        self.apply(subject, Some(Flaw::ResendsOnACopy), rule).await
    }

    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let rule = |record: &mut SubjectRecord| record.record_delivery(id, delivery, policy, now);
        self.apply(subject, None, rule).await.map(drop)
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        if self.has(Flaw::SaysDone) && self.is_out.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.apply(subject, None, |record| record.revoke(id)).await.map(drop)
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        Ok(SubjectStatus::of(&self.record(subject)?, policy, now))
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.apply(subject, None, SubjectRecord::unlock).await
    }
}

impl Flawed {
    fn tat(&self, state: &State, key: QuotaKey) -> Tat {
        let tat = state.tats.get(&key).copied().unwrap_or_default();
        let is_swept = self.has(Flaw::HasItsOwnClock) && tat.is_past(own_clock());
        if is_swept { Tat::default() } else { tat }
    }

    /// Charges all, or says which is refused; with [`Flaw::ChargesOneByOne`] up to that one.
    fn charge_at_once(
        &self,
        state: &mut State,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = Duration::from_micros(u64::from(since.subsec_micros() % 1_000));
        let now = if self.has(Flaw::ChargesByTheMillisecond) { now - micros } else { now };
        let (mut granted, mut refusals, mut left) = (Vec::new(), Vec::new(), u32::MAX);
        for (which, charge) in charges.iter().enumerate() {
            let before = |(before, _): &&(Charge, Tat)| {
                before.key == charge.key && !self.has(Flaw::ChargesAKeyOnce)
            };
            let so_far = granted.iter().rev().find(before).map(|(_, tat)| *tat);
            let tat = so_far.unwrap_or_else(|| self.tat(state, charge.key));
            let until = match gcra::charge(tat, &charge.rate, charge.events, now) {
                gcra::Decision::Granted(yes) => {
                    left = left.min(yes.left);
                    granted.push((*charge, yes.tat));
                    continue;
                }
                gcra::Decision::Refused { until } => Some(until),
                gcra::Decision::TooLarge => None,
            };
            refusals.push(QuotaRefused { which, until });
        }
        let refused = refusals.into_iter().max_by_key(|no| (no.until.is_none(), no.until));
        if refused.is_none() || self.has(Flaw::ChargesOneByOne) {
            for (charge, tat) in &granted {
                if !self.room_for_tat(state, charge.key, now) {
                    return Err(FULL);
                }
                state.tats.insert(charge.key, *tat);
            }
        }
        Ok(refused.map_or_else(|| Ok(Charged::new(granted, left)), Err))
    }
}

#[async_trait]
impl Quota for Flawed {
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        yield_now().await;
        if self.has(Flaw::GrantsInAnOutage) && self.is_out.load(Ordering::SeqCst) {
            return Ok(Ok(Charged::new(Vec::new(), 0)));
        }
        if self.has(Flaw::ChargesOnACopy) {
            let mut copy = self.step(|state| Ok(state.clone()))?;
            yield_now().await;
            let charged = self.charge_at_once(&mut copy, charges, now)?;
            self.step(|state| {
                for charge in charges {
                    state.tats.insert(charge.key, self.tat(&copy, charge.key));
                }
                Ok(())
            })?;
            return Ok(charged);
        }
        let charged = self.step(|state| self.charge_at_once(state, charges, now))?;
        yield_now().await;
        Ok(charged)
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        let now = if self.has(Flaw::RefundsTwice) { SystemTime::UNIX_EPOCH } else { now };
        self.step(|state| {
            for (key, span) in charged.refunds(now) {
                let back = gcra::refund(self.tat(state, key), span);
                let back = if self.has(Flaw::RefundsAll) { Tat::default() } else { back };
                state.tats.insert(key, back);
            }
            Ok(())
        })
    }
}
