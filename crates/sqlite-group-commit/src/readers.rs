//! Connections that read while the writer writes.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use crate::{
    connection::ReadConnection,
    error::{Error, ErrorKind, is_of_statement},
    settings::FileSettings,
    turn::{QUEUE_TIMEOUT, Turn},
};

/// The most reads at the same time, and the most connections kept for them.
const READERS: usize = 8;

#[derive(Debug)]
pub(crate) struct Readers {
    settings: FileSettings,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<ReadConnection>>,
}

impl Readers {
    /// Opens no connection yet.
    pub(crate) fn new(settings: FileSettings) -> Self {
        Self { settings, permits: Arc::new(Semaphore::new(READERS)), idle: Mutex::default() }
    }

    pub(crate) fn settings(&self) -> &FileSettings {
        &self.settings
    }

    /// Does `work` on a connection of its own, on a thread for blocking work.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + QUEUE_TIMEOUT;
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_elapsed| Error::queue_timeout())?;
        let (turn, readers) = (Turn::default(), Arc::clone(self));
        let begins = turn.clone();
        let read = spawn_blocking(move || {
            // Held until the connection is back in the pool.
            let _permit = permit;
            if begins.take() { readers.run(work) } else { Err(Error::queue_timeout()) }
        });
        // The threads for blocking work may all be busy, so it waits for one of them too.
        let read = turn.outcome(deadline, read).await?;
        read.unwrap_or(Err(Error::new(ErrorKind::Unavailable, "a read did not finish")))
    }

    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let reader = self.connection()?;
        match work(reader.connection()) {
            Ok(done) => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
                Ok(done)
            }
            // The connection is closed: the next read opens one and checks the file anew.
            Err(error) if is_of_statement(&error) => Err(Error::of_job(error)),
            Err(error) => Err(Error::of_file(error)),
        }
    }

    /// Returns an idle connection, or a new one. Closes those whose file was moved or replaced.
    fn connection(&self) -> Result<ReadConnection, Error> {
        while let Some(reader) = self.take_idle() {
            if reader.check_file().is_ok() {
                return Ok(reader);
            }
        }
        ReadConnection::open(&self.settings)
    }

    fn take_idle(&self) -> Option<ReadConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
