//! Where pending logins and sessions are kept between two requests.

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
    time::{millis, whole_millis},
    token::TokenDigest,
    user::UserId,
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
    #[serde(with = "user_id")]
    pub user_id: UserId,
    /// Where the user wanted to go.
    pub destination: Destination,
    /// What was proved so far, in the order of proof.
    pub evidence: Vec<FactorEvidence>,
    /// The factors that have begun. Reading leaves out what this version cannot read: such a factor
    /// begins again.
    #[serde(default, deserialize_with = "factor_snapshot::readable")]
    pub factors: BTreeMap<FactorId, FactorSnapshot>,
    /// The session that this login raises, if there is one; it ends when the login completes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raises: Option<TokenDigest>,
    /// When the password was verified.
    #[serde(with = "millis")]
    pub opened_at: SystemTime,
    /// From when on it is gone.
    #[serde(with = "millis")]
    pub expires_at: SystemTime,
}

/// A session, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The name of the login that opened it.
    pub flow: String,
    /// Whose session it is.
    #[serde(with = "user_id")]
    pub user_id: UserId,
    /// What was proved, in the order of proof.
    pub evidence: Vec<FactorEvidence>,
    /// When it was opened.
    #[serde(with = "millis")]
    pub opened_at: SystemTime,
    /// From when on it is gone, however busy it is.
    #[serde(with = "millis")]
    pub expires_at: SystemTime,
}

impl PendingRecord {
    pub(crate) fn new(
        flow: String,
        user_id: UserId,
        destination: Destination,
        opened_at: SystemTime,
        expires_at: SystemTime,
    ) -> Self {
        Self {
            flow,
            user_id,
            destination,
            evidence: Vec::new(),
            factors: BTreeMap::new(),
            raises: None,
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
            .field("destination", &self.destination)
            .field("evidence", &self.evidence)
            .field("factors", &self.factors.keys())
            .field("raises", &self.raises)
            .field("opened_at", &self.opened_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

impl SessionRecord {
    pub(crate) fn new(
        flow: String,
        user_id: UserId,
        evidence: Vec<FactorEvidence>,
        opened_at: SystemTime,
        expires_at: SystemTime,
    ) -> Self {
        let (opened_at, expires_at) = (whole_millis(opened_at), whole_millis(expires_at));
        Self { flow, user_id, evidence, opened_at, expires_at }
    }
}

/// Counts the changes of a pending login; see [`SessionStore::save_pending`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// Of a login just opened.
    pub const FIRST: Self = Self(0);

    /// Of the same login after one more change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What became of a conditional change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swapped {
    /// Somebody else changed it first; nothing was written.
    Conflict,
    /// Done.
    Done,
    /// There is no such login any more.
    Gone,
}

/// Keeps pending logins and sessions by the digests of their tokens.
///
/// # Contract
///
/// 1. **One step.** Each call is atomic. [`complete`](Self::complete) ends the pending login and
///    opens the session together: of any number of callers one succeeds, ever.
/// 2. **No lost update.** [`save_pending`](Self::save_pending) writes only over the version the
///    caller has read.
/// 3. **Gone is gone.** After [`end_session`](Self::end_session), [`end_all`](Self::end_all) or
///    `complete` was acknowledged, no later load on any node finds what ended.
/// 4. **Acknowledged means kept.** A durable store answers when it is on disk.
/// 5. **The caller's clock decides.** At `expires_at` itself, and at the end of the idle time, a
///    login is gone; [`sweep`](Self::sweep) only makes room.
#[async_trait]
pub trait SessionStore: Debug + Send + Sync + 'static {
    /// Keeps a new pending login as [`Version::FIRST`].
    async fn open_pending(&self, token: TokenDigest, login: PendingRecord)
    -> Result<(), AuthError>;

    /// The pending login of this token at `now`, and its version.
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
    ) -> Result<Swapped, AuthError>;

    /// Ends the pending login without success. `false` if there was none.
    async fn end_pending(&self, token: TokenDigest) -> Result<bool, AuthError>;

    /// Ends the pending login, ends the session `replaces`, and opens `session`, if the pending
    /// login still has the version `read`. A `replaces` that is gone makes it
    /// [`Gone`](Swapped::Gone): a session that was logged out cannot be raised.
    async fn complete(
        &self,
        pending: TokenDigest,
        read: Version,
        token: TokenDigest,
        session: SessionRecord,
        replaces: Option<TokenDigest>,
    ) -> Result<Swapped, AuthError>;

    /// The session of this token, and when it was last seen. Looks at no clock.
    async fn load_session(
        &self,
        token: TokenDigest,
    ) -> Result<Option<(SessionRecord, SystemTime)>, AuthError>;

    /// Notes that the session was used; never moves backward. Does nothing if it is gone. What a
    /// crash loses of it ends a session earlier, never later.
    async fn touch_session(&self, token: TokenDigest, seen_at: SystemTime)
    -> Result<(), AuthError>;

    /// Ends the session. Answers what it was, or `None` if there was none.
    async fn end_session(&self, token: TokenDigest) -> Result<Option<SessionRecord>, AuthError>;

    /// Ends all pending logins and, if `what` says so, all sessions of `user`. Answers how many of
    /// both.
    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError>;

    /// Drops what is over at `now`, and sessions last seen at or before `idle_since`.
    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError>;
}

const _: fn(&dyn SessionStore) = |_| {};

/// What [`SessionStore::end_all`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndAll {
    /// Logins that lack factors.
    PendingLogins,
    /// Those, and sessions.
    PendingLoginsAndSessions,
}

mod user_id {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::user::UserId;

    pub(super) fn serialize<S: Serializer>(id: &UserId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(id.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UserId, D::Error> {
        UserId::parse(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no user id"))
    }
}
