//! The port that ends segments of the audit trail, and lets archived ones go.

use std::time::SystemTime;

use async_trait::async_trait;

use crate::{
    audit::AuditTrail,
    audit_chain::{ChainHead, Segment},
    audit_reader::AuditReader,
    error::AuthError,
    time::to_millis,
};

/// Ends segments of the hash chain, and removes the records of those that are kept elsewhere.
#[async_trait]
pub trait AuditArchive: AuditTrail + AuditReader {
    /// Returns the last record of this node's chain; `None` if there is none.
    async fn head(&self) -> Result<Option<ChainHead>, AuthError>;

    /// Ends a segment: every record since the last one. `None` if `rule` is not met, or if there is no record.
    async fn seal(&self, rule: SealRule, now: SystemTime) -> Result<Option<Segment>, AuthError>;

    /// Removes the records of a segment, and returns how many. The segment stays, and the chain goes on after
    /// it. Records outside of a segment are never removed.
    async fn remove(&self, segment: &Segment, now: SystemTime) -> Result<u64, AuthError>;
}

const _: fn(&dyn AuditArchive) = |_| {};

/// Which records are enough to end a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealRule {
    /// Any record.
    Any,
    /// A record from before this instant, or so many records.
    Due {
        /// The instant.
        before: SystemTime,
        /// How many records.
        records: u64,
    },
}

impl SealRule {
    /// Whether `records` records, the oldest from `oldest`, are enough.
    pub fn is_met(self, oldest: SystemTime, records: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Due { before, records: enough } => {
                to_millis(oldest) < to_millis(before) || records >= enough
            }
        }
    }
}
