//! Writing a record as bytes and reading it back. [`layout`](crate::layout) describes the bytes.

use crate::{
    id::{ChallengeId, KeyId, Nonce, Purpose},
    layout::{CHALLENGE_LEN, HEADER_LEN, VERSION},
    record::{
        challenge::{Challenge, DeliveryStatus},
        invalid::InvalidRecord,
        limiter::AttemptLimiter,
        subject::SubjectRecord,
    },
    time::Millis,
};

impl SubjectRecord {
    /// Returns the record as bytes, in the layout that [`layout`](crate::layout) describes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (limiter, challenges) = (&self.limiter, self.challenges.as_slice());
        let mut bytes = Vec::with_capacity(HEADER_LEN + CHALLENGE_LEN * challenges.len());
        bytes.extend_from_slice(&[
            VERSION,
            limiter.consecutive_failures,
            limiter.attempts_in_window,
            limiter.consecutive_locks,
            u8::from(limiter.is_blocked),
        ]);
        put_millis(&mut bytes, limiter.last_attempt_at);
        put_millis(&mut bytes, limiter.locked_until);
        bytes.push(u8::try_from(challenges.len()).unwrap_or(u8::MAX));
        for challenge in challenges {
            put_challenge(&mut bytes, challenge);
        }
        bytes
    }

    /// Reads a record that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// [`InvalidRecord`] for bytes that `to_bytes` never writes: another version, another length, a value out
    /// of range, two challenges with the same id or the same purpose.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        let mut reader = Reader(bytes);
        let record = reader.record().ok_or(InvalidRecord)?;
        if reader.0.is_empty() { Ok(record) } else { Err(InvalidRecord) }
    }
}

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
        let limiter = AttemptLimiter {
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
        };
        let mut record = SubjectRecord { limiter, ..SubjectRecord::default() };
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
            delivery: DeliveryStatus::from_u8(self.byte()?)?,
        })
    }
}
