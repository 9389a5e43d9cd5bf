//! Pending logins and sessions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use auth_module::{
    AuthError, CachedSessions, EndAll, MemorySessions, PendingRecord, SessionId, SessionRecord,
    Sessions, StoredSession, TokenDigest, UpdateOutcome, UserId, UserSnapshot, Version,
    conformance::{SessionsKit, sessions},
};

use crate::{caught, others_come_first, panics};

/// Room of the stores that have a bound.
const SMALL: usize = 16;

const MILLISECOND: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Looks at the login, and opens the session when others have been there.
    CompletesOnACopy,
    /// Writes over any version.
    SavesOverAnything,
    /// Ends the pending logins of a user only, and counts the sessions.
    SparesSessions,
    /// Returns a login at the instant at which it expires.
    IsLate,
    /// Opens a session in place of one that has ended.
    ReplacesTheEnded,
    /// Writes a refreshed session back although it has ended.
    RevivesTheEnded,
    /// Ends the session of any user.
    EndsAnyId,
    /// Does not read back the browser of a session.
    ForgetsTheBrowser,
    /// Sweeps sessions that were used just after the limit.
    SweepsTheBusy,
    /// Loses everything when it is closed.
    Forgets,
    /// Makes room for a new session by dropping an old one.
    Evicts,
}

#[derive(Debug)]
struct Flawed {
    flaw: Flaw,
    store: Arc<MemorySessions>,
    opened: Mutex<Vec<TokenDigest>>,
    owners: Mutex<HashMap<SessionId, UserId>>,
    ended: Mutex<HashMap<TokenDigest, SessionRecord>>,
    a_login: Mutex<Option<PendingRecord>>,
}

impl Flawed {
    fn over(store: Arc<MemorySessions>, flaw: Flaw) -> Self {
        Self {
            flaw,
            store,
            opened: Mutex::default(),
            owners: Mutex::default(),
            ended: Mutex::default(),
            a_login: Mutex::default(),
        }
    }

    fn new(flaw: Flaw) -> Self {
        Self::over(Arc::new(MemorySessions::new(10_000)), flaw)
    }

    /// Opens a session although there is no login for it.
    async fn force(&self, token: TokenDigest, session: SessionRecord) -> Result<(), AuthError> {
        let login = self.a_login.lock().unwrap().clone().expect("a login was opened before");
        let pending = TokenDigest::from_bytes(token.as_bytes().map(|byte| !byte));
        self.store.open_pending(pending, login).await?;
        self.store.complete(pending, Version::FIRST, token, session, None).await.map(drop)
    }

    async fn is_current(&self, pending: TokenDigest, read: Version) -> Result<bool, AuthError> {
        let found = self.store.load_pending(pending, SystemTime::UNIX_EPOCH).await?;
        Ok(found.is_some_and(|(_, version)| version == read))
    }
}

