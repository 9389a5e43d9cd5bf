//! What identifies a contract.

use std::fmt;

use secrecy::SecretString;

/// What identifies a contract of 空電プッシュ: the base URL, the access key and the security code.
///
/// Three texts that a call could swap, so each has a setter with its name. `Debug` shows none of them.
///
/// ```
/// use karaden_client::push;
///
/// let credentials = push::Credentials::new()
///     .with_base_url("https://karaden.example/v2/")
///     .with_token("access-key")
///     .with_security_code("security-code");
/// assert!(!format!("{credentials:?}").contains("security-code"));
/// ```
#[derive(Clone, Default)]
#[must_use = "give it to `push::Client::builder`"]
pub struct Credentials {
    pub(super) base_url: String,
    pub(super) token: SecretString,
    pub(super) security_code: SecretString,
}

impl Credentials {
    /// Creates empty credentials. [`build`](super::ClientBuilder::build) refuses them until all three
    /// are set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the base URL, which differs between contracts and ends in `/v2/`.
    ///
    /// `http:` is allowed on loopback only, see
    /// [`Options::dangerous_allow_http`](crate::Options::dangerous_allow_http).
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// Sets the access key (`Token`).
    pub fn with_token(mut self, token: impl Into<SecretString>) -> Self {
        self.token = token.into();
        self
    }

    /// Sets the security code (`SecurityCode`).
    pub fn with_security_code(mut self, security_code: impl Into<SecretString>) -> Self {
        self.security_code = security_code.into();
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
