//! Rate limits on passwords: wrong passwords slow further attempts down, and lock no account.

use std::time::{Duration, SystemTime};

use otp_cache::{Charge, Charged, QuotaKey, QuotaRefused, StoreError};

use super::{
    attempt::{AccountName, Place, Source},
    core::AuthModule,
    limit::Limit,
};
use crate::error::{AuthError, AuthErrorKind};

/// How long to wait when a limit cannot tell.
const UNKNOWN_WAIT: Duration = Duration::from_secs(60);

/// What became of charging one attempt.
pub(super) enum AttemptCharge {
    /// The attempt may go on.
    Charged(ChargedAttempt),
    /// A limit is reached until this instant.
    Refused { limit: Limit, until: SystemTime },
}

/// An attempt that was charged.
pub(super) struct ChargedAttempt {
    pub(super) place: Place,
    /// Whether a right password is refused: see [`Limit::Failures`].
    pub(super) is_closed: bool,
    /// What a right password gives back.
    charged: Charged,
}

/// Which charges an attempt from an unfamiliar place has in addition to those that always apply.
#[derive(Clone, Copy)]
struct Unfamiliar {
    /// The limit of the user is reached: each new address has a small one of its own.
    is_user_limited: bool,
    /// Without it, no password is right.
    counts_failures: bool,
    counts_failures_in_site: bool,
}

type Charges = Vec<(Limit, Charge)>;

impl AuthModule {
    /// Returns the limit of the network that every attempt without a known browser reaches, and until when, whatever its
    /// name. Charges nothing.
    pub(super) async fn network_limit(
        &self,
        source: &Source,
        now: SystemTime,
    ) -> Result<Option<(Limit, SystemTime)>, AuthError> {
        let charges = self.of_network(source).to_vec();
        let asked: Vec<Charge> = charges.iter().map(|(_, charge)| charge.with_events(0)).collect();
        let asked = self.parts.otp_cache.charge(&asked, now).await.map_err(quota_unavailable)?;
        if asked.is_ok_and(|asked| asked.left() > 0) {
            return Ok(None);
        }
        // A check does not tell which limit has nothing left, and until when.
        match self.charge(&charges, now).await? {
            Ok(charged) => {
                let refunded = self.parts.otp_cache.refund(&charged, now).await;
                refunded.map(|()| None).map_err(quota_unavailable)
            }
            Err((limit, refused)) => Ok(Some((limit, refused_until(refused, now)))),
        }
    }

    /// Charges one attempt in the first place of browser, address and everywhere else whose wrong passwords in a row are
    /// not used up. If a limit is reached, returns when the next attempt is allowed.
    pub(super) async fn charge_attempt(
        &self,
        account: &AccountName,
        source: &Source,
        now: SystemTime,
    ) -> Result<AttemptCharge, AuthError> {
        let is_familiar = self.is_familiar(account, &source.address, now).await?;
        let places = [
            source.browser.is_some().then_some(Place::Browser),
            is_familiar.then_some(Place::Address),
        ];
        let mut places = places.into_iter().flatten().peekable();
        // Before the password is checked, so that a valid account cannot occupy the hasher.
        let first = places.peek().copied().unwrap_or(Place::Unfamiliar);
        let successes = self.successes(account, source, first);
        if self.left_of(&successes, now).await? == 0 {
            let until = now + Duration::from_micros(successes.rate.interval_micros());
            return Ok(AttemptCharge::Refused { limit: Limit::Successes, until });
        }
        for place in places {
            match self.charge(&self.of_familiar(account, source, place), now).await? {
                Ok(charged) => {
                    let charged = ChargedAttempt { place, is_closed: false, charged };
                    return Ok(AttemptCharge::Charged(charged));
                }
                // The place counts as unfamiliar from now on.
                Err((Limit::Failures, _)) => {}
                Err((limit, refused)) => return Ok(refuse(limit, refused, now)),
            }
        }
        self.charge_unfamiliar(account, source, now).await
    }

    fn of_familiar(&self, account: &AccountName, source: &Source, place: Place) -> Charges {
        let mut charges = match &source.browser {
            Some(browser) if place == Place::Browser => {
                let key = self.key("user+browser", &[account.as_str(), &browser.to_string()]);
                let rate = self.parts.settings.password_limits.per_user_and_browser;
                vec![(Limit::UserAndBrowser, Charge::new(key, rate))]
            }
            _ => self.of_address(account, source),
        };
        charges.push((Limit::Failures, self.failures(account, source, place)));
        charges
    }

    async fn charge_unfamiliar(
        &self,
        account: &AccountName,
        source: &Source,
        now: SystemTime,
    ) -> Result<AttemptCharge, AuthError> {
        let mut with = Unfamiliar {
            is_user_limited: false,
            counts_failures: true,
            counts_failures_in_site: true,
        };
        // Each pass that goes on leaves a charge out for good, so there are at most four.
        loop {
            let charges = self.of_unfamiliar(account, source, with);
            match self.charge(&charges, now).await? {
                Ok(charged) => {
                    let (place, is_closed) = (Place::Unfamiliar, !with.counts_failures);
                    let charged = ChargedAttempt { place, is_closed, charged };
                    return Ok(AttemptCharge::Charged(charged));
                }
                Err((Limit::User, _)) => with.is_user_limited = true,
                Err((Limit::FailuresInSite, _)) => {
                    with.counts_failures_in_site = false;
                    if !self.is_unlocked(account, now).await? {
                        // From now on the failures of this site do not count for the other sites.
                        with.counts_failures = false;
                    }
                }
                Err((Limit::Failures, _)) => {
                    with.counts_failures = false;
                    with.counts_failures_in_site = false;
                }
                Err((limit, refused)) => return Ok(refuse(limit, refused, now)),
            }
        }
    }

