//! What an administrator or a page wants to know about a subject.

use std::time::SystemTime;

use otp_core::{Policy, Standing, SubjectRecord};

/// A subject's counters as of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectStatus {
    /// Whether the subject may use the factor, or from when.
    pub standing: Standing,
    /// Attempts since the last success or unlock, each wrong, in flight or given up.
    pub failures_in_a_row: u8,
    /// Attempts that count towards the next lock.
    pub attempts_in_window: u8,
    /// Locks since the last success or unlock.
    pub locks_in_a_row: u8,
    /// Challenges that can still be answered.
    pub open_challenges: usize,
}

impl SubjectStatus {
    /// What the record says at `now`.
    pub fn of(record: &SubjectRecord, policy: &Policy, now: SystemTime) -> Self {
        let open = record.challenges().iter().filter(|challenge| !challenge.is_expired(now));
        Self {
            standing: record.standing(policy, now),
            failures_in_a_row: record.failures_in_a_row(),
            attempts_in_window: record.attempts_in_window(policy, now),
            locks_in_a_row: record.locks_in_a_row(),
            open_challenges: open.count(),
        }
    }
}
