//! A record as bytes, for a store that keeps it as one value.
//!
//! Fixed fields, numbers big-endian, instants in milliseconds since the Unix epoch (at most the end
//! of the year 9999):
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | failures in a row |
//! | 2 | 1 | attempts in the window |
//! | 3 | 1 | locks in a row |
//! | 4 | 1 | blocked: 0 or 1 |
//! | 5 | 8 | last attempt at |
//! | 13 | 8 | locked until |
//! | 21 | 1 | number of challenges, 0 to 8 |
//! | 22 + 78 n | 16 | challenge n: id |
//! | + 16 | 16 | nonce |
//! | + 32 | 15 | purpose, padded with zeros |
//! | + 47 | 4 | key id |
//! | + 51 | 8 | opened at |
//! | + 59 | 8 | expires at |
//! | + 67 | 8 | resend at |
//! | + 75 | 1 | attempts |
//! | + 76 | 1 | resends |
//! | + 77 | 1 | delivery: 0 pending, 1 delivered, 2 out of range, 3 error |
//!
//! Each record has exactly one encoding, and bytes that are not one are refused whole.

use thiserror::Error;

use crate::{
    id::{ChallengeId, KeyId, Nonce, Purpose},
    record::{
        SubjectRecord,
        challenge::{Challenge, Delivery},
    },
    time::Millis,
};

const VERSION: u8 = 1;
const HEAD: usize = 22;
const EACH: usize = 78;

impl SubjectRecord {
    /// The record as bytes: 22, and 78 more per challenge.
    ///
    /// Layout, version 1; numbers big-endian, instants in milliseconds since the Unix epoch: version
    /// (1 byte), failures in a row (1), attempts in the window (1), locks in a row (1), blocked (1),
    /// last attempt at (8), locked until (8), number of challenges (1); then per challenge id (16),
    /// nonce (16), purpose padded with zeros (15), key id (4), opened at (8), expires at (8), resend
    /// at (8), attempts (1), resends (1), delivery (1, see [`Delivery::as_u8`]).
    pub fn to_bytes(&self) -> Vec<u8> {
        let challenges = self.challenges.as_slice();
        let mut bytes = Vec::with_capacity(HEAD + EACH * challenges.len());
        bytes.extend_from_slice(&[
            VERSION,
            self.consecutive_failures,
            self.attempts_in_window,
            self.consecutive_locks,
            u8::from(self.is_blocked),
        ]);
        put_millis(&mut bytes, self.last_attempt_at);
        put_millis(&mut bytes, self.locked_until);
        bytes.push(u8::try_from(challenges.len()).unwrap_or(u8::MAX));
        for challenge in challenges {
            put_challenge(&mut bytes, challenge);
        }
        bytes
    }

    /// Takes back what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    ///
    /// [`InvalidRecord`] for bytes that `to_bytes` never gives: another version, another length, a
    /// value out of range, two challenges of one id or one purpose.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        let mut reader = Reader(bytes);
        let record = reader.record().ok_or(InvalidRecord)?;
        if reader.0.is_empty() { Ok(record) } else { Err(InvalidRecord) }
    }
}

/// Bytes that are no record of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a subject record of a known version")]
pub struct InvalidRecord;

fn put_millis(bytes: &mut Vec<u8>, at: Millis) {
    bytes.extend_from_slice(&at.as_u64().to_be_bytes());
}

fn put_challenge(bytes: &mut Vec<u8>, challenge: &Challenge) {
    bytes.extend_from_slice(challenge.id.as_bytes());
    bytes.extend_from_slice(challenge.nonce.as_bytes());
    bytes.extend_from_slice(challenge.purpose.padded());
    bytes.extend_from_slice(&challenge.kid.as_u32().to_be_bytes());
    put_millis(bytes, challenge.opened_at);
    put_millis(bytes, challenge.expires_at);
    put_millis(bytes, challenge.resend_at);
    bytes.extend_from_slice(&[challenge.attempts, challenge.resends, challenge.delivery.as_u8()]);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn millis(&mut self) -> Option<Millis> {
        Millis::from_u64(u64::from_be_bytes(self.array()?))
    }

    fn record(&mut self) -> Option<SubjectRecord> {
        if self.byte()? != VERSION {
            return None;
        }
        let mut record = SubjectRecord {
            consecutive_failures: self.byte()?,
            attempts_in_window: self.byte()?,
            consecutive_locks: self.byte()?,
            is_blocked: match self.byte()? {
                0 => false,
                1 => true,
                _ => return None,
            },
            last_attempt_at: self.millis()?,
            locked_until: self.millis()?,
            ..SubjectRecord::default()
        };
        let count = usize::from(self.byte()?);
        if count > SubjectRecord::MAX_OPEN {
            return None;
        }
        for _ in 0..count {
            let challenge = self.challenge()?;
            let clashes = |c: &Challenge| c.id == challenge.id || c.purpose == challenge.purpose;
            if record.challenges().iter().any(clashes) {
                return None;
            }
            record.challenges.push(challenge);
        }
        Some(record)
    }

    fn challenge(&mut self) -> Option<Challenge> {
        Some(Challenge {
            id: ChallengeId::from_bytes(self.array()?),
            nonce: Nonce::from_bytes(self.array()?),
            purpose: Purpose::from_padded(&self.array::<{ Purpose::MAX_LEN }>()?)?,
            kid: KeyId::new(u32::from_be_bytes(self.array()?)),
            opened_at: self.millis()?,
            expires_at: self.millis()?,
            resend_at: self.millis()?,
            attempts: self.byte()?,
            resends: self.byte()?,
            delivery: Delivery::from_u8(self.byte()?)?,
        })
    }
}
