//! The ports in memory: for tests, for demonstrations, and for single nodes that may forget sessions
//! at a restart.

mod audit;
mod sessions;
mod users;

pub use self::{audit::MemoryAuditTrail, sessions::MemorySessions, users::MemoryUsers};
