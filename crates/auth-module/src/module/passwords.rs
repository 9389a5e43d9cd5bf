//! The name and the password: step 1 of a login (ARCHITECTURE.md).

use std::time::SystemTime;

use mfa_plugin_api::{AuthenticationMethod, ClientFacts, Evidence, Randomness};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    attempt::{AccountName, Source},
    core::AuthModule,
    limit::Limit,
    limits::{AttemptCharge, ChargedAttempt},
};
use crate::{
    audit::AuditRecord,
    error::AuthError,
    known_browser::KnownBrowserCookie,
    login::{PasswordOutcome, PasswordVerified},
    name::LoginName,
    password::{MAX_PASSWORD_BYTES, PasswordAttempt, PasswordVerdict, Requester},
    user::{User, UserId},
};

impl AuthModule {
    /// Verifies a name and a password. An unknown name, a disabled account and a wrong password get
    /// the same outcome after the same work.
    ///
    /// The name is folded as [`LoginName`] says. The password is brought to NFKC if its hash was made that
    /// way (NIST SP 800-63B-4, 3.1.1.2), and taken as received for a hash from elsewhere. It is not
    /// changed otherwise. Empty ones and those of more than 1024 bytes are wrong.
    ///
    /// `known_browser` is the cookie that [`remember_browser`](Self::remember_browser) made for this browser, if it sent
    /// one. With it, or at an address from which this user has logged in, strangers cannot use up the user's attempts.
    ///
    /// After 100 wrong passwords in a row from other places, each password counts as wrong there, until the user
    /// completes a login in a familiar place, gets a new password, or is [unlocked](Self::unlock).
    ///
    /// # Errors
    ///
    /// When the users, the quota store or the check of passwords failed. Do not let the user in.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the attempt counts as a wrong one, and no hash is computed for it from then on.
    #[tracing::instrument(skip_all)]
    pub async fn verify_password(
        &self,
        username: &str,
        password: &SecretString,
        client: &ClientFacts,
        known_browser: Option<KnownBrowserCookie<'_>>,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<PasswordOutcome, AuthError> {
        // Before the user is looked up: a network that is refused costs no more than one check, or two. A cookie can
        // lead past these limits, and only the user's name tells whether it is valid.
        let source = Source::of(client);
        if known_browser.is_none()
            && let Some((limit, until)) = self.network_limit(&source, now).await?
        {
            self.note_throttling(None, limit, client, now);
            return Ok(PasswordOutcome::Throttled { until });
        }
        let name = LoginName::parse(username).ok();
        let user = match &name {
            Some(name) => self.parts.users.find_by_name(name).await?,
            None => None,
        };
        // All spellings of an unknown name share one counter, as those of a known user do.
        let typed = name.as_ref().map_or(username, LoginName::as_str);
        let account = AccountName::of(user.as_ref(), typed);
        let source = source.in_browser(self.known_browser(known_browser, &account, now));
        let charged = match self.charge_attempt(&account, &source, now).await? {
            AttemptCharge::Charged(charged) => charged,
            AttemptCharge::Refused { limit, until } => {
                self.note_throttling(user.as_ref(), limit, client, now);
                return Ok(PasswordOutcome::Throttled { until });
            }
        };
        if charged.is_closed {
            self.limit_notes.note(Limit::Failures, now);
        }
        // After the charge, so that an impossible password costs an attempt. No hash is needed: the
        // length says nothing about the account.
        if !(1..=MAX_PASSWORD_BYTES).contains(&password.expose_secret().len()) {
            return Ok(self.rejected(user.as_ref(), "length", client, now));
        }
        let requester = self.requester(&account, &charged, client);
        let may_rehash = !charged.is_closed;
        let attempt =
            PasswordAttempt { name: username, password, requester, may_rehash, randomness, now };
        let verdict = self.parts.passwords.check(&attempt).await?;
        if let PasswordVerdict::Rehashed(user) = &verdict {
            self.record(about(Some(user), "password.hash_replaced", client, now));
        }
        // The name may have been given to another user after the charge. That user's attempts are charged to another key.
        let is_charged = |id: &UserId| user.as_ref().is_some_and(|user| user.id == *id);
        let why = match verdict {
            // Like a wrong password in every way, so that the guess that was right does not tell.
            PasswordVerdict::MustChange(_)
            | PasswordVerdict::Rehashed(_)
            | PasswordVerdict::Verified(_)
                if charged.is_closed =>
            {
                self.record(about(user.as_ref(), "password.closed", client, now));
                return Ok(PasswordOutcome::Rejected);
            }
            PasswordVerdict::Verified(found) | PasswordVerdict::Rehashed(found)
                if is_charged(&found.id) =>
            {
                return Ok(match self.settle_success(&account, &source, &charged, now).await? {
                    Ok(()) => self.verified(found, client, now),
                    Err(until) => self.too_successful(user.as_ref(), until, client, now),
                });
            }
            // The caller knows the password, so this outcome tells no stranger that the account exists.
            PasswordVerdict::MustChange(id) if is_charged(&id) => {
                return Ok(match self.settle_success(&account, &source, &charged, now).await? {
                    Ok(()) => self.must_change(user.as_ref(), client, now),
                    Err(until) => self.too_successful(user.as_ref(), until, client, now),
                });
            }
            // Nothing was verified, and the reason is our load: give the attempt back.
            PasswordVerdict::Busy => {
                self.refund_attempt(&charged, now).await?;
                return Ok(PasswordOutcome::Busy);
            }
            PasswordVerdict::MustChange(_)
            | PasswordVerdict::Rehashed(_)
            | PasswordVerdict::Verified(_) => "changed",
            // Not refunded: to the limits too, a disabled account has to look like a wrong password.
            PasswordVerdict::Locked(_) => "disabled",
            PasswordVerdict::Wrong if user.is_none() => "unknown",
            PasswordVerdict::Wrong => "wrong",
        };
        Ok(self.rejected(user.as_ref(), why, client, now))
    }

