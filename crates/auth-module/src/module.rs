//! The authentication module itself: the one door to users, passwords, logins and sessions.

mod administration;
mod costs;
mod imports;
mod limits;
mod logins;
mod passwords;
mod sessions;
mod settings;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use mfa_plugin_api::{ClientFacts, Services, Subject};
use otp_cache::{ChallengeStore, Quota};

pub(crate) use self::administration::check_password;
use self::costs::CostMix;
pub use self::{
    administration::{Disabled, NewPassword, NewUser, UnfitPassword, UserAdded, UserChanged},
    limits::PasswordLimits,
    settings::{AuthSettings, InvalidSettings},
};
use crate::{
    audit::{AuditRecord, AuditTrail, FlowAudit},
    directory::UserDirectory,
    error::AuthError,
    login::PendingLogin,
    password::PasswordHasher,
    policy::Policy,
    session_store::SessionStore,
    user::User,
};

/// What an [`AuthModule`] is made of.
#[derive(Debug)]
pub struct AuthParts {
    /// The users.
    pub directory: Arc<dyn UserDirectory>,
    /// Pending logins and sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The OTP cache: open challenges and the counters against guessing.
    pub challenges: Arc<dyn ChallengeStore>,
    /// The rate limits, of passwords here and of messages in plugins.
    pub quota: Arc<dyn Quota>,
    /// The audit trail.
    pub audit: Arc<dyn AuditTrail>,
    /// Password hashing.
    pub hasher: PasswordHasher,
    /// Which request needs which factors.
    pub policy: Policy,
    /// Lives, limits and keys.
    pub settings: AuthSettings,
}

/// The authentication module of the eleven steps: verifies passwords, says which factors are still
/// required, records their evidence, opens and ends sessions, and owns the OTP cache that it hands
/// to plugins.
///
/// Reads no clock and no random generator: both come with each call.
pub struct AuthModule {
    parts: AuthParts,
    services: Services,
    costs: Mutex<CostMix>,
}

impl AuthModule {
    /// A module of these parts.
    pub fn new(parts: AuthParts) -> Self {
        let services = Services::new()
            .with::<Arc<dyn ChallengeStore>>(Arc::clone(&parts.challenges))
            .with::<Arc<dyn Quota>>(Arc::clone(&parts.quota));
        Self { parts, services, costs: Mutex::default() }
    }

    /// What plugins are handed: the OTP cache as `Arc<dyn ChallengeStore>` and `Arc<dyn Quota>`.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.parts.policy
    }

    /// The user as a plugin gets to see them.
    pub fn subject(&self, user: &User) -> Subject {
        let subject = Subject::new(self.parts.settings.tenant(), user.id.as_str());
        match &user.phone_number {
            Some(number) => subject.with_attribute(Subject::PHONE_NUMBER, number.as_e164()),
            None => subject,
        }
    }

    /// The audit sink for one call of a plugin in `login`.
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
        FlowAudit { trail: Arc::clone(&self.parts.audit), template }
    }

    /// Whether the directory can be read and the audit trail written: for a readiness check.
    ///
    /// # Errors
    ///
    /// When one of them failed.
    pub async fn probe(&self) -> Result<(), AuthError> {
        self.parts.directory.list(None, 1).await?;
        self.flush().await
    }

    fn record(&self, record: AuditRecord) {
        self.parts.audit.record(record);
    }

    async fn flush(&self) -> Result<(), AuthError> {
        self.parts.audit.flush().await
    }
}

impl fmt::Debug for AuthModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.fmt(f)
    }
}
