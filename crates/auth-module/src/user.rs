//! Users as the directory knows them.

use std::{collections::BTreeSet, fmt, time::SystemTime};

use otp_core::PhoneNumber;

use crate::{name::LoginName, password::PasswordHash};

/// The one canonical id of a user: never reused, never changed, not secret.
///
/// Every counter hangs on it, whatever spelling of the name was typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// The most bytes an id has; directories bring their own kinds of ids.
    pub const MAX_BYTES: usize = 128;

    /// A new id of 128 random bits, as 32 hexadecimal digits.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// An id that a directory gave out: 1 to 128 visible ASCII characters. `None` for anything else.
    pub fn parse(id: &str) -> Option<Self> {
        let is_id =
            (1..=Self::MAX_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        is_id.then(|| Self(id.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user. `Debug` shows the phone number masked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The canonical id.
    pub id: UserId,
    /// The name typed to log in.
    pub login_name: LoginName,
    /// The name shown on pages.
    pub display_name: String,
    /// The groups that path rules ask for.
    pub groups: BTreeSet<String>,
    /// Where SMS codes go; `None` makes factors that need one unavailable.
    pub phone_number: Option<PhoneNumber>,
    /// When the number was last set or removed, for risk decisions.
    pub phone_number_changed_at: Option<SystemTime>,
    /// Whether an administrator shut the account.
    pub is_disabled: bool,
    /// When the account was made.
    pub created_at: SystemTime,
    /// When the last login was completed.
    pub last_login_at: Option<SystemTime>,
}

impl User {
    /// An enabled user with nothing but names.
    pub fn new(
        id: UserId,
        login_name: LoginName,
        display_name: impl Into<String>,
        created_at: SystemTime,
    ) -> Self {
        Self {
            id,
            login_name,
            display_name: display_name.into(),
            groups: BTreeSet::new(),
            phone_number: None,
            phone_number_changed_at: None,
            is_disabled: false,
            created_at,
            last_login_at: None,
        }
    }
}

/// A user and how the password is verified.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Account {
    /// The user.
    pub user: User,
    /// The password's hash; `None` if this user cannot log in with a password.
    pub password_hash: Option<PasswordHash>,
}

impl Account {
    /// A user whose password has the hash `password_hash`.
    pub fn new(user: User, password_hash: Option<PasswordHash>) -> Self {
        Self { user, password_hash }
    }
}
