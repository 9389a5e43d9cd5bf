//! The type whose methods are the module, and what it is made of.

use std::{fmt, sync::Arc, time::SystemTime};

use mfa_plugin_api::{ClientFacts, Services};
use otp_cache::{ChallengeStore, DeliveryNotes, Notifier, OtpStore, Quota};

use super::{limit_notes::LimitNotes, settings::AuthSettings};
use crate::{
    audit::{AuditRecord, AuditTrail, FlowAudit},
    bounded_trail::{AuditCounts, BoundedTrail},
    error::{AuthError, AuthErrorKind},
    login::PendingLogin,
    password::{PasswordCheck, PasswordHasher},
    policy::Policy,
    session_cache::CachedSessions,
    session_store::Sessions,
    users::{UserAdministration, Users},
};

/// What an [`AuthModule`] is made of.
#[derive(Debug)]
pub struct AuthParts {
    /// The users.
    pub users: Arc<dyn Users>,
    /// Checks passwords.
    pub passwords: Arc<dyn PasswordCheck>,
    /// Adds and changes users. `None` for a directory that this program may only read.
    pub administration: Option<Administration>,
    /// Pending logins and sessions. The module caches sessions in memory in front of it.
    pub sessions: Arc<dyn Sessions>,
    /// The OTP cache: open challenges, the counters against guessing, and the rate limits, of passwords here and of
    /// messages in plugins.
    pub otp_cache: Arc<dyn OtpStore>,
    /// The notes that lead from a delivery report back to its challenge.
    pub notes: Arc<dyn DeliveryNotes>,
    /// Wakes the pages that wait for news of a user.
    pub notifier: Arc<dyn Notifier>,
    /// The audit trail. The module writes at most five records of one event about one user in ten minutes,
    /// and one more with the number of the others.
    pub audit: Arc<dyn AuditTrail>,
    /// Which request needs which factors.
    pub policy: Policy,
    /// Lifetimes, limits and keys.
    pub settings: AuthSettings,
}

/// What it takes to add and change users.
#[derive(Debug, Clone)]
pub struct Administration {
    /// The store of the users.
    pub users: Arc<dyn UserAdministration>,
    /// Hashes the passwords that are set.
    pub hasher: PasswordHasher,
}

/// The authentication module: verifies passwords, returns the factors that are still required, records
/// their evidence, and opens and ends sessions. It owns the OTP cache, which plugins get through
/// [`services`](Self::services). ARCHITECTURE.md describes the eleven steps of a login.
///
/// Reads no clock and no random generator: both come with each call.
pub struct AuthModule {
    pub(super) parts: AuthParts,
    pub(super) sessions: Arc<CachedSessions>,
    pub(super) audit: Arc<BoundedTrail>,
    pub(super) limit_notes: Arc<LimitNotes>,
    services: Services,
}

impl AuthModule {
    /// Makes a module of these parts.
    pub fn new(parts: AuthParts) -> Self {
        let services = Services::new()
            .with::<Arc<dyn ChallengeStore>>(Arc::clone(&parts.otp_cache) as _)
            .with::<Arc<dyn Quota>>(Arc::clone(&parts.otp_cache) as _)
            .with::<Arc<dyn DeliveryNotes>>(Arc::clone(&parts.notes))
            .with::<Arc<dyn Notifier>>(Arc::clone(&parts.notifier));
        let settings = &parts.settings;
        let sessions = Arc::new(CachedSessions::new(
            Arc::clone(&parts.sessions),
            settings.cached_sessions,
            settings.session_cache_age,
        ));
        let audit = Arc::new(BoundedTrail::new(Arc::clone(&parts.audit)));
        Self { parts, sessions, audit, limit_notes: Arc::default(), services }
    }

