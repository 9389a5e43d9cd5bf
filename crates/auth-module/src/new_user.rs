//! A user to be added, and which passwords may be set.

use std::{collections::BTreeSet, time::SystemTime};

use mfa_plugin_api::Randomness;
use otp_core::PhoneNumber;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    error::AuthError,
    name::LoginName,
    password::PasswordHash,
    time::whole_millis,
    user::{User, UserId},
};

/// The most bytes of a password. A longer one is rejected without computing a hash: hashing passwords of
/// any length would let an attacker keep the server busy. OWASP and NIST ask for at least 64 characters.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;

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

pub(crate) fn new_user_id(randomness: &dyn Randomness) -> Result<UserId, AuthError> {
    let mut bytes = [0; 16];
    randomness.fill(&mut bytes)?;
    Ok(UserId::from_random(bytes))
}

/// Checks whether a password may be set: 8 characters to 1024 bytes. There is no rule on which
/// characters (NIST SP 800-63B, 3.1.1.2).
pub(crate) fn check_password(password: &SecretString) -> Result<(), UnfitPassword> {
    let password = password.expose_secret();
    if password.chars().take(MIN_PASSWORD_CHARS).count() < MIN_PASSWORD_CHARS {
        return Err(UnfitPassword::TooShort);
    }
    if password.len() > MAX_PASSWORD_BYTES { Err(UnfitPassword::TooLong) } else { Ok(()) }
}
