//! The error type of every backend.

use std::{error::Error, fmt};

use otp_core::Verified;

/// What a caller can do about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The backend did not respond in time, cannot be reached, or refused the connection. The operation may
    /// have happened. Fail closed. The same call may work later.
    Unavailable,
    /// Another writer, or another version of this program, blocked the operation. It did not happen. A retry
    /// is safe.
    Conflict,
    /// The stored data is not in the layout of this version. Nothing was changed. Fail closed and alert an
    /// operator: the backend never replaces data that it cannot read.
    Corrupt,
    /// The backend is full. It accepts nothing new, and has dropped nothing live to make room.
    Capacity,
    /// The backend refuses the login or the operation, or its settings would lose counters. The operation did
    /// not happen. The same call fails until an operator changes the settings.
    Misconfigured,
}

impl StoreErrorKind {
    /// Returns the kind as one stable lower-case word, for logs and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Conflict => "conflict",
            Self::Corrupt => "corrupt",
            Self::Capacity => "capacity",
            Self::Misconfigured => "misconfigured",
        }
    }
}

impl fmt::Display for StoreErrorKind {
    /// The word of [`as_str`](Self::as_str).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error of a store.
///
/// Every error means *refuse*: verify no code, let no user in, send no message. It never contains a code, a
/// password, a phone number or a subject's name.
///
/// | kind | the host should |
/// |---|---|
/// | [`Unavailable`](StoreErrorKind::Unavailable) | respond "try again shortly", alert if it lasts |
/// | [`Conflict`](StoreErrorKind::Conflict) | retry a few times, then as above |
/// | [`Corrupt`](StoreErrorKind::Corrupt) | refuse this subject, alert at once |
/// | [`Capacity`](StoreErrorKind::Capacity) | refuse new challenges, alert: it may be a flood |
/// | [`Misconfigured`](StoreErrorKind::Misconfigured) | refuse, alert at once |
pub struct StoreError {
    kind: StoreErrorKind,
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// Creates an error of this kind. `what` is one lower-case phrase that says what was wrong.
    pub const fn new(kind: StoreErrorKind, what: &'static str) -> Self {
        Self { kind, what, source: None }
    }

    /// Adds the cause.
    ///
    /// Operators see the cause, so it must not contain secrets or personal data.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns what a caller can do about it.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later without an operator.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Conflict)
    }

    /// Whether the operation may have taken effect although it failed.
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable)
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("StoreError");
        out.field("kind", &self.kind).field("what", &self.what);
        if let Some(source) = &self.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// The outer error of [`ChallengeStore::consume`](crate::ChallengeStore::consume): the store's error, and the proof
/// again if it is certain that nothing was done.
///
/// It converts into the [`StoreError`], so `?` works where a caller does not try again.
#[derive(Debug)]
pub struct ConsumeFailed {
    error: StoreError,
    // Boxed, because it is larger than most results of a store.
    proof: Option<Box<Verified>>,
}

impl ConsumeFailed {
    /// Creates the error of a store that still has the proof. The caller gets it back unless the
    /// [outcome is unknown](StoreError::is_outcome_unknown).
    pub fn new(error: StoreError, proof: Verified) -> Self {
        let proof = (!error.is_outcome_unknown()).then(|| Box::new(proof));
        Self { error, proof }
    }

    /// Returns the store's error.
    pub const fn error(&self) -> &StoreError {
        &self.error
    }

    /// Returns the proof for another try. `None` if the challenge may have been consumed: then a second try could
    /// only say whether it was, and not let the user in.
    pub fn into_proof(self) -> Option<Verified> {
        self.proof.map(|proof| *proof)
    }

    /// Returns the store's error and the proof.
    pub fn into_parts(self) -> (StoreError, Option<Verified>) {
        (self.error, self.proof.map(|proof| *proof))
    }
}

impl From<StoreError> for ConsumeFailed {
    /// Creates the error of a store that no longer has the proof.
    fn from(error: StoreError) -> Self {
        Self { error, proof: None }
    }
}

impl From<ConsumeFailed> for StoreError {
    fn from(failed: ConsumeFailed) -> Self {
        failed.error
    }
}

impl fmt::Display for ConsumeFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl Error for ConsumeFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_does_not_repeat_its_source() {
        let error = StoreError::new(StoreErrorKind::Unavailable, "cannot write the store file")
            .with_source(std::io::Error::other("no space left"));
        assert_eq!(error.to_string(), "cannot write the store file");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("no space left"));
    }

    #[test]
    fn only_temporary_kinds_are_retryable() {
        let kinds = [
            (StoreErrorKind::Unavailable, true, true),
            (StoreErrorKind::Conflict, true, false),
            (StoreErrorKind::Corrupt, false, false),
            (StoreErrorKind::Capacity, false, false),
            (StoreErrorKind::Misconfigured, false, false),
        ];
        for (kind, retryable, unknown) in kinds {
            let error = StoreError::new(kind, "x");
            assert_eq!(error.is_retryable(), retryable, "{kind:?}");
            assert_eq!(error.is_outcome_unknown(), unknown, "{kind:?}");
        }
    }
}
