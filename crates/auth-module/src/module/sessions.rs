//! What a session may do, and how it ends: step 11 of a login (ARCHITECTURE.md), and after.

use std::time::{Duration, SystemTime};

use mfa_plugin_api::ClientFacts;

use super::core::AuthModule;
use crate::{
    audit::AuditRecord,
    error::AuthError,
    login::Session,
    policy::{CLOCK_SKEW, Decision, RequestFacts},
    session_record::{SessionId, SessionRecord, StoredSession, UserSnapshot},
    session_store::{EndAll, Sessions as _},
    token::{SessionToken, TokenDigest},
    user::UserId,
};

/// A use is noted again after this long, so that a session in use costs one write a minute.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// With a short idle timeout, a use is noted again after a tenth of it. Otherwise a session in use could
/// reach its idle timeout before the next note.
const TOUCH_PART: u32 = 10;

impl AuthModule {
    /// Returns the session of this token. `None` if it is unknown, logged out, expired or idle, or if
    /// its user is gone, disabled, or has a new password. Also `None` if it was opened or used more than
    /// [`CLOCK_SKEW`] after `now`: the clock was ahead then.
    ///
    /// A session that was loaded within the last second is read from memory. The user is read again
    /// when the session's snapshot is older than the setting `user_refresh`. A disabled user or a new
    /// password ends sessions at once if the change was made through this module, and within
    /// `user_refresh` otherwise.
    ///
    /// Uses of a session are noted to the minute, or to a tenth of a short idle timeout. A session may end
    /// that much before its idle timeout, never after.
    ///
    /// # Errors
    ///
    /// When the store failed, or the users when they had to be asked.
    pub async fn load_session(
        &self,
        token: &SessionToken,
        now: SystemTime,
    ) -> Result<Option<Session>, AuthError> {
        self.session(token.digest(), true, now).await
    }

    /// Returns the session of this token like [`load_session`](Self::load_session), without noting a use. For
    /// a connection that stays open, which asks again and again whether its session has ended.
    ///
    /// # Errors
    ///
    /// As for [`load_session`](Self::load_session).
    pub async fn peek_session(
        &self,
        token: &SessionToken,
        now: SystemTime,
    ) -> Result<Option<Session>, AuthError> {
        self.session(token.digest(), false, now).await
    }

    async fn session(
        &self,
        token: TokenDigest,
        is_use: bool,
        now: SystemTime,
    ) -> Result<Option<Session>, AuthError> {
        let Some(stored) = self.sessions.load_session(token, now).await? else {
            return Ok(None);
        };
        let mut idle_expires_at = stored.seen_at + self.parts.settings.session_idle;
        if now >= idle_expires_at || is_of_later(&stored, now) {
            return Ok(None);
        }
        let mut record = stored.record;
        if !self.is_current(&record.user, now) {
            match self.current_user(&record, now).await? {
                Some(user) => record.user = user,
                None => return self.end_without_user(token, now).await.map(|()| None),
            }
            self.sessions.refresh_user(token, record.user.clone());
        }
        let idle_timeout = self.parts.settings.session_idle;
        if is_use && now >= stored.seen_at + TOUCH_AFTER.min(idle_timeout / TOUCH_PART) {
            self.sessions.touch_session(token, now);
            idle_expires_at = now + self.parts.settings.session_idle;
        }
        Ok(Some(Session { token, record, idle_expires_at }))
    }

    /// Whether the snapshot is recent enough to decide by.
    fn is_current(&self, user: &UserSnapshot, now: SystemTime) -> bool {
        // A snapshot from the future comes from a clock that was set back.
        user.checked_at <= now && now < user.checked_at + self.parts.settings.user_refresh
    }

    /// Reads the user of a session again. `None` if the session has to end.
    async fn current_user(
        &self,
        record: &SessionRecord,
        now: SystemTime,
    ) -> Result<Option<UserSnapshot>, AuthError> {
        let user = self.parts.users.find_by_id(&record.user.id).await?;
        let may_stay =
            user.filter(|user| !user.is_disabled && user.generation == record.user.generation);
        Ok(may_stay.map(|user| UserSnapshot::new(&user, now)))
    }