#[async_trait]
impl Sessions for Flawed {
    async fn open_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
    ) -> Result<(), AuthError> {
        *self.a_login.lock().unwrap() = Some(login.clone());
        self.store.open_pending(token, login).await
    }

    async fn load_pending(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<(PendingRecord, Version)>, AuthError> {
        let late = self.flaw == Flaw::IsLate;
        self.store.load_pending(token, if late { now - MILLISECOND } else { now }).await
    }

    async fn save_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
        read: Version,
    ) -> Result<UpdateOutcome, AuthError> {
        let current = self.store.load_pending(token, SystemTime::UNIX_EPOCH).await?;
        let version = match (self.flaw, current) {
            (Flaw::SavesOverAnything, Some((_, version))) => version,
            _ => read,
        };
        self.store.save_pending(token, login, version).await
    }

    async fn end_pending(&self, token: TokenDigest) -> Result<bool, AuthError> {
        self.store.end_pending(token).await
    }

    async fn complete(
        &self,
        pending: TokenDigest,
        read: Version,
        token: TokenDigest,
        session: SessionRecord,
        replaces: Option<TokenDigest>,
    ) -> Result<UpdateOutcome, AuthError> {
        self.owners.lock().unwrap().insert(session.id.clone(), session.user.id.clone());
        let was_current = self.is_current(pending, read).await?;
        if self.flaw == Flaw::CompletesOnACopy {
            others_come_first().await;
        }
        let store = &self.store;
        let outcome = store.complete(pending, read, token, session.clone(), replaces).await;
        match (self.flaw, outcome) {
            (Flaw::CompletesOnACopy, Ok(UpdateOutcome::Gone))
                if was_current && replaces.is_none() =>
            {
                self.force(token, session).await?;
                Ok(UpdateOutcome::Done)
            }
            (Flaw::ReplacesTheEnded, Ok(UpdateOutcome::Gone)) if was_current => {
                store.complete(pending, read, token, session, None).await
            }
            (Flaw::Evicts, Err(_)) => {
                let oldest = self.opened.lock().unwrap().remove(0);
                store.end_session(oldest).await?;
                store.complete(pending, read, token, session, replaces).await
            }
            (_, outcome) => {
                self.opened.lock().unwrap().push(token);
                outcome
            }
        }
    }

    async fn load_session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<StoredSession>, AuthError> {
        if self.flaw == Flaw::RevivesTheEnded
            && let Some(revived) = self.ended.lock().unwrap().get(&token)
            && revived.user.display_name == REVIVED
        {
            let (record, seen_at) = (revived.clone(), revived.opened_at);
            return Ok(Some(StoredSession { record, seen_at }));
        }
        let mut found = self.store.load_session(token, now).await?;
        if let Some(session) = &mut found
            && self.flaw == Flaw::ForgetsTheBrowser
        {
            session.record.client.user_agent = None;
        }
        Ok(found)
    }

    fn touch_session(&self, token: TokenDigest, seen_at: SystemTime) {
        self.store.touch_session(token, seen_at);
    }

    fn refresh_user(&self, token: TokenDigest, user: UserSnapshot) {
        if let Some(ended) = self.ended.lock().unwrap().get_mut(&token) {
            ended.user = user.clone();
            REVIVED.clone_into(&mut ended.user.display_name);
        }
        self.store.refresh_user(token, user);
    }

    async fn sessions_of(
        &self,
        user: &UserId,
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<StoredSession>, AuthError> {
        self.store.sessions_of(user, now, limit).await
    }

    async fn end_session(&self, token: TokenDigest) -> Result<Option<SessionRecord>, AuthError> {
        let ended = self.store.end_session(token).await?;
        if let Some(ended) = &ended {
            self.ended.lock().unwrap().insert(token, ended.clone());
        }
        Ok(ended)
    }

    async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, AuthError> {
        let owner = self.owners.lock().unwrap().get(id).cloned();
        let owner = owner.filter(|_| self.flaw == Flaw::EndsAnyId);
        self.store.end_session_by_id(owner.as_ref().unwrap_or(user), id).await
    }

    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError> {
        if self.flaw == Flaw::SparesSessions && what == EndAll::PendingLoginsAndSessions {
            let sessions = self.store.sessions_of(user, SystemTime::UNIX_EPOCH, usize::MAX).await?;
            let ended = self.store.end_all(user, EndAll::PendingLogins).await?;
            return Ok(ended + sessions.len());
        }
        self.store.end_all(user, what).await
    }

    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError> {
        let late = self.flaw == Flaw::SweepsTheBusy;
        let idle_since = if late { idle_since + MILLISECOND } else { idle_since };
        self.store.sweep(now, idle_since).await
    }
}

/// The mark of a session that [`Flaw::RevivesTheEnded`] has written back.
const REVIVED: &str = "revived";

fn breaks(flaw: Flaw) -> Vec<&'static str> {
    let mut broken = caught(&sessions::clauses(), || SessionsKit::new(Arc::new(Flawed::new(flaw))));
    let kept = Arc::new(MemorySessions::new(10_000));
    let reopened = || {
        let store = match flaw {
            Flaw::Forgets => Arc::new(MemorySessions::new(10_000)),
            _ => Arc::clone(&kept),
        };
        std::future::ready(SessionsKit::new(Arc::new(Flawed::over(store, flaw))))
    };
    if panics(async || sessions::clause_10_acknowledged_means_kept(reopened).await) {
        broken.push("clause_10_acknowledged_means_kept");
    }
    let small = Arc::new(Flawed::over(Arc::new(MemorySessions::new(SMALL)), flaw));
    if panics(async || sessions::clause_11_full_means_refused(small, SMALL).await) {
        broken.push("clause_11_full_means_refused");
    }
    broken
}

#[test]
fn sessions_in_memory_pass() {
    assert_eq!(breaks(Flaw::None), [""; 0]);
}

#[test]
fn each_flaw_of_a_session_store_is_caught_by_its_clause() {
    for (flaw, clause) in [
        (Flaw::CompletesOnACopy, "clause_1_one_winner"),
        (Flaw::SavesOverAnything, "clause_2_no_lost_update"),
        (Flaw::SparesSessions, "clause_3_ended_is_ended"),
        (Flaw::IsLate, "clause_4_the_callers_clock_decides"),
        (Flaw::ReplacesTheEnded, "clause_5_replaced_or_nothing"),
        (Flaw::RevivesTheEnded, "clause_6_a_use_moves_forward"),
        (Flaw::EndsAnyId, "clause_7_lists_are_of_one_user"),
        (Flaw::ForgetsTheBrowser, "clause_8_kept_as_it_was"),
        (Flaw::SweepsTheBusy, "clause_9_a_sweep_removes_what_is_over"),
        (Flaw::Forgets, "clause_10_acknowledged_means_kept"),
        (Flaw::Evicts, "clause_11_full_means_refused"),
    ] {
        assert_eq!(breaks(flaw), [clause], "{flaw:?}");
    }
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
        assert_eq!(caught(&sessions::clauses(), kit), [""; 0], "{nodes} nodes");
    }
}
