//! What a connection and the registry tell each other without a lock.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

/// The part of a connection's state that the registry uses.
#[derive(Debug)]
pub(crate) struct Signal {
    opened_at: Instant,
    changed: Notify,
    is_evicted: AtomicBool,
    /// Since when we wait for a body, or for the client to read: milliseconds after `opened_at`, plus 1. 0 if we
    /// do not wait.
    stalled_since: AtomicU64,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self {
            opened_at: Instant::now(),
            changed: Notify::new(),
            is_evicted: AtomicBool::new(false),
            stalled_since: AtomicU64::new(0),
        }
    }

    /// Waits for [`notify`](Self::notify).
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Lets the connection's task look at the connection again.
    pub(crate) fn notify(&self) {
        self.changed.notify_one();
    }

    /// Lets the connection's task close the connection.
    pub(crate) fn evict(&self) {
        self.is_evicted.store(true, Ordering::Release);
        self.notify();
    }

    pub(crate) fn is_evicted(&self) -> bool {
        self.is_evicted.load(Ordering::Acquire)
    }

    /// Notes whether we wait for the body of a request, or for the client to read.
    pub(crate) fn set_stalled(&self, is_stalled: bool) {
        let since = if is_stalled { millis(self.opened_at.elapsed()).saturating_add(1) } else { 0 };
        self.stalled_since.store(since, Ordering::Relaxed);
    }

    /// Returns how long the client has kept us waiting.
    pub(crate) fn stalled_for(&self, now: Instant) -> Option<Duration> {
        let since = self.stalled_since.load(Ordering::Relaxed).checked_sub(1)?;
        Some((now - self.opened_at).saturating_sub(Duration::from_millis(since)))
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
