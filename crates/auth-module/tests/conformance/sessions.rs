//! Pending logins and sessions.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use auth_module::{
    AuthError, AuthErrorKind, CachedSessions, EndAll, MemorySessions, PendingRecord, SessionId,
    SessionRecord, Sessions, StoredSession, TokenDigest, UpdateOutcome, UserId, UserSnapshot,
    Version,
    conformance::{SessionsKit, sessions},
    time::{from_millis, to_millis},
};

use crate::{Passed, Suite, check_table, others_come_first, passed, passes, planted};

/// Room of the stores that have a bound.
const SMALL: usize = 16;

const MILLISECOND: Duration = Duration::from_millis(1);

planted! {
    /// Looks at the login, and opens the session when another request has completed it.
    CompletesOnACopy => clause_1_one_winner,
    /// Looks at the login, and opens the session when another request has ended it.
    CompletesTheEnded => clause_1_one_winner,
    /// Keeps the login when it opens the session.
    KeepsTheLogin => clause_1_one_winner,
    /// Writes over any version.
    SavesOverAnything => clause_2_no_lost_update,
    /// Completes any version.
    CompletesAnyVersion => clause_2_no_lost_update,
    /// Says that a login that has ended was changed by another request.
    TakesGoneForConflict => clause_2_no_lost_update,
    /// Ends the pending logins of a user only, and counts the sessions.
    SparesSessions => clause_3_ended_is_ended,
    /// Ends the sessions of a user, and then the pending logins, when others have been there.
    EndsAllInTwoSteps => clause_3_ended_is_ended,
    /// Looks at the session, and says that it ended it when others have been there.
    EndsACopy => clause_3_ended_is_ended,
    /// Looks at the version, and writes the login back when others have been there.
    SavesTheEnded => clause_3_ended_is_ended,
    /// Says that it ended a login again.
    EndsNothing => clause_3_ended_is_ended,
    /// Ends the sessions too when only the pending logins should end.
    EndsTooMuch => clause_3_ended_is_ended,
    /// Returns a login at the instant at which it expires.
    LoginsAreLate => clause_4_the_callers_clock_decides,
    /// Returns a session at the instant at which it expires.
    SessionsAreLate => clause_4_the_callers_clock_decides,
    /// Lists a session at the instant at which it expires.
    ListsAreLate => clause_4_the_callers_clock_decides,
    /// Keeps instants as seconds in 32 bits.
    EndsIn2106 => clause_4_the_callers_clock_decides,
    /// Opens a session in place of one that has ended.
    ReplacesTheEnded => clause_5_replaced_or_nothing,
    /// Looks at the old session, and opens the new one when others have been there.
    ReplacesACopy => clause_5_replaced_or_nothing,
    /// Leaves the old session open.
    KeepsTheReplaced => clause_5_replaced_or_nothing,
    /// Ends the login that has nothing to replace.
    EndsTheLogin => clause_5_replaced_or_nothing,
    /// Writes a refreshed session back although it has ended.
    RevivesTheEnded => clause_6_a_use_moves_forward,
    /// Reads a session, and writes it back when others have been there.
    RefreshesACopy => clause_6_a_use_moves_forward,
    /// Takes any instant for the last use.
    TouchesBackwards => clause_6_a_use_moves_forward,
    /// Reads the last use, and writes the later one when others have been there.
    TouchesACopy => clause_6_a_use_moves_forward,
    /// Takes a refresh for a use.
    RefreshesTheUse => clause_6_a_use_moves_forward,
    /// Ends the session of any user.
    EndsAnyId => clause_7_lists_are_of_one_user,
    /// Lists the oldest session first.
    ListsTheOldestFirst => clause_7_lists_are_of_one_user,
    /// Lists one session more than was asked for.
    ExceedsTheLimit => clause_7_lists_are_of_one_user,
    /// Does not list in which login a session was opened.
    ListsNoFlow => clause_7_lists_are_of_one_user,
    /// Does not read back the browser of a session.
    ForgetsTheBrowser => clause_8_kept_as_it_was,
    /// Does not read back what was proved.
    ForgetsTheEvidence => clause_8_kept_as_it_was,
    /// Does not read back the factors that have begun.
    ForgetsTheFactors => clause_8_kept_as_it_was,
    /// Reads back whole seconds.
    CutsToSeconds => clause_8_kept_as_it_was,
    /// Sweeps sessions that were used just after the limit.
    SweepsTheBusy => clause_9_a_sweep_removes_what_is_over,
    /// Sweeps what expires a moment later.
    SweepsEarly => clause_9_a_sweep_removes_what_is_over,
    /// Sweeps no session that is idle.
    SparesTheIdle => clause_9_a_sweep_removes_what_is_over,
    /// Loses everything when it is closed.
    Forgets => clause_10_acknowledged_means_kept,
    /// Keeps ends in memory only.
    ForgetsEnds => clause_10_acknowledged_means_kept,
    /// Makes room for a new session by dropping an old one.
    Evicts => clause_11_full_means_refused,
    /// Has no bound.
    TakesMore => clause_11_full_means_refused,
    /// Takes nothing once it was full.
    StaysFull => clause_11_full_means_refused,
}

