//! The audit trail in memory.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::{
    audit::{AuditRecord, AuditTrail},
    audit_chain::{ChainKey, ChainedRecord, Segment},
    audit_reader::{AuditQuery, AuditReader},
    error::AuthError,
    stored_audit_record::{AuditId, StoredAuditRecord},
};

/// The node of every chain in memory.
const NODE: &str = "memory";

/// Keeps audit records in memory. Clones share them.
///
/// Its chain is made when it is read, with a key of zeros: nothing outside the process can change it.
#[derive(Debug, Clone, Default)]
pub struct MemoryAuditTrail(Arc<Mutex<Vec<AuditRecord>>>);

impl MemoryAuditTrail {
    /// The key of its chain.
    pub const CHAIN_KEY: ChainKey = ChainKey::from_bytes([0; 32]);

    /// Makes an empty trail.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns every record so far, the oldest first.
    pub fn records(&self) -> Vec<AuditRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl AuditTrail for MemoryAuditTrail {
    fn record(&self, record: AuditRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    async fn flush(&self) -> Result<(), AuthError> {
        Ok(())
    }

    async fn probe(&self) -> Result<(), AuthError> {
        Ok(())
    }

    fn lost(&self) -> u64 {
        0
    }
}

#[async_trait]
impl AuditReader for MemoryAuditTrail {
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let numbered = (1..).map(AuditId).zip(self.records());
        let stored: Vec<_> = numbered.map(|(id, r)| StoredAuditRecord::of(id, &r)).collect();
        let found = stored.into_iter().rev().filter(|record| query.matches(record));
        Ok(found.take(query.limit).collect())
    }

    async fn page(
        &self,
        after: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<ChainedRecord>, AuthError> {
        let key = Self::CHAIN_KEY;
        let mut hash = key.start(NODE);
        let chained = (1..).map(AuditId).zip(self.records()).map(|(id, record)| {
            let record = StoredAuditRecord::of(id, &record);
            hash = key.link(hash, &record);
            ChainedRecord::new(record, NODE.to_owned(), Some(hash))
        });
        let wanted = chained.filter(|chained| after.is_none_or(|after| after < chained.record.id));
        Ok(wanted.take(limit).collect())
    }

    async fn last_id(&self) -> Result<Option<AuditId>, AuthError> {
        let count = self.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        Ok(u64::try_from(count).ok().filter(|count| *count > 0).map(AuditId))
    }

    async fn segments(&self) -> Result<Vec<Segment>, AuthError> {
        Ok(Vec::new())
    }
}
