//! What administrators do to users.

use std::time::SystemTime;

use mfa_plugin_api::Randomness;
use otp_core::{PhoneNumber, SubjectKey};
use secrecy::SecretString;

use super::{
    core::{Administration, AuthModule},
    limits::quota_unavailable,
};
use crate::{
    audit::AuditRecord,
    error::{AuthError, AuthErrorKind},
    name::LoginName,
    new_user::{NewPassword, NewUser, UnfitPassword, check_password, new_user_id},
    password::PasswordHash,
    session_store::{EndAll, Sessions as _},
    user::{Account, User, UserId},
    users::{AccountsAdded, Change},
};

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

impl AuthModule {
    /// Adds a user. `actor` names the administrator in the audit trail.
    ///
    /// # Errors
    ///
    /// [`AuthErrorKind::ReadOnly`] if users cannot be changed here. Otherwise when the store, the
    /// hashing, the audit trail or the random generator failed.
    pub async fn add_user(
        &self,
        new: NewUser,
        actor: &str,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<UserAdded, AuthError> {
        let administration = self.administration()?;
        let password_hash = match &new.password {
            None => None,
            Some(NewPassword::Hash(hash)) => Some(hash.clone()),
            Some(NewPassword::Plain(password)) => {
                if let Err(unfit) = check_password(password) {
                    return Ok(UserAdded::UnfitPassword(unfit));
                }
                Some(hash(administration, password, randomness).await?)
            }
        };
        let account = Account::new(new.into_user(new_user_id(randomness)?, now), password_hash);
        let (id, added) =
            (account.user.id.clone(), self.user_record("user.added", &account.user, now));
        if administration.users.add(vec![account]).await? != AccountsAdded::Done {
            return Ok(UserAdded::NameTaken);
        }
        self.parts.passwords.users_changed();
        self.record(added.by(actor));
        self.flush().await?;
        Ok(UserAdded::Done(id))
    }

    /// Returns the user with this login name, in any spelling that folds to it.
    ///
    /// # Errors
    ///
    /// When the users could not be read.
    pub async fn find_user(&self, login_name: &LoginName) -> Result<Option<User>, AuthError> {
        self.parts.users.find_by_name(login_name).await
    }

    /// Returns the user with this id, such as the user of a session.
    ///
    /// # Errors
    ///
    /// When the users could not be read.
    pub async fn find_user_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        self.parts.users.find_by_id(id).await
    }

    /// Returns at most `limit` users in the order of their login names, from the one after `after`.
    ///
    /// # Errors
    ///
    /// When the users could not be read.
    pub async fn list_users(
        &self,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        self.parts.users.list(after, limit).await
    }

    /// Returns at most `limit` users whose login name or display name contains `text`, in the order
    /// of their login names, from the one after `after`.
    ///
    /// # Errors
    ///
    /// When the users could not be read.
    pub async fn search_users(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        self.parts.users.search(text, after, limit).await
    }

    /// Sets or removes a phone number, and ends the user's pending logins, so that a code on its way to
    /// the old number is useless.
    ///
    /// # Errors
    ///
    /// [`AuthErrorKind::ReadOnly`] if users cannot be changed here. Otherwise when a store or the
    /// audit trail failed.
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
    /// [`AuthErrorKind::ReadOnly`] if users cannot be changed here. Otherwise when a store, the
    /// hashing, the audit trail or the random generator failed.
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
        let hash = hash(self.administration()?, password, randomness).await?;
        let change = Change::Password(hash);
        let record = AuditRecord::new("user.password_set", now).by(actor);
        self.apply(login_name, change, EndAll::PendingLoginsAndSessions, record).await
    }

    /// Disables or enables an account. Both end every session and pending login of the user.
    ///
    /// # Errors
    ///
    /// [`AuthErrorKind::ReadOnly`] if users cannot be changed here. Otherwise when a store or the
    /// audit trail failed.
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
        let administration = self.administration()?;
        let Some(user) = self.find_user(login_name).await? else {
            return Ok(UserChanged::NotFound);
        };
        if !administration.users.change(&user.id, change, record.at).await? {
            return Ok(UserChanged::NotFound);
        }
        let ended = self.sessions.end_all(&user.id, ends).await?;
        self.record(record.about(&user.id).with("logins_ended", ended.to_string()));
        self.flush().await?;
        Ok(UserChanged::Done)
    }

    /// Clears the counters, the lock and the block of the user's one-time codes.
    ///
    /// # Errors
    ///
    /// When the users, the OTP cache or the audit trail failed.
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
        self.parts.otp_cache.unlock(subject).await.map_err(quota_unavailable)?;
        self.record(AuditRecord::new("user.unlocked", now).about(&user.id).by(actor));
        self.flush().await?;
        Ok(UserChanged::Done)
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

/// Whether an account is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disabled {
    /// The user can log in.
    No,
    /// The user cannot log in.
    Yes,
}

async fn hash(
    administration: &Administration,
    password: &SecretString,
    randomness: &dyn Randomness,
) -> Result<PasswordHash, AuthError> {
    let mut salt = [0; 16];
    randomness.fill(&mut salt)?;
    administration.hasher.hash(password, salt).await?.map_err(|busy| {
        AuthError::new(AuthErrorKind::Unavailable, "cannot hash a password now").with_source(busy)
    })
}
