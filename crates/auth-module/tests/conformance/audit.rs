//! The audit trail and its reader.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use auth_module::{
    AuditId, AuditQuery, AuditReader, AuditRecord, AuditTrail, AuthError, AuthErrorKind,
    ChainedRecord, MemoryAuditTrail, Segment, StoredAuditRecord, UserId,
    conformance::{AuditKit, audit},
    time::{from_millis, to_millis},
};

use crate::{Passed, Suite, check_table, others_come_first, passed, passes, planted};

planted! {
    /// Takes two equal records for one.
    Merges => clause_1_append_only,
    /// Writes many records in the wrong order, when it writes them together.
    WritesBackwards => clause_1_append_only,
    /// Drops records when 310 wait already.
    DropsWhenBusy => clause_1_append_only,
    /// Numbers the records of each user on their own.
    SharesIds => clause_1_append_only,
    /// Loses everything when it is closed.
    Forgets => clause_2_flushed_means_kept,
    /// Does not report a record that was lost.
    LosesSilently => clause_3_a_lost_record_is_reported,
    /// Reports a lost record to one of the callers who wait.
    ReportsToOne => clause_3_a_lost_record_is_reported,
    /// Does not read back in which login something happened.
    ForgetsTheFlow => reader_clause_1_complete_and_unchanged,
    /// Reads back whole seconds.
    CutsToSeconds => reader_clause_1_complete_and_unchanged,
    /// Does not wait if another caller flushes already.
    LeavesTheFlushToOthers => reader_clause_1_complete_and_unchanged,
    /// Begins a page with the last record of the page before.
    RepeatsTheLast => reader_clause_2_newest_first,
    /// Finds one record more than was asked for.
    ExceedsTheLimit => reader_clause_2_newest_first,
    /// Gives the newest record the lowest id.
    CountsBackwards => reader_clause_2_newest_first,
    /// Takes the beginning of a name for a family.
    FindsByPrefix => reader_clause_3_all_conditions_hold,
    /// Includes the instant up to which it searches.
    IncludesTheEnd => reader_clause_3_all_conditions_hold,
    /// Does not look at the instant from which it searches.
    IgnoresTheStart => reader_clause_3_all_conditions_hold,
    /// Gives each record the hash of its content alone.
    DoesNotLink => reader_clause_4_chained,
    /// Leaves out a record between two pages.
    SkipsBetweenPages => reader_clause_4_chained,
    /// Forgets the last id.
    ForgetsTheLastId => reader_clause_4_chained,
}

/// A trail that writes its records when it is flushed.
#[derive(Debug)]
struct Faulty {
    fault: Fault,
    trail: MemoryAuditTrail,
    waiting: Mutex<Vec<AuditRecord>>,
    is_losing: AtomicBool,
    lost: AtomicU64,
    reported: AtomicU64,
}

impl Faulty {
    fn over(trail: MemoryAuditTrail, fault: Fault) -> Self {
        Self {
            fault,
            trail,
            waiting: Mutex::default(),
            is_losing: AtomicBool::default(),
            lost: AtomicU64::default(),
            reported: AtomicU64::default(),
        }
    }

