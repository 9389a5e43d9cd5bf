//! When to ask the provider about a message.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use sms_sender::Reference;

/// The pauses between look-ups, from the first time that a page shows the message.
const INTERVALS: [Duration; 5] = [
    Duration::from_secs(3),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
];
/// At most this many messages are looked up at a time. The pages of others show no news.
const MAX_WATCHED: usize = 10_000;

/// When each message on a page is due for a look-up. Kept in this process only: losing it costs one look-up
/// more.
#[derive(Debug, Default)]
pub(super) struct LookUps(Mutex<HashMap<Reference, Watched>>);

#[derive(Debug, Clone, Copy)]
struct Watched {
    next_at: SystemTime,
    asked: usize,
    expires_at: SystemTime,
}

impl LookUps {
    /// Whether a look-up of `reference` is due. If so, schedules the next one.
    pub(super) fn is_due(
        &self,
        reference: &Reference,
        expires_at: SystemTime,
        now: SystemTime,
    ) -> bool {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = watched.get_mut(reference) {
            let is_due = now >= entry.next_at;
            if is_due {
                entry.asked += 1;
                entry.next_at = now + interval(entry.asked);
            }
            return is_due;
        }
        if watched.len() >= MAX_WATCHED {
            watched.retain(|_, entry| now < entry.expires_at);
        }
        if watched.len() < MAX_WATCHED {
            let entry = Watched { next_at: now + interval(0), asked: 0, expires_at };
            watched.insert(reference.clone(), entry);
        }
        false
    }

    pub(super) fn forget(&self, reference: &Reference) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(reference);
    }
}

fn interval(asked: usize) -> Duration {
    INTERVALS[asked.min(INTERVALS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use otp_core::ChallengeId;

    use super::*;

    #[test]
    fn look_ups_become_rarer_and_their_number_is_bounded() {
        let look_ups = LookUps::default();
        let start = SystemTime::UNIX_EPOCH;
        let end = start + Duration::from_secs(300);
        let reference = Reference::new(ChallengeId::from_bytes([1; 16]), 0);
        let asked: Vec<u64> = (0..120)
            .filter(|s| look_ups.is_due(&reference, end, start + Duration::from_secs(*s)))
            .collect();
        assert_eq!(asked, [3, 8, 18, 38, 78, 118]);

        for n in 0..=MAX_WATCHED {
            let mut id = [0; 16];
            id[8..].copy_from_slice(&u64::try_from(n).unwrap().to_be_bytes());
            look_ups.is_due(&Reference::new(ChallengeId::from_bytes(id), 0), end, start);
        }
        assert_eq!(look_ups.0.lock().unwrap().len(), MAX_WATCHED);
        look_ups.is_due(&Reference::new(ChallengeId::from_bytes([9; 16]), 0), end, end);
        assert_eq!(look_ups.0.lock().unwrap().len(), 1, "expired entries make room");
    }
}
