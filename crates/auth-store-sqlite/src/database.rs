//! The file: one writer, and readers that do not wait for it.

use std::{
    fmt,
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_module::{AuthError, AuthErrorKind};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::{
    audit::SqliteAuditTrail, directory::SqliteDirectory, migrations::migrate,
    sessions::SqliteSessionStore, writer::Writer,
};

/// Reads at the same time, and connections kept open for them.
const READERS: usize = 8;

/// How long another process, such as a command-line tool, may hold the file.
const BUSY: Duration = Duration::from_secs(5);

/// An open SQLite file with users, sessions and the audit trail.
///
/// Clones share it. It is closed when the last clone and everything made from them is dropped, after
/// what was queued is written.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Writer,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Database {
    /// Opens the file, creates it if it is missing (readable by its owner only), and brings its
    /// tables to the newest layout.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or written, or was written by a newer version.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, AuthError> {
        let path = path.as_ref().to_owned();
        blocking(move || Self::open_blocking(path)).await
    }

    fn open_blocking(path: PathBuf) -> Result<Self, AuthError> {
        create_private(&path)?;
        let mut connection = connect(&path)?;
        migrate(&mut connection)?;
        Ok(Self(Arc::new(Inner {
            path,
            writer: Writer::start(connection)?,
            turns: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::new(Vec::new()),
        })))
    }

    /// The users in this file.
    pub fn directory(&self) -> SqliteDirectory {
        SqliteDirectory::new(self.clone())
    }

    /// The pending logins and sessions in this file.
    pub fn sessions(&self) -> SqliteSessionStore {
        SqliteSessionStore::new(self.clone())
    }

    /// The audit trail in this file.
    pub fn audit_trail(&self) -> SqliteAuditTrail {
        SqliteAuditTrail::new(self.clone())
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.0.writer
    }

    /// Does `work` on a connection of its own, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AuthError> {
        let turn = Arc::clone(&self.0.turns).acquire_owned().await;
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let _turn = turn;
            let connection = inner.reader()?;
            let result = work(&connection);
            inner.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result.map_err(|source| {
                AuthError::new(AuthErrorKind::Unavailable, "cannot read the database")
                    .with_source(source)
            })
        })
        .await
    }
}

impl Inner {
    fn reader(&self) -> Result<Connection, AuthError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| connect(&self.path), Ok)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.0.path).finish_non_exhaustive()
    }
}

/// SQLite gives its side files the permissions of the main one.
fn create_private(path: &Path) -> Result<(), AuthError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| cannot_open().with_source(source))
}

fn connect(path: &Path) -> Result<Connection, AuthError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let prepare = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    prepare().map_err(|source: rusqlite::Error| cannot_open().with_source(source))
}

fn cannot_open() -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "cannot open the database file")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuthError> + Send + 'static,
) -> Result<T, AuthError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        AuthError::new(AuthErrorKind::Unavailable, "work on the database did not finish")
    })?
}