    /// Everything that was written, the newest first.
    async fn written(&self) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let mut found = self.trail.search(&AuditQuery::new(usize::MAX)).await?;
        let mut counts: HashMap<Option<UserId>, u64> = HashMap::new();
        for record in found.iter_mut().rev() {
            match self.fault {
                Fault::SharesIds => {
                    let count = counts.entry(record.user_id.clone()).or_default();
                    *count += 1;
                    record.id = AuditId(*count);
                }
                Fault::ForgetsTheFlow => record.flow = None,
                Fault::CutsToSeconds => {
                    record.at = from_millis(to_millis(record.at) / 1000 * 1000);
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl AuditTrail for Faulty {
    fn record(&self, record: AuditRecord) {
        let mut waiting = self.waiting.lock().unwrap();
        let is_known = || waiting.contains(&record) || self.trail.records().contains(&record);
        let is_dropped = match self.fault {
            Fault::Merges => is_known(),
            Fault::DropsWhenBusy => waiting.len() >= 310,
            _ => false,
        };
        if self.is_losing.load(Ordering::SeqCst) {
            self.lost.fetch_add(1, Ordering::SeqCst);
        } else if !is_dropped {
            waiting.push(record);
        }
    }

    async fn flush(&self) -> Result<(), AuthError> {
        let reported_before = self.reported.load(Ordering::SeqCst);
        let write = |records: Vec<AuditRecord>| {
            for record in records {
                self.trail.record(record);
            }
        };
        if self.fault == Fault::LeavesTheFlushToOthers {
            let records = mem::take(&mut *self.waiting.lock().unwrap());
            if !records.is_empty() {
                others_come_first().await;
                write(records);
            }
        } else {
            tokio::task::yield_now().await;
            // The lock is held until all are written.
            let mut waiting = self.waiting.lock().unwrap();
            let mut records = mem::take(&mut *waiting);
            if self.fault == Fault::WritesBackwards && records.len() > 15 {
                records.reverse();
            }
            write(records);
        }
        let lost = self.lost.load(Ordering::SeqCst);
        let reported = self.reported.swap(lost, Ordering::SeqCst);
        let known = if self.fault == Fault::ReportsToOne { reported } else { reported_before };
        if lost == known || self.fault == Fault::LosesSilently {
            return Ok(());
        }
        Err(AuthError::new(AuthErrorKind::Unavailable, "a record was lost"))
    }

    async fn probe(&self) -> Result<(), AuthError> {
        Ok(())
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl AuditReader for Faulty {
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let backwards = |id: AuditId| AuditId(u64::MAX - id.0);
        let mut query = query.clone();
        let mut family = None;
        match self.fault {
            Fault::RepeatsTheLast => query.before = query.before.map(|id| AuditId(id.0 + 1)),
            Fault::ExceedsTheLimit => query.limit += 1,
            Fault::CountsBackwards => query.before = query.before.map(backwards),
            Fault::FindsByPrefix => family = query.event.take(),
            Fault::IncludesTheEnd => {
                query.until = query.until.map(|until| until + Duration::from_millis(1));
            }
            Fault::IgnoresTheStart => query.from = None,
            _ => {}
        }
        let mut found = self.written().await?;
        found.retain(|record| query.matches(record));
        found.retain(|record| family.as_ref().is_none_or(|e| record.event.starts_with(e.as_str())));
        found.truncate(query.limit);
        if self.fault == Fault::CountsBackwards {
            for record in &mut found {
                record.id = backwards(record.id);
            }
        }
        Ok(found)
    }

    async fn page(
        &self,
        after: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<ChainedRecord>, AuthError> {
        let after = match self.fault {
            Fault::SkipsBetweenPages => after.map(|id| AuditId(id.0 + 1)),
            _ => after,
        };
        let mut page = self.trail.page(after, limit).await?;
        if self.fault == Fault::DoesNotLink {
            let key = MemoryAuditTrail::CHAIN_KEY;
            for chained in &mut page {
                chained.hash = Some(key.link(key.start(&chained.node), &chained.record));
            }
        }
        Ok(page)
    }

    async fn last_id(&self) -> Result<Option<AuditId>, AuthError> {
        let last = self.trail.last_id().await?;
        Ok(last.filter(|_| self.fault != Fault::ForgetsTheLastId))
    }

    async fn segments(&self) -> Result<Vec<Segment>, AuthError> {
        self.trail.segments().await
    }
}

fn kit<S: AuditTrail + AuditReader>(trail: Arc<S>) -> AuditKit {
    AuditKit::new(trail, MemoryAuditTrail::CHAIN_KEY)
}

fn run(fault: Fault) -> Vec<Passed> {
    let new = || Arc::new(Faulty::over(MemoryAuditTrail::new(), fault));
    let mut results = passed(&audit::clauses(), || kit(new()));
    let kept = MemoryAuditTrail::new();
    let reopened = || {
        let trail = if fault == Fault::Forgets { MemoryAuditTrail::new() } else { kept.clone() };
        std::future::ready(kit(Arc::new(Faulty::over(trail, fault))))
    };
    results.push(passes("clause_2_flushed_means_kept", async || {
        audit::clause_2_flushed_means_kept(reopened).await;
    }));
    let trail = new();
    let kit = kit(Arc::clone(&trail));
    let lose = async || trail.is_losing.store(true, Ordering::SeqCst);
    results.push(passes("clause_3_a_lost_record_is_reported", async || {
        audit::clause_3_a_lost_record_is_reported(&kit, lose).await;
    }));
    results
}

#[test]
fn a_trail_in_memory_passes() {
    let failed = passed(&audit::clauses(), || kit(Arc::new(MemoryAuditTrail::new())));
    assert!(failed.iter().all(|(_, passed)| *passed), "{failed:?}");
}

#[test]
fn each_clause_of_an_audit_trail_finds_its_faults_and_no_other() {
    let trail = Suite {
        port: include_str!("../../src/audit.rs"),
        name: "AuditTrail",
        sources: &[include_str!("../../src/conformance/audit.rs")],
        prefix: "clause_",
    };
    let reader = Suite {
        port: include_str!("../../src/audit_reader.rs"),
        name: "AuditReader",
        prefix: "reader_clause_",
        ..trail
    };
    check_table(&[trail, reader], Fault::None, PLANTED, run);
}
