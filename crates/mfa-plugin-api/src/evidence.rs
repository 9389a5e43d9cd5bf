//! What a satisfied factor proves.

use std::{borrow::Cow, time::SystemTime};

/// One value of the `amr` claim (RFC 8176), such as `pwd`, `otp` or `sms`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthenticationMethod(Cow<'static, str>);

impl AuthenticationMethod {
    /// A one-time password (RFC 8176, section 2).
    pub const OTP: Self = Self(Cow::Borrowed("otp"));
    /// A password (RFC 8176, section 2).
    pub const PWD: Self = Self(Cow::Borrowed("pwd"));
    /// A text message to a registered number (RFC 8176, section 2).
    pub const SMS: Self = Self(Cow::Borrowed("sms"));

    /// A method by its registered name.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// The registered name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Proof that a factor was satisfied: by which methods, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "evidence has to be recorded by the authentication module"]
pub struct Evidence {
    /// The methods, for the `amr` claim.
    pub methods: Vec<AuthenticationMethod>,
    /// When the user gave the right answer.
    pub verified_at: SystemTime,
}

impl Evidence {
    /// Evidence of `methods`, given at `verified_at`.
    pub fn new(methods: impl Into<Vec<AuthenticationMethod>>, verified_at: SystemTime) -> Self {
        Self { methods: methods.into(), verified_at }
    }
}
