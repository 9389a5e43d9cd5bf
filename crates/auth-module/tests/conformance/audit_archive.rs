//! The archive of the audit trail.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use async_trait::async_trait;
use auth_module::{
    AuditArchive, AuditId, AuditQuery, AuditReader, AuditRecord, AuditTrail, AuthError, ChainHash,
    ChainHead, ChainKey, ChainedRecord, SealRule, Segment, StoredAuditRecord,
    conformance::{ArchiveKit, audit_archive},
};

use crate::{Passed, Suite, check_table, others_come_first, passed, planted};

planted! {
    /// Takes the last record but one for the head.
    LagsBehind => clause_1_the_head_is_the_last_record,
    /// Returns the hash before the head as that of the head.
    HeadHasTheHashBefore => clause_1_the_head_is_the_last_record,
    /// Seals whenever there is a record.
    IgnoresTheRule => clause_2_a_segment_is_everything_since_the_last_one,
    /// Does not list the first of two segments that are not removed.
    ListsOne => clause_2_a_segment_is_everything_since_the_last_one,
    /// Seals the same records for each of many callers.
    SealsTwice => clause_2_a_segment_is_everything_since_the_last_one,
    /// Leaves the count out of the seal of a long segment.
    SealsWithoutTheCount => clause_2_a_segment_is_everything_since_the_last_one,
    /// Counts one record too many.
    Miscounts => clause_2_a_segment_is_everything_since_the_last_one,
    /// Removes whatever records the call names.
    BelievesTheCall => clause_3_only_a_segment_is_removed,
    /// Reports the records again that an earlier call has removed.
    CountsTwice => clause_3_only_a_segment_is_removed,
    /// Changes the records that stay.
    ChangesTheRest => clause_3_only_a_segment_is_removed,
    /// Links the first record after a removal of everything to nothing.
    BeginsAgain => clause_4_the_chain_goes_on,
    /// Gives the id of a removed record again.
    ReusesIds => clause_4_the_chain_goes_on,
    /// Knows no last id when every record was removed.
    ForgetsTheLastId => clause_4_the_chain_goes_on,
}

const NODE: &str = "archive";
/// A segment with more records is long.
const LONG: u64 = 4;

fn key() -> ChainKey {
    ChainKey::from_bytes([5; 32])
}

/// An archive in memory.
#[derive(Debug)]
struct Archive {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    records: Vec<ChainedRecord>,
    last_id: u64,
    last_hash: ChainHash,
    segments: Vec<Segment>,
}

impl Archive {
    fn new(fault: Fault) -> Self {
        let state = State {
            records: Vec::new(),
            last_id: 0,
            last_hash: key().start(NODE),
            segments: Vec::new(),
        };
        Self { fault, state: Mutex::new(state) }
    }
}

impl State {
    /// Returns the next segment, if `rule` is met.
    fn next_segment(&self, fault: Fault, rule: SealRule) -> Option<Segment> {
        let previous = self.segments.last();
        let after = previous.map_or(AuditId(0), |segment| segment.last);
        let new: Vec<_> = self.records.iter().filter(|c| c.record.id > after).collect();
        let (first, last) = (new.first()?, new.last()?);
        let count = u64::try_from(new.len()).unwrap();
        if fault != Fault::IgnoresTheRule && !rule.is_met(first.record.at, count) {
            return None;
        }
        let mut segment = Segment {
            number: previous.map_or(1, |segment| segment.number + 1),
            node: NODE.to_owned(),
            first: first.record.id,
            last: last.record.id,
            records: count + u64::from(fault == Fault::Miscounts),
            head: last.hash?,
            seal: previous.map_or_else(|| key().start(NODE), |segment| segment.seal),
            is_removed: false,
        };
        let mut sealed = segment.clone();
        if fault == Fault::SealsWithoutTheCount && count > LONG {
            sealed.records = 0;
        }
        segment.seal = key().seal(segment.seal, &sealed);
        Some(segment)
    }
}

