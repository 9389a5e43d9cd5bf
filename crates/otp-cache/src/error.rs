//! The one error of every backend: opaque, with questions on it.

use std::{error::Error, fmt};

/// What a caller can do about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The backend did not answer in time, cannot be reached or refused the connection. The
    /// operation may or may not have happened. Fail closed; the same call may work later.
    Unavailable,
    /// Another writer, or another version of this program, was in the way and the operation did
    /// not happen. Trying again is safe.
    Conflict,
    /// What is stored cannot be read as the layout of this version. Nothing was changed. Fail
    /// closed and call an operator: the backend never replaces what it cannot read.
    Corrupt,
    /// The backend is full: nothing new is taken, and nothing live was dropped to make room.
    Capacity,
    /// The backend does not let us in or do this, or is set up so that it would forget counters. The
    /// operation did not happen, and the same call fails until somebody changes the set-up.
    Misconfigured,
}

impl StoreErrorKind {
    /// The kind as one stable lower-case word, for logs and metric labels.
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

/// A store could not do what it was asked.
///
/// Every error means *refuse*: no attempt was granted, no code was consumed, no message may be
/// sent. It never carries a code, a password, a phone number or a subject's name.
///
/// | kind | the host should |
/// |---|---|
/// | [`Unavailable`](StoreErrorKind::Unavailable) | answer "try again shortly", alarm if it lasts |
/// | [`Conflict`](StoreErrorKind::Conflict) | try again a few times, then as above |
/// | [`Corrupt`](StoreErrorKind::Corrupt) | refuse this subject, alarm at once |
/// | [`Capacity`](StoreErrorKind::Capacity) | refuse new challenges, alarm: somebody may be flooding |
/// | [`Misconfigured`](StoreErrorKind::Misconfigured) | refuse, alarm at once |
pub struct StoreError {
    kind: StoreErrorKind,
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of this kind. `what` is one lower-case phrase that says what was wrong.
    pub const fn new(kind: StoreErrorKind, what: &'static str) -> Self {
        Self { kind, what, source: None }
    }

    /// The same error with the cause that lies below it.
    ///
    /// The cause is shown to operators: it must not hold secrets or personal data.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a caller can do about it.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed a moment later without anybody's help.
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
    fn only_what_may_pass_by_itself_is_retryable() {
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
