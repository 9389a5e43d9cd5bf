//! What the backends share about how records are kept.

use std::time::SystemTime;

use otp_core::SubjectRecord;

/// Whether a store may forget the record at `now`: nothing in it can be answered any more, and no
/// failure is to be remembered.
pub(crate) fn is_forgettable(record: &SubjectRecord, now: SystemTime) -> bool {
    record.failures_in_a_row() == 0
        && record.locks_in_a_row() == 0
        && record.challenges().iter().all(|challenge| challenge.is_expired(now))
}
