//! Callbacks that are still to be made, by the instant they fall due.

use std::collections::BTreeMap;

use super::message::Message;
use crate::{id::Sequence, time::Instant};

/// A callback that has fallen due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) sequence: Sequence,
    /// How often it was tried before.
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

    /// One callback for each result the message will have.
    pub(crate) fn add_results(&mut self, message: &Message) {
        for at in message.plan.results() {
            self.add(at, message.sequence, 0);
        }
    }

    /// Forgets a message's callbacks; retries, whose instants nobody knows, find it gone.
    pub(crate) fn forget(&mut self, message: &Message) {
        for at in message.plan.results() {
            self.due.remove(&(at, message.sequence));
        }
    }

    pub(crate) fn has_results(&self, message: &Message) -> bool {
        message.plan.results().any(|at| self.due.contains_key(&(at, message.sequence)))
    }

    /// Takes out the first callback due by `now`.
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
