//! The port that keeps pending logins and sessions between two requests.

use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    time::SystemTime,
};

use async_trait::async_trait;
use mfa_plugin_api::FactorId;
use serde::{Deserialize, Serialize};

use crate::{
    destination::Destination,
    error::AuthError,
    evidence::FactorEvidence,
    factor_snapshot::{self, FactorSnapshot},
    session_record::{SessionId, SessionRecord, StoredSession, UserSnapshot},
    time::{millis, whole_millis},
    token::TokenDigest,
    user::{User, UserId},
};

/// A login that lacks factors, as it is stored.
///
/// `Debug` shows no snapshot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PendingRecord {
    /// The name of this login in the audit trail and for plugins; not secret.
    pub flow: String,
    /// Whose login it is.
    #[serde(with = "crate::user::as_text")]
    pub user_id: UserId,
    /// The generation of the user whose password was verified, see
    /// [`User::generation`](crate::User::generation). If it changes, the login ends.
    pub generation: u64,
    /// Where the user wanted to go.
    pub destination: Destination,
    /// What was proved so far, in the order of proof.
    pub evidence: Vec<FactorEvidence>,
    /// The factors that have begun. Reading leaves out what this version cannot read: such a factor
    /// begins again.
    #[serde(default, deserialize_with = "factor_snapshot::readable")]
    pub factors: BTreeMap<FactorId, FactorSnapshot>,
    /// The session that this login steps up, if there is one. It ends when the login completes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up_session: Option<TokenDigest>,
    /// When the password was verified.
    #[serde(with = "millis")]
    pub opened_at: SystemTime,
    /// When it expires.
    #[serde(with = "millis")]
    pub expires_at: SystemTime,
}

impl PendingRecord {
    pub(crate) fn new(
        flow: String,
        user: &User,
        destination: Destination,
        opened_at: SystemTime,
        expires_at: SystemTime,
    ) -> Self {
        Self {
            flow,
            user_id: user.id.clone(),
            generation: user.generation,
            destination,
            evidence: Vec::new(),
            factors: BTreeMap::new(),
            step_up_session: None,
            opened_at: whole_millis(opened_at),
            expires_at: whole_millis(expires_at),
        }
    }
}

impl fmt::Debug for PendingRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRecord")
            .field("flow", &self.flow)
            .field("user_id", &self.user_id)
            .field("generation", &self.generation)
            .field("destination", &self.destination)
            .field("evidence", &self.evidence)
            .field("factors", &self.factors.keys())
            .field("step_up_session", &self.step_up_session)
            .field("opened_at", &self.opened_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// Counts the changes of a pending login; see [`Sessions::save_pending`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of a login that was just opened.
    pub const FIRST: Self = Self(0);

    /// Returns the version after one more change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What became of a conditional change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// Another request changed it first; nothing was written.
    Conflict,
    /// Done.
    Done,
    /// The login, or the session that it steps up, has ended. Nothing was written.
    Gone,
}

/// Keeps pending logins and sessions under the digests of their tokens.
///
/// # Contract
///
/// 1. **One winner.** Each call is atomic. [`complete`](Self::complete) ends the pending login and
///    opens the session together: of any number of callers one succeeds, ever.
/// 2. **No lost update.** [`save_pending`](Self::save_pending) and `complete` write only over the
///    version that the caller has read.
/// 3. **Ended is ended.** After a call that ends something was acknowledged, no later load finds it:
///    at once through the same handle, and within one second on any other node. No other call that
///    was under way brings it back, and only one call reports the end.
/// 4. **The caller's clock decides.** At `expires_at` itself, a login or session has expired. The
///    backend's clock only sweeps.
/// 5. **A session is replaced or nothing happens.** If the session that a login steps up has ended,
///    `complete` returns [`Gone`](UpdateOutcome::Gone) and writes nothing: a logout cannot be undone.
/// 6. **A use moves forward and revives nothing.** [`touch_session`](Self::touch_session) and
///    [`refresh_user`](Self::refresh_user) never replace a later instant by an earlier one, and do
///    nothing to a session that has ended. They do not wait for the store.
/// 7. **Lists are of one user.** [`sessions_of`](Self::sessions_of) returns the newest first, and
///    [`end_session_by_id`](Self::end_session_by_id) ends no session of another user.
/// 8. **Kept as it was.** What was stored is read back the same, to the millisecond.
/// 9. **A sweep removes only what is expired or idle.**
/// 10. **Acknowledged means kept.** A durable store acknowledges when the write is on disk.
/// 11. **Full means refused.** A store with a bound refuses what is new. It never drops a live login.
///
/// `conformance::sessions` has one test for each clause.
#[async_trait]
pub trait Sessions: Debug + Send + Sync + 'static {
    /// Stores a new pending login as [`Version::FIRST`].
    async fn open_pending(&self, token: TokenDigest, login: PendingRecord)
    -> Result<(), AuthError>;

    /// Returns the pending login of this token at `now`, and its version.
    async fn load_pending(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<(PendingRecord, Version)>, AuthError>;

    /// Replaces the pending login, if it still has the version `read`.
    async fn save_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
        read: Version,
    ) -> Result<UpdateOutcome, AuthError>;

    /// Ends the pending login without success. Returns `false` if there was none.
    async fn end_pending(&self, token: TokenDigest) -> Result<bool, AuthError>;

    /// Ends the pending login, ends the session `replaces`, and opens `session`, if the pending
    /// login still has the version `read` and the session `replaces` is open. The session was last
    /// used when it was opened.
    async fn complete(
        &self,
        pending: TokenDigest,
        read: Version,
        token: TokenDigest,
        session: SessionRecord,
        replaces: Option<TokenDigest>,
    ) -> Result<UpdateOutcome, AuthError>;

    /// Returns the session of this token at `now`. The caller finds out whether it is idle.
    async fn load_session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<StoredSession>, AuthError>;

    /// Notes that the session was used. Does not wait for the store, and is not acknowledged. If the
    /// note is lost, the session ends earlier.
    fn touch_session(&self, token: TokenDigest, seen_at: SystemTime);

    /// Replaces the snapshot of the user by a later one. Does not wait for the store, and is not
    /// acknowledged. If it is lost, the user is read again earlier.
    fn refresh_user(&self, token: TokenDigest, user: UserSnapshot);

    /// Returns at most `limit` sessions of `user` that are not expired at `now`, the newest first.
    async fn sessions_of(
        &self,
        user: &UserId,
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<StoredSession>, AuthError>;

    /// Ends the session. Returns what it was, or `None` if there was none.
    async fn end_session(&self, token: TokenDigest) -> Result<Option<SessionRecord>, AuthError>;

    /// Ends the session of `user` with this id. Returns what it was, or `None` if the user has no
    /// such session.
    async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, AuthError>;

    /// Ends all pending logins and, if `what` says so, all sessions of `user`. Returns how many of
    /// both there were.
    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError>;

    /// Deletes what is expired at `now`, and sessions that were last used at or before `idle_since`.
    /// Returns how many there were.
    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError>;
}

const _: fn(&dyn Sessions) = |_| {};

/// What [`Sessions::end_all`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndAll {
    /// Logins that lack factors.
    PendingLogins,
    /// Logins that lack factors, and sessions.
    PendingLoginsAndSessions,
}
