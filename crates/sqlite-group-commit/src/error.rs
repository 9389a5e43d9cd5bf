//! The error type of this crate.

use std::{error, fmt, io, sync::Arc};

use rusqlite::ErrorCode;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another process held the file for longer than the busy timeout. Nothing was written. Try
    /// again.
    Busy,
    /// The file is damaged. It stays as it is; an operator has to restore it.
    Corrupt,
    /// The file belongs to another program. It stays as it is.
    ForeignFile,
    /// The work of this one job failed, and only this job was undone. Occurs with
    /// [`FailureScope::Job`](crate::FailureScope::Job), and in reads.
    JobFailed,
    /// The file was removed, or the path now names another file than the one that was opened. Nothing
    /// was written.
    Moved,
    /// The disk is full, or the file has reached its size limit. Nothing was written.
    OutOfSpace,
    /// Too many jobs wait for the writer thread. The job was not queued.
    QueueFull,
    /// The call waited longer than [`QUEUE_TIMEOUT`](crate::QUEUE_TIMEOUT) before its work began. The work never
    /// runs. Try again.
    QueueTimeout,
    /// The file was filled before and is empty now. It stays empty, because filling it would hide
    /// the loss.
    Truncated,
    /// Any other failure, such as a disk that reports an I/O error. The job may have been
    /// committed. Try again later.
    Unavailable,
    /// The file has a layout that the migrations do not know, such as that of a newer program. It
    /// stays as it is.
    UnknownLayout,
}

/// A failed call.
///
/// Its `Display` is one lower-case phrase. The source is the error of SQLite or of the operating
/// system, if there is one. SQLite's messages name tables and columns, never bound values.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: &'static str,
    // Shared, because every job of a failed transaction gets the same cause.
    source: Option<Arc<dyn error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind, message: &'static str) -> Self {
        Self { kind, message, source: None }
    }

    pub(crate) fn with_source(self, source: impl error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    pub(crate) const fn moved() -> Self {
        Self::new(ErrorKind::Moved, "the database file was moved or removed")
    }

    pub(crate) const fn queue_timeout() -> Self {
        Self::new(ErrorKind::QueueTimeout, "too many calls wait for the database file")
    }

    pub(crate) const fn truncated() -> Self {
        Self::new(ErrorKind::Truncated, "the database file was emptied while in use")
    }

    pub(crate) const fn writer_ended() -> Self {
        Self::new(ErrorKind::Unavailable, "the writer thread of the database has ended")
    }

    /// Returns the failure of one job, which leaves the transaction intact.
    pub(crate) fn of_job(source: rusqlite::Error) -> Self {
        Self::new(ErrorKind::JobFailed, "the statement failed").with_source(source)
    }

    /// Returns the failure of a whole transaction, or of opening the file.
    pub(crate) fn of_file(source: rusqlite::Error) -> Self {
        use ErrorKind::{Busy, Corrupt, OutOfSpace, Unavailable};
        let (kind, message) = match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => (OutOfSpace, "no room left for the database file"),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (Busy, "another process holds the database file")
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                (Corrupt, "the database file is damaged")
            }
            _ => (Unavailable, "cannot use the database file"),
        };
        Self::new(kind, message).with_source(source)
    }

    pub(crate) fn cannot_create(source: io::Error) -> Self {
        Self::new(ErrorKind::Unavailable, "cannot create the database file").with_source(source)
    }

    /// Returns what a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the phrase that `Display` writes.
    pub const fn message(&self) -> &'static str {
        self.message
    }

    /// Returns the cause, for an error that takes over this one's [`message`](Self::message).
    pub fn into_source(self) -> Option<Arc<dyn error::Error + Send + Sync>> {
        self.source
    }

    /// Whether the job may have been committed although the call failed.
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable)
    }

    /// Whether the next transaction needs a new connection.
    pub(crate) const fn needs_reopening(&self) -> bool {
        use ErrorKind::{Busy, JobFailed, OutOfSpace, QueueFull, QueueTimeout};
        !matches!(self.kind, Busy | JobFailed | OutOfSpace | QueueFull | QueueTimeout)
    }
}

/// Whether the error is about the statement or its values, and not about the file.
pub(crate) fn is_of_statement(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::InternalMalfunction
                | ErrorCode::NoLargeFileSupport
                | ErrorCode::NotADatabase
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
        )
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn error::Error + 'static))
    }
}
