//! The hash chain of the audit trail: what links the records, and what checks the links.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    str::FromStr,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

use crate::{
    stored_audit_record::{AuditId, StoredAuditRecord},
    time::to_millis,
};

/// The event of the first chained record after records that are older than the chain.
pub const CHAIN_STARTED: &str = "audit.chain_started";

/// The key of the hash chain. Without it, a chain can neither be continued nor checked.
#[derive(ZeroizeOnDrop)]
pub struct ChainKey([u8; 32]);

impl ChainKey {
    /// Makes a key of 32 unpredictable bytes.
    pub const fn from_bytes(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Returns the hash before the first record of a node's chain.
    pub fn start(&self, node: &str) -> ChainHash {
        self.hash("start", &[node.as_bytes()])
    }

    /// Returns the hash of `record`, which comes after the record with the hash `previous`.
    ///
    /// It is HMAC-SHA-256 over `record`, NUL, the 32 bytes of `previous`, and the record as a JSON array without
    /// white space: id, milliseconds since 1970, event, user id, actor, client, flow, and an object of the
    /// fields, sorted by name. What is absent is `null`.
    pub fn link(&self, previous: ChainHash, record: &StoredAuditRecord) -> ChainHash {
        let client = record.client.map(|client| client.to_string());
        let content = serde_json::json!([
            record.id.0,
            to_millis(record.at),
            record.event,
            record.user_id.as_ref().map(ToString::to_string),
            record.actor,
            client,
            record.flow,
            record.fields,
        ]);
        self.hash("record", &[&previous.0, content.to_string().as_bytes()])
    }

    /// Returns the seal of a segment, which comes after a segment with the seal `previous`. For the first
    /// segment, that is the [`start`](Self::start) of the chain.
    pub fn seal(&self, previous: ChainHash, segment: &Segment) -> ChainHash {
        let Segment { number, node, first, last, records, head, .. } = segment;
        let content = serde_json::json!([number, node, first.0, last.0, records, head.to_string()]);
        self.hash("seal", &[&previous.0, content.to_string().as_bytes()])
    }

    fn hash(&self, purpose: &str, parts: &[&[u8]]) -> ChainHash {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        for part in parts {
            mac.update(part);
        }
        ChainHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey([redacted])")
    }
}

/// The hash of one record and, through the hash before it, of all records before it. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// Makes a hash of stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits")]
pub struct InvalidChainHash;

impl FromStr for ChainHash {
    type Err = InvalidChainHash;

    fn from_str(text: &str) -> Result<Self, InvalidChainHash> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidChainHash);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| InvalidChainHash)?;
        }
        Ok(Self(bytes))
    }
}

/// A record with its place in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainedRecord {
    /// The record.
    pub record: StoredAuditRecord,
    /// The node whose chain it is in.
    pub node: String,
    /// Its hash; `None` for a record from before the chain.
    pub hash: Option<ChainHash>,
}

impl ChainedRecord {
    /// Puts `record` into the chain of `node`.
    pub const fn new(record: StoredAuditRecord, node: String, hash: Option<ChainHash>) -> Self {
        Self { record, node, hash }
    }
}

/// The last record of a chain. Kept elsewhere, it proves later that no record up to it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The record.
    pub id: AuditId,
    /// Its hash.
    pub hash: ChainHash,
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id.0, self.hash)
    }
}

/// A text that is not the head of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the head of a chain is an id, a colon and 64 hexadecimal digits")]
pub struct InvalidChainHead;

impl FromStr for ChainHead {
    type Err = InvalidChainHead;

    fn from_str(text: &str) -> Result<Self, InvalidChainHead> {
        let (id, hash) = text.split_once(':').ok_or(InvalidChainHead)?;
        let id = AuditId(id.parse().map_err(|_| InvalidChainHead)?);
        Ok(Self { id, hash: hash.parse().map_err(|_| InvalidChainHead)? })
    }
}

/// A part of the trail that has ended. Its records can be removed after they were exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// 1 for the first segment of a node.
    pub number: u64,
    /// The node whose chain it is a part of.
    pub node: String,
    /// The first record.
    pub first: AuditId,
    /// The last record.
    pub last: AuditId,
    /// How many records it has.
    pub records: u64,
    /// The hash of the last record, and so of all.
    pub head: ChainHash,
    /// The [`ChainKey::seal`] of all this.
    pub seal: ChainHash,
    /// Whether its records were removed.
    pub is_removed: bool,
}

/// The first place where a trail is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record {}: {problem}", id.0)]
pub struct ChainBreak {
    /// The record, or where it has to be.
    pub id: AuditId,
    /// What is wrong.
    pub problem: ChainProblem,
}

/// What is wrong at the first bad place of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainProblem {
    /// Its hash does not fit.
    #[error("it was changed, inserted or moved, or a record before it was")]
    Changed,
    /// A record is missing here.
    #[error("it was removed")]
    Missing,
    /// It has no hash although the chain has begun.
    #[error("it has no hash: it was inserted, or the beginning of the chain was removed")]
    Unchained,
    /// The seal of the segment that ends here does not fit.
    #[error("the seal of the segment that ends here was changed")]
    Seal,
}

