//! An audit sink that remembers.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{AuditEvent, AuditSink};

/// Keeps every event in order. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct RecordingAudit(Arc<Mutex<Vec<AuditEvent>>>);

impl RecordingAudit {
    /// Returns an empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns every event so far, oldest first.
    pub fn events(&self) -> Vec<AuditEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the names of the events so far, oldest first.
    pub fn names(&self) -> Vec<&'static str> {
        self.events().iter().map(|event| event.name).collect()
    }
}

impl AuditSink for RecordingAudit {
    fn record(&self, event: AuditEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}
