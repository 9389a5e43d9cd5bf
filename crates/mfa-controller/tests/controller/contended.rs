//! A session store in which other requests always change a login first, and that counts what is read.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::SystemTime,
};

use async_trait::async_trait;
use auth_module::{
    AuthError, EndAll, MemorySessions, PendingRecord, SessionId, SessionRecord, Sessions,
    StoredSession, TokenDigest, UpdateOutcome, UserId, UserSnapshot, Version,
};

/// Behaves like its [`MemorySessions`] until [`contend`](Self::contend) is called.
#[derive(Debug)]
pub(crate) struct ContendedStore {
    store: MemorySessions,
    is_contended: AtomicBool,
    reads: AtomicUsize,
}

impl ContendedStore {
    pub(crate) fn new() -> Self {
        Self {
            store: MemorySessions::new(10_000),
            is_contended: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
        }
    }

    /// How often a login or a session was read.
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(SeqCst)
    }

    /// Sets whether each save is too late.
    pub(crate) fn contend(&self, is_contended: bool) {
        self.is_contended.store(is_contended, SeqCst);
    }
}

#[async_trait]
impl Sessions for ContendedStore {
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
        self.reads.fetch_add(1, SeqCst);
        self.store.load_pending(token, now).await
    }

    async fn save_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
        read: Version,
    ) -> Result<UpdateOutcome, AuthError> {
        if self.is_contended.load(SeqCst) {
            return Ok(UpdateOutcome::Conflict);
        }
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
        self.store.complete(pending, read, token, session, replaces).await
    }

    async fn load_session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<StoredSession>, AuthError> {
        self.reads.fetch_add(1, SeqCst);
        self.store.load_session(token, now).await
    }

    fn touch_session(&self, token: TokenDigest, seen_at: SystemTime) {
        self.store.touch_session(token, seen_at);
    }

    fn refresh_user(&self, token: TokenDigest, user: UserSnapshot) {
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
        self.store.end_session(token).await
    }

    async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, AuthError> {
        self.store.end_session_by_id(user, id).await
    }

    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError> {
        self.store.end_all(user, what).await
    }

    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError> {
        self.store.sweep(now, idle_since).await
    }
}