/// A store with a fault.
#[derive(Debug)]
struct Faulty {
    fault: Fault,
    store: Arc<MemorySessions>,
    notes: Arc<Mutex<Notes>>,
}

/// What a faulty store remembers beside its store.
#[derive(Debug, Default)]
struct Notes {
    a_login: Option<PendingRecord>,
    /// Logins that were completed, and those that were ended.
    completed: HashSet<TokenDigest>,
    ended_logins: HashSet<TokenDigest>,
    /// Logins that were written back after their end.
    revived_logins: HashMap<TokenDigest, PendingRecord>,
    /// The sessions in the order in which they were opened.
    opened: Vec<TokenDigest>,
    owners: HashMap<SessionId, UserId>,
    /// Sessions that were ended, and those that were replaced.
    ended: HashMap<TokenDigest, SessionRecord>,
    replaced: HashSet<TokenDigest>,
    /// Sessions that were written back after their end.
    revived: HashMap<TokenDigest, SessionRecord>,
    /// Last uses in place of those in the store.
    seen: HashMap<TokenDigest, SystemTime>,
    was_full: bool,
}

impl Faulty {
    fn over(store: Arc<MemorySessions>, fault: Fault) -> Self {
        Self { fault, store, notes: Arc::default() }
    }

    fn new(fault: Fault) -> Self {
        Self::over(Arc::new(MemorySessions::new(10_000)), fault)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    /// Opens a session although there is no login for it.
    async fn force(
        &self,
        token: TokenDigest,
        session: SessionRecord,
    ) -> Result<UpdateOutcome, AuthError> {
        let login = self.notes().a_login.clone().expect("a login was opened before");
        let pending = TokenDigest::from_bytes(token.as_bytes().map(|byte| !byte));
        self.store.open_pending(pending, login).await?;
        self.store.complete(pending, Version::FIRST, token, session, None).await
    }

    async fn current(&self, pending: TokenDigest) -> Result<Option<Version>, AuthError> {
        let found = self.store.load_pending(pending, SystemTime::UNIX_EPOCH).await?;
        Ok(found.map(|(_, version)| version))
    }

    async fn session(&self, token: TokenDigest) -> Result<Option<StoredSession>, AuthError> {
        self.store.load_session(token, SystemTime::UNIX_EPOCH).await
    }

    /// The instant before `now`, if the fault is `late`.
    fn late(&self, late: Fault, now: SystemTime) -> SystemTime {
        if self.fault == late { now - MILLISECOND } else { now }
    }

    /// Whether the fault cannot read this end.
    fn has_overflown(&self, expires_at: SystemTime) -> bool {
        self.fault == Fault::EndsIn2106 && to_millis(expires_at) / 1000 > i64::from(u32::MAX)
    }

    fn seen(&self, token: TokenDigest, mut session: StoredSession) -> StoredSession {
        let record = &mut session.record;
        match self.fault {
            Fault::ForgetsTheBrowser => record.client.user_agent = None,
            Fault::ForgetsTheEvidence => record.evidence.clear(),
            Fault::CutsToSeconds => {
                record.opened_at = from_millis(to_millis(record.opened_at) / 1000 * 1000);
            }
            _ => {}
        }
        if let Some(seen_at) = self.notes().seen.get(&token) {
            session.seen_at = *seen_at;
        }
        session
    }
}

#[async_trait]
impl Sessions for Faulty {
    async fn open_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
    ) -> Result<(), AuthError> {
        self.notes().a_login = Some(login.clone());
        self.store.open_pending(token, login).await
    }

