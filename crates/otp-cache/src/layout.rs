//! What the backends share about how records are kept.

#[cfg(feature = "memory")]
use std::time::Duration;
use std::time::SystemTime;

#[cfg(feature = "memory")]
use otp_core::Challenge;
use otp_core::SubjectRecord;

/// Whether a store may forget the record at `now`: nothing in it can be answered any more, and no
/// failure is to be remembered.
pub(crate) fn is_forgettable(record: &SubjectRecord, now: SystemTime) -> bool {
    record.consecutive_failures() == 0
        && record.consecutive_locks() == 0
        && record.challenges().iter().all(|challenge| challenge.is_expired(now))
}

/// From when on a store may forget the record as it is; `None` if not before somebody changes it.
#[cfg(feature = "memory")]
pub(crate) fn forgettable_at(record: &SubjectRecord) -> Option<SystemTime> {
    if record.consecutive_failures() > 0 || record.consecutive_locks() > 0 {
        return None;
    }
    let last = record.challenges().iter().map(Challenge::expires_at).max();
    Some(last.unwrap_or(SystemTime::UNIX_EPOCH))
}

/// The time since 1970; none before.
#[cfg(feature = "memory")]
pub(crate) fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
