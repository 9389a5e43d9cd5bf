//! Users, as the ports hand them out.

use std::{collections::BTreeSet, fmt, time::SystemTime};

use mfa_plugin_api::Subject;
use otp_core::PhoneNumber;

use crate::{name::LoginName, password::PasswordHash, time::day_in_japan};

/// The one canonical id of a user: never reused, never changed, not secret.
///
/// Counters are kept under it, so another spelling of the login name does not start a new counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// The most bytes an id has; directories bring their own kinds of ids.
    pub const MAX_BYTES: usize = 128;

    /// Makes a new id of 128 random bits, as 32 hexadecimal digits.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// Reads an id that a directory gave out: 1 to 128 visible ASCII characters. Returns `None` for
    /// anything else.
    pub fn parse(id: &str) -> Option<Self> {
        let is_id =
            (1..=Self::MAX_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        is_id.then(|| Self(id.to_owned()))
    }

    /// Returns the id as text.
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
    /// Whether an administrator has disabled the account.
    pub is_disabled: bool,
    /// When the account was made.
    pub created_at: SystemTime,
    /// When the last login was completed.
    pub last_login_at: Option<SystemTime>,
    /// Changes when every session of the user has to end: with a new password, and when the account
    /// is disabled. A directory that cannot tell always says 0.
    pub generation: u64,
}

impl User {
    /// Makes an enabled user who has names and nothing else.
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
            generation: 0,
        }
    }

    /// Returns the user as a plugin sees them: the tenant, the id, the phone number, and the day on which it was
    /// set.
    pub fn subject(&self, tenant: &str) -> Subject {
        let subject = Subject::new(tenant, self.id.as_str());
        let Some(number) = &self.phone_number else { return subject };
        let subject = subject.with_attribute(Subject::PHONE_NUMBER, number.as_e164());
        match self.phone_number_changed_at {
            Some(at) => subject.with_attribute(Subject::PHONE_SINCE, day_in_japan(at)),
            None => subject,
        }
    }
}

/// The most bytes of the name of a group.
const MAX_GROUP_BYTES: usize = 64;

/// Whether `name` can be the name of a group: 1 to 64 ASCII letters, digits and `. _ -`.
pub fn is_group(name: &str) -> bool {
    (1..=MAX_GROUP_BYTES).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// A user and the hash of the password, as [`HashSource`](crate::HashSource) and
/// [`UserAdministration`](crate::UserAdministration) handle them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Account {
    /// The user.
    pub user: User,
    /// The password's hash; `None` if this user cannot log in with a password.
    pub password_hash: Option<PasswordHash>,
}

impl Account {
    /// Joins a user and the hash of the password.
    pub fn new(user: User, password_hash: Option<PasswordHash>) -> Self {
        Self { user, password_hash }
    }
}

/// For `#[serde(with = "crate::user::as_text")]`.
pub(crate) mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::UserId;

    pub(crate) fn serialize<S: Serializer>(id: &UserId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(id.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UserId, D::Error> {
        UserId::parse(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no user id"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_plugin_is_told_since_when_the_number_is_the_users() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_193_200);
        let name = LoginName::parse("alice").unwrap();
        let mut user = User::new(UserId::from_random([1; 16]), name, "Alice", at);
        user.phone_number_changed_at = Some(at);
        assert_eq!(user.subject("t").attribute(Subject::PHONE_SINCE), None);
        user.phone_number = Some(PhoneNumber::from_japanese("09012345678").unwrap());
        assert_eq!(user.subject("t").attribute(Subject::PHONE_SINCE), Some("2026-01-01"));
    }
}
