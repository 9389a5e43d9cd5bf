//! The error type of this crate.

use std::{error::Error, fmt};

/// What a caller can do about an [`AuthError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// Stored data cannot be read as the layout of this version. Nothing was changed. An operator has
    /// to look.
    Corrupt,
    /// The system's random generator failed: no token can be made.
    Randomness,
    /// Users cannot be changed through this program: they come from a directory that it only reads.
    ReadOnly,
    /// A database, directory or store failed. Trying later may help.
    Unavailable,
}

impl AuthErrorKind {
    /// Returns the kind as one stable lower-case word, for logs and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Randomness => "randomness",
            Self::ReadOnly => "read_only",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A failure of the authentication module. Do not let the user in.
///
/// Neither it nor its sources contain a password, token, code or phone number.
pub struct AuthError {
    kind: AuthErrorKind,
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl AuthError {
    /// Makes an error of this kind. `what` is one lower-case phrase that says what failed.
    pub const fn new(kind: AuthErrorKind, what: &'static str) -> Self {
        Self { kind, what, source: None }
    }

    /// Sets the cause.
    ///
    /// The cause is shown to operators: it must not hold secrets or personal data.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns what a caller can do about it.
    pub const fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// Whether the same call may succeed a moment later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, AuthErrorKind::Unavailable)
    }
}

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("AuthError");
        out.field("kind", &self.kind).field("what", &self.what);
        if let Some(source) = &self.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<mfa_plugin_api::RandomnessUnavailable> for AuthError {
    fn from(source: mfa_plugin_api::RandomnessUnavailable) -> Self {
        Self::new(AuthErrorKind::Randomness, "no randomness for a token").with_source(source)
    }
}
