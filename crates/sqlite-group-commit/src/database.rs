//! The handle that a program holds.

use std::{fmt, sync::Arc};

use rusqlite::Connection;
use tokio::task::spawn_blocking;

use crate::{
    error::{Error, ErrorKind},
    job::Capacity,
    readers::Readers,
    settings::FileSettings,
    writer::Writer,
};

/// An open SQLite file with one writer thread and up to eight concurrent readers.
///
/// Dropping it waits until the queued writes are committed and the file is closed.
pub struct Database {
    writer: Writer,
    readers: Arc<Readers>,
}

impl Database {
    /// Opens the file, creates it if it is missing, and runs the migrations that it lacks.
    ///
    /// A new file, and the `-wal` and `-shm` files next to it, can be read by their owner only.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`], [`ErrorKind::ForeignFile`] or [`ErrorKind::UnknownLayout`] if it is
    /// not a file of this layout; [`ErrorKind::Busy`] if another process holds it for longer than
    /// the busy timeout; [`ErrorKind::OutOfSpace`] if there is no space for the tables; otherwise
    /// [`ErrorKind::Unavailable`].
    pub async fn open(settings: FileSettings) -> Result<Self, Error> {
        let opened = spawn_blocking(move || {
            let readers = Arc::new(Readers::new(settings.clone()));
            Ok(Self { writer: Writer::start(settings)?, readers })
        });
        opened.await.unwrap_or(Err(Error::new(
            ErrorKind::Unavailable,
            "opening the database file did not finish",
        )))
    }

    /// Runs `work` in the next transaction and returns once that is on the disk.
    ///
    /// `work` must neither begin nor end a transaction. If it does, the transaction is undone and every
    /// job in it fails. If its value is a `Result`, both variants are committed: use that for refusals
    /// that write nothing.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]. After an error nothing of `work` is kept, unless
    /// [`is_outcome_unknown`](Error::is_outcome_unknown).
    ///
    /// [`ErrorKind::QueueTimeout`] after [`QUEUE_TIMEOUT`](crate::QUEUE_TIMEOUT) if `work` has not begun by then.
    ///
    /// # Panics
    ///
    /// If the Tokio runtime has no timer. A panic of `work` is an error of the whole transaction.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, `work` is committed as a whole or not at all.
    pub async fn write<T, W>(&self, capacity: Capacity, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.writer.write(capacity, work).await
    }

    /// Queues `work` and returns at once. `on_failure` is called on the writer thread if `work` is
    /// not committed. A panic of `on_failure` ends there.
    ///
    /// Work that has not begun after [`QUEUE_TIMEOUT`](crate::QUEUE_TIMEOUT) never runs. `on_failure` is called once
    /// the writer thread reaches it.
    ///
    /// Writes of the same capacity run in the order in which they were queued. Writes of different
    /// capacity may change places.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::QueueFull`] if too many writes wait already. Then nothing was queued, and
    /// `on_failure` is not called.
    pub fn write_later<W, F>(&self, capacity: Capacity, work: W, on_failure: F) -> Result<(), Error>
    where
        W: FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
        F: FnOnce(Error) + Send + 'static,
    {
        self.writer.write_later(capacity, work, on_failure)
    }

    /// Runs `work` on a connection that cannot write, without waiting for the writer.
    ///
    /// `work` sees every write that was acknowledged before. Each of its statements may see a newer
    /// state than the one before, unless it begins a transaction.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]; [`ErrorKind::JobFailed`] if a statement of `work` fails, and
    /// [`ErrorKind::QueueTimeout`] after [`QUEUE_TIMEOUT`](crate::QUEUE_TIMEOUT) if `work` has not begun by then.
    ///
    /// # Panics
    ///
    /// If the Tokio runtime has no timer.
    pub async fn read<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.read(work).await
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("settings", self.readers.settings())
            .finish_non_exhaustive()
    }
}
