#![doc = include_str!("../README.md")]

mod audit;
mod database;
mod file;
mod migrations;
mod sessions;
mod users;

pub use crate::{
    audit::SqliteAuditTrail, database::Database, sessions::SqliteSessions, users::SqliteUsers,
};
