//! The audit trail and its reader.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use auth_module::{
    AuditId, AuditQuery, AuditReader, AuditRecord, AuditTrail, AuthError, AuthErrorKind,
    MemoryAuditTrail, StoredAuditRecord,
    conformance::{AuditKit, audit},
};

use crate::{caught, panics};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Takes two equal records for one.
    Merges,
    /// Loses everything when it is closed.
    Forgets,
    /// Does not report a record that was lost.
    LosesSilently,
    /// Does not read back in which login something happened.
    ForgetsTheFlow,
    /// Begins a page with the last record of the page before.
    RepeatsTheLast,
    /// Takes the beginning of a name for a family.
    FindsByPrefix,
}

#[derive(Debug)]
struct Flawed {
    flaw: Flaw,
    trail: MemoryAuditTrail,
    is_losing: AtomicBool,
    has_lost: AtomicBool,
}

impl Flawed {
    fn over(trail: MemoryAuditTrail, flaw: Flaw) -> Self {
        Self { flaw, trail, is_losing: AtomicBool::new(false), has_lost: AtomicBool::new(false) }
    }
}

#[async_trait]
impl AuditTrail for Flawed {
    fn record(&self, record: AuditRecord) {
        if self.is_losing.load(Ordering::SeqCst) {
            self.has_lost.store(true, Ordering::SeqCst);
        } else if self.flaw != Flaw::Merges || !self.trail.records().contains(&record) {
            self.trail.record(record);
        }
    }

    async fn flush(&self) -> Result<(), AuthError> {
        if self.has_lost.swap(false, Ordering::SeqCst) && self.flaw != Flaw::LosesSilently {
            return Err(AuthError::new(AuthErrorKind::Unavailable, "a record was lost"));
        }
        self.trail.flush().await
    }
}

#[async_trait]
impl AuditReader for Flawed {
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let mut query = query.clone();
        if self.flaw == Flaw::RepeatsTheLast {
            query.before = query.before.map(|id| AuditId(id.0 + 1));
        }
        let event = query.event.take_if(|_| self.flaw == Flaw::FindsByPrefix);
        let mut found = self.trail.search(&query).await?;
        found.retain(|record| event.as_ref().is_none_or(|e| record.event.starts_with(e.as_str())));
        if self.flaw == Flaw::ForgetsTheFlow {
            for record in &mut found {
                record.flow = None;
            }
        }
        Ok(found)
    }
}

fn breaks(flaw: Flaw) -> Vec<&'static str> {
    let new = || Arc::new(Flawed::over(MemoryAuditTrail::new(), flaw));
    let mut broken = caught(&audit::clauses(), || AuditKit::new(new()));
    let kept = MemoryAuditTrail::new();
    let reopened = || {
        let trail = if flaw == Flaw::Forgets { MemoryAuditTrail::new() } else { kept.clone() };
        std::future::ready(AuditKit::new(Arc::new(Flawed::over(trail, flaw))))
    };
    if panics(async || audit::clause_2_flushed_means_kept(reopened).await) {
        broken.push("clause_2_flushed_means_kept");
    }
    let trail = new();
    let kit = AuditKit::new(Arc::clone(&trail));
    let lose = async || trail.is_losing.store(true, Ordering::SeqCst);
    if panics(async || audit::clause_3_a_lost_record_is_reported(&kit, lose).await) {
        broken.push("clause_3_a_lost_record_is_reported");
    }
    broken
}

#[test]
fn a_trail_in_memory_passes() {
    assert_eq!(breaks(Flaw::None), [""; 0]);
}

#[test]
fn each_flaw_of_an_audit_trail_is_caught_by_its_clause() {
    for (flaw, clause) in [
        (Flaw::Merges, "clause_1_append_only"),
        (Flaw::Forgets, "clause_2_flushed_means_kept"),
        (Flaw::LosesSilently, "clause_3_a_lost_record_is_reported"),
        (Flaw::ForgetsTheFlow, "reader_clause_1_complete_and_unchanged"),
        (Flaw::RepeatsTheLast, "reader_clause_2_newest_first"),
        (Flaw::FindsByPrefix, "reader_clause_3_all_conditions_hold"),
    ] {
        assert_eq!(breaks(flaw), [clause], "{flaw:?}");
    }
}
