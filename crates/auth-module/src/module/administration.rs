//! What administrators do to users.

use std::{collections::BTreeSet, time::SystemTime};

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
    new_user::{NewPassword, NewUser, new_user_id},
    password::{PasswordHash, UnfitPassword},
    session_store::{EndAll, Sessions as _},
    user::{Account, User, UserId},
    users::{AccountsAdded, Change, GroupChange},
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
                let rules = &self.parts.settings.password_rules;
                if let Err(unfit) = rules.check(password, Some(&new.login_name)) {
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
        let change = Change::PhoneNumber(number);
        self.change_user(login_name, change, actor, now).await
    }

    /// Changes the groups. If the user loses one, all sessions of the user end, so that no page stays
    /// open to a former member. A new group holds in open sessions too, once their user is read again.
    ///
    /// # Errors
    ///
    /// [`AuthErrorKind::ReadOnly`] if users cannot be changed here. Otherwise when a store or the
    /// audit trail failed.
    pub async fn change_groups(
        &self,
        login_name: &LoginName,
        groups: GroupChange,
        actor: &str,
        now: SystemTime,
    ) -> Result<UserChanged, AuthError> {
        self.change_user(login_name, Change::Groups(groups), actor, now).await
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
        if let Err(unfit) = self.parts.settings.password_rules.check(password, Some(login_name)) {
            return Ok(UserChanged::UnfitPassword(unfit));
        }
        let hash = hash(self.administration()?, password, randomness).await?;
        self.change_user(login_name, Change::Password(hash), actor, now).await
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
        let change = Change::Disabled(is_disabled == Disabled::Yes);
        self.change_user(login_name, change, actor, now).await
    }

    async fn change_user(
        &self,
        login_name: &LoginName,
        change: Change,
        actor: &str,
        now: SystemTime,
    ) -> Result<UserChanged, AuthError> {
        let administration = self.administration()?;
        let Some(user) = self.find_user(login_name).await? else {
            return Ok(UserChanged::NotFound);
        };
        let (record, ends) = (self.change_record(&user, &change, now), ends_logins(&user, &change));
        let is_new_password = matches!(change, Change::Password(_));
        if !administration.users.change(&user.id, change, now).await? {
            return Ok(UserChanged::NotFound);
        }
        self.note_change(&user.id, record.by(actor), ends).await?;
        if is_new_password {
            self.unlock_passwords(&user.id, now).await?;
        }
        self.flush().await?;
        Ok(UserChanged::Done)
    }

    /// Ends what a change of a user ends, and records the change.
    pub(super) async fn note_change(
        &self,
        user: &UserId,
        record: AuditRecord,
        ends: Option<EndAll>,
    ) -> Result<(), AuthError> {
        let ended = match ends {
            Some(what) => self.sessions.end_all(user, what).await?,
            None => 0,
        };
        self.record(record.with("logins_ended", ended.to_string()));
        Ok(())
    }

    /// Removes a user, ends every session and pending login, and deletes what is stored about the
    /// person. The records of the audit trail stay: they name the user by an id that is never reused.
    ///
    /// A later user of the same login name has another id, and so starts without the counters, sessions
    /// and remembered addresses of this one.
    ///
    /// # Errors
    ///
    /// [`AuthErrorKind::ReadOnly`] if users cannot be changed here. Otherwise when a store or the
    /// audit trail failed.
    pub async fn remove_user(
        &self,
        login_name: &LoginName,
        actor: &str,
        now: SystemTime,
    ) -> Result<UserChanged, AuthError> {
        let administration = self.administration()?;
        let Some(user) = self.find_user(login_name).await? else {
            return Ok(UserChanged::NotFound);
        };
        if !administration.users.remove(&user.id).await? {
            return Ok(UserChanged::NotFound);
        }
        self.parts.passwords.users_changed();
        let record = self.user_record("user.removed", &user, now).by(actor);
        self.note_change(&user.id, record, Some(EndAll::PendingLoginsAndSessions)).await?;
        self.flush().await?;
        Ok(UserChanged::Done)
    }

    /// Clears the counters, the lock and the block of the user's one-time codes, and the count of wrong passwords from
    /// unfamiliar places.
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
        self.unlock_passwords(&user.id, now).await?;
        self.record(AuditRecord::new("user.unlocked", now).about(&user.id).by(actor));
        self.flush().await?;
        Ok(UserChanged::Done)
    }

    /// Returns the record of a change, with the values before and after it.
    pub(super) fn change_record(
        &self,
        user: &User,
        change: &Change,
        now: SystemTime,
    ) -> AuditRecord {
        let record = |event| AuditRecord::new(event, now).about(&user.id);
        match change {
            Change::Disabled(true) => record("user.disabled"),
            Change::Disabled(false) => record("user.enabled"),
            // The names are personal data, and the trail keeps none.
            Change::DisplayName(_) => record("user.display_name_set"),
            Change::Groups(change) => record("user.groups_set")
                .with("before", joined(&user.groups))
                .with("after", joined(&change.applied_to(&user.groups))),
            // No administrator makes this change; `complete` records it.
            Change::LoggedIn => record("session.opened"),
            Change::Password(_) => record("user.password_set"),
            Change::PhoneNumber(number) => record("user.phone_number_set")
                .with("before", self.phone_tag(user.phone_number.as_ref()))
                .with("phone_number", self.phone_tag(number.as_ref())),
        }
    }

    fn phone_tag(&self, number: Option<&PhoneNumber>) -> String {
        let key = self.parts.settings.phone_tag_key();
        number.map_or_else(|| "none".to_owned(), |number| key.tag(number))
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

/// What ends with a change of `user`.
pub(super) fn ends_logins(user: &User, change: &Change) -> Option<EndAll> {
    match change {
        Change::Disabled(_) | Change::Password(_) => Some(EndAll::PendingLoginsAndSessions),
        Change::Groups(change) if !user.groups.is_subset(&change.applied_to(&user.groups)) => {
            Some(EndAll::PendingLoginsAndSessions)
        }
        // A code may be on its way to the old number.
        Change::PhoneNumber(_) => Some(EndAll::PendingLogins),
        Change::DisplayName(_) | Change::Groups(_) | Change::LoggedIn => None,
    }
}

fn joined(groups: &BTreeSet<String>) -> String {
    groups.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
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
