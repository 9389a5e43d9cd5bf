//! The way back from a delivery report to its challenge.

use std::{
    fmt::{self, Debug},
    str::FromStr,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::{ChallengeId, InvalidId, SubjectKey, layout::LAST_MILLIS};

use crate::StoreError;

/// The key of a note: sixteen bytes that stand for the reference of a message.
///
/// A reference is not secret, so a plain digest is enough. The digest has a fixed length, however long the
/// reference is that a provider reports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteKey([u8; 16]);

impl NoteKey {
    /// Returns the key of `reference` within `scope`: the first 16 bytes of a SHA-256 over both.
    ///
    /// Give each kind of reference a scope of its own.
    ///
    /// ```
    /// use otp_cache::NoteKey;
    ///
    /// let key = NoteKey::derive("sms", "0k3v9c");
    /// assert_eq!(key, NoteKey::derive("sms", "0k3v9c"));
    /// assert_ne!(key, NoteKey::derive("mail", "0k3v9c"));
    /// ```
    pub fn derive(scope: &str, reference: &str) -> Self {
        // Notes are stored under other names than subjects, so they may share the derivation.
        Self(*SubjectKey::derive(scope, reference).as_bytes())
    }

    /// Wraps a key that was derived elsewhere, such as the first bytes of a keyed hash.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for NoteKey {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for NoteKey {
    type Err = InvalidId;

    /// Reads exactly what `Display` writes.
    ///
    /// ```
    /// use otp_cache::NoteKey;
    ///
    /// let key = NoteKey::derive("sms", "0k3v9c");
    /// assert_eq!(key.to_string().parse(), Ok(key));
    /// assert!(key.to_string().to_uppercase().parse::<NoteKey>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse::<SubjectKey>().map(|key| Self(*key.as_bytes()))
    }
}

impl Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteKey({self})")
    }
}

/// What a note says: which challenge a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a note is these three by definition")]
pub struct DeliveryNote {
    /// The subject of the challenge.
    pub subject: SubjectKey,
    /// The challenge whose code the message carries.
    pub challenge: ChallengeId,
    /// When the challenge expires, and the note with it.
    pub expires_at: SystemTime,
}

impl DeliveryNote {
    /// The length of [`to_bytes`](Self::to_bytes).
    pub const LEN: usize = 40;

    /// Whether the note has expired: `now >= expires_at`.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        now >= self.expires_at
    }

    /// Returns the note with its expiry in whole milliseconds, as stores keep it.
    #[must_use]
    pub fn in_millis(self) -> Self {
        let expires_at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis(self.expires_at));
        Self { expires_at, ..self }
    }

    /// Returns the bytes in which stores keep a note: subject, challenge, and the expiry as
    /// milliseconds since 1970, big-endian.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..16].copy_from_slice(self.subject.as_bytes());
        bytes[16..32].copy_from_slice(self.challenge.as_bytes());
        bytes[32..].copy_from_slice(&millis(self.expires_at).to_be_bytes());
        bytes
    }

    /// Returns the note that [`to_bytes`](Self::to_bytes) wrote; `None` for any other length, or an
    /// instant that the system cannot represent.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let (subject, rest) = bytes.split_first_chunk::<16>()?;
        let (challenge, expires_at) = rest.split_first_chunk::<16>()?;
        let expires_at = Duration::from_millis(u64::from_be_bytes(expires_at.try_into().ok()?));
        Some(Self {
            subject: SubjectKey::from_bytes(*subject),
            challenge: ChallengeId::from_bytes(*challenge),
            expires_at: SystemTime::UNIX_EPOCH.checked_add(expires_at)?,
        })
    }
}

/// The whole milliseconds since 1970; 0 before.
fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Cut to the last instant that a challenge can have, so that `from_bytes` can represent it.
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).min(LAST_MILLIS)
}

