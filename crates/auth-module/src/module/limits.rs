//! Rate limits on passwords: wrong passwords slow further attempts down, and lock no account.

use std::time::{Duration, SystemTime};

use mfa_plugin_api::ClientFacts;
use otp_cache::{Charge, Charged, QuotaKey, StoreError};
use otp_core::gcra::Rate;

use super::{core::AuthModule, password_limits::rate};
use crate::{
    error::{AuthError, AuthErrorKind},
    user::UserId,
};

/// How long to wait when a limit cannot tell.
const UNKNOWN_WAIT: Duration = Duration::from_secs(60);

/// What an attempt is counted under: the id of a known user, or what was typed.
pub(super) enum RateLimitKey<'a> {
    Known(&'a UserId),
    Unknown(&'a str),
}

/// What became of charging one attempt.
pub(super) enum AttemptCharge {
    /// The attempt may go on; a right password gives this back.
    Charged(Charged),
    /// A limit is reached until this instant.
    Refused { until: SystemTime },
}

impl AuthModule {
    /// Charges one attempt. If a limit is reached, returns when the next attempt is allowed.
    pub(super) async fn charge_attempt(
        &self,
        key: &RateLimitKey<'_>,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<AttemptCharge, AuthError> {
        let limits = self.parts.settings.password_limits;
        let (name, address) = (key.name(), client.network());
        let mut charges = vec![
            Charge::new(self.key("user+address", &[&name, &address]), limits.per_user_and_address),
            Charge::new(self.key("address", &[&address]), limits.per_address),
        ];
        // Read before the charge, in a separate step. A race between the two can apply or skip the
        // limit per user for one attempt. The other two limits always apply.
        if !self.is_familiar(&name, &address, now).await? {
            charges.push(Charge::new(self.key("user", &[&name]), limits.per_user));
        }
        let charged =
            self.parts.otp_cache.charge(&charges, now).await.map_err(quota_unavailable)?;
        Ok(match charged {
            Ok(charged) => AttemptCharge::Charged(charged),
            Err(refused) => {
                AttemptCharge::Refused { until: refused.until.unwrap_or(now + UNKNOWN_WAIT) }
            }
        })
    }

    pub(super) async fn refund_attempt(
        &self,
        charged: &Charged,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        self.parts.otp_cache.refund(charged, now).await.map_err(quota_unavailable)
    }

    /// Remembers that `user` completed a login from this address.
    pub(super) async fn remember_address(
        &self,
        user: &UserId,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let (name, address) = (RateLimitKey::Known(user).name(), client.network());
        let mark = Charge::new(self.familiar(&name, &address), familiar_rate());
        // Refused means that two recent logins are remembered already.
        self.parts.otp_cache.charge(&[mark], now).await.map(drop).map_err(quota_unavailable)
    }

    /// Whether this user has logged in from this address lately.
    ///
    /// The mark is an ordinary rate limit of two events that refill in 30 days each. While one of them
    /// is not refilled, there was a login. Zero events are charged, which only reads.
    async fn is_familiar(
        &self,
        name: &str,
        address: &str,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let asked = Charge::new(self.familiar(name, address), familiar_rate()).with_events(0);
        let asked = self.parts.otp_cache.charge(&[asked], now).await.map_err(quota_unavailable)?;
        Ok(asked.is_ok_and(|asked| asked.left() < familiar_rate().burst()))
    }

    fn familiar(&self, name: &str, address: &str) -> QuotaKey {
        self.key("familiar", &[name, address])
    }

    fn key(&self, scope: &str, values: &[&str]) -> QuotaKey {
        let scope = format!("auth/password/{scope}/{}", self.parts.settings.tenant());
        // Unambiguous: an address comes last and contains no NUL.
        QuotaKey::derive(&scope, &values.join("\0"))
    }
}

impl RateLimitKey<'_> {
    /// Returns the one name of the counter.
    fn name(&self) -> String {
        match self {
            Self::Known(id) => format!("id\0{id}"),
            Self::Unknown(typed) => format!("name\0{typed}"),
        }
    }
}

/// See [`AuthModule::is_familiar`].
fn familiar_rate() -> Rate {
    rate(2, 2 * 30 * 24 * 60)
}

pub(super) fn quota_unavailable(source: StoreError) -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "cannot reach the OTP cache").with_source(source)
}
