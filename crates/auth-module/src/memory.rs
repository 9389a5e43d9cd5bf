//! Sessions in this process: for tests and for single nodes that may forget them at a restart.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;

use crate::{
    error::{AuthError, AuthErrorKind},
    session_store::{EndAll, PendingRecord, SessionRecord, SessionStore, Swapped, Version},
    token::TokenDigest,
    user::UserId,
};

/// Keeps pending logins and sessions in memory, within a bound; never drops a live one.
#[derive(Debug)]
pub struct MemorySessionStore {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pending: HashMap<TokenDigest, (PendingRecord, Version)>,
    sessions: HashMap<TokenDigest, (SessionRecord, SystemTime)>,
}

impl MemorySessionStore {
    /// An empty store for at most `capacity` pending logins and as many sessions.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for MemorySessionStore {
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
    ) -> Result<Swapped, AuthError> {
        let mut state = self.state();
        let Some(stored) = state.pending.get_mut(&token) else { return Ok(Swapped::Gone) };
        if stored.1 != read {
            return Ok(Swapped::Conflict);
        }
        *stored = (login, read.next());
        Ok(Swapped::Done)
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
    ) -> Result<Swapped, AuthError> {
        let mut state = self.state();
        let Some((_, version)) = state.pending.get(&pending) else { return Ok(Swapped::Gone) };
        if *version != read {
            return Ok(Swapped::Conflict);
        }
        if replaces.is_some_and(|old| !state.sessions.contains_key(&old)) {
            return Ok(Swapped::Gone);
        }
        if state.sessions.len() >= self.capacity {
            return Err(full());
        }
        state.pending.remove(&pending);
        if let Some(old) = replaces {
            state.sessions.remove(&old);
        }
        let seen_at = session.opened_at;
        state.sessions.insert(token, (session, seen_at));
        Ok(Swapped::Done)
    }

    async fn load_session(
        &self,
        token: TokenDigest,
    ) -> Result<Option<(SessionRecord, SystemTime)>, AuthError> {
        Ok(self.state().sessions.get(&token).cloned())
    }

    async fn touch_session(
        &self,
        token: TokenDigest,
        seen_at: SystemTime,
    ) -> Result<(), AuthError> {
        if let Some((_, last)) = self.state().sessions.get_mut(&token) {
            *last = seen_at.max(*last);
        }
        Ok(())
    }

    async fn end_session(&self, token: TokenDigest) -> Result<Option<SessionRecord>, AuthError> {
        Ok(self.state().sessions.remove(&token).map(|(session, _)| session))
    }

    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError> {
        let mut state = self.state();
        let before = state.len();
        state.pending.retain(|_, (login, _)| login.user_id != *user);
        if what == EndAll::PendingLoginsAndSessions {
            state.sessions.retain(|_, (session, _)| session.user_id != *user);
        }
        Ok(before - state.len())
    }

    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError> {
        let mut state = self.state();
        let before = state.len();
        state.pending.retain(|_, (login, _)| now < login.expires_at);
        state
            .sessions
            .retain(|_, (session, seen_at)| now < session.expires_at && *seen_at > idle_since);
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
