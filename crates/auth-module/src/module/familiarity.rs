//! Familiar places, and the end of wrong passwords in a row (NIST SP 800-63B-4, 3.2.2).

use std::time::SystemTime;

use mfa_plugin_api::{ClientFacts, Randomness};
use otp_cache::{Charge, Charged};
use otp_core::gcra::{Rate, Tat};
use zeroize::Zeroizing;

use super::{
    attempt::{AccountName, Place, Source},
    core::AuthModule,
    limits::quota_unavailable,
    password_limits::rate,
};
use crate::{
    error::AuthError,
    known_browser::{BrowserId, KnownBrowserCookie},
    login::Session,
    user::UserId,
};

impl AuthModule {
    /// Returns the value of the known-browser cookie after `session` was opened in a browser that sent `cookie`; `None`
    /// if the settings have no key for it.
    ///
    /// Set it for [`KNOWN_BROWSER_LIFETIME`](crate::KNOWN_BROWSER_LIFETIME), and pass it to
    /// [`verify_password`](Self::verify_password). It opens nothing.
    ///
    /// # Errors
    ///
    /// When the random generator failed.
    pub fn remember_browser(
        &self,
        session: &Session,
        cookie: Option<KnownBrowserCookie<'_>>,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<Option<Zeroizing<String>>, AuthError> {
        let Some(key) = &self.parts.settings.known_browser_key else { return Ok(None) };
        let mut id = [0; 16];
        randomness.fill(&mut id)?;
        let user = session.user();
        let account = AccountName::of_user(&user.id, user.generation);
        Ok(Some(key.remember(cookie, &account.account(), id, now)))
    }

    /// Returns the browser that a request's cookie names, if this user has completed a login in it.
    pub(super) fn known_browser(
        &self,
        cookie: Option<KnownBrowserCookie<'_>>,
        account: &AccountName,
        now: SystemTime,
    ) -> Option<BrowserId> {
        self.parts.settings.known_browser_key.as_ref()?.find(cookie?, &account.account(), now)
    }

    /// Remembers that `user` completed a login from this address.
    pub(super) async fn remember_address(
        &self,
        user: &UserId,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let mark = self.familiar(&AccountName::of_user(user, 0), &client.network());
        // Refused means that two recent logins are remembered already.
        self.parts.otp_cache.charge(&[mark], now).await.map(drop).map_err(quota_unavailable)
    }

    /// Whether this user has logged in from this address lately.
    ///
    /// The mark is an ordinary rate limit of two events that refill in 30 days each. While one of them
    /// is not refilled, there was a login.
    pub(super) async fn is_familiar(
        &self,
        account: &AccountName,
        address: &str,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let mark = self.familiar(account, address);
        Ok(self.left_of(&mark, now).await? < mark.rate.burst())
    }

    fn familiar(&self, account: &AccountName, address: &str) -> Charge {
        Charge::new(self.key("familiar", &[account.as_str(), address]), familiar_rate())
    }

    /// Returns the charge of one more wrong password in a row in this place.
    pub(super) fn failures(&self, account: &AccountName, source: &Source, place: Place) -> Charge {
        let key = self.key("failures", &[&account.long_term(), &source.name_of(place)]);
        Charge::new(key, failures_rate())
    }

    /// Returns the charge of one more wrong password in a row in an unfamiliar site.
    pub(super) fn failures_in_site(&self, account: &AccountName, site: &str) -> Charge {
        let key = self.key("failures in site", &[&account.long_term(), &account.row(), site]);
        Charge::new(key, failures_in_site_rate())
    }

    /// Resets the count of wrong passwords in a row after a completed login. For sites, the time of the login begins
    /// a new row; only a directory that does not note it needs the reset.
    pub(super) async fn forget_failures(
        &self,
        user: &UserId,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let (account, source) = (AccountName::of_user(user, 0), Source::of(client));
        let counters = [
            self.failures(&account, &source, Place::Unfamiliar),
            self.failures(&account, &source, Place::Address),
            self.failures_in_site(&account, &source.site),
        ];
        self.reset(&counters, now).await
    }

    /// Makes passwords count again in unfamiliar places, for an administrator or because of a new password: guesses at the
    /// old one say nothing about it, and no browser is known with it. Sites that have used up their own count
    /// may go on for an hour.
    pub(super) async fn unlock_passwords(
        &self,
        user: &UserId,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let account = AccountName::of_user(user, 0);
        let limits = self.parts.settings.password_limits;
        let failures = self.key("failures", &[&account.long_term(), UNFAMILIAR]);
        let counters = [
            Charge::new(failures, failures_rate()),
            Charge::new(self.user_key(&account), limits.per_user),
        ];
        self.reset(&counters, now).await?;
        let mark = self.unlocked(&account);
        // Refused means that it is unlocked already.
        self.parts.otp_cache.charge(&[mark], now).await.map(drop).map_err(quota_unavailable)
    }

    /// Whether an administrator has unlocked the account within the last hour.
    pub(super) async fn is_unlocked(
        &self,
        account: &AccountName,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        Ok(self.left_of(&self.unlocked(account), now).await? == 0)
    }

    fn unlocked(&self, account: &AccountName) -> Charge {
        Charge::new(self.key("unlocked", &[account.as_str()]), rate(1, 60))
    }

    /// Gives back whatever was charged to these keys.
    async fn reset(&self, counters: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        // A receipt of the whole burst, as if it had been charged at the end of time: a refund of more than was charged
        // leaves the full burst.
        let whole =
            |charge: &Charge| (charge.with_events(charge.rate.burst()), Tat::from_micros(u64::MAX));
        let receipt = Charged::new(counters.iter().map(whole).collect(), 0);
        self.parts.otp_cache.refund(&receipt, now).await.map_err(quota_unavailable)
    }
}

/// The name of all unfamiliar places together.
const UNFAMILIAR: &str = "elsewhere";

impl Source {
    /// Returns the name of a place in counters.
    pub(super) fn name_of(&self, place: Place) -> String {
        match (place, &self.browser) {
            (Place::Browser, Some(browser)) => format!("browser {browser}"),
            (Place::Address, _) => format!("address {}", self.address),
            (Place::Browser, None) | (Place::Unfamiliar, _) => UNFAMILIAR.to_owned(),
        }
    }
}

/// See [`AuthModule::is_familiar`].
fn familiar_rate() -> Rate {
    rate(2, 2 * 30 * 24 * 60)
}

/// 100 wrong passwords in a row, the most that NIST SP 800-63B-4 (3.2.2) allows. The store has no counter without a rate:
/// one more is allowed every 3.7 days.
fn failures_rate() -> Rate {
    rate(100, 366 * 24 * 60)
}

/// Two sites cannot use up the 100 of all, nor what those regain with time.
fn failures_in_site_rate() -> Rate {
    rate(45, 366 * 24 * 60)
}
