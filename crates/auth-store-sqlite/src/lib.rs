#![doc = include_str!("../README.md")]

mod audit;
mod audit_chain;
mod audit_reader;
mod database;
mod file;
mod migrations;
mod sessions;
mod users;

pub use crate::{
    audit::SqliteAuditTrail, audit_reader::SqliteAuditReader, database::Database,
    sessions::SqliteSessions, users::SqliteUsers,
};