/// Checks a trail record by record, the oldest first.
#[derive(Debug)]
pub struct ChainVerifier<'k> {
    key: &'k ChainKey,
    ends: BTreeMap<String, ChainHead>,
    pinned: HashMap<AuditId, ChainHash>,
    last: AuditId,
    report: ChainReport,
}

/// How much of a trail was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainReport {
    /// Records whose hash fits.
    pub chained: u64,
    /// Records from before the chain, which cannot be checked.
    pub unchained: u64,
    /// The head of the chain that was read last.
    pub head: Option<ChainHead>,
}

impl<'k> ChainVerifier<'k> {
    /// Begins a check. Each of `heads` has to be found as it was.
    ///
    /// # Errors
    ///
    /// If a segment has another seal than it was given.
    pub fn new(
        key: &'k ChainKey,
        segments: &[Segment],
        heads: &[ChainHead],
    ) -> Result<Self, ChainBreak> {
        let mut pinned: HashMap<_, _> = heads.iter().map(|head| (head.id, head.hash)).collect();
        let mut ends = BTreeMap::new();
        let mut seals: HashMap<&str, ChainHash> = HashMap::new();
        for segment in segments {
            let previous =
                seals.get(segment.node.as_str()).copied().unwrap_or(key.start(&segment.node));
            let broken = |problem| ChainBreak { id: segment.last, problem };
            if key.seal(previous, segment) != segment.seal {
                return Err(broken(ChainProblem::Seal));
            }
            seals.insert(&segment.node, segment.seal);
            let end = ChainHead { id: segment.last, hash: segment.head };
            if !segment.is_removed {
                pinned.entry(end.id).or_insert(end.hash);
                continue;
            }
            if pinned.remove(&end.id).is_some_and(|hash| hash != end.hash) {
                return Err(broken(ChainProblem::Changed));
            }
            // The records are gone, and the seal covers them.
            pinned.retain(|id, _| !(segment.first..=segment.last).contains(id));
            ends.insert(segment.node.clone(), end);
        }
        let last = ends.values().map(|end: &ChainHead| end.id).max().unwrap_or(AuditId(0));
        Ok(Self { key, ends, pinned, last, report: ChainReport::default() })
    }

    /// Checks the next record.
    ///
    /// # Errors
    ///
    /// The first bad place. Then stop: every later record is bad too.
    pub fn check(&mut self, chained: &ChainedRecord) -> Result<(), ChainBreak> {
        let ChainedRecord { record, node, hash } = chained;
        let broken = |problem| ChainBreak { id: record.id, problem };
        self.last = record.id;
        let Some(hash) = *hash else {
            if !self.ends.is_empty() {
                return Err(broken(ChainProblem::Unchained));
            }
            self.report.unchained += 1;
            return Ok(());
        };
        let missing = |id| Err(ChainBreak { id: AuditId(id), problem: ChainProblem::Missing });
        let previous = match self.ends.get(node) {
            // The chains of several nodes share the ids.
            Some(end) if self.ends.len() == 1 && record.id.0 != end.id.0 + 1 => {
                return missing(end.id.0 + 1);
            }
            Some(end) => end.hash,
            None if self.ends.is_empty() && self.report.unchained == 0 && record.id.0 > 1 => {
                return missing(1);
            }
            None => self.key.start(node),
        };
        if self.key.link(previous, record) != hash {
            return Err(broken(ChainProblem::Changed));
        }
        if !self.ends.contains_key(node) {
            self.check_first(record)?;
        }
        if self.pinned.remove(&record.id).is_some_and(|pinned| pinned != hash) {
            return Err(broken(ChainProblem::Changed));
        }
        let head = ChainHead { id: record.id, hash };
        self.ends.insert(node.clone(), head);
        self.report.chained += 1;
        self.report.head = Some(head);
        Ok(())
    }

    /// Checks how many records there are before the first one of a chain.
    fn check_first(&self, first: &StoredAuditRecord) -> Result<(), ChainBreak> {
        let before = match first.fields.get("records_before") {
            Some(count) if first.event == CHAIN_STARTED => count.parse().ok(),
            _ => Some(0),
        };
        if before == Some(self.report.unchained) {
            return Ok(());
        }
        let problem = if first.event == CHAIN_STARTED {
            ChainProblem::Missing
        } else {
            ChainProblem::Unchained
        };
        Err(ChainBreak { id: AuditId(first.id.0.saturating_sub(1)), problem })
    }

    /// Ends the check. `last` is the highest id that the trail has ever given.
    ///
    /// # Errors
    ///
    /// If records at the end are missing.
    pub fn finish(self, last: Option<AuditId>) -> Result<ChainReport, ChainBreak> {
        let pinned = self.pinned.into_keys().min();
        let next = last.filter(|last| *last > self.last).map(|_| AuditId(self.last.0 + 1));
        match pinned.into_iter().chain(next).min() {
            Some(id) => Err(ChainBreak { id, problem: ChainProblem::Missing }),
            None => Ok(self.report),
        }
    }
}
