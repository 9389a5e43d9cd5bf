//! Step 1: the name and the password.

use std::time::SystemTime;

use mfa_plugin_api::{AuthenticationMethod, ClientFacts, Evidence, Randomness};
use secrecy::{ExposeSecret as _, SecretString};

use super::{AuthModule, limits::Guessed};
use crate::{
    audit::AuditRecord,
    directory::Change,
    error::AuthError,
    login::{PasswordOutcome, PasswordVerified},
    name::LoginName,
    password::Expected,
    user::Account,
};

/// The most bytes of a password that are looked at; longer ones are wrong. OWASP and NIST ask for 64
/// characters at least, and an unbounded password is an attack on the hash.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;

impl AuthModule {
    /// Verifies a name and a password, with the same answer and the work of one hash whether the name
    /// is unknown, the account disabled or the password wrong. Where the directory holds hashes of
    /// several costs, unknown names cost as users do: the share of each cost is the same.
    ///
    /// The name is folded as [`LoginName`] says. The password is taken byte by byte as received
    /// (OWASP ASVS 5.0, 6.2.8): hashes that were imported were made that way, and a normalisation
    /// would make some passwords equal that their owners typed differently. Empty ones and those of
    /// more than 1024 bytes are wrong.
    ///
    /// # Errors
    ///
    /// When the directory, the quota store or the hashing failed: nobody may be let in.
    #[tracing::instrument(skip_all)]
    pub async fn verify_password(
        &self,
        username: &str,
        password: &SecretString,
        client: &ClientFacts,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<PasswordOutcome, AuthError> {
        let name = LoginName::parse(username).ok();
        let account = match &name {
            Some(name) => self.parts.directory.find_by_name(name).await?,
            None => None,
        };
        let guessed = match &account {
            Some(account) => Guessed::Known(&account.user.id),
            // All spellings of one name share one counter, as those of a known user do.
            None => Guessed::Unknown(name.as_ref().map_or(username, LoginName::as_str)),
        };
        let charged = match self.charge_guess(&guessed, client, now).await? {
            Ok(charged) => charged,
            Err(until) => {
                self.note_throttling(account.as_ref(), client, now).await?;
                return Ok(PasswordOutcome::Throttled { until });
            }
        };
        if !(1..=MAX_PASSWORD_BYTES).contains(&password.expose_secret().len()) {
            return Ok(self.rejected(account.as_ref(), "length", client, now));
        }
        let nobody = self.cost_of_nobody(&guessed.name(), now).await?;
        let hash = account.as_ref().and_then(|account| account.password_hash.as_ref());
        let expected = hash.map_or(Expected::Nothing(nobody), Expected::Hash);
        let Ok(is_right) = self.parts.hasher.verify(password, expected).await? else {
            self.refund_guess(&charged, now).await?;
            return Ok(PasswordOutcome::Busy);
        };
        match account {
            Some(account) if is_right && !account.user.is_disabled => {
                self.refund_guess(&charged, now).await?;
                self.verified(account, password, client, randomness, now).await
            }
            Some(account) if is_right => Ok(self.rejected(Some(&account), "disabled", client, now)),
            Some(account) => Ok(self.rejected(Some(&account), "wrong", client, now)),
            None => Ok(self.rejected(None, "unknown", client, now)),
        }
    }

    /// Refusing is cheap, so a stranger could fill the trail with it: not each is kept.
    async fn note_throttling(
        &self,
        account: Option<&Account>,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        if self.is_worth_noting(client, now).await? {
            self.record(about(account, "password.throttled", client, now));
        }
        Ok(())
    }

    async fn verified(
        &self,
        account: Account,
        password: &SecretString,
        client: &ClientFacts,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<PasswordOutcome, AuthError> {
        if let Err(error) = self.rehash(&account, password, randomness, now).await {
            // The older hash still holds, and the next login tries again.
            tracing::warn!(%error, "a password hash was not renewed");
        }
        let user = account.user;
        self.record(
            AuditRecord::new("password.verified", now).about(&user.id).from(client.address),
        );
        let evidence = Evidence::new([AuthenticationMethod::PWD], now);
        Ok(PasswordOutcome::Verified(PasswordVerified { user, evidence }))
    }

    /// Raises the cost of an older hash, now that the password is at hand. If there is no room for
    /// it, the next login does it.
    async fn rehash(
        &self,
        account: &Account,
        password: &SecretString,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let hasher = &self.parts.hasher;
        let cheaper =
            |hash: &&_| crate::PasswordHash::parameters(hash).is_cheaper_than(hasher.parameters());
        let Some(from) = account.password_hash.as_ref().filter(cheaper) else { return Ok(()) };
        let mut salt = [0; 16];
        randomness.fill(&mut salt)?;
        if let Ok(to) = hasher.hash(password, salt).await? {
            let change = Change::Rehash { from: from.clone(), to };
            self.parts.directory.change(&account.user.id, change, now).await?;
        }
        Ok(())
    }

    fn rejected(
        &self,
        account: Option<&Account>,
        why: &'static str,
        client: &ClientFacts,
        now: SystemTime,
    ) -> PasswordOutcome {
        self.record(about(account, "password.rejected", client, now).with("why", why));
        PasswordOutcome::Rejected
    }
}

/// The name that was typed is not kept: people type passwords there.
fn about(
    account: Option<&Account>,
    event: &'static str,
    client: &ClientFacts,
    now: SystemTime,
) -> AuditRecord {
    let record = AuditRecord::new(event, now).from(client.address);
    match account {
        Some(account) => record.about(&account.user.id),
        None => record,
    }
}
