//! The name of a factor.

use std::{borrow::Cow, fmt, str::FromStr};

/// The name of a factor in policies, sessions and audit records, such as `totp`.
///
/// 1 to 64 lower-case ASCII letters, digits and hyphens, starting with a letter.
///
/// ```
/// use mfa_plugin_api::FactorId;
///
/// const TOTP: FactorId = FactorId::from_static("totp");
/// assert_eq!("totp".parse(), Ok(TOTP));
/// assert!("TOTP".parse::<FactorId>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String")
)]
pub struct FactorId(Cow<'static, str>);

impl FactorId {
    /// The factor that the authentication module verifies itself. It is the only factor that this crate
    /// names.
    pub const PASSWORD: Self = Self(Cow::Borrowed("password"));

    /// The length limit of a name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Names a factor.
    ///
    /// # Errors
    ///
    /// [`InvalidFactorId`] if the name breaks the rule of the type.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, InvalidFactorId> {
        let name = name.into();
        if is_valid(name.as_bytes()) { Ok(Self(name)) } else { Err(InvalidFactorId) }
    }

    /// Names a factor in a constant.
    ///
    /// # Panics
    ///
    /// If the name breaks the rule of the type. In a constant this is an error of the compiler.
    pub const fn from_static(name: &'static str) -> Self {
        assert!(is_valid(name.as_bytes()), "not a factor name");
        Self(Cow::Borrowed(name))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A loop over indices, because iterators do not run in a `const fn`.
const fn is_valid(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > FactorId::MAX_LEN || !name[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 1;
    while at < name.len() {
        if !matches!(name[at], b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        at += 1;
    }
    true
}

impl fmt::Display for FactorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FactorId {
    type Err = InvalidFactorId;

    fn from_str(name: &str) -> Result<Self, InvalidFactorId> {
        Self::new(name.to_owned())
    }
}

impl AsRef<str> for FactorId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FactorId {
    type Error = InvalidFactorId;

    fn try_from(name: String) -> Result<Self, InvalidFactorId> {
        Self::new(name)
    }
}

/// A factor name that breaks the rule of [`FactorId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a factor name is 1 to 64 lower-case ASCII letters, digits and hyphens, starting with a letter"
)]
pub struct InvalidFactorId;
