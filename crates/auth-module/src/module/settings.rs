//! Lifetimes, limits and keys.

use std::{ops::RangeInclusive, time::Duration};

use otp_core::AllowedPrefixes;

use super::password_limits::PasswordLimits;
use crate::{
    audit::PhoneTagKey,
    known_browser::KnownBrowserKey,
    password::{MIN_CHARS, PasswordRules},
};

/// Sessions in memory. Each takes about one KiB.
const CACHED_SESSIONS: u64 = 50_000;

/// The settings of the authentication module, each with its allowed range.
#[derive(Debug)]
pub struct AuthSettings {
    tenant: String,
    phone_tag_key: PhoneTagKey,
    pub(super) known_browser_key: Option<KnownBrowserKey>,
    pub(super) pending_lifetime: Duration,
    pub(super) session_lifetime: Duration,
    pub(super) session_idle: Duration,
    pub(super) user_refresh: Duration,
    pub(super) session_cache_age: Duration,
    pub(super) cached_sessions: u64,
    pub(super) allowed_prefixes: AllowedPrefixes,
    pub(super) password_limits: PasswordLimits,
    pub(super) password_rules: PasswordRules,
}

impl AuthSettings {
    /// Default of [`with_pending_lifetime`](Self::with_pending_lifetime).
    pub const DEFAULT_PENDING_LIFETIME: Duration = minutes(10);

    /// Allowed values of [`with_pending_lifetime`](Self::with_pending_lifetime).
    pub const PENDING_LIFETIME_RANGE: RangeInclusive<Duration> = minutes(5)..=minutes(10);

    /// Default lifetime of a session.
    pub const DEFAULT_SESSION_LIFETIME: Duration = minutes(12 * 60);

    /// Allowed lifetimes of a session. NIST SP 800-63B-4, section 2.2.3, sets the end.
    pub const SESSION_LIFETIME_RANGE: RangeInclusive<Duration> = minutes(5)..=minutes(24 * 60);

    /// Default idle time of a session.
    pub const DEFAULT_SESSION_IDLE: Duration = minutes(60);

    /// Allowed idle times of a session. NIST SP 800-63B-4, section 2.2.3, sets the end.
    pub const SESSION_IDLE_RANGE: RangeInclusive<Duration> = minutes(1)..=minutes(60);

    /// Default of [`with_user_refresh`](Self::with_user_refresh).
    pub const DEFAULT_USER_REFRESH: Duration = minutes(1);

    /// Allowed values of [`with_user_refresh`](Self::with_user_refresh).
    pub const USER_REFRESH_RANGE: RangeInclusive<Duration> = Duration::ZERO..=minutes(10);

    /// Default of [`with_session_cache_age`](Self::with_session_cache_age).
    pub const DEFAULT_SESSION_CACHE_AGE: Duration = Duration::from_secs(1);

    /// Allowed values of [`with_session_cache_age`](Self::with_session_cache_age). A session that another
    /// node has ended can be used for at most the longest of them.
    pub const SESSION_CACHE_AGE_RANGE: RangeInclusive<Duration> =
        Duration::ZERO..=Duration::from_secs(1);

    /// Default of [`with_min_password_chars`](Self::with_min_password_chars).
    pub const DEFAULT_MIN_PASSWORD_CHARS: usize = MIN_CHARS;

    /// Allowed values of [`with_min_password_chars`](Self::with_min_password_chars).
    pub const MIN_PASSWORD_CHARS_RANGE: RangeInclusive<usize> = MIN_CHARS..=64;

    /// The fewest characters of a password that is the only factor (NIST SP 800-63B-4, 3.1.1.2).
    pub const PASSWORD_ALONE_MIN_CHARS: usize = 15;

    /// Returns the defaults, for the users of `tenant`: pending logins of 10 minutes; sessions of 12
    /// hours and of 1 hour without use, whose users are read again every minute; numbers that start
    /// with 060, 070, 080 or 090.
    ///
    /// The tenant is part of every counter and code: changing it resets the counters and ends every
    /// open challenge. The key makes tags of phone numbers in the audit trail.
    pub fn new(tenant: impl Into<String>, phone_tag_key: PhoneTagKey) -> Self {
        Self {
            tenant: tenant.into(),
            phone_tag_key,
            known_browser_key: None,
            pending_lifetime: Self::DEFAULT_PENDING_LIFETIME,
            session_lifetime: Self::DEFAULT_SESSION_LIFETIME,
            session_idle: Self::DEFAULT_SESSION_IDLE,
            user_refresh: Self::DEFAULT_USER_REFRESH,
            session_cache_age: Self::DEFAULT_SESSION_CACHE_AGE,
            cached_sessions: CACHED_SESSIONS,
            allowed_prefixes: AllowedPrefixes::default(),
            password_limits: PasswordLimits::default(),
            password_rules: PasswordRules::default(),
        }
    }

    /// Sets the lifetime of a pending login: 5 to 10 minutes.
    ///
    /// # Errors
    ///
    /// [`InvalidSettings::PendingLifetime`] outside this range.
    pub fn with_pending_lifetime(mut self, lifetime: Duration) -> Result<Self, InvalidSettings> {
        self.pending_lifetime = within(lifetime, &Self::PENDING_LIFETIME_RANGE)
            .ok_or(InvalidSettings::PendingLifetime)?;
        Ok(self)
    }

