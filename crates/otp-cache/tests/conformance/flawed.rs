//! A third party's store, as plain as can be: sound, or with one flaw that somebody might make.

mod quota;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_cache::{
    ChallengeStore, ConsumeFailed, QuotaKey, StoreError, StoreErrorKind, SubjectStatus,
    conformance::Outage,
};
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, Nonce, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey,
    SubjectRecord, Verified, gcra::Tat, layout,
};
use tokio::{task::yield_now, time::sleep};

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Locks the row of the subject, and nothing if there is none yet. Then it reads nothing, decides, and
    /// writes over what others have inserted: `SELECT … FOR UPDATE`, then an upsert, under `READ COMMITTED`.
    LocksOnlyRowsThatExist,
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
    /// Compares the end of the lock itself, and does not ask whether the clock that set it was wrong.
    LocksUntilTheClockCatchesUp,
    /// Gives every record five minutes to live: `SET key record EX 300`.
    RecordsExpire,
    /// Gives a record the time to live of the challenge that was opened last.
    RecordsExpireWithTheNewest,
    /// Makes another code for a resend.
    ResendsAnotherCode,
    /// Reads the record, and counts the resend when others have been there.
    ResendsOnACopy,
    /// Reads the record, and adds the challenge when others have been there.
    OpensOnACopy,
    /// Reads the record, and notes the delivery when others have been there.
    DeliversOnACopy,
    /// Reads the record, and takes the challenge away when others have been there.
    RevokesOnACopy,
    /// Reads the record, and clears its counters when others have been there.
    UnlocksOnACopy,
    /// Loads from a copy that the calls of others change a little later, as from a replica.
    LoadsFromAReplica,
    /// Reads the status from such a copy.
    ReadsTheStatusFromAReplica,
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
    /// Compares the stored value itself, and does not ask whether the clock that set it was wrong.
    ChargesWhenTheClockHasCaughtUp,
    /// Gives every key a minute to live.
    KeysExpire,
    /// Grants while the backend is out.
    GrantsInAnOutage,
    /// Locks the row of a key, and nothing if there is none yet.
    LocksOnlyKeysThatExist,
    /// Reads the stored value, and writes it back with the refund after others have changed it.
    RefundsOnACopy,
    /// Waits for the end of the outage.
    Hangs,
    /// Keeps the proof, although nothing was done.
    KeepsTheProof,
    /// Gives the proof back, although it was consumed.
    ReturnsASpentProof,
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
    /// Each record as it was before the last changes, the latest first.
    earlier: HashMap<SubjectKey, Vec<SubjectRecord>>,
}

impl State {
    /// Notes what a replica still has.
    fn has_changed(&mut self, subject: SubjectKey, before: SubjectRecord) {
        let earlier = self.earlier.entry(subject).or_default();
        earlier.truncate(REPLICA_LAG - 1);
        earlier.insert(0, before);
    }
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
    /// How often the store has written on a copy.
    writes: AtomicU64,
    /// How many calls change something now.
    under_way: AtomicUsize,
}

/// Counts a call until it returns or is dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// By how many changes a replica is behind.
const REPLICA_LAG: usize = 3;

const OUT: StoreError = StoreError::new(StoreErrorKind::Unavailable, "the backend is out");
const BLOCKED: StoreError = StoreError::new(StoreErrorKind::Conflict, "the backend is held");
const FULL: StoreError = StoreError::new(StoreErrorKind::Capacity, "the store is full");

/// The instant that [`Flaw::HasItsOwnClock`] believes in, in the year 2026.
fn own_clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

