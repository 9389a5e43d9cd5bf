//! What an operator learns about limits that were reached.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{limits::SendLimit, trace};

/// The shortest time between two log lines about one limit. Without it, each click would write one.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Called for each message that a limit refused, such as to count it in a metric.
pub(crate) type LimitObserver = Arc<dyn Fn(SendLimit) + Send + Sync>;

/// Counts the limits that were reached, and logs each one at most once a minute.
#[derive(Default)]
pub(crate) struct LimitNotes {
    pub(crate) observer: Option<LimitObserver>,
    lines: Mutex<BTreeMap<SendLimit, Line>>,
}

/// The last log line about a limit.
struct Line {
    at: SystemTime,
    /// How often the limit was reached since then.
    reached: u64,
}

impl LimitNotes {
    pub(crate) fn note(&self, limit: SendLimit, now: SystemTime) {
        if let Some(observer) = &self.observer {
            observer(limit);
        }
        if let Some(times) = self.due(limit, now) {
            trace::limit_reached(limit.as_str(), times);
        }
    }

    /// Returns how often the limit was reached since its last line; `None` if it is too early for another.
    fn due(&self, limit: SendLimit, now: SystemTime) -> Option<u64> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(limit).or_insert(Line { at: SystemTime::UNIX_EPOCH, reached: 0 });
        line.reached += 1;
        // A clock that was set back does not silence the limit.
        let since = now.duration_since(line.at).unwrap_or(BETWEEN_LINES);
        if since < BETWEEN_LINES {
            return None;
        }
        line.at = now;
        Some(std::mem::take(&mut line.reached))
    }
}

impl fmt::Debug for LimitNotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LimitNotes(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_logged_once_a_minute_with_how_often_it_was_reached() {
        let notes = LimitNotes::default();
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
        let due = |limit, seconds| notes.due(limit, at(seconds));
        assert_eq!(due(SendLimit::Address, 0), Some(1));
        assert_eq!(due(SendLimit::Address, 0), None);
        assert_eq!(due(SendLimit::Block, 1), Some(1));
        assert_eq!(due(SendLimit::Address, 59), None);
        assert_eq!(due(SendLimit::Address, 60), Some(3));
        assert_eq!(due(SendLimit::Address, 30), Some(1), "the clock was set back");
    }
}
