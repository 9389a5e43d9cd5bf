//! When to ask the provider about a message.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use sms_sender::Reference;

/// The pauses between look-ups, from the first time that a page shows the message. The last one repeats.
const INTERVALS: [Duration; 5] = [
    Duration::from_secs(3),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
];
/// At most this many messages are looked up at a time. The pages of further messages show no news.
const MAX_WATCHED: usize = 10_000;

/// When each message on a page is due for a look-up. Kept in this process only: losing it costs one look-up
/// more. Clones share everything.
#[derive(Debug, Clone, Default)]
pub(super) struct LookUps(Arc<Mutex<HashMap<Reference, Watched>>>);

#[derive(Debug, Clone, Copy)]
struct Watched {
    next_at: SystemTime,
    asked: usize,
    expires_at: SystemTime,
}

impl LookUps {
    /// Returns when the next look-up of `reference` is due. The first call schedules the first one. `None` if
    /// there is no room for another message.
    pub(super) fn next_at(
        &self,
        reference: &Reference,
        expires_at: SystemTime,
        now: SystemTime,
    ) -> Option<SystemTime> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = watched.get(reference) {
            return Some(entry.next_at);
        }
        if watched.len() >= MAX_WATCHED {
            watched.retain(|_, entry| now < entry.expires_at);
        }
        if watched.len() >= MAX_WATCHED {
            return None;
        }
        let next_at = now + interval(0);
        watched.insert(reference.clone(), Watched { next_at, asked: 0, expires_at });
        Some(next_at)
    }

    /// Whether a look-up of `reference` is due. If so, schedules the next one.
    pub(super) fn is_due(
        &self,
        reference: &Reference,
        expires_at: SystemTime,
        now: SystemTime,
    ) -> bool {
        if self.next_at(reference, expires_at, now).is_none_or(|next_at| now < next_at) {
            return false;
        }
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Checked again under the lock, so that only one of two pages with the same message looks it up.
        let Some(entry) = watched.get_mut(reference).filter(|entry| now >= entry.next_at) else {
            return false;
        };
        entry.asked += 1;
        entry.next_at = now + interval(entry.asked);
        true
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