    fn of_unfamiliar(&self, account: &AccountName, source: &Source, with: Unfamiliar) -> Charges {
        let limits = self.parts.settings.password_limits;
        let (name, Source { address, site, .. }) = (account.as_str(), source);
        let mut charges = self.of_address(account, source);
        let mut add = |limit, key, rate| charges.push((limit, Charge::new(key, rate)));
        if with.is_user_limited {
            let of_address = self.key("user+new address", &[name, address]);
            add(Limit::UserAndNewAddress, of_address, limits.per_user_and_new_address);
            let of_site = self.key("user+new site", &[name, site]);
            add(Limit::UserAndNewSite, of_site, limits.per_user_and_new_site);
        } else {
            add(Limit::User, self.user_key(account), limits.per_user);
        }
        if with.counts_failures {
            charges.push((Limit::Failures, self.failures(account, source, Place::Unfamiliar)));
        }
        if with.counts_failures_in_site {
            charges.push((Limit::FailuresInSite, self.failures_in_site(account, site)));
        }
        charges
    }

    /// Returns the charges that every attempt has that does not come from a familiar browser.
    fn of_address(&self, account: &AccountName, source: &Source) -> Charges {
        let both = self.key("user+address", &[account.as_str(), &source.address]);
        let rate = self.parts.settings.password_limits.per_user_and_address;
        let mut charges = vec![(Limit::UserAndAddress, Charge::new(both, rate))];
        charges.extend(self.of_network(source));
        charges
    }

    /// Returns the charges of [`of_address`](Self::of_address) that hold for all names together.
    fn of_network(&self, source: &Source) -> [(Limit, Charge); 2] {
        let limits = self.parts.settings.password_limits;
        let Source { address, site, .. } = source;
        [
            (Limit::Address, Charge::new(self.key("address", &[address]), limits.per_address)),
            (Limit::Site, Charge::new(self.key("site", &[site]), limits.per_site)),
        ]
    }

    /// Charges all or none. A refusal says which limit has the longest wait.
    async fn charge(
        &self,
        charges: &Charges,
        now: SystemTime,
    ) -> Result<Result<Charged, (Limit, QuotaRefused)>, AuthError> {
        let all: Vec<Charge> = charges.iter().map(|(_, charge)| *charge).collect();
        let charged = self.parts.otp_cache.charge(&all, now).await.map_err(quota_unavailable)?;
        Ok(charged.map_err(|refused| {
            let limit = charges.get(refused.which).map_or(Limit::Address, |(limit, _)| *limit);
            (limit, refused)
        }))
    }

    /// Settles the charges of a right password. `Err` says until when there were too many of them.
    pub(super) async fn settle_success(
        &self,
        account: &AccountName,
        source: &Source,
        attempt: &ChargedAttempt,
        now: SystemTime,
    ) -> Result<Result<(), SystemTime>, AuthError> {
        self.refund_attempt(attempt, now).await?;
        self.charge_success(account, source, attempt.place, now).await
    }

    pub(super) async fn refund_attempt(
        &self,
        attempt: &ChargedAttempt,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let refunded = self.parts.otp_cache.refund(&attempt.charged, now).await;
        refunded.map_err(quota_unavailable)
    }

    /// Charges a right password. `Err` says until when the limit is reached, because of others at the same time.
    async fn charge_success(
        &self,
        account: &AccountName,
        source: &Source,
        place: Place,
        now: SystemTime,
    ) -> Result<Result<(), SystemTime>, AuthError> {
        let charge = self.successes(account, source, place);
        let charged = self.parts.otp_cache.charge(&[charge], now).await;
        let charged = charged.map_err(quota_unavailable)?;
        Ok(charged.map(drop).map_err(|refused| refused_until(refused, now)))
    }

    /// Returns the charge of a right password. Each familiar place has its own counter, so that a thief of the password
    /// cannot use up the owner's.
    fn successes(&self, account: &AccountName, source: &Source, place: Place) -> Charge {
        let key = self.key("successes", &[account.as_str(), &source.name_of(place)]);
        Charge::new(key, self.parts.settings.password_limits.successes)
    }

    /// Returns the key of the attempts for one name from unfamiliar places.
    pub(super) fn user_key(&self, account: &AccountName) -> QuotaKey {
        self.key("user", &[account.as_str()])
    }

    /// Returns how many events of the charge's rate are left, without charging any.
    pub(super) async fn left_of(&self, charge: &Charge, now: SystemTime) -> Result<u32, AuthError> {
        let asked = self.parts.otp_cache.charge(&[charge.with_events(0)], now).await;
        Ok(asked.map_err(quota_unavailable)?.map_or(0, |asked| asked.left()))
    }

    pub(super) fn key(&self, scope: &str, values: &[&str]) -> QuotaKey {
        let scope = format!("auth/password/{scope}/{}", self.parts.settings.tenant());
        // Unambiguous: what comes after the name of the account contains no NUL.
        QuotaKey::derive(&scope, &values.join("\0"))
    }
}

fn refuse(limit: Limit, refused: QuotaRefused, now: SystemTime) -> AttemptCharge {
    AttemptCharge::Refused { limit, until: refused_until(refused, now) }
}

fn refused_until(refused: QuotaRefused, now: SystemTime) -> SystemTime {
    refused.until.unwrap_or(now + UNKNOWN_WAIT)
}

pub(super) fn quota_unavailable(source: StoreError) -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "cannot reach the OTP cache").with_source(source)
}
