//! Pending logins, sessions, and what became of calls on them.

use std::time::SystemTime;

use mfa_plugin_api::{AuthenticationMethod, Evidence, FactorId, FlowId};

use crate::{
    destination::Destination,
    evidence::{self, FactorEvidence},
    factor_snapshot::FactorSnapshot,
    policy::{FactorChoice, UserFacts},
    session_record::{SessionClient, SessionId, SessionRecord, UserSnapshot},
    session_store::{PendingRecord, Version},
    token::TokenDigest,
    user::User,
};

/// What became of a name and a password.
#[derive(Debug)]
pub enum PasswordOutcome {
    /// Too many passwords are waiting to be verified: respond with 503 and ask to try again.
    Busy,
    /// The password is right, but has to be changed in the directory before the user can log in. The page may say
    /// so: only the right password leads to this outcome.
    MustChange,
    /// Wrong name, wrong password or disabled account. Do not tell the user which.
    Rejected,
    /// Too many failures. Nothing was verified.
    Throttled {
        /// When the next attempt is allowed.
        until: SystemTime,
    },
    /// The password is right.
    Verified(PasswordVerified),
}

/// Proof that a user gave the right password. Only the authentication module makes one.
#[derive(Debug)]
#[must_use = "a verified password opens a pending login"]
pub struct PasswordVerified {
    pub(crate) user: User,
    pub(crate) evidence: Evidence,
}

impl PasswordVerified {
    /// Returns the user whose password it was.
    pub fn user(&self) -> &User {
        &self.user
    }
}

/// A login that lacks factors. It opens nothing, and expires after some minutes.
///
/// It is a snapshot: [`save_factor`](crate::AuthModule::save_factor) returns [`Saved::Conflict`] if another
/// request has changed the login since it was loaded.
#[derive(Debug, Clone)]
pub struct PendingLogin {
    pub(crate) token: TokenDigest,
    pub(crate) version: Version,
    pub(crate) record: PendingRecord,
    pub(crate) user: User,
    /// When the user was read.
    pub(crate) checked_at: SystemTime,
}

impl PendingLogin {
    /// Returns the name of this login for plugins and the audit trail.
    pub fn flow(&self) -> FlowId {
        FlowId::new(self.record.flow.clone())
    }

    /// Returns the user, as read when this login was loaded.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Returns where the user wanted to go.
    pub fn destination(&self) -> &Destination {
        &self.record.destination
    }

    /// Returns what was proved so far, in the order of proof.
    pub fn evidence(&self) -> &[FactorEvidence] {
        &self.record.evidence
    }

    /// Returns the last reply of `factor`'s plugin as it was stored; `None` if the factor has not begun.
    pub fn factor(&self, factor: &FactorId) -> Option<&FactorSnapshot> {
        self.record.factors.get(factor)
    }

    /// Whether this login steps up a session that is already open.
    pub fn is_step_up(&self) -> bool {
        self.record.step_up_session.is_some()
    }

    /// Returns when it was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.record.opened_at
    }

    /// Returns when it expires.
    pub fn expires_at(&self) -> SystemTime {
        self.record.expires_at
    }
}

/// The result of [`save_factor`](crate::AuthModule::save_factor).
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the snapshot is the usual outcome and is moved once"
)]
pub enum Saved {
    /// Another request changed the login first. Nothing was written. Load it again.
    Conflict,
    /// Done: the login as it is now.
    Done(PendingLogin),
    /// The login has ended.
    Gone,
}

/// What became of recording evidence.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the snapshot is the usual outcome and is moved once"
)]
pub enum Recorded {
    /// Done.
    Done {
        /// The login with the new evidence.
        login: PendingLogin,
        /// What is still missing; empty means [`complete`](crate::AuthModule::complete) is next.
        missing: Vec<FactorChoice>,
    },
    /// The login has ended: the evidence is lost with it.
    Gone,
}

/// What became of completing a login.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the session is the usual outcome and is moved once")]
pub enum Completed {
    /// Another request completed it first, or it has ended.
    Gone,
    /// Factors are missing; the login stays as it is.
    Missing(Vec<FactorChoice>),
    /// Done: the pending login has ended and a session is open.
    Opened {
        /// For the session cookie.
        token: crate::SessionToken,
        /// The session.
        session: Session,
        /// Where the user wanted to go.
        destination: Destination,
    },
}

/// A session of a user who has proved some factors. [`decide`](crate::AuthModule::decide) says whether
/// they are enough for a request.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) token: TokenDigest,
    pub(crate) record: SessionRecord,
    pub(crate) idle_expires_at: SystemTime,
}

impl Session {
    /// Returns the public id, for lists of sessions.
    pub fn id(&self) -> &SessionId {
        &self.record.id
    }

    /// Returns the user, as read at [`UserSnapshot::checked_at`].
    pub fn user(&self) -> &UserSnapshot {
        &self.record.user
    }

    /// Returns the browser that opened it.
    pub fn client(&self) -> &SessionClient {
        &self.record.client
    }

    /// Returns what was proved, in the order of proof.
    pub fn evidence(&self) -> &[FactorEvidence] {
        &self.record.evidence
    }

    /// Returns what a policy may know of the user.
    pub fn user_facts(&self) -> UserFacts<'_> {
        let UserSnapshot { id, login_name, groups, .. } = &self.record.user;
        UserFacts::new(id, login_name, groups, &self.record.evidence)
    }

    /// Returns the `amr` claim (RFC 8176): each method once, in the order of proof.
    pub fn amr(&self) -> Vec<AuthenticationMethod> {
        evidence::amr(&self.record.evidence)
    }

    /// Returns the `auth_time` claim: when the last factor was satisfied.
    pub fn auth_time(&self) -> SystemTime {
        let last = self.record.evidence.iter().map(|e| e.verified_at).max();
        last.unwrap_or(self.record.opened_at)
    }

    /// Returns the name of the login that opened it, as in the audit trail. Not secret.
    pub fn flow(&self) -> &str {
        &self.record.flow
    }

    /// Returns when it was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.record.opened_at
    }

    /// Returns when it expires, even if it is in use.
    pub fn expires_at(&self) -> SystemTime {
        self.record.expires_at
    }

    /// Returns when it expires if it is not used before.
    pub fn idle_expires_at(&self) -> SystemTime {
        self.idle_expires_at
    }
}
