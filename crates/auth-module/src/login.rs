//! A login on its way, and a session.

use std::time::SystemTime;

use mfa_plugin_api::{AuthenticationMethod, Evidence, FactorId, FlowId};

use crate::{
    destination::Destination,
    evidence::{self, FactorEvidence},
    factor_snapshot::FactorSnapshot,
    policy::{FactorChoice, UserFacts},
    session_store::{PendingRecord, SessionRecord, Version},
    token::TokenDigest,
    user::User,
};

/// What came of a name and a password.
#[derive(Debug)]
pub enum PasswordOutcome {
    /// Too many passwords are waiting to be verified: answer 503 and ask to try again.
    Busy,
    /// Wrong name, wrong password, disabled account: nobody is told which.
    Rejected,
    /// Too many failures; not before `until`. Nothing was verified.
    Throttled {
        /// When the next try is looked at.
        until: SystemTime,
    },
    /// Right.
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
    /// Whose password it was.
    pub fn user(&self) -> &User {
        &self.user
    }
}

/// A login that lacks factors: opens nothing, and is over after some minutes.
///
/// A snapshot: [`save_factor`](crate::AuthModule::save_factor) returns [`Saved::Conflict`] if another
/// request has changed the login since it was loaded.
#[derive(Debug, Clone)]
pub struct PendingLogin {
    pub(crate) token: TokenDigest,
    pub(crate) version: Version,
    pub(crate) record: PendingRecord,
    pub(crate) user: User,
}

impl PendingLogin {
    /// The name of this login for plugins and the audit trail.
    pub fn flow(&self) -> FlowId {
        FlowId::new(self.record.flow.clone())
    }

    /// The user, as the directory knows them now.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Returns where the user wanted to go.
    pub fn destination(&self) -> &Destination {
        &self.record.destination
    }

    /// What was proved so far, in the order of proof.
    pub fn evidence(&self) -> &[FactorEvidence] {
        &self.record.evidence
    }

    /// Returns the last reply of `factor`'s plugin as it was stored; `None` if the factor has not begun.
    pub fn factor(&self, factor: &FactorId) -> Option<&FactorSnapshot> {
        self.record.factors.get(factor)
    }

    /// Whether this login raises a session that is already open.
    pub fn is_step_up(&self) -> bool {
        self.record.raises.is_some()
    }

    /// When it was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.record.opened_at
    }

    /// From when on it is gone.
    pub fn expires_at(&self) -> SystemTime {
        self.record.expires_at
    }
}

/// The result of [`save_factor`](crate::AuthModule::save_factor).
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the snapshot is the usual answer and is moved once")]
pub enum Saved {
    /// Another tab changed the login first; nothing was written. Load it again.
    Conflict,
    /// Done: the login as it is now.
    Done(PendingLogin),
    /// The login is over.
    Gone,
}

/// What became of recording evidence.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the snapshot is the usual answer and is moved once")]
pub enum Recorded {
    /// Done.
    Done {
        /// The login with the new evidence.
        login: PendingLogin,
        /// What is still missing; empty means [`complete`](crate::AuthModule::complete) is next.
        missing: Vec<FactorChoice>,
    },
    /// The login is over: the evidence is lost with it.
    Gone,
}

/// What became of completing a login.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the session is the usual answer and is moved once")]
pub enum Completed {
    /// Another request completed it first, or it is over.
    Gone,
    /// Factors are missing; the login stays as it is.
    Missing(Vec<FactorChoice>),
    /// Done: the pending login is over and a session is open.
    Opened {
        /// For the session cookie.
        token: crate::SessionToken,
        /// The session.
        session: Session,
        /// Where the user wanted to go.
        destination: Destination,
    },
}

/// A session of a user who has proved some factors. Whether they are enough for a path is
/// [`decide`](crate::AuthModule::decide)'s answer.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) token: TokenDigest,
    pub(crate) record: SessionRecord,
    pub(crate) user: User,
    pub(crate) idle_at: SystemTime,
}

impl Session {
    /// The user, as the directory knows them now.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// What was proved, in the order of proof.
    pub fn evidence(&self) -> &[FactorEvidence] {
        &self.record.evidence
    }

    /// Returns what a policy may know of the user.
    pub fn user_facts(&self) -> UserFacts<'_> {
        let User { id, login_name, groups, .. } = &self.user;
        UserFacts::new(id, login_name, groups, &self.record.evidence)
    }

    /// The `amr` claim (RFC 8176): each method once, in the order of proof.
    pub fn amr(&self) -> Vec<AuthenticationMethod> {
        evidence::amr(&self.record.evidence)
    }

    /// The `auth_time` claim: when the last factor was satisfied.
    pub fn auth_time(&self) -> SystemTime {
        let last = self.record.evidence.iter().map(|e| e.verified_at).max();
        last.unwrap_or(self.record.opened_at)
    }

    /// The name of the login that opened it, as it stands in the audit trail; not secret.
    pub fn flow(&self) -> &str {
        &self.record.flow
    }

    /// When it was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.record.opened_at
    }

    /// From when on it is gone, however busy it is.
    pub fn expires_at(&self) -> SystemTime {
        self.record.expires_at
    }

    /// From when on it is gone if it is not used before.
    pub fn idle_at(&self) -> SystemTime {
        self.idle_at
    }
}
