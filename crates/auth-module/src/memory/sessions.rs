//! Pending logins and sessions in memory.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;

use crate::{
    error::{AuthError, AuthErrorKind},
    session_record::{SessionId, SessionRecord, StoredSession, UserSnapshot},
    session_store::{EndAll, PendingRecord, Sessions, UpdateOutcome, Version},
    token::TokenDigest,
    user::UserId,
};

/// Keeps pending logins and sessions in memory, within a bound. Never drops a live one.
#[derive(Debug)]
pub struct MemorySessions {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pending: HashMap<TokenDigest, (PendingRecord, Version)>,
    sessions: HashMap<TokenDigest, StoredSession>,
}

impl MemorySessions {
    /// Makes an empty store for at most `capacity` pending logins and as many sessions.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sessions for MemorySessions {
    async fn open_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
    ) -> Result<(), AuthError> {
        let mut state = self.state();
        if state.pending.len() >= self.capacity {
            return Err(full());
        }
        state.pending.insert(token, (login, Version::FIRST));
        Ok(())
    }

    async fn load_pending(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<(PendingRecord, Version)>, AuthError> {
        let state = self.state();
        Ok(state.pending.get(&token).filter(|(login, _)| now < login.expires_at).cloned())
    }

    async fn save_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
        read: Version,
    ) -> Result<UpdateOutcome, AuthError> {
        let mut state = self.state();
        let Some(stored) = state.pending.get_mut(&token) else { return Ok(UpdateOutcome::Gone) };
        if stored.1 != read {
            return Ok(UpdateOutcome::Conflict);
        }
        *stored = (login, read.next());
        Ok(UpdateOutcome::Done)
    }

    async fn end_pending(&self, token: TokenDigest) -> Result<bool, AuthError> {
        Ok(self.state().pending.remove(&token).is_some())
    }

    async fn complete(
        &self,
        pending: TokenDigest,
        read: Version,
        token: TokenDigest,
        session: SessionRecord,
        replaces: Option<TokenDigest>,
    ) -> Result<UpdateOutcome, AuthError> {
        let mut state = self.state();
        let Some((_, version)) = state.pending.get(&pending) else {
            return Ok(UpdateOutcome::Gone);
        };
        if *version != read {
            return Ok(UpdateOutcome::Conflict);
        }
        if replaces.is_some_and(|old| !state.sessions.contains_key(&old)) {
            return Ok(UpdateOutcome::Gone);
        }
        if state.sessions.len() >= self.capacity {
            return Err(full());
        }
        state.pending.remove(&pending);
        if let Some(old) = replaces {
            state.sessions.remove(&old);
        }
        let seen_at = session.opened_at;
        state.sessions.insert(token, StoredSession { record: session, seen_at });
        Ok(UpdateOutcome::Done)
    }

    async fn load_session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<StoredSession>, AuthError> {
        let state = self.state();
        Ok(state.sessions.get(&token).filter(|s| now < s.record.expires_at).cloned())
    }

    fn touch_session(&self, token: TokenDigest, seen_at: SystemTime) {
        if let Some(session) = self.state().sessions.get_mut(&token) {
            session.seen_at = seen_at.max(session.seen_at);
        }
    }

    fn refresh_user(&self, token: TokenDigest, user: UserSnapshot) {
        if let Some(session) = self.state().sessions.get_mut(&token)
            && session.record.user.checked_at < user.checked_at
        {
            session.record.user = user;
        }
    }

    async fn sessions_of(
        &self,
        user: &UserId,
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<StoredSession>, AuthError> {
        let state = self.state();
        let is_wanted = |s: &&StoredSession| s.record.user.id == *user && now < s.record.expires_at;
        let mut found: Vec<_> = state.sessions.values().filter(is_wanted).cloned().collect();
        found.sort_by_key(|session| Reverse(session.record.opened_at));
        found.truncate(limit);
        Ok(found)
    }

    async fn end_session(&self, token: TokenDigest) -> Result<Option<SessionRecord>, AuthError> {
        Ok(self.state().sessions.remove(&token).map(|session| session.record))
    }

    async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, AuthError> {
        let mut state = self.state();
        let is_wanted = |s: &StoredSession| s.record.user.id == *user && s.record.id == *id;
        let found = state.sessions.iter().find(|(_, session)| is_wanted(session));
        let token = found.map(|(token, _)| *token);
        Ok(token.and_then(|token| state.sessions.remove(&token)).map(|session| session.record))
    }

    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError> {
        let mut state = self.state();
        let before = state.len();
        state.pending.retain(|_, (login, _)| login.user_id != *user);
        if what == EndAll::PendingLoginsAndSessions {
            state.sessions.retain(|_, session| session.record.user.id != *user);
        }
        Ok(before - state.len())
    }

    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError> {
        let mut state = self.state();
        let before = state.len();
        state.pending.retain(|_, (login, _)| now < login.expires_at);
        state
            .sessions
            .retain(|_, session| now < session.record.expires_at && session.seen_at > idle_since);
        Ok(before - state.len())
    }
}

impl State {
    fn len(&self) -> usize {
        self.pending.len() + self.sessions.len()
    }
}

fn full() -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "the session store is full")
}