fn consume(
    record: &mut SubjectRecord,
    verified: Verified,
    now: SystemTime,
) -> Result<Consumed, ConsumeRefused> {
    record.consume(verified, now).map_err(|not_consumed| not_consumed.refused)
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            state: Mutex::default(),
            disk: None,
            capacity: usize::MAX,
            is_out: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
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

    /// Lets time pass for the backend, which deletes what has no time to live left.
    pub(crate) fn pass_time(&self, time: Duration) {
        let mut state = self.state.lock().expect("no panic holds it");
        let passed = |lives: Duration| time >= lives;
        match self.flaw {
            Flaw::RecordsExpire if passed(Duration::from_secs(300)) => state.subjects.clear(),
            Flaw::RecordsExpireWithTheNewest if passed(Duration::from_secs(3600)) => {
                state.subjects.retain(|_, record| record.consecutive_failures() > 0);
            }
            Flaw::KeysExpire if passed(Duration::from_secs(60)) => state.tats.clear(),
            _ => {}
        }
    }

    /// Lets other calls run, as a call of a server does.
    async fn arrive(&self) {
        yield_now().await;
        while self.has(Flaw::Hangs) && self.is_out.load(Ordering::SeqCst) {
            sleep(Duration::from_secs(1)).await;
        }
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
        let _under_way = UnderWay::begin(&self.under_way);
        self.arrive().await;
        let done = if on_a_copy == Some(self.flaw) || self.locks_nothing(subject)? {
            self.apply_to_a_copy(subject, rule).await?
        } else {
            self.step(|state| {
                let record = state.subjects.entry(subject).or_default();
                let before = record.clone();
                let done = rule(record);
                state.has_changed(subject, before);
                Ok(done)
            })?
        };
        yield_now().await;
        Ok(done)
    }

    /// Whether the store decides without a lock, because the subject has no row.
    fn locks_nothing(&self, subject: SubjectKey) -> Result<bool, StoreError> {
        let has_row = self.step(|state| Ok(state.subjects.contains_key(&subject)))?;
        Ok(self.has(Flaw::LocksOnlyRowsThatExist) && !has_row)
    }

    /// Reads the record, decides, and writes over what others have written in between.
    async fn apply_to_a_copy<T>(
        &self,
        subject: SubjectKey,
        rule: impl FnOnce(&mut SubjectRecord) -> T,
    ) -> Result<T, StoreError> {
        let mut copy = self.record(subject)?;
        let before = copy.clone();
        // Every other write takes so long that another one and an attempt fit in between.
        let is_slow = self.writes.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        for _ in 0..if is_slow { 9 } else { 1 } {
            yield_now().await;
        }
        let done = rule(&mut copy);
        if copy != before {
            self.step(|state| Ok(state.subjects.insert(subject, copy)))?;
        }
        Ok(done)
    }

    fn record(&self, subject: SubjectKey) -> Result<SubjectRecord, StoreError> {
        self.step(|state| Ok(state.subjects.get(&subject).cloned().unwrap_or_default()))
    }

    /// Returns the record, or with this flaw what a replica has of it while calls are under way.
    async fn read(&self, subject: SubjectKey, flaw: Flaw) -> Result<SubjectRecord, StoreError> {
        self.arrive().await;
        let record = self.record(subject)?;
        if !self.has(flaw) || self.under_way.load(Ordering::SeqCst) == 0 {
            return Ok(record);
        }
        let earlier = self.step(|state| Ok(state.earlier.get(&subject).cloned()))?;
        Ok(earlier.and_then(|mut earlier| earlier.pop()).unwrap_or(record))
    }

    /// The end of the subject's lock, if the store does not leave that to the rules.
    fn locked_until(
        &self,
        subject: SubjectKey,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, StoreError> {
        if !self.has(Flaw::LocksUntilTheClockCatchesUp) {
            return Ok(None);
        }
        let bytes = self.record(subject)?.to_bytes();
        let millis = bytes[layout::LOCKED_UNTIL.range()].try_into().expect("eight bytes");
        let until = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::from_be_bytes(millis));
        Ok((now < until).then_some(until))
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
        let _under_way = UnderWay::begin(&self.under_way);
        self.arrive().await;
        if let Some(until) = self.locked_until(subject, now)? {
            return Ok(Err(OpenRefused::Locked { until }));
        }
        if self.has(Flaw::OpensInTwoSteps) {
            self.step(|state| {
                let record = state.subjects.entry(subject).or_default();
                let older = record.challenges().iter().find(|c| c.purpose() == new.purpose);
                Ok(older.map(Challenge::id).map(|id| record.revoke(id)))
            })?;
            yield_now().await;
        }
        if self.has(Flaw::OpensOnACopy) || self.locks_nothing(subject)? {
            if !self.step(|state| Ok(self.room(state, subject, now)))? {
                return Err(FULL);
            }
            return self.apply_to_a_copy(subject, |record| record.open(new, policy, now)).await;
        }
        let opened = self.step(|state| {
            if !self.room(state, subject, now) {
                return Err(FULL);
            }
            let record = state.subjects.entry(subject).or_default();
            if self.has(Flaw::OpenForgets) {
                record.unlock();
            }
            let (before, older) = (record.clone(), record.challenges().to_vec());
            let opened = record.open(new, policy, self.instant(now));
            state.has_changed(subject, before);
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
        let found = self.read(subject, Flaw::LoadsFromAReplica).await?;
        let found = found.challenge(id, self.instant(now)).cloned();
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
        self.arrive().await;
        if let Some(until) = self.locked_until(subject, now)? {
            return Ok(Err(AttemptRefused::Locked { until }));
        }
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
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        let (subject, now) = (verified.subject(), self.instant(now));
        self.arrive().await;
        if self.is_out.load(Ordering::SeqCst) {
            return Err(match self.flaw {
                Flaw::KeepsTheProof => BLOCKED.into(),
                Flaw::ReturnsASpentProof => {
                    let mut state = self.state.lock().expect("no panic holds it");
                    let record = state.subjects.entry(subject).or_default();
                    let spent = record.consume(verified, now).expect("an open challenge");
                    ConsumeFailed::new(BLOCKED, spent.into_verified())
                }
                _ => ConsumeFailed::new(BLOCKED, verified),
            });
        }
        if self.has(Flaw::ConsumesAgain) {
            return Ok(consume(&mut self.record(subject)?, verified, now));
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
                return Ok(consume(&mut before.clone(), verified, now));
            }
            return Ok(consume(&mut SubjectRecord::new(), verified, now));
        }
        let rule = |record: &mut SubjectRecord| consume(record, verified, now);
        Ok(self.apply(subject, Some(Flaw::ConsumesOnACopy), rule).await?)
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
        self.apply(subject, Some(Flaw::DeliversOnACopy), rule).await.map(drop)
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        if self.has(Flaw::SaysDone) && self.is_out.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.apply(subject, Some(Flaw::RevokesOnACopy), |record| record.revoke(id)).await.map(drop)
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        let record = self.read(subject, Flaw::ReadsTheStatusFromAReplica).await?;
        Ok(SubjectStatus::of(&record, policy, now))
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.apply(subject, Some(Flaw::UnlocksOnACopy), SubjectRecord::unlock).await
    }
}