    /// Returns the module with another policy and other settings. It shares stores, counters, cached sessions and
    /// audit trail with this one, so logins and sessions go on.
    ///
    /// The tenant and the keys must stay as they are, because the counters and the audit trail are named by them. The
    /// age of cached sessions and their number stay in any case.
    #[must_use]
    pub fn reconfigured(&self, policy: Policy, settings: AuthSettings) -> Self {
        let parts = &self.parts;
        let parts = AuthParts {
            users: Arc::clone(&parts.users),
            passwords: Arc::clone(&parts.passwords),
            administration: parts.administration.clone(),
            sessions: Arc::clone(&parts.sessions),
            otp_cache: Arc::clone(&parts.otp_cache),
            notes: Arc::clone(&parts.notes),
            notifier: Arc::clone(&parts.notifier),
            audit: Arc::clone(&parts.audit),
            policy,
            settings,
        };
        let (sessions, audit) = (Arc::clone(&self.sessions), Arc::clone(&self.audit));
        let limit_notes = Arc::clone(&self.limit_notes);
        Self { parts, sessions, audit, limit_notes, services: self.services.clone() }
    }

    /// Returns the services for plugins: the OTP cache as `Arc<dyn ChallengeStore>`, `Arc<dyn Quota>`,
    /// `Arc<dyn DeliveryNotes>` and `Arc<dyn Notifier>`.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.parts.policy
    }

    /// Whether users can be added and changed through this module.
    pub fn can_administer(&self) -> bool {
        self.parts.administration.is_some()
    }

    /// Returns the tenant that all users of this module belong to.
    pub fn tenant(&self) -> &str {
        self.parts.settings.tenant()
    }

    /// Returns the audit sink for one call of a plugin in `login`.
    pub fn flow_audit(
        &self,
        login: &PendingLogin,
        client: &ClientFacts,
        now: SystemTime,
    ) -> FlowAudit {
        let template = AuditRecord::new("", now)
            .about(&login.user.id)
            .from(client.address)
            .in_flow(&login.record.flow);
        FlowAudit { trail: Arc::clone(&self.audit) as _, template }
    }

    /// Checks that the users can be read and the audit trail written, for a readiness check.
    ///
    /// # Errors
    ///
    /// When one of them failed.
    pub async fn probe(&self) -> Result<(), AuthError> {
        self.parts.users.list(None, 1).await?;
        self.audit.probe().await
    }

    /// Returns numbers about the audit trail, for metrics.
    pub fn audit_counts(&self) -> AuditCounts {
        self.audit.counts()
    }

    /// Returns how often each limit on passwords was reached, by its name in the audit trail, for metrics.
    pub fn password_limit_counts(&self) -> Vec<(&'static str, u64)> {
        self.limit_notes.counts()
    }

    /// Sets whether the disk is nearly full. Then events that need no password are only counted in the audit
    /// trail, so that there is space for the records of logins.
    pub fn save_audit_space(&self, saves_space: bool) {
        self.audit.save_space(saves_space);
    }

    /// Writes the counts of repeated events that are not in the audit trail yet. Call it once, at the end of
    /// the process.
    ///
    /// # Errors
    ///
    /// When the audit trail failed.
    pub async fn finish_audit(&self) -> Result<(), AuthError> {
        self.audit.settle_all();
        self.flush().await
    }

    /// Returns the administration of users.
    ///
    /// # Errors
    ///
    /// [`AuthErrorKind::ReadOnly`] if there is none.
    pub(super) fn administration(&self) -> Result<&Administration, AuthError> {
        self.parts.administration.as_ref().ok_or_else(|| {
            AuthError::new(
                AuthErrorKind::ReadOnly,
                "users cannot be changed here; change them in the directory they come from",
            )
        })
    }

    pub(super) fn record(&self, record: AuditRecord) {
        self.audit.record(record);
    }

    pub(super) async fn flush(&self) -> Result<(), AuthError> {
        self.audit.flush().await
    }
}

impl fmt::Debug for AuthModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.fmt(f)
    }
}