    fn requester(
        &self,
        account: &AccountName,
        charged: &ChargedAttempt,
        client: &ClientFacts,
    ) -> Requester {
        let requester = Requester::new(client.address, self.user_key(account));
        if charged.place.is_familiar() { requester.familiar() } else { requester }
    }

    fn note_throttling(
        &self,
        user: Option<&User>,
        limit: Limit,
        client: &ClientFacts,
        now: SystemTime,
    ) {
        self.limit_notes.note(limit, now);
        self.record(about(user, "password.throttled", client, now).with("limit", limit.as_str()));
    }

    fn too_successful(
        &self,
        user: Option<&User>,
        until: SystemTime,
        client: &ClientFacts,
        now: SystemTime,
    ) -> PasswordOutcome {
        self.note_throttling(user, Limit::Successes, client, now);
        PasswordOutcome::Throttled { until }
    }

    fn must_change(
        &self,
        user: Option<&User>,
        client: &ClientFacts,
        now: SystemTime,
    ) -> PasswordOutcome {
        self.record(about(user, "password.must_change", client, now));
        PasswordOutcome::MustChange
    }

    fn verified(&self, user: User, client: &ClientFacts, now: SystemTime) -> PasswordOutcome {
        self.record(about(Some(&user), "password.verified", client, now));
        let evidence = Evidence::new([AuthenticationMethod::PWD], now);
        PasswordOutcome::Verified(PasswordVerified { user, evidence })
    }

    fn rejected(
        &self,
        user: Option<&User>,
        why: &'static str,
        client: &ClientFacts,
        now: SystemTime,
    ) -> PasswordOutcome {
        self.record(about(user, "password.rejected", client, now).with("why", why));
        PasswordOutcome::Rejected
    }
}

/// Makes a record without the name that was typed: people type passwords there.
fn about(
    user: Option<&User>,
    event: &'static str,
    client: &ClientFacts,
    now: SystemTime,
) -> AuditRecord {
    let record = AuditRecord::new(event, now).from(client.address);
    match user {
        Some(user) => record.about(&user.id),
        None => record,
    }
}
