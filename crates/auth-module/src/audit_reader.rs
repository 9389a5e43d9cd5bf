//! The port that reads the audit trail.

use std::{fmt::Debug, time::SystemTime};

use async_trait::async_trait;

use crate::{
    audit_chain::{ChainedRecord, Segment},
    error::AuthError,
    stored_audit_record::{AuditId, StoredAuditRecord},
    user::UserId,
};

/// Searches the audit trail, and reads it with its hash chain.
///
/// # Contract
///
/// 1. **Complete and unchanged.** Every record that was flushed is found as it was taken, to the
///    millisecond.
/// 2. **Newest first.** Ids rise in the order in which the records were taken. With
///    [`AuditQuery::before`] set to the last id of a page, the next page neither skips nor repeats a
///    record, also while new records are added.
/// 3. **All conditions hold.** A record is found if it meets each condition of the query.
/// 4. **Chained.** [`page`](Self::page) returns every record once, the oldest first, with the hash that
///    [`ChainKey::link`](crate::ChainKey::link) gives it after the record before it in the chain of its node, also
///    while other callers record. [`last_id`](Self::last_id) is the highest id that was ever given.
///
/// `conformance::audit` has one test for each clause.
#[async_trait]
pub trait AuditReader: Debug + Send + Sync + 'static {
    /// Returns the records that meet `query`, the newest first.
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError>;

    /// Returns at most `limit` records with a higher id than `after`, the oldest first. A part of a record
    /// that cannot be read is absent: then the hash does not fit.
    async fn page(
        &self,
        after: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<ChainedRecord>, AuthError>;

    /// Returns the highest id that the trail has ever given, also to a record that was removed since.
    async fn last_id(&self) -> Result<Option<AuditId>, AuthError>;

    /// Returns the segments that have ended, the oldest first.
    async fn segments(&self) -> Result<Vec<Segment>, AuthError>;
}

const _: fn(&dyn AuditReader) = |_| {};

/// Which records to find. A condition that is `None` holds for every record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditQuery {
    /// Records about this user.
    pub user_id: Option<UserId>,
    /// Records with this name, or of this family: `session` finds `session.opened` too.
    pub event: Option<String>,
    /// Records from this instant on, itself included.
    pub from: Option<SystemTime>,
    /// Records up to this instant, itself excluded.
    pub until: Option<SystemTime>,
    /// Records with a lower id, for the next page.
    pub before: Option<AuditId>,
    /// The most records to return.
    pub limit: usize,
}

impl AuditQuery {
    /// Makes a query for the newest `limit` records.
    pub const fn new(limit: usize) -> Self {
        Self { user_id: None, event: None, from: None, until: None, before: None, limit }
    }

    /// Whether `record` meets every condition.
    pub fn matches(&self, record: &StoredAuditRecord) -> bool {
        let is_event = |wanted: &String| {
            let rest = record.event.strip_prefix(wanted.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.user_id.as_ref().is_none_or(|user| record.user_id.as_ref() == Some(user))
            && self.event.as_ref().is_none_or(is_event)
            && self.from.is_none_or(|from| from <= record.at)
            && self.until.is_none_or(|until| record.at < until)
            && self.before.is_none_or(|before| record.id < before)
    }
}