    /// Sets the lifetime of a session, 5 minutes to 24 hours (NIST SP 800-63B, section 2.2.3), and the
    /// time without use after which it ends, 1 minute to 1 hour.
    ///
    /// # Errors
    ///
    /// [`InvalidSettings::SessionLifetime`] or [`InvalidSettings::SessionIdle`] outside these ranges.
    pub fn with_session_lifetime(
        mut self,
        lifetime: Duration,
        idle: Duration,
    ) -> Result<Self, InvalidSettings> {
        self.session_lifetime = within(lifetime, &Self::SESSION_LIFETIME_RANGE)
            .ok_or(InvalidSettings::SessionLifetime)?;
        self.session_idle =
            within(idle, &Self::SESSION_IDLE_RANGE).ok_or(InvalidSettings::SessionIdle)?;
        Ok(self)
    }

    /// Sets how old the snapshot of a session's user may be before the user is read again: 0 to 10
    /// minutes. 0 reads the user on each request.
    ///
    /// Other programs may change the directory, for example remove a group or disable an account. Such
    /// a change takes effect on open sessions within this time.
    ///
    /// # Errors
    ///
    /// [`InvalidSettings::UserRefresh`] outside this range.
    pub fn with_user_refresh(mut self, refresh: Duration) -> Result<Self, InvalidSettings> {
        self.user_refresh =
            within(refresh, &Self::USER_REFRESH_RANGE).ok_or(InvalidSettings::UserRefresh)?;
        Ok(self)
    }

    /// Sets how long a session is read from memory before the store is asked again: 0 to 1 second. 0
    /// asks the store on each request.
    ///
    /// A session that another node has ended can still be used here for this long.
    ///
    /// # Errors
    ///
    /// [`InvalidSettings::SessionCacheAge`] outside this range.
    pub fn with_session_cache_age(mut self, age: Duration) -> Result<Self, InvalidSettings> {
        self.session_cache_age =
            within(age, &Self::SESSION_CACHE_AGE_RANGE).ok_or(InvalidSettings::SessionCacheAge)?;
        Ok(self)
    }

    /// Sets which prefixes phone numbers may have.
    #[must_use]
    pub fn with_allowed_prefixes(mut self, prefixes: AllowedPrefixes) -> Self {
        self.allowed_prefixes = prefixes;
        self
    }

    /// Sets the key of the known-browser cookie. Without one, only addresses are familiar.
    ///
    /// It has to be secret, and the same on every node and after a restart.
    #[must_use]
    pub fn with_known_browser_key(mut self, key: KnownBrowserKey) -> Self {
        self.known_browser_key = Some(key);
        self
    }

    /// Sets how often a password may be wrong, and how often it may be right.
    #[must_use]
    pub fn with_password_limits(mut self, limits: PasswordLimits) -> Self {
        self.password_limits = limits;
        self
    }

    /// Sets the fewest characters of a password that is set here: 8 to 64.
    ///
    /// NIST SP 800-63B-4 (3.1.1.2) asks for [`PASSWORD_ALONE_MIN_CHARS`](Self::PASSWORD_ALONE_MIN_CHARS) where the
    /// password is the only factor; see [`Policy::accepts_password_alone`](crate::Policy::accepts_password_alone).
    ///
    /// # Errors
    ///
    /// [`InvalidSettings::PasswordChars`] outside this range.
    pub fn with_min_password_chars(mut self, min_chars: usize) -> Result<Self, InvalidSettings> {
        if !Self::MIN_PASSWORD_CHARS_RANGE.contains(&min_chars) {
            return Err(InvalidSettings::PasswordChars);
        }
        self.password_rules = self.password_rules.with_min_chars(min_chars);
        Ok(self)
    }

    /// Sets names that a new password must not be made of, such as that of the service and its host. The
    /// login name is always one of them.
    #[must_use]
    pub fn with_service_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.password_rules = self.password_rules.with_service_names(names);
        self
    }

    /// Returns the tenant.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Returns the key that makes tags of phone numbers in the audit trail.
    pub fn phone_tag_key(&self) -> &PhoneTagKey {
        &self.phone_tag_key
    }
}

/// Why settings are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// The fewest characters of a password.
    #[error("the fewest characters of a password are {} to {}", AuthSettings::MIN_PASSWORD_CHARS_RANGE.start(), AuthSettings::MIN_PASSWORD_CHARS_RANGE.end())]
    PasswordChars,
    /// The lifetime of a pending login.
    #[error("a pending login lasts {}", shown(&AuthSettings::PENDING_LIFETIME_RANGE))]
    PendingLifetime,
    /// The idle time of a session.
    #[error("a session may be idle for {}", shown(&AuthSettings::SESSION_IDLE_RANGE))]
    SessionIdle,
    /// The lifetime of a session.
    #[error("a session lasts {}", shown(&AuthSettings::SESSION_LIFETIME_RANGE))]
    SessionLifetime,
    /// How long a session is read from memory.
    #[error("a session is read from memory for 0 to 1 second")]
    SessionCacheAge,
    /// How old the snapshot of a user may be.
    #[error("the user of a session is read again after {}", shown(&AuthSettings::USER_REFRESH_RANGE))]
    UserRefresh,
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