    async fn load_pending(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<(PendingRecord, Version)>, AuthError> {
        if let Some(revived) = self.notes().revived_logins.get(&token) {
            return Ok(Some((revived.clone(), Version::FIRST)));
        }
        let now = self.late(Fault::LoginsAreLate, now);
        let mut found = self.store.load_pending(token, now).await?;
        if let Some((login, _)) = &mut found
            && self.fault == Fault::ForgetsTheFactors
        {
            login.factors.clear();
        }
        Ok(found.filter(|(login, _)| !self.has_overflown(login.expires_at)))
    }

    async fn save_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
        read: Version,
    ) -> Result<UpdateOutcome, AuthError> {
        let current = self.current(token).await?;
        if self.fault == Fault::SavesTheEnded && current == Some(read) {
            others_come_first().await;
        }
        let mut version = read;
        if let (Fault::SavesOverAnything, Some(current)) = (self.fault, current) {
            version = current;
        }
        let outcome = self.store.save_pending(token, login.clone(), version).await?;
        match (self.fault, outcome) {
            (Fault::SavesTheEnded, UpdateOutcome::Gone) if current == Some(read) => {
                self.notes().revived_logins.insert(token, login);
                Ok(UpdateOutcome::Done)
            }
            (Fault::TakesGoneForConflict, UpdateOutcome::Gone) => Ok(UpdateOutcome::Conflict),
            (_, outcome) => Ok(outcome),
        }
    }

    async fn end_pending(&self, token: TokenDigest) -> Result<bool, AuthError> {
        let is_first = self.notes().ended_logins.insert(token);
        let was_open = self.store.end_pending(token).await?;
        Ok(was_open || (self.fault == Fault::EndsNothing && !is_first))
    }

    async fn complete(
        &self,
        pending: TokenDigest,
        read: Version,
        token: TokenDigest,
        session: SessionRecord,
        replaces: Option<TokenDigest>,
    ) -> Result<UpdateOutcome, AuthError> {
        self.notes().owners.insert(session.id.clone(), session.user.id.clone());
        let store = &self.store;
        let was_current = self.current(pending).await? == Some(read);
        let login = store.load_pending(pending, SystemTime::UNIX_EPOCH).await?;
        let had_old = match replaces {
            Some(old) => self.session(old).await?.is_some(),
            None => false,
        };
        let mut version = read;
        let mut replaced = replaces;
        match self.fault {
            Fault::CompletesOnACopy | Fault::CompletesTheEnded | Fault::ReplacesACopy => {
                others_come_first().await;
            }
            Fault::CompletesAnyVersion => version = self.current(pending).await?.unwrap_or(read),
            Fault::KeepsTheReplaced if had_old => replaced = None,
            Fault::StaysFull if self.notes().was_full => {
                return Err(AuthError::new(AuthErrorKind::Unavailable, "it was full once"));
            }
            _ => {}
        }
        let outcome = store.complete(pending, version, token, session.clone(), replaced).await;
        let (was_completed, was_ended) = {
            let notes = self.notes();
            (notes.completed.contains(&pending), notes.ended_logins.contains(&pending))
        };
        let outcome = match (self.fault, outcome) {
            (Fault::CompletesOnACopy, Ok(UpdateOutcome::Gone)) if was_current && was_completed => {
                self.force(token, session).await
            }
            (Fault::CompletesTheEnded, Ok(UpdateOutcome::Gone)) if was_current && was_ended => {
                self.force(token, session).await
            }
            (Fault::ReplacesTheEnded, Ok(UpdateOutcome::Gone)) if replaces.is_some() => {
                store.complete(pending, read, token, session, None).await
            }
            (Fault::ReplacesACopy, Ok(UpdateOutcome::Gone)) if had_old => {
                store.complete(pending, read, token, session, None).await
            }
            (Fault::EndsTheLogin, Ok(UpdateOutcome::Gone)) if replaces.is_some() => {
                store.end_pending(pending).await?;
                Ok(UpdateOutcome::Gone)
            }
            (Fault::Evicts, Err(_)) => {
                let oldest = self.notes().opened.remove(0);
                store.end_session(oldest).await?;
                store.complete(pending, read, token, session, replaces).await
            }
            (_, outcome) => outcome,
        };
        self.notes().was_full |= outcome.is_err();
        if let Ok(UpdateOutcome::Done) = outcome {
            let mut notes = self.notes();
            notes.completed.insert(pending);
            notes.opened.push(token);
            notes.replaced.extend(replaces);
            if let (Fault::KeepsTheLogin, Some((login, _)), None) = (self.fault, login, replaces) {
                notes.revived_logins.insert(pending, login);
            }
        }
        outcome
    }

