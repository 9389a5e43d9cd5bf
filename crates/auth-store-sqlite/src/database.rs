//! The handle that gives the ports.

use std::path::Path;

use auth_module::{AuthError, ChainKey};

use crate::{
    audit::SqliteAuditTrail, audit_reader::SqliteAuditReader, file::File, sessions::SqliteSessions,
    users::SqliteUsers,
};

/// An open SQLite file with users, sessions and the audit trail.
///
/// Clones share it. It is closed when the last clone and everything made from them is dropped, after
/// the queued writes are committed.
#[derive(Clone, Debug)]
pub struct Database(File);

impl Database {
    /// Opens the file, creates it if it is missing (readable by its owner only), and migrates it to
    /// the newest layout.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](auth_module::AuthErrorKind::Corrupt) if the file is damaged, of another program or of
    /// a newer version; otherwise [`Unavailable`](auth_module::AuthErrorKind::Unavailable).
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, AuthError> {
        File::open(path).await.map(Self)
    }

    /// Returns the users in this file and the hashes of their passwords.
    pub fn users(&self) -> SqliteUsers {
        SqliteUsers::new(self.0.clone())
    }

    /// Returns the pending logins and sessions in this file.
    pub fn sessions(&self) -> SqliteSessions {
        SqliteSessions::new(self.0.clone())
    }

    /// Returns the audit trail in this file. Every handle and every process uses the same key.
    pub fn audit_trail(&self, key: ChainKey) -> SqliteAuditTrail {
        SqliteAuditTrail::new(self.0.clone(), key)
    }

    /// Returns the audit trail in this file, for reading only.
    pub fn audit_reader(&self) -> SqliteAuditReader {
        SqliteAuditReader::new(self.0.clone())
    }
}
