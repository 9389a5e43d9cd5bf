//! A user to be added, and which passwords may be set.

use std::{collections::BTreeSet, time::SystemTime};

use mfa_plugin_api::Randomness;
use otp_core::PhoneNumber;
use secrecy::SecretString;

use crate::{
    error::AuthError,
    name::LoginName,
    password::PasswordHash,
    time::whole_millis,
    user::{User, UserId},
};

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
    /// Makes a user who is shown by the login name and has neither password nor phone number.
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

pub(crate) fn new_user_id(randomness: &dyn Randomness) -> Result<UserId, AuthError> {
    let mut bytes = [0; 16];
    randomness.fill(&mut bytes)?;
    Ok(UserId::from_random(bytes))
}