    async fn load_session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<StoredSession>, AuthError> {
        if let Some(record) = self.notes().revived.get(&token) {
            return Ok(Some(StoredSession { record: record.clone(), seen_at: record.opened_at }));
        }
        let now = self.late(Fault::SessionsAreLate, now);
        let found = self.store.load_session(token, now).await?;
        let found = found.filter(|session| !self.has_overflown(session.record.expires_at));
        Ok(found.map(|session| self.seen(token, session)))
    }

    fn touch_session(&self, token: TokenDigest, seen_at: SystemTime) {
        match self.fault {
            Fault::TouchesBackwards => drop(self.notes().seen.insert(token, seen_at)),
            Fault::TouchesACopy => {
                let notes = Arc::clone(&self.notes);
                let before = self.notes().seen.get(&token).copied();
                tokio::spawn(async move {
                    others_come_first().await;
                    let seen_at = before.map_or(seen_at, |before| before.max(seen_at));
                    notes.lock().unwrap().seen.insert(token, seen_at);
                });
            }
            _ => self.store.touch_session(token, seen_at),
        }
    }

    fn refresh_user(&self, token: TokenDigest, user: UserSnapshot) {
        match self.fault {
            Fault::RevivesTheEnded => {
                let mut notes = self.notes();
                if let Some(ended) = notes.ended.get(&token).cloned() {
                    notes.revived.insert(token, ended);
                }
            }
            Fault::RefreshesACopy => {
                let (notes, store) = (Arc::clone(&self.notes), Arc::clone(&self.store));
                let was_open = !self.notes().ended.contains_key(&token);
                tokio::spawn(async move {
                    others_come_first().await;
                    let mut notes = notes.lock().unwrap();
                    if let (true, Some(ended)) = (was_open, notes.ended.get(&token).cloned()) {
                        notes.revived.insert(token, ended);
                    }
                    store.refresh_user(token, user);
                });
                return;
            }
            Fault::RefreshesTheUse => self.store.touch_session(token, user.checked_at),
            _ => {}
        }
        self.store.refresh_user(token, user);
    }

