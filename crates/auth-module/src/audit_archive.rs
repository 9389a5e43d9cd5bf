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
///
/// # Contract
///
/// 1. **The head is the last record.** [`head`](Self::head) names the last record that was flushed, with its hash.
/// 2. **A segment is everything since the last one.** [`seal`](Self::seal) ends a segment that begins after the one before
///    it and ends at the head, with the next number, the right count and the right
///    [`ChainKey::seal`](crate::ChainKey::seal). [`segments`](AuditReader::segments) lists it. If there is no new record, or
///    the rule is not met, nothing is sealed. Of any number of calls at once, one seals a record.
/// 3. **Only a segment is removed.** [`remove`](Self::remove) removes the records of the sealed segment with this node
///    and number, whatever else the call says of it, and returns how many. All other records stay. A second call
///    removes nothing.
/// 4. **The chain goes on.** After a removal the rest can be checked with the segments, new records are linked to the
///    last one, and no id is given again.
///
/// `conformance::audit_archive` has one test for each clause.
#[async_trait]
pub trait AuditArchive: AuditTrail + AuditReader {
    /// Returns the last record of this node's chain; `None` if there is none.
    async fn head(&self) -> Result<Option<ChainHead>, AuthError>;

    /// Ends a segment: every record since the last one. `None` if `rule` is not met, or if there is no record.
    async fn seal(&self, rule: SealRule, now: SystemTime) -> Result<Option<Segment>, AuthError>;

    /// Removes the records of a segment, and returns how many. The segment stays.
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
