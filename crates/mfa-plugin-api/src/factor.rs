//! The name of a factor.

use std::{borrow::Cow, fmt};

/// The name of a factor in policies, sessions and audit records, such as `sms-otp`.
///
/// One to 32 lower-case ASCII letters, digits and hyphens, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactorId(Cow<'static, str>);

impl FactorId {
    /// The factor that the authentication module verifies itself.
    pub const PASSWORD: Self = Self(Cow::Borrowed("password"));
    /// The SMS one-time code.
    pub const SMS_OTP: Self = Self(Cow::Borrowed("sms-otp"));

    /// A factor by name.
    ///
    /// # Errors
    ///
    /// [`InvalidFactorId`] if the name breaks the rule of the type.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, InvalidFactorId> {
        let name = name.into();
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        let is_clean =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if starts_well && is_clean && name.len() <= 32 {
            Ok(Self(name))
        } else {
            Err(InvalidFactorId)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FactorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A factor name that is not 1 to 32 lower-case ASCII letters, digits and hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a factor name is 1 to 32 lower-case ASCII letters, digits and hyphens, starting with a letter"
)]
pub struct InvalidFactorId;
