//! What is read back of an audit record.

use std::{collections::BTreeMap, net::IpAddr, time::SystemTime};

use crate::{audit::AuditRecord, time::whole_millis, user::UserId};

/// The position of a record in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId(pub u64);

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
