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
/// The shortest time between two log lines with one note about the budget, which is that of a day.
const BETWEEN_BUDGET_LINES: Duration = Duration::from_secs(24 * 60 * 60);

/// Called for each message that a limit refused, such as to count it in a metric.
pub(crate) type LimitObserver = Arc<dyn Fn(SendLimit) + Send + Sync>;

/// Counts the limits that were reached, and logs each one at most once a minute. Clones share the last lines.
#[derive(Clone, Default)]
pub(crate) struct LimitNotes {
    pub(crate) observer: Option<LimitObserver>,
    lines: Arc<Mutex<BTreeMap<SendLimit, Line>>>,
    budget: Arc<Mutex<BTreeMap<BudgetNote, SystemTime>>>,
}

/// How much of the budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BudgetNote {
    /// Four fifths or more.
    NearlySpent,
    Spent,
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

    /// Logs a note about the budget, once a day.
    pub(crate) fn note_budget(&self, note: BudgetNote, now: SystemTime) {
        if self.is_budget_line_due(note, now) {
            trace::warn(match note {
                BudgetNote::NearlySpent => "four fifths of the sms budget are spent",
                BudgetNote::Spent => "the sms budget is spent",
            });
        }
    }

    fn is_budget_line_due(&self, note: BudgetNote, now: SystemTime) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &SystemTime| {
            now.duration_since(*at).is_ok_and(|since| since < BETWEEN_BUDGET_LINES)
        };
        if budget.get(&note).is_some_and(is_recent) {
            return false;
        }
        budget.insert(note, now);
        true
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

    #[test]
    fn each_note_about_the_budget_is_logged_once_a_day() {
        let notes = LimitNotes::default();
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
        let is_due = |note, seconds| notes.is_budget_line_due(note, at(seconds));
        assert!(is_due(BudgetNote::NearlySpent, 0));
        assert!(!is_due(BudgetNote::NearlySpent, 1));
        assert!(is_due(BudgetNote::Spent, 2));
        assert!(!is_due(BudgetNote::NearlySpent, 86_399));
        assert!(is_due(BudgetNote::NearlySpent, 86_400));
        assert!(is_due(BudgetNote::NearlySpent, 86_399), "the clock was set back");
    }
}
