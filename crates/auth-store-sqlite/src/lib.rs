//! Users, sessions and the audit trail in one SQLite file.
//!
//! [`Database`] is the file: opened once, with one thread that writes. Concurrent writes share a
//! commit, and none is answered before its commit is on the disk (`synchronous=FULL`).

mod audit;
mod database;
mod directory;
mod migrations;
mod sessions;
mod writer;

pub use crate::{
    audit::{SqliteAuditTrail, StoredAuditRecord},
    database::Database,
    directory::SqliteDirectory,
    sessions::SqliteSessionStore,
};
