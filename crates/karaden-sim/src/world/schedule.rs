//! Scheduled callbacks, ordered by the instant they fall due.

use std::collections::BTreeMap;

use super::message::Message;
use crate::{id::Sequence, time::Instant};

/// A callback that has fallen due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) sequence: Sequence,
    /// Count of earlier attempts.
    pub(crate) attempt: u8,
}

#[derive(Debug, Default)]
pub(crate) struct Schedule {
    due: BTreeMap<(Instant, Sequence), u8>,
}

impl Schedule {
    pub(crate) fn add(&mut self, at: Instant, sequence: Sequence, attempt: u8) {
        self.due.insert((at, sequence), attempt);
    }

    /// Adds one callback for each result that the message will have.
    pub(crate) fn add_results(&mut self, message: &Message) {
        for at in message.plan.result_times() {
            self.add(at, message.sequence, 0);
        }
    }

    /// Removes the callbacks of a message. Retries stay, because their instants are not known here. That
    /// is harmless: when a retry falls due, a message without a result gets no callback.
    pub(crate) fn remove_results(&mut self, message: &Message) {
        for at in message.plan.result_times() {
            self.due.remove(&(at, message.sequence));
        }
    }

    pub(crate) fn has_results(&self, message: &Message) -> bool {
        message.plan.result_times().any(|at| self.due.contains_key(&(at, message.sequence)))
    }

    /// Removes and returns the first callback that is due at `now`.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Due> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((_, sequence), attempt) = entry.remove_entry();
        Some(Due { sequence, attempt })
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
    }
}
