//! The port that checks passwords.

use std::{
    fmt::{self, Debug},
    time::SystemTime,
};

use async_trait::async_trait;
use mfa_plugin_api::Randomness;
use secrecy::SecretString;

use super::requester::Requester;
use crate::{
    error::AuthError,
    user::{User, UserId},
};

/// Checks a name and a password: against hashes ([`HashedPasswords`](crate::HashedPasswords)), or by
/// logging in to a directory with them.
///
/// It does not limit attempts. [`AuthModule`](crate::AuthModule) counts each attempt before it calls
/// [`check`](Self::check).
///
/// # Contract
///
/// 1. **The right password verifies.** It returns the user whom [`Users`](crate::Users) finds under
///    the same name, in any spelling that [`LoginName`](crate::LoginName) folds to it.
/// 2. **Anything else is wrong.** The password is compared whole. Only spellings that are equal in NFKC may
///    count as one. An empty password, an unknown name, a text that is no login name and a user without a
///    password are [`Wrong`](PasswordVerdict::Wrong).
/// 3. **A disabled account is not verified**, even with the right password: it is
///    [`Locked`](PasswordVerdict::Locked) then, or `Wrong` if the directory does not tell the two apart.
///    With another password it is `Wrong`.
/// 4. **A change holds at once.** After a password was set, the old one is wrong.
/// 5. **A wrong name costs what a wrong password costs**, so that the time does not tell whether a
///    user exists.
///
/// `conformance::password_check` has one test for each clause.
#[async_trait]
pub trait PasswordCheck: Debug + Send + Sync + 'static {
    /// Checks one attempt.
    ///
    /// # Errors
    ///
    /// When the password could not be checked. Do not let the user in.
    async fn check(&self, attempt: &PasswordAttempt<'_>) -> Result<PasswordVerdict, AuthError>;

    /// Notes that this program has added users, so that anything cached about all users is out of date.
    fn users_changed(&self);
}

const _: fn(&dyn PasswordCheck) = |_| {};

/// A name and a password, as they were typed. `Debug` shows neither.
pub struct PasswordAttempt<'a> {
    /// What was typed as the name.
    pub name: &'a str,
    /// What was typed as the password: at most 1024 bytes.
    pub password: &'a SecretString,
    /// Who asks, for a fair share of what checks passwords.
    pub requester: Requester,
    /// Whether the hash of a right password may be replaced. `false` where the time must not tell that it is right.
    pub may_rehash: bool,
    /// Random bytes, for the salt of a new hash.
    pub randomness: &'a dyn Randomness,
    /// The time.
    pub now: SystemTime,
}

// People type passwords into the name field, so the name is as secret as the password.
impl Debug for PasswordAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordAttempt").field("now", &self.now).finish_non_exhaustive()
    }
}

/// What [`PasswordCheck::check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// Nothing was checked: too many passwords are waiting. The attempt does not count.
    Busy,
    /// The password is right, but the account is disabled or locked in the directory.
    Locked(UserId),
    /// The password is right, but has to be changed in the directory before the user can log in.
    MustChange(UserId),
    /// The password is right, and its hash was replaced by one that is harder to guess from.
    Rehashed(User),
    /// The password is right.
    Verified(User),
    /// The name or the password is wrong.
    Wrong,
}
