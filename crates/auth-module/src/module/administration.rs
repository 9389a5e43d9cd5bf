//! What administrators do to users.

use std::{collections::BTreeSet, time::SystemTime};

use mfa_plugin_api::Randomness;
use otp_core::{PhoneNumber, SubjectKey};
use secrecy::{ExposeSecret as _, SecretString};

use super::{AuthModule, limits::failed, passwords::MAX_PASSWORD_BYTES};
use crate::{
    audit::AuditRecord,
    directory::Change,
    error::{AuthError, AuthErrorKind},
    name::LoginName,
    password::PasswordHash,
    session_store::EndAll,
    time::whole_millis,
    user::{Account, User, UserId},
};

/// The fewest characters of a password that is set here: 8, as NIST SP 800-63B allows where the
/// password is one factor of two.
pub(crate) const MIN_PASSWORD_CHARS: usize = 8;

/// A user to be added.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewUser {
    /// The name to log in with.
    pub login_name: LoginName,
    /// The name shown on pages.
    pub display_name: String,
    /// The groups that path rules ask for.
    pub groups: BTreeSet<String>,
    /// Where SMS codes go.
    pub phone_number: Option<PhoneNumber>,
    /// The password; `None` for a user who cannot log in yet.
    pub password: Option<NewPassword>,
}

/// A password, or the hash of one that was set elsewhere.
#[derive(Debug, Clone)]
pub enum NewPassword {
    /// A hash made elsewhere.
    Hash(PasswordHash),
    /// The password itself, to be hashed here.
    Plain(SecretString),
}

impl NewUser {
    /// A user who is shown by the login name and has neither password nor phone number.
    pub fn new(login_name: LoginName) -> Self {
        let display_name = login_name.as_str().to_owned();
        Self {
            login_name,
            display_name,
            groups: BTreeSet::new(),
            phone_number: None,
            password: None,
        }
    }

    pub(crate) fn into_user(self, id: UserId, now: SystemTime) -> User {
        let mut user = User::new(id, self.login_name, self.display_name, whole_millis(now));
        user.groups = self.groups;
        user.phone_number_changed_at = self.phone_number.as_ref().map(|_| whole_millis(now));
        user.phone_number = self.phone_number;
        user
    }
}

/// What became of adding a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAdded {
    /// Done; this is the new id.
    Done(UserId),
    /// The login name belongs to somebody else.
    NameTaken,
    /// The password may not be set.
    UnfitPassword(UnfitPassword),
}

/// What became of a change to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChanged {
    /// Done.
    Done,
    /// There is no such user.
    NotFound,
    /// The password may not be set.
    UnfitPassword(UnfitPassword),
}

/// Why a password cannot be set. It repeats nothing of the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    /// More than 1024 bytes.
    #[error("a password has at most 1024 bytes")]
    TooLong,
    /// Fewer than 8 characters.
    #[error("a password has at least 8 characters")]
    TooShort,
}