#[async_trait]
impl AuditTrail for Archive {
    fn record(&self, record: AuditRecord) {
        let mut state = self.state.lock().unwrap();
        state.last_id = match self.fault {
            Fault::ReusesIds if state.records.is_empty() && state.last_id > 0 => state.last_id,
            _ => state.last_id + 1,
        };
        let stored = StoredAuditRecord::of(AuditId(state.last_id), &record);
        let previous = match self.fault {
            Fault::BeginsAgain if state.records.is_empty() => key().start(NODE),
            _ => state.last_hash,
        };
        state.last_hash = key().link(previous, &stored);
        let chained = ChainedRecord::new(stored, NODE.to_owned(), Some(state.last_hash));
        state.records.push(chained);
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
impl AuditReader for Archive {
    async fn search(&self, query: &AuditQuery) -> Result<Vec<StoredAuditRecord>, AuthError> {
        let state = self.state.lock().unwrap();
        let records = state.records.iter().rev().map(|chained| &chained.record);
        Ok(records.filter(|record| query.matches(record)).take(query.limit).cloned().collect())
    }

    async fn page(
        &self,
        after: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<ChainedRecord>, AuthError> {
        let state = self.state.lock().unwrap();
        let wanted = state.records.iter().filter(|c| after.is_none_or(|after| after < c.record.id));
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn last_id(&self) -> Result<Option<AuditId>, AuthError> {
        let state = self.state.lock().unwrap();
        let is_forgotten = self.fault == Fault::ForgetsTheLastId && state.records.is_empty();
        Ok((state.last_id > 0 && !is_forgotten).then_some(AuditId(state.last_id)))
    }

    async fn segments(&self) -> Result<Vec<Segment>, AuthError> {
        let mut segments = self.state.lock().unwrap().segments.clone();
        if self.fault == Fault::ListsOne
            && let [.., one, other] = segments.as_slice()
            && !one.is_removed
            && !other.is_removed
        {
            segments.remove(segments.len() - 2);
        }
        Ok(segments)
    }
}

#[async_trait]
impl AuditArchive for Archive {
    async fn head(&self) -> Result<Option<ChainHead>, AuthError> {
        let state = self.state.lock().unwrap();
        let mut newest = state.records.iter().rev();
        let last = newest.next();
        let before = newest.next();
        let (record, hashed) = match self.fault {
            Fault::LagsBehind => (before, before),
            Fault::HeadHasTheHashBefore => (last, before),
            _ => (last, last),
        };
        let head = |record: &ChainedRecord, hashed: &ChainedRecord| ChainHead {
            id: record.record.id,
            hash: hashed.hash.unwrap(),
        };
        Ok(record.zip(hashed).map(|(record, hashed)| head(record, hashed)))
    }

    async fn seal(&self, rule: SealRule, _now: SystemTime) -> Result<Option<Segment>, AuthError> {
        if self.fault == Fault::SealsTwice {
            let segment = self.state.lock().unwrap().next_segment(self.fault, rule);
            others_come_first().await;
            self.state.lock().unwrap().segments.extend(segment.clone());
            return Ok(segment);
        }
        let mut state = self.state.lock().unwrap();
        let segment = state.next_segment(self.fault, rule);
        state.segments.extend(segment.clone());
        Ok(segment)
    }

    async fn remove(&self, segment: &Segment, _now: SystemTime) -> Result<u64, AuthError> {
        let mut state = self.state.lock().unwrap();
        let sealed = state.segments.iter_mut().find(|sealed| sealed.number == segment.number);
        let Some(sealed) = sealed else { return Ok(0) };
        if sealed.is_removed && self.fault == Fault::CountsTwice {
            return Ok(sealed.records);
        }
        sealed.is_removed = true;
        let named = if self.fault == Fault::BelievesTheCall { segment } else { sealed };
        let range = named.first..=named.last;
        let before = state.records.len();
        state.records.retain(|chained| !range.contains(&chained.record.id));
        let removed = u64::try_from(before - state.records.len()).unwrap();
        if self.fault == Fault::ChangesTheRest {
            for chained in &mut state.records {
                chained.record.user_id = None;
            }
        }
        Ok(removed)
    }
}

fn run(fault: Fault) -> Vec<Passed> {
    passed(&audit_archive::clauses(), || ArchiveKit::new(Arc::new(Archive::new(fault)), key()))
}

#[test]
fn each_clause_of_an_audit_archive_finds_its_faults_and_no_other() {
    let archive = Suite {
        port: include_str!("../../src/audit_archive.rs"),
        name: "AuditArchive",
        sources: &[include_str!("../../src/conformance/audit_archive.rs")],
        prefix: "clause_",
    };
    check_table(&[archive], Fault::None, PLANTED, run);
}
