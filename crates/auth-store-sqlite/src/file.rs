//! The file: one writer thread, and readers that do not wait for it.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use auth_module::{AuthError, AuthErrorKind};
use rusqlite::Connection;
use sqlite_group_commit::{Capacity, ErrorKind, FileSettings};

use crate::migrations::LAYOUT;

/// How long another process may hold the file. An import by the command line holds it for one
/// transaction, however many users it adds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes that may wait. More than the default, because audit records queue without waiting.
const QUEUE_LENGTH: usize = 8192;

/// Every write may add a row, as far as the writer is concerned.
///
/// The file has no size limit, so nothing is gained by telling the others apart. And writes of one
/// capacity keep their order: flushing the audit trail relies on that.
const CAPACITY: Capacity = Capacity::MayGrow;

/// An open file. Clones share it.
#[derive(Clone)]
pub(crate) struct File(Arc<sqlite_group_commit::Database>);

impl File {
    pub(crate) async fn open(path: impl AsRef<Path>) -> Result<Self, AuthError> {
        let settings = FileSettings::new(path, LAYOUT)
            .with_busy_timeout(BUSY_TIMEOUT)
            .with_queue_length(QUEUE_LENGTH);
        let database = sqlite_group_commit::Database::open(settings).await;
        database.map(|database| Self(Arc::new(database))).map_err(to_auth_error)
    }

    /// Runs `work` in the next transaction and returns once that is on the disk. An error undoes
    /// `work` as a whole.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AuthError> {
        self.0.write(CAPACITY, work).await.map_err(to_auth_error)
    }

    /// Queues `work` without waiting. `on_failure` is called if it is not committed.
    pub(crate) fn write_later(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
        on_failure: impl FnOnce(AuthError) + Send + 'static,
    ) -> Result<(), AuthError> {
        self.0
            .write_later(CAPACITY, work, |error| on_failure(to_auth_error(error)))
            .map_err(to_auth_error)
    }

    /// Runs `work` on a connection that cannot write, without waiting for the writer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AuthError> {
        self.0.read(work).await.map_err(to_auth_error)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn to_auth_error(error: sqlite_group_commit::Error) -> AuthError {
    let kind = match error.kind() {
        ErrorKind::Corrupt
        | ErrorKind::ForeignFile
        | ErrorKind::Truncated
        | ErrorKind::UnknownLayout => AuthErrorKind::Corrupt,
        _ => AuthErrorKind::Unavailable,
    };
    let converted = AuthError::new(kind, error.message());
    match error.into_source() {
        Some(source) => converted.with_source(source),
        None => converted,
    }
}
