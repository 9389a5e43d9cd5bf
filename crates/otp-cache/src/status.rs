//! The state of a subject, for an administrator or a page.

use std::time::SystemTime;

use otp_core::{LockoutState, Policy, SubjectRecord};

/// A subject's counters at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectStatus {
    /// Whether and from when the subject may use the factor.
    pub lockout_state: LockoutState,
    /// Attempts since the last success or unlock. Each was wrong, is in flight or was given up.
    pub consecutive_failures: u8,
    /// Attempts that count towards the next lock.
    pub attempts_in_window: u8,
    /// Locks since the last success or unlock.
    pub consecutive_locks: u8,
    /// Challenges that can still be answered.
    pub open_challenges: usize,
}

impl SubjectStatus {
    /// Returns the status of a record at `now`.
    pub fn of(record: &SubjectRecord, policy: &Policy, now: SystemTime) -> Self {
        let open = record.challenges().iter().filter(|challenge| !challenge.is_expired(now));
        Self {
            lockout_state: record.lockout_state(policy, now),
            consecutive_failures: record.consecutive_failures(),
            attempts_in_window: record.attempts_in_window(policy, now),
            consecutive_locks: record.consecutive_locks(),
            open_challenges: open.count(),
        }
    }
}
