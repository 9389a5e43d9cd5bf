#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connection;
mod contain;
mod database;
mod error;
mod file;
mod group_commit;
mod job;
mod layout;
mod readers;
mod settings;
mod turn;
mod writer;

// Runs the program of the Japanese README.
#[cfg(doctest)]
#[doc = include_str!("../README.ja.md")]
mod japanese_readme {}

pub use rusqlite;

pub use database::Database;
pub use error::{Error, ErrorKind};
pub use job::Capacity;
pub use layout::Layout;
pub use settings::{FailureScope, FileSettings};
pub use turn::QUEUE_TIMEOUT;