    async fn sessions_of(
        &self,
        user: &UserId,
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<StoredSession>, AuthError> {
        let now = self.late(Fault::ListsAreLate, now);
        let mut listed = self.store.sessions_of(user, now, usize::MAX).await?;
        if self.fault == Fault::ListsTheOldestFirst {
            listed.reverse();
        }
        listed.truncate(if self.fault == Fault::ExceedsTheLimit { limit + 1 } else { limit });
        if self.fault == Fault::ListsNoFlow {
            for session in &mut listed {
                session.record.flow.clear();
            }
        }
        Ok(listed)
    }

    async fn end_session(&self, token: TokenDigest) -> Result<Option<SessionRecord>, AuthError> {
        if self.fault == Fault::ForgetsEnds {
            return Ok(self.session(token).await?.map(|session| session.record));
        }
        let read = self.session(token).await?.map(|session| session.record);
        if self.fault == Fault::EndsACopy {
            others_come_first().await;
        }
        let ended = self.store.end_session(token).await?;
        let mut notes = self.notes();
        if let Some(ended) = &ended {
            notes.ended.insert(token, ended.clone());
        }
        let is_copy = self.fault == Fault::EndsACopy && !notes.replaced.contains(&token);
        Ok(if is_copy { read } else { ended })
    }

    async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, AuthError> {
        let owner = self.notes().owners.get(id).cloned();
        let owner = owner.filter(|_| self.fault == Fault::EndsAnyId);
        self.store.end_session_by_id(owner.as_ref().unwrap_or(user), id).await
    }

    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError> {
        let is_all = what == EndAll::PendingLoginsAndSessions;
        self.notes().revived_logins.retain(|_, login| login.user_id != *user);
        let sessions = self.store.sessions_of(user, SystemTime::UNIX_EPOCH, usize::MAX).await?;
        match self.fault {
            Fault::SparesSessions if is_all => {
                let ended = self.store.end_all(user, EndAll::PendingLogins).await?;
                Ok(ended + sessions.len())
            }
            Fault::EndsAllInTwoSteps if is_all => {
                let mut ended = 0;
                for session in sessions {
                    let session = self.store.end_session_by_id(user, &session.record.id).await?;
                    ended += usize::from(session.is_some());
                }
                others_come_first().await;
                Ok(ended + self.store.end_all(user, EndAll::PendingLogins).await?)
            }
            Fault::EndsTooMuch => {
                let ended = self.store.end_all(user, EndAll::PendingLoginsAndSessions).await?;
                Ok(if is_all { ended } else { ended - sessions.len() })
            }
            _ => self.store.end_all(user, what).await,
        }
    }

    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError> {
        match self.fault {
            Fault::SweepsTheBusy => self.store.sweep(now, idle_since + MILLISECOND).await,
            Fault::SweepsEarly => self.store.sweep(now + MILLISECOND, idle_since).await,
            Fault::SparesTheIdle => self.store.sweep(now, SystemTime::UNIX_EPOCH).await,
            _ => self.store.sweep(now, idle_since).await,
        }
    }
}

fn run(fault: Fault) -> Vec<Passed> {
    // This one is about stores that are opened again.
    let in_use = if fault == Fault::ForgetsEnds { Fault::None } else { fault };
    let kit = || SessionsKit::new(Arc::new(Faulty::new(in_use)));
    let mut results = passed(&sessions::clauses(), kit);
    let kept = Arc::new(MemorySessions::new(10_000));
    let reopened = || {
        let store = match fault {
            Fault::Forgets => Arc::new(MemorySessions::new(10_000)),
            _ => Arc::clone(&kept),
        };
        std::future::ready(SessionsKit::new(Arc::new(Faulty::over(store, fault))))
    };
    results.push(passes("clause_10_acknowledged_means_kept", async || {
        sessions::clause_10_acknowledged_means_kept(reopened).await;
    }));
    let room = if fault == Fault::TakesMore { SMALL + 1 } else { SMALL };
    let small = Arc::new(Faulty::over(Arc::new(MemorySessions::new(room)), in_use));
    results.push(passes("clause_11_full_means_refused", async || {
        sessions::clause_11_full_means_refused(small, SMALL).await;
    }));
    results
}

#[test]
fn each_clause_of_sessions_finds_its_faults_and_no_other() {
    let suite = Suite {
        port: include_str!("../../src/session_store.rs"),
        name: "Sessions",
        sources: &[
            include_str!("../../src/conformance/sessions/ending.rs"),
            include_str!("../../src/conformance/sessions/keeping.rs"),
            include_str!("../../src/conformance/sessions/logins.rs"),
        ],
        prefix: "clause_",
    };
    check_table(&[suite], Fault::None, PLANTED, run);
}

/// The cache in front of a store keeps the whole contract, over one handle and over two nodes.
#[test]
fn a_cache_in_front_of_a_store_passes() {
    for nodes in [1, 2] {
        let kit = || {
            let store = Arc::new(MemorySessions::new(10_000));
            let node = || {
                let store = Arc::clone(&store) as Arc<dyn Sessions>;
                let cached = CachedSessions::new(store, 1000, Duration::from_secs(1));
                Arc::new(cached) as Arc<dyn Sessions>
            };
            SessionsKit::over((0..nodes).map(|_| node()).collect())
        };
        let results = passed(&sessions::clauses(), kit);
        assert!(results.iter().all(|(_, passed)| *passed), "{nodes} nodes: {results:?}");
    }
}
