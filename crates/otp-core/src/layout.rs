//! The layout of a [`SubjectRecord`](crate::SubjectRecord) as bytes, for a script inside a database.
//!
//! A record is a header of [`HEADER_LEN`] bytes and up to [`MAX_OPEN`](crate::SubjectRecord::MAX_OPEN)
//! challenges of [`CHALLENGE_LEN`] bytes each. Numbers are big-endian. Instants are milliseconds since the
//! Unix epoch, up to [`LAST_MILLIS`]. Each record has exactly one encoding.
//!
//! ```
//! use otp_core::{SubjectRecord, layout};
//!
//! let bytes = SubjectRecord::new().to_bytes();
//! assert_eq!(bytes.len(), layout::HEADER_LEN);
//! assert_eq!(bytes[layout::VERSION_FIELD.range()], [layout::VERSION]);
//! assert_eq!(bytes[layout::CHALLENGE_COUNT.range()], [0]);
//! ```

use std::ops::Range;

/// The version that the first byte names.
pub const VERSION: u8 = 1;

/// The last instant of a record: the end of the year 9999, in milliseconds since the Unix epoch.
pub const LAST_MILLIS: u64 = 253_402_300_799_999;

/// The largest value of a counter. A counter stays at it.
pub const MAX_COUNT: u8 = u8::MAX;

/// Where a field is: in the header, counted from the start of the record; in a challenge, counted from the
/// start of that challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    offset: usize,
    len: usize,
}

impl Field {
    const fn first(len: usize) -> Self {
        Self { offset: 0, len }
    }

    const fn after(before: Self, len: usize) -> Self {
        Self { offset: before.end(), len }
    }

    const fn end(self) -> usize {
        self.offset + self.len
    }

    /// Returns the offset of the field's first byte, from 0.
    pub const fn offset(self) -> usize {
        self.offset
    }

    /// Returns how many bytes the field has.
    #[expect(clippy::len_without_is_empty, reason = "no field is empty")]
    pub const fn len(self) -> usize {
        self.len
    }

    /// Returns the offsets of the field's bytes.
    pub const fn range(self) -> Range<usize> {
        self.offset..self.end()
    }
}

/// Header: the version, [`VERSION`].
pub const VERSION_FIELD: Field = Field::first(1);
/// Header: failures since the last success.
pub const CONSECUTIVE_FAILURES: Field = Field::after(VERSION_FIELD, 1);
/// Header: attempts that count towards the next lock.
pub const ATTEMPTS_IN_WINDOW: Field = Field::after(CONSECUTIVE_FAILURES, 1);
/// Header: locks since the last success.
pub const CONSECUTIVE_LOCKS: Field = Field::after(ATTEMPTS_IN_WINDOW, 1);
/// Header: whether the subject is blocked, 0 or 1.
pub const IS_BLOCKED: Field = Field::after(CONSECUTIVE_LOCKS, 1);
/// Header: the instant of the last attempt.
pub const LAST_ATTEMPT_AT: Field = Field::after(IS_BLOCKED, 8);
/// Header: the instant at which the lock ends.
pub const LOCKED_UNTIL: Field = Field::after(LAST_ATTEMPT_AT, 8);
/// Header: how many challenges follow.
pub const CHALLENGE_COUNT: Field = Field::after(LOCKED_UNTIL, 1);
/// The length of the header.
pub const HEADER_LEN: usize = CHALLENGE_COUNT.end();

/// Challenge: its id.
pub const ID: Field = Field::first(16);
/// Challenge: the nonce.
pub const NONCE: Field = Field::after(ID, 16);
/// Challenge: the purpose, padded with zeros.
pub const PURPOSE: Field = Field::after(NONCE, 15);
/// Challenge: the id of the key.
pub const KEY_ID: Field = Field::after(PURPOSE, 4);
/// Challenge: the instant at which it was opened.
pub const OPENED_AT: Field = Field::after(KEY_ID, 8);
/// Challenge: the instant at which it expires.
pub const EXPIRES_AT: Field = Field::after(OPENED_AT, 8);
/// Challenge: the first instant of the next resend.
pub const RESEND_AT: Field = Field::after(EXPIRES_AT, 8);
/// Challenge: attempts so far.
pub const ATTEMPTS: Field = Field::after(RESEND_AT, 1);
/// Challenge: resends so far.
pub const RESENDS: Field = Field::after(ATTEMPTS, 1);
/// Challenge: the delivery status. A later version only adds numbers, so it reads older records. See [`DeliveryStatus::as_u8`](crate::DeliveryStatus::as_u8).
pub const DELIVERY: Field = Field::after(RESENDS, 1);
/// The length of a challenge.
pub const CHALLENGE_LEN: usize = DELIVERY.end();

#[cfg(test)]
mod tests {
    use super::*;

    /// Pinned: records are read after an upgrade too.
    #[test]
    fn version_1_has_these_offsets() {
        let at =
            |fields: &[Field]| fields.iter().map(|f| (f.offset(), f.len())).collect::<Vec<_>>();
        let header = [
            VERSION_FIELD,
            CONSECUTIVE_FAILURES,
            ATTEMPTS_IN_WINDOW,
            CONSECUTIVE_LOCKS,
            IS_BLOCKED,
            LAST_ATTEMPT_AT,
            LOCKED_UNTIL,
            CHALLENGE_COUNT,
        ];
        let expected = [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 8), (13, 8), (21, 1)];
        assert_eq!(at(&header), expected);
        let challenge = [
            ID, NONCE, PURPOSE, KEY_ID, OPENED_AT, EXPIRES_AT, RESEND_AT, ATTEMPTS, RESENDS,
            DELIVERY,
        ];
        let expected = [
            (0, 16),
            (16, 16),
            (32, 15),
            (47, 4),
            (51, 8),
            (59, 8),
            (67, 8),
            (75, 1),
            (76, 1),
            (77, 1),
        ];
        assert_eq!(at(&challenge), expected);
        assert_eq!((HEADER_LEN, CHALLENGE_LEN), (22, 78));
    }
}
