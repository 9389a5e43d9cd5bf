//! Step 11 and after: what a session may do, and its end.

use std::time::{Duration, SystemTime};

use mfa_plugin_api::ClientFacts;

use super::AuthModule;
use crate::{
    audit::AuditRecord,
    error::AuthError,
    login::Session,
    policy::{Decision, RequestFacts},
    token::SessionToken,
};

/// A session that was seen this lately is not noted as seen again: one write a minute.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

impl AuthModule {
    /// The session of this token; `None` if it is unknown, logged out, at the end of its life or
    /// idle time, or its user is gone or disabled.
    ///
    /// Uses of a session are noted to the minute: it may end up to one minute before its idle time is
    /// over, never after.
    ///
    /// # Errors
    ///
    /// When the store or the directory failed.
    pub async fn load_session(
        &self,
        token: &SessionToken,
        now: SystemTime,
    ) -> Result<Option<Session>, AuthError> {
        let token = token.digest();
        let Some((record, seen_at)) = self.parts.sessions.load_session(token).await? else {
            return Ok(None);
        };
        let mut idle_at = seen_at + self.parts.settings.session_idle;
        if now >= record.expires_at || now >= idle_at {
            return Ok(None);
        }
        let user = self.parts.directory.find_by_id(&record.user_id).await?;
        let Some(user) = user.filter(|user| !user.is_disabled) else { return Ok(None) };
        if now >= seen_at + TOUCH_AFTER {
            self.parts.sessions.touch_session(token, now).await?;
            idle_at = now + self.parts.settings.session_idle;
        }
        Ok(Some(Session { token, record, user, idle_at }))
    }

    /// Decides about one request by the policy.
    pub fn decide(&self, facts: &RequestFacts<'_>) -> Decision {
        self.parts.policy.evaluate(facts).into_decision()
    }

    /// Ends the session: final at once, on every node of the store. Nothing happens if it is over.
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
        if let Some(ended) = self.parts.sessions.end_session(token.digest()).await? {
            self.record(
                AuditRecord::new("session.ended", now)
                    .about(&ended.user_id)
                    .from(client.address)
                    .in_flow(&ended.flow)
                    .with("why", "logout"),
            );
        }
        self.flush().await
    }

    /// Makes room: drops what is over. Call it every few minutes. Answers how many were dropped.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub async fn sweep(&self, now: SystemTime) -> Result<usize, AuthError> {
        let idle_since = now.checked_sub(self.parts.settings.session_idle);
        self.parts.sessions.sweep(now, idle_since.unwrap_or(SystemTime::UNIX_EPOCH)).await
    }
}