    async fn end_without_user(&self, token: TokenDigest, now: SystemTime) -> Result<(), AuthError> {
        if let Some(ended) = self.sessions.end_session(token).await? {
            self.record(ended_record(&ended, "user", now));
        }
        Ok(())
    }

    /// Decides about one request by the policy.
    pub fn decide(&self, facts: &RequestFacts<'_>) -> Decision {
        self.parts.policy.evaluate(facts).into_decision()
    }

    /// Returns at most `limit` open sessions of a user, the newest first.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub async fn sessions_of(
        &self,
        user: &UserId,
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<StoredSession>, AuthError> {
        let mut sessions = self.sessions.sessions_of(user, now, limit).await?;
        let idle_timeout = self.parts.settings.session_idle;
        sessions
            .retain(|session| now < session.seen_at + idle_timeout && !is_of_later(session, now));
        Ok(sessions)
    }

    /// Ends the session. Does nothing if it has ended.
    ///
    /// No later load finds it: at once on this node, and within a second on every other one.
    ///
    /// # Errors
    ///
    /// When the store or the audit trail failed: the session may still be open.
    pub async fn logout(
        &self,
        token: &SessionToken,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        if let Some(ended) = self.sessions.end_session(token.digest()).await? {
            self.record(ended_record(&ended, "logout", now).from(client.address));
        }
        self.flush().await
    }

    /// Ends one session of a user, named by its public id. Returns `false` if the user has no such
    /// session. `actor` names the administrator in the audit trail; `None` for the user.
    ///
    /// # Errors
    ///
    /// When the store or the audit trail failed: the session may still be open.
    pub async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
        actor: Option<&str>,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let ended = self.sessions.end_session_by_id(user, id).await?;
        if let Some(ended) = &ended {
            let record = ended_record(ended, "revoked", now);
            self.record(match actor {
                Some(actor) => record.by(actor),
                None => record,
            });
        }
        self.flush().await?;
        Ok(ended.is_some())
    }

    /// Ends all sessions and pending logins of a user. Returns how many of both there were. `actor`
    /// names the administrator in the audit trail; `None` for the user.
    ///
    /// # Errors
    ///
    /// When the store or the audit trail failed: some sessions may still be open.
    pub async fn end_all_sessions(
        &self,
        user: &UserId,
        actor: Option<&str>,
        now: SystemTime,
    ) -> Result<usize, AuthError> {
        let ended = self.sessions.end_all(user, EndAll::PendingLoginsAndSessions).await?;
        let record = AuditRecord::new("user.sessions_ended", now).about(user);
        let record = record.with("logins_ended", ended.to_string());
        self.record(match actor {
            Some(actor) => record.by(actor),
            None => record,
        });
        self.flush().await?;
        Ok(ended)
    }

    /// Deletes expired sessions and pending logins and returns how many. Writes how often events were
    /// repeated in the periods that have ended. Call it every few minutes.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub async fn sweep(&self, now: SystemTime) -> Result<usize, AuthError> {
        self.audit.settle(now);
        let idle_since = now.checked_sub(self.parts.settings.session_idle);
        self.sessions.sweep(now, idle_since.unwrap_or(SystemTime::UNIX_EPOCH)).await
    }
}

/// Whether a session was opened or used after `now`. Then the clock was ahead, and its timeouts are wrong.
fn is_of_later(session: &StoredSession, now: SystemTime) -> bool {
    session.record.opened_at.max(session.seen_at) > now + CLOCK_SKEW
}

fn ended_record(ended: &SessionRecord, why: &'static str, now: SystemTime) -> AuditRecord {
    AuditRecord::new("session.ended", now)
        .about(&ended.user.id)
        .in_flow(&ended.flow)
        .with("why", why)
}
