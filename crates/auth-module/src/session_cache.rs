//! Sessions in memory, in front of the store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use moka::sync::Cache;

use crate::{
    error::AuthError,
    session_record::{SessionId, SessionRecord, StoredSession, UserSnapshot},
    session_store::{EndAll, PendingRecord, Sessions, UpdateOutcome, Version},
    token::TokenDigest,
    user::UserId,
};

/// Counters for single sessions. More of them mean fewer entries dropped by another session's end.
const TOKEN_COUNTERS: usize = 1024;

/// A read-through cache of sessions: within `max_age` after a read, a load does not reach the store.
///
/// A session that is ended through this handle is ended at once. One that another node ends can be loaded
/// here for up to `max_age`. Pending logins are not cached: each step of a login needs the current version.
#[derive(Debug)]
pub struct CachedSessions {
    store: Arc<dyn Sessions>,
    max_age: Duration,
    cache: Cache<TokenDigest, Entry>,
    ended: EndCounters,
}

#[derive(Debug, Clone)]
struct Entry {
    session: StoredSession,
    read_at: SystemTime,
    /// The counters before the store was read.
    seen: EndCounts,
}

impl CachedSessions {
    /// Caches at most `capacity` sessions of `store`, each for `max_age`. A `max_age` of zero asks the
    /// store each time.
    pub fn new(store: Arc<dyn Sessions>, capacity: u64, max_age: Duration) -> Self {
        Self { store, max_age, cache: Cache::new(capacity), ended: EndCounters::new() }
    }

    fn cached(&self, token: TokenDigest, now: SystemTime) -> Option<StoredSession> {
        let entry = self.cache.get(&token)?;
        // An entry from the future comes from a clock that was set back, so its age is unknown.
        let is_fresh = entry.read_at <= now && now < entry.read_at + self.max_age;
        let is_usable = is_fresh && now < entry.session.record.expires_at;
        (is_usable && entry.seen == self.ended.counts(token)).then_some(entry.session)
    }

    /// Changes a cached session. The entry keeps its age and its counters. So a change does not extend
    /// the time in the cache, and does not restore a session that has ended.
    fn change(&self, token: TokenDigest, change: impl FnOnce(&mut StoredSession)) {
        if let Some(mut entry) = self.cache.get(&token) {
            change(&mut entry.session);
            self.cache.insert(token, entry);
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sessions for CachedSessions {
    async fn open_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
    ) -> Result<(), AuthError> {
        self.store.open_pending(token, login).await
    }

    async fn load_pending(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<(PendingRecord, Version)>, AuthError> {
        self.store.load_pending(token, now).await
    }

    async fn save_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
        read: Version,
    ) -> Result<UpdateOutcome, AuthError> {
        self.store.save_pending(token, login, read).await
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
        let _ends = replaces.map(|replaced| self.ended.count_token_on_drop(replaced));
        self.store.complete(pending, read, token, session, replaces).await
    }

    async fn load_session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<StoredSession>, AuthError> {
        if let Some(session) = self.cached(token, now) {
            return Ok(Some(session));
        }
        // Before the read: if the session ends during the read, the entry has an old count.
        let seen = self.ended.counts(token);
        let found = self.store.load_session(token, now).await?;
        match &found {
            Some(session) => {
                self.cache.insert(token, Entry { session: session.clone(), read_at: now, seen });
            }
            None => self.cache.invalidate(&token),
        }
        Ok(found)
    }

    fn touch_session(&self, token: TokenDigest, seen_at: SystemTime) {
        self.change(token, |session| session.seen_at = seen_at.max(session.seen_at));
        self.store.touch_session(token, seen_at);
    }

    fn refresh_user(&self, token: TokenDigest, user: UserSnapshot) {
        self.change(token, |session| {
            if session.record.user.checked_at < user.checked_at {
                session.record.user = user.clone();
            }
        });
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
        let _ends = self.ended.count_token_on_drop(token);
        self.store.end_session(token).await
    }

    async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, AuthError> {
        let _ends = self.ended.count_any_on_drop();
        self.store.end_session_by_id(user, id).await
    }

    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError> {
        let _ends =
            (what == EndAll::PendingLoginsAndSessions).then(|| self.ended.count_any_on_drop());
        self.store.end_all(user, what).await
    }

    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError> {
        // The cache needs no sweep: a swept session is expired or idle, and each load checks both.
        self.store.sweep(now, idle_since).await
    }
}

/// Counts the ends of sessions, so that an entry can tell that its session may have ended.
///
/// Removing entries instead would leave a gap: a load that read the store before the end could insert
/// its entry after the removal. An entry with an old count is useless whenever it is inserted.
#[derive(Debug)]
struct EndCounters {
    /// One session that is named by its token: a logout, a step-up.
    by_token: Vec<AtomicU64>,
    /// Sessions that are not named by a token, as when an account is disabled. These calls are rare,
    /// so they may cost every entry.
    any: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EndCounts {
    token: u64,
    any: u64,
}

/// Counts the end when it is dropped: after the store's reply, and also if the caller stops waiting for it.
#[derive(Debug)]
struct CountOnDrop<'a>(&'a AtomicU64);

impl EndCounters {
    fn new() -> Self {
        let by_token = std::iter::repeat_with(AtomicU64::default).take(TOKEN_COUNTERS).collect();
        Self { by_token, any: AtomicU64::default() }
    }

    fn token(&self, token: TokenDigest) -> &AtomicU64 {
        // The digest is evenly distributed, so two of its bytes choose a counter.
        let [high, low, ..] = *token.as_bytes();
        &self.by_token[usize::from(u16::from_be_bytes([high, low])) % TOKEN_COUNTERS]
    }

    fn counts(&self, token: TokenDigest) -> EndCounts {
        EndCounts {
            token: self.token(token).load(Ordering::SeqCst),
            any: self.any.load(Ordering::SeqCst),
        }
    }

    fn count_token_on_drop(&self, token: TokenDigest) -> CountOnDrop<'_> {
        CountOnDrop(self.token(token))
    }

    fn count_any_on_drop(&self) -> CountOnDrop<'_> {
        CountOnDrop(&self.any)
    }
}

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
