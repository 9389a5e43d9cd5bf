//! A rule that the backends share about which records they keep.

use std::time::SystemTime;

use otp_core::SubjectRecord;

/// Whether a store may delete the record at `now`: all its challenges have expired, and it has no failure or
/// lock since the last success.
pub(crate) fn is_forgettable(record: &SubjectRecord, now: SystemTime) -> bool {
    record.consecutive_failures() == 0
        && record.consecutive_locks() == 0
        && record.challenges().iter().all(|challenge| challenge.is_expired(now))
}