impl AuthModule {
    /// Adds a user. `actor` names the administrator in the audit trail.
    ///
    /// # Errors
    ///
    /// When the directory, the hashing, the audit trail or the random generator failed.
    pub async fn add_user(
        &self,
        new: NewUser,
        actor: &str,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<UserAdded, AuthError> {
        let password_hash = match &new.password {
            None => None,
            Some(NewPassword::Hash(hash)) => Some(hash.clone()),
            Some(NewPassword::Plain(password)) => {
                if let Err(unfit) = check_password(password) {
                    return Ok(UserAdded::UnfitPassword(unfit));
                }
                Some(self.hash(password, randomness).await?)
            }
        };
        let account = Account::new(new.into_user(new_user_id(randomness)?, now), password_hash);
        let (id, added) =
            (account.user.id.clone(), self.user_record("user.added", &account.user, now));
        if !self.parts.directory.add(vec![account]).await?.is_empty() {
            return Ok(UserAdded::NameTaken);
        }
        self.forget_costs();
        self.record(added.by(actor));
        self.flush().await?;
        Ok(UserAdded::Done(id))
    }

    /// The user with this login name, in any spelling that folds to it.
    ///
    /// # Errors
    ///
    /// When the directory failed.
    pub async fn find_user(&self, login_name: &LoginName) -> Result<Option<User>, AuthError> {
        Ok(self.parts.directory.find_by_name(login_name).await?.map(|account| account.user))
    }

    /// At most `limit` users in the order of their login names, from the one after `after`.
    ///
    /// # Errors
    ///
    /// When the directory failed.
    pub async fn list_users(
        &self,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        self.parts.directory.list(after, limit).await
    }

    /// Sets or removes a phone number, and ends the user's pending logins: a code on its way to the
    /// old number opens nothing any more.
    ///
    /// # Errors
    ///
    /// When the directory, the session store or the audit trail failed.
    pub async fn set_phone_number(
        &self,
        login_name: &LoginName,
        number: Option<PhoneNumber>,
        actor: &str,
        now: SystemTime,
    ) -> Result<UserChanged, AuthError> {
        let tag = number.as_ref().map(|number| self.parts.settings.phone_tag_key().tag(number));
        let tag = tag.unwrap_or_else(|| "none".to_owned());
        let record = AuditRecord::new("user.phone_number_set", now).with("phone_number", tag);
        self.apply(login_name, Change::PhoneNumber(number), EndAll::PendingLogins, record.by(actor))
            .await
    }

    /// Sets a password, and ends every session and pending login of the user.
    ///
    /// # Errors
    ///
    /// When the directory, the hashing, the session store, the audit trail or the random generator
    /// failed.
    pub async fn set_password(
        &self,
        login_name: &LoginName,
        password: &SecretString,
        actor: &str,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<UserChanged, AuthError> {
        if let Err(unfit) = check_password(password) {
            return Ok(UserChanged::UnfitPassword(unfit));
        }
        let change = Change::Password(self.hash(password, randomness).await?);
        let record = AuditRecord::new("user.password_set", now).by(actor);
        self.apply(login_name, change, EndAll::PendingLoginsAndSessions, record).await
    }

    /// Shuts or opens an account. Shutting ends every session and pending login of the user.
    ///
    /// # Errors
    ///
    /// When the directory, the session store or the audit trail failed.
    pub async fn set_disabled(
        &self,
        login_name: &LoginName,
        is_disabled: Disabled,
        actor: &str,
        now: SystemTime,
    ) -> Result<UserChanged, AuthError> {
        let event = match is_disabled {
            Disabled::No => "user.enabled",
            Disabled::Yes => "user.disabled",
        };
        let change = Change::Disabled(is_disabled == Disabled::Yes);
        let record = AuditRecord::new(event, now).by(actor);
        self.apply(login_name, change, EndAll::PendingLoginsAndSessions, record).await
    }

    async fn apply(
        &self,
        login_name: &LoginName,
        change: Change,
        ends: EndAll,
        record: AuditRecord,
    ) -> Result<UserChanged, AuthError> {
        let Some(user) = self.find_user(login_name).await? else {
            return Ok(UserChanged::NotFound);
        };
        if !self.parts.directory.change(&user.id, change, record.at).await? {
            return Ok(UserChanged::NotFound);
        }
        let ended = self.parts.sessions.end_all(&user.id, ends).await?;
        self.record(record.about(&user.id).with("logins_ended", ended.to_string()));
        self.flush().await?;
        Ok(UserChanged::Done)
    }

    /// Clears the counters, the lock and the block of the user's one-time codes.
    ///
    /// # Errors
    ///
    /// When the directory, the OTP cache or the audit trail failed.
    pub async fn unlock(
        &self,
        login_name: &LoginName,
        actor: &str,
        now: SystemTime,
    ) -> Result<UserChanged, AuthError> {
        let Some(user) = self.find_user(login_name).await? else {
            return Ok(UserChanged::NotFound);
        };
        let subject = SubjectKey::derive(self.parts.settings.tenant(), user.id.as_str());
        self.parts.challenges.unlock(subject).await.map_err(failed)?;
        self.record(AuditRecord::new("user.unlocked", now).about(&user.id).by(actor));
        self.flush().await?;
        Ok(UserChanged::Done)
    }

    async fn hash(
        &self,
        password: &SecretString,
        randomness: &dyn Randomness,
    ) -> Result<PasswordHash, AuthError> {
        let mut salt = [0; 16];
        randomness.fill(&mut salt)?;
        self.parts.hasher.hash(password, salt).await?.map_err(|busy| {
            AuthError::new(AuthErrorKind::Unavailable, "cannot hash a password now")
                .with_source(busy)
        })
    }

    pub(super) fn user_record(
        &self,
        event: &'static str,
        user: &User,
        now: SystemTime,
    ) -> AuditRecord {
        let record = AuditRecord::new(event, now).about(&user.id);
        match &user.phone_number {
            Some(number) => {
                record.with("phone_number", self.parts.settings.phone_tag_key().tag(number))
            }
            None => record,
        }
    }
}

/// Whether an account is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disabled {
    /// Open.
    No,
    /// Shut.
    Yes,
}

pub(crate) fn new_user_id(randomness: &dyn Randomness) -> Result<UserId, AuthError> {
    let mut bytes = [0; 16];
    randomness.fill(&mut bytes)?;
    Ok(UserId::from_random(bytes))
}

/// Whether a password may be set: 8 characters to 1024 bytes, no rule on which characters (NIST
/// SP 800-63B, 3.1.1.2).
pub(crate) fn check_password(password: &SecretString) -> Result<(), UnfitPassword> {
    let password = password.expose_secret();
    if password.chars().take(MIN_PASSWORD_CHARS).count() < MIN_PASSWORD_CHARS {
        return Err(UnfitPassword::TooShort);
    }
    if password.len() > MAX_PASSWORD_BYTES { Err(UnfitPassword::TooLong) } else { Ok(()) }
}
