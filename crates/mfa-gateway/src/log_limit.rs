//! A limit on equal log lines. A store that fails can fail with every request.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The shortest time between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(1);

/// Lets one line of each kind pass in a second, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<HashMap<&'static str, Kind>>);

#[derive(Debug)]
struct Kind {
    next_at: Instant,
    suppressed: u64,
}

impl LogLimit {
    /// Returns how many lines of this kind were suppressed since the last one. `None` if this one has to be, too.
    pub(crate) fn admit(&self, kind: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry(kind).or_insert(Kind { next_at: now, suppressed: 0 });
        if now < kind.next_at {
            kind.suppressed += 1;
            return None;
        }
        kind.next_at = now + PAUSE;
        Some(std::mem::take(&mut kind.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_of_a_kind_passes_in_a_second_with_the_number_of_the_others() {
        let limit = LogLimit::default();
        assert_eq!(limit.admit("session.load"), Some(0));
        for _ in 0..5 {
            assert_eq!(limit.admit("session.load"), None);
        }
        assert_eq!(limit.admit("user.load"), Some(0), "another kind");
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(limit.admit("session.load"), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(limit.admit("session.load"), Some(6));
        tokio::time::advance(PAUSE).await;
        assert_eq!(limit.admit("session.load"), Some(0));
    }
}
