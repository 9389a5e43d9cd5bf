//! How fast passwords may be guessed: failures slow down, and lock nobody out for good.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use mfa_plugin_api::ClientFacts;
use otp_cache::{Charge, Charged, QuotaKey, StoreError};
use otp_core::gcra::Rate;

use super::AuthModule;
use crate::{
    error::{AuthError, AuthErrorKind},
    user::UserId,
};

/// How long to wait when a limit cannot say it.
const UNKNOWN_WAIT: Duration = Duration::from_secs(60);

/// How often a password may be wrong. Each try is charged before it is looked at, so tries in
/// parallel gain nothing, and a right password gets its charge back.
///
/// The limit per user protects one account from many addresses. It would let a stranger keep the
/// owner out, so it does not hold for an address from which this user has completed a login within
/// the last 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordLimits {
    /// For one name from one address; 10 in 10 minutes by default.
    pub per_user_and_address: Rate,
    /// For one address (IPv6: its /64) over all names; 120 in 10 minutes
    /// by default, because an office may log in from one address at nine o'clock.
    pub per_address: Rate,
    /// For one name over all addresses that this user has not logged in from; 100 in an hour by
    /// default.
    pub per_user: Rate,
}

impl Default for PasswordLimits {
    fn default() -> Self {
        Self {
            per_user_and_address: rate(10, 10),
            per_address: rate(120, 10),
            per_user: rate(100, 60),
        }
    }
}

/// Whom a try is counted against: the one id of a known user, or what was typed.
pub(super) enum Guessed<'a> {
    Known(&'a UserId),
    Unknown(&'a str),
}

impl AuthModule {
    /// Charges one try, or says until when there is none.
    pub(super) async fn charge_guess(
        &self,
        guessed: &Guessed<'_>,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<Result<Charged, SystemTime>, AuthError> {
        let limits = self.parts.settings.password_limits;
        let (name, address) = (guessed.name(), network(client.address));
        let mut charges = vec![
            Charge::new(self.key("user+address", &[&name, &address]), limits.per_user_and_address),
            Charge::new(self.key("address", &[&address]), limits.per_address),
        ];
        if !self.is_familiar(&name, &address, now).await? {
            charges.push(Charge::new(self.key("user", &[&name]), limits.per_user));
        }
        let charged = self.parts.quota.charge(&charges, now).await.map_err(failed)?;
        Ok(charged.map_err(|refused| refused.until.unwrap_or(now + UNKNOWN_WAIT)))
    }

    pub(super) async fn refund_guess(
        &self,
        charged: &Charged,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        self.parts.quota.refund(charged, now).await.map_err(failed)
    }

    /// Remembers that `user` completed a login from here.
    pub(super) async fn remember_address(
        &self,
        user: &UserId,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let (name, address) = (Guessed::Known(user).name(), network(client.address));
        let mark = Charge::new(self.familiar(&name, &address), familiar_rate());
        // Refused means that two recent logins are remembered already.
        self.parts.quota.charge(&[mark], now).await.map(drop).map_err(failed)
    }

    /// Whether one more refusal of this address belongs in the audit trail: 5 in 10 minutes do.
    pub(super) async fn is_worth_noting(
        &self,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let key = self.key("noted", &[&network(client.address)]);
        let charged = self.parts.quota.charge(&[Charge::new(key, noted_rate())], now).await;
        Ok(charged.map_err(failed)?.is_ok())
    }

    /// The mark is an ordinary rate limit that nobody minds reaching: two events of 30 days each.
    /// As long as any of them is not refilled, there was a login.
    async fn is_familiar(
        &self,
        name: &str,
        address: &str,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let asked = Charge::new(self.familiar(name, address), familiar_rate()).with_events(0);
        let asked = self.parts.quota.charge(&[asked], now).await.map_err(failed)?;
        Ok(asked.is_ok_and(|asked| asked.left() < familiar_rate().burst()))
    }

    fn familiar(&self, name: &str, address: &str) -> QuotaKey {
        self.key("familiar", &[name, address])
    }

    fn key(&self, scope: &str, values: &[&str]) -> QuotaKey {
        let scope = format!("auth/password/{scope}/{}", self.parts.settings.tenant());
        QuotaKey::derive(&scope, &values.join("\0"))
    }
}

impl Guessed<'_> {
    /// The one name of the counter.
    pub(super) fn name(&self) -> String {
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

fn noted_rate() -> Rate {
    rate(5, 10)
}

/// `burst` events in so many minutes; only for the constants above.
fn rate(burst: u32, minutes: u64) -> Rate {
    Rate::new(burst, Duration::from_secs(60 * minutes)).expect("constants are within the bounds")
}

/// What one customer of a provider is given: an IPv4 address, or the /64 of an IPv6 one.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}/64", address.to_bits() >> 64),
    }
}

pub(super) fn failed(source: StoreError) -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "cannot reach the OTP cache").with_source(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_one_customer_has() {
        let same = |one: &str, other: &str| {
            network(one.parse().unwrap()) == network(other.parse().unwrap())
        };
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
