//! The port that reads the audit trail.

use std::{collections::BTreeMap, fmt::Debug, net::IpAddr, time::SystemTime};

use async_trait::async_trait;

use crate::{audit::AuditRecord, error::AuthError, time::whole_millis, user::UserId};

/// Searches the audit trail.
///
/// # Contract
///
/// 1. **Complete and unchanged.** Every record that was flushed is found as it was taken, to the
///    millisecond.
/// 2. **Newest first.** Ids rise in the order in which the records were taken. With
///    [`AuditQuery::before`] set to the last id of a page, the next page neither skips nor repeats a
///    record, also while new records are added.
/// 3. **All conditions hold.** A record is found if it meets each condition of the query.
///
/// `conformance::audit` has one test for each clause.
#[async_trait]
pub trait AuditReader: Debug + Send + Sync + 'static {
    /// Returns the records that meet `query`, the newest first.
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError>;
}

const _: fn(&dyn AuditReader) = |_| {};

/// The position of a record in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId(pub u64);

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

/// An audit record, as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredAuditRecord {
    /// The position in the trail: rises, and is never used again. A gap shows that a record was
    /// removed.
    pub id: AuditId,
    /// When it happened.
    pub at: SystemTime,
    /// The stable name.
    pub event: String,
    /// The user it happened to.
    pub user_id: Option<UserId>,
    /// Who did it, such as an administrator's name; `None` for the person at the browser.
    pub actor: Option<String>,
    /// The address of the browser.
    pub client: Option<IpAddr>,
    /// The login it belongs to.
    pub flow: Option<String>,
    /// Name and value of each detail.
    pub fields: BTreeMap<String, String>,
}

impl StoredAuditRecord {
    /// Makes a record of `event` at `at`, with nothing else known.
    pub const fn new(id: AuditId, at: SystemTime, event: String) -> Self {
        Self {
            id,
            at,
            event,
            user_id: None,
            actor: None,
            client: None,
            flow: None,
            fields: BTreeMap::new(),
        }
    }

    /// Returns what is read back of `record`.
    pub fn of(id: AuditId, record: &AuditRecord) -> Self {
        let fields = record.fields.iter();
        Self {
            user_id: record.user_id.clone(),
            actor: record.actor.clone(),
            client: record.client,
            flow: record.flow.clone(),
            fields: fields.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            ..Self::new(id, whole_millis(record.at), record.event.to_owned())
        }
    }
}
