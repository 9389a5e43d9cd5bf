//! Lives, limits and keys.

use std::{ops::RangeInclusive, time::Duration};

use otp_core::AllowedPrefixes;

use super::PasswordLimits;
use crate::audit::PhoneTagKey;

/// The settings of the authentication module, each with its allowed range.
#[derive(Debug)]
pub struct AuthSettings {
    tenant: String,
    phone_tag_key: PhoneTagKey,
    pub(super) pending_life: Duration,
    pub(super) session_life: Duration,
    pub(super) session_idle: Duration,
    pub(super) allowed_prefixes: AllowedPrefixes,
    pub(super) password_limits: PasswordLimits,
}

impl AuthSettings {
    /// Default of [`with_pending_life`](Self::with_pending_life).
    pub const DEFAULT_PENDING_LIFE: Duration = minutes(10);

    /// Allowed values of [`with_pending_life`](Self::with_pending_life).
    pub const PENDING_LIFE_RANGE: RangeInclusive<Duration> = minutes(5)..=minutes(15);

    /// Default lifetime of a session.
    pub const DEFAULT_SESSION_LIFE: Duration = minutes(12 * 60);

    /// Allowed lifetimes of a session. NIST SP 800-63B-4, section 2.2.3, sets the end.
    pub const SESSION_LIFE_RANGE: RangeInclusive<Duration> = minutes(5)..=minutes(24 * 60);

    /// Default idle time of a session.
    pub const DEFAULT_SESSION_IDLE: Duration = minutes(60);

    /// Allowed idle times of a session. NIST SP 800-63B-4, section 2.2.3, sets the end.
    pub const SESSION_IDLE_RANGE: RangeInclusive<Duration> = minutes(1)..=minutes(60);

    /// The defaults, for the users of `tenant`: pending logins of 10 minutes, sessions of 12 hours
    /// and of 1 hour without use, numbers that start with 070, 080 or 090.
    ///
    /// The tenant goes into every counter and code: changing it forgets the counters and ends every
    /// open challenge. The key names phone numbers in the audit trail.
    pub fn new(tenant: impl Into<String>, phone_tag_key: PhoneTagKey) -> Self {
        Self {
            tenant: tenant.into(),
            phone_tag_key,
            pending_life: Self::DEFAULT_PENDING_LIFE,
            session_life: Self::DEFAULT_SESSION_LIFE,
            session_idle: Self::DEFAULT_SESSION_IDLE,
            allowed_prefixes: AllowedPrefixes::default(),
            password_limits: PasswordLimits::default(),
        }
    }

    /// Pending logins that live 5 to 15 minutes.
    ///
    /// # Errors
    ///
    /// [`InvalidSettings::PendingLife`] outside this range.
    pub fn with_pending_life(mut self, life: Duration) -> Result<Self, InvalidSettings> {
        self.pending_life =
            within(life, &Self::PENDING_LIFE_RANGE).ok_or(InvalidSettings::PendingLife)?;
        Ok(self)
    }

    /// Sessions that live 5 minutes to 24 hours (NIST SP 800-63B, section 2.2.3), and not longer
    /// than 1 minute to 1 hour without being used.
    ///
    /// # Errors
    ///
    /// [`InvalidSettings::SessionLife`] or [`InvalidSettings::SessionIdle`] outside these ranges.
    pub fn with_session_life(
        mut self,
        life: Duration,
        idle: Duration,
    ) -> Result<Self, InvalidSettings> {
        self.session_life =
            within(life, &Self::SESSION_LIFE_RANGE).ok_or(InvalidSettings::SessionLife)?;
        self.session_idle =
            within(idle, &Self::SESSION_IDLE_RANGE).ok_or(InvalidSettings::SessionIdle)?;
        Ok(self)
    }

    /// Phone numbers with these prefixes.
    #[must_use]
    pub fn with_allowed_prefixes(mut self, prefixes: AllowedPrefixes) -> Self {
        self.allowed_prefixes = prefixes;
        self
    }

    /// Wrong passwords as often as `limits` allow.
    #[must_use]
    pub fn with_password_limits(mut self, limits: PasswordLimits) -> Self {
        self.password_limits = limits;
        self
    }

    /// The tenant.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The key that names phone numbers in the audit trail.
    pub fn phone_tag_key(&self) -> &PhoneTagKey {
        &self.phone_tag_key
    }
}

/// Why settings are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// The life of a pending login.
    #[error("a pending login lives {}", shown(&AuthSettings::PENDING_LIFE_RANGE))]
    PendingLife,
    /// The idle time of a session.
    #[error("a session may be idle for {}", shown(&AuthSettings::SESSION_IDLE_RANGE))]
    SessionIdle,
    /// The life of a session.
    #[error("a session lives {}", shown(&AuthSettings::SESSION_LIFE_RANGE))]
    SessionLife,
}

fn shown(range: &RangeInclusive<Duration>) -> String {
    format!("{} to {} minutes", range.start().as_secs() / 60, range.end().as_secs() / 60)
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn within(value: Duration, range: &RangeInclusive<Duration>) -> Option<Duration> {
    range.contains(&value).then_some(value)
}
