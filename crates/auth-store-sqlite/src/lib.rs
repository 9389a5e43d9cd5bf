//! Users, sessions and the audit trail in one SQLite file.
//!
//! [`Database`] is the open file. One thread writes, and concurrent writes share a commit. A write
//! returns once its commit is on the disk. If the file is moved, emptied, damaged or full, every call
//! fails, and the store works again once the cause is gone: see the crate `sqlite-group-commit`.

mod audit;
mod database;
mod directory;
mod migrations;
mod sessions;

pub use crate::{
    audit::{SqliteAuditTrail, StoredAuditRecord},
    database::Database,
    directory::SqliteDirectory,
    sessions::SqliteSessionStore,
};
