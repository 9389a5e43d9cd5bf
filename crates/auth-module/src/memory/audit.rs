//! The audit trail in memory.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::{
    audit::{AuditRecord, AuditTrail},
    audit_reader::{AuditId, AuditQuery, AuditReader, StoredAuditRecord},
    error::AuthError,
};

/// Keeps audit records in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryAuditTrail(Arc<Mutex<Vec<AuditRecord>>>);

impl MemoryAuditTrail {
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
}

#[async_trait]
impl AuditReader for MemoryAuditTrail {
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let numbered = (1..).map(AuditId).zip(self.records());
        let stored: Vec<_> = numbered.map(|(id, r)| StoredAuditRecord::of(id, &r)).collect();
        let found = stored.into_iter().rev().filter(|record| query.matches(record));
        Ok(found.take(query.limit).collect())
    }
}
