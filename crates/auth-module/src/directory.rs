//! Where users are kept.

use std::{fmt::Debug, time::SystemTime};

use async_trait::async_trait;
use otp_core::PhoneNumber;

use crate::{
    error::AuthError,
    name::LoginName,
    password::{HashParameters, PasswordHash},
    user::{Account, User, UserId},
};

/// The users: an SQLite file, a database server, a company's directory.
///
/// # Contract
///
/// 1. A login name belongs to at most one user, and a user's id never changes.
/// 2. [`add`](Self::add) takes all users or none.
/// 3. What was acknowledged survives a crash, and the next read sees it.
/// 4. A directory that this program may only read answers every writing call with
///    [`ReadOnly`](crate::AuthErrorKind::ReadOnly).
#[async_trait]
pub trait UserDirectory: Debug + Send + Sync + 'static {
    /// The account that logs in as `name`.
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<Account>, AuthError>;

    /// The user with this id.
    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError>;

    /// At most `limit` users in the order of their login names, from the one after `after`.
    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError>;

    /// Adds all of `accounts` or none. Answers the places in `accounts` whose name is taken; if
    /// there are any, nothing was added.
    async fn add(&self, accounts: Vec<Account>) -> Result<Vec<usize>, AuthError>;

    /// The costs of all password hashes, and how many users have each. Empty for a directory that
    /// verifies passwords itself. Asked every ten minutes.
    async fn hash_costs(&self) -> Result<Vec<(HashParameters, u64)>, AuthError>;

    /// Changes one thing about a user. `false` if there is no such user, or if the condition of
    /// the change did not hold.
    async fn change(&self, id: &UserId, change: Change, now: SystemTime)
    -> Result<bool, AuthError>;
}

const _: fn(&dyn UserDirectory) = |_| {};

/// One change to a user. Exhaustive: a directory has to handle each.
#[derive(Debug, Clone)]
pub enum Change {
    /// Shuts or opens the account.
    Disabled(bool),
    /// Notes a completed login.
    LoggedIn,
    /// Sets the password.
    Password(PasswordHash),
    /// Sets the phone number, or removes it.
    PhoneNumber(Option<PhoneNumber>),
    /// Replaces a hash of the same password by a costlier one, unless the password was changed
    /// meanwhile.
    Rehash {
        /// The hash that was verified.
        from: PasswordHash,
        /// Its replacement.
        to: PasswordHash,
    },
}
