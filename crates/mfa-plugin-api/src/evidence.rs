//! What a satisfied factor proves.

use std::{borrow::Cow, time::SystemTime};

use crate::names::text_name;

/// One value of the `amr` claim (RFC 8176), such as `pwd`, `otp` or `sms`.
///
/// ```
/// use mfa_plugin_api::AuthenticationMethod;
///
/// let method: AuthenticationMethod = "otp".parse()?;
/// assert_eq!(method, AuthenticationMethod::OTP);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct AuthenticationMethod(Cow<'static, str>);

impl AuthenticationMethod {
    /// A key that hardware protects, such as a security key (RFC 8176, section 2).
    pub const HWK: Self = Self(Cow::Borrowed("hwk"));
    /// A one-time password (RFC 8176, section 2).
    pub const OTP: Self = Self(Cow::Borrowed("otp"));
    /// A password (RFC 8176, section 2).
    pub const PWD: Self = Self(Cow::Borrowed("pwd"));
    /// A text message to a registered number (RFC 8176, section 2).
    pub const SMS: Self = Self(Cow::Borrowed("sms"));

    /// Names a method by its registered name.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// Returns the registered name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_name!(AuthenticationMethod);

/// Proof that a factor was satisfied: by which methods, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[must_use = "evidence has to be recorded by the authentication module"]
pub struct Evidence {
    /// The methods, for the `amr` claim.
    pub methods: Vec<AuthenticationMethod>,
    /// When the plugin verified the user's submission.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "verified_at_ms", with = "crate::wire::past_instant")
    )]
    pub verified_at: SystemTime,
}

impl Evidence {
    /// Returns evidence that `methods` were verified at `verified_at`.
    pub fn new(methods: impl Into<Vec<AuthenticationMethod>>, verified_at: SystemTime) -> Self {
        Self { methods: methods.into(), verified_at }
    }
}