/// Keeps the notes that lead from a delivery report back to its challenge.
///
/// A provider reports on a message by its reference and does not know the subject. The sender of a message
/// keeps a note first, and looks it up when the report arrives.
///
/// # Contract
///
/// Every number has its function in [`conformance::notes`](crate::conformance::notes) (feature
/// `conformance`), which your own store can run too.
///
/// 1. **Found until it expires.** Once [`keep`](Self::keep) has returned, [`find`](Self::find) returns
///    the note on every node, until its `expires_at`. At `expires_at` itself it has expired.
/// 2. **The caller's clock decides.** Whether a note has expired depends on the `now` of `find`. A
///    backend's own expiry only deletes what has expired.
/// 3. **Keys are apart.** A note is found under its own key and no other.
/// 4. **The last one replaces.** A second note of the same key replaces the first as a whole, in one
///    atomic step: its subject, its challenge and its expiry, even if the new expiry is earlier.
/// 5. **Acknowledged means kept.** A durable backend returns from `keep` when the note is on disk.
/// 6. **Full means refuse.** A bounded backend returns
///    [`Capacity`](crate::StoreErrorKind::Capacity) and never drops a note that has not expired.
/// 7. **An outage is an error, in time.** While the backend fails, both calls return an error within the
///    backend's configured time. `find` never returns `None` because it could not look.
///
/// # Time
///
/// Instants are kept in whole milliseconds since 1970. A finer part of `expires_at` is cut off, so no
/// note lives longer than it says.
///
/// # Cancel safety
///
/// If `keep` is dropped, the note is kept as a whole, or not at all.
#[async_trait]
pub trait DeliveryNotes: Debug + Send + Sync + 'static {
    /// Keeps `note` under `key` until it expires. `now` is for deleting what has expired.
    ///
    /// # Errors
    ///
    /// When the store could not write it; [`Capacity`](crate::StoreErrorKind::Capacity) when a bounded
    /// store is full. The message may still be sent. Its report then finds no note.
    async fn keep(
        &self,
        key: NoteKey,
        note: DeliveryNote,
        now: SystemTime,
    ) -> Result<(), StoreError>;

    /// Returns the note of `key`; `None` if there is none, or it has expired at `now`.
    ///
    /// # Errors
    ///
    /// When the store could not look. The report can be delivered again later.
    async fn find(&self, key: NoteKey, now: SystemTime)
    -> Result<Option<DeliveryNote>, StoreError>;
}

const _: fn(&dyn DeliveryNotes) = |_| {};

#[cfg(test)]
mod tests {
    use super::*;

    fn note(expires_at: SystemTime) -> DeliveryNote {
        DeliveryNote {
            subject: SubjectKey::derive("tenant", "alice"),
            challenge: ChallengeId::from_bytes([7; 16]),
            expires_at,
        }
    }

    #[test]
    fn a_note_is_read_back_in_whole_milliseconds() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_234_567);
        let kept = DeliveryNote::from_bytes(&note(at).to_bytes());
        assert_eq!(kept, Some(note(SystemTime::UNIX_EPOCH + Duration::from_millis(1_234))));
        assert_eq!(kept, Some(note(at).in_millis()));
    }

    #[test]
    fn instants_outside_the_range_are_cut_to_it() {
        let before = note(SystemTime::UNIX_EPOCH - Duration::from_secs(1)).in_millis();
        assert_eq!(before.expires_at, SystemTime::UNIX_EPOCH);
        let last = SystemTime::UNIX_EPOCH + Duration::from_millis(LAST_MILLIS);
        let after = note(last + Duration::from_secs(1)).in_millis();
        assert_eq!(after.expires_at, last);
    }

    #[test]
    fn bytes_of_another_length_or_past_all_time_are_no_note() {
        let bytes = note(SystemTime::UNIX_EPOCH).to_bytes();
        assert_eq!(DeliveryNote::from_bytes(&bytes[..39]), None);
        assert_eq!(DeliveryNote::from_bytes(&[bytes.as_slice(), &[0]].concat()), None);
        assert_eq!(DeliveryNote::from_bytes(&[]), None);
    }

    #[test]
    fn a_note_has_expired_from_its_expiry_on() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(300);
        assert!(!note(at).is_expired(at - Duration::from_millis(1)));
        assert!(note(at).is_expired(at));
    }

    #[test]
    fn a_key_shows_its_digest_only() {
        let key = NoteKey::derive("sms", "reference");
        assert_eq!(format!("{key:?}"), format!("NoteKey({key})"));
        assert_eq!(key.to_string().len(), 32);
        assert_eq!(NoteKey::from_bytes(*key.as_bytes()), key);
    }
}
