//! What an administrator or a page wants to know about a subject.

use std::time::SystemTime;

use otp_core::{LockoutState, Policy, SubjectRecord};

/// A subject's counters as of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectStatus {
    /// Whether the subject may use the factor, or from when.
    pub lockout_state: LockoutState,
    /// Attempts since the last success or unlock, each wrong, in flight or given up.
    pub consecutive_failures: u8,
    /// Attempts that count towards the next lock.
    pub attempts_in_window: u8,
    /// Locks since the last success or unlock.
    pub consecutive_locks: u8,
    /// Challenges that can still be answered.
    pub open_challenges: usize,
}

impl SubjectStatus {
    /// What the record says at `now`.
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
