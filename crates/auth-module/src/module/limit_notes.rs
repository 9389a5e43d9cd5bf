//! What an operator learns about limits on passwords that were reached.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::limit::Limit;

/// The shortest time between two log lines about one limit. Without it, each attempt would write one.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Counts the limits that were reached, and logs each one at most once a minute.
#[derive(Debug, Default)]
pub(super) struct LimitNotes(Mutex<BTreeMap<Limit, Noted>>);

#[derive(Debug)]
struct Noted {
    total: u64,
    /// The last log line, and how often the limit was reached since then.
    line_at: SystemTime,
    since_line: u64,
}

impl LimitNotes {
    pub(super) fn note(&self, limit: Limit, now: SystemTime) {
        if let Some(times) = self.due(limit, now) {
            let limit = limit.as_str();
            tracing::warn!(limit, times, "a limit on passwords was reached");
        }
    }

    /// Returns how often each limit was reached, for those that were.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        self.noted().iter().map(|(limit, noted)| (limit.as_str(), noted.total)).collect()
    }

    /// Returns how often the limit was reached since its last line; `None` if it is too early for another.
    fn due(&self, limit: Limit, now: SystemTime) -> Option<u64> {
        let mut noted = self.noted();
        let first = Noted { total: 0, line_at: SystemTime::UNIX_EPOCH, since_line: 0 };
        let noted = noted.entry(limit).or_insert(first);
        noted.total += 1;
        noted.since_line += 1;
        // A clock that was set back does not silence the limit.
        let since = now.duration_since(noted.line_at).unwrap_or(BETWEEN_LINES);
        if since < BETWEEN_LINES {
            return None;
        }
        noted.line_at = now;
        Some(std::mem::take(&mut noted.since_line))
    }

    fn noted(&self) -> MutexGuard<'_, BTreeMap<Limit, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_counted_and_logged_once_a_minute() {
        let notes = LimitNotes::default();
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
        let due = |limit, seconds| notes.due(limit, at(seconds));
        assert_eq!(due(Limit::Address, 0), Some(1));
        assert_eq!(due(Limit::Address, 59), None);
        assert_eq!(due(Limit::User, 59), Some(1));
        assert_eq!(due(Limit::Address, 60), Some(2));
        assert_eq!(due(Limit::Address, 30), Some(1), "the clock was set back");
        assert_eq!(notes.counts(), [("address", 4), ("user", 1)]);
    }
}
