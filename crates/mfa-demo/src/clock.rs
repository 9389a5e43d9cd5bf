//! The demo's clock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use mfa_gateway::time::{Clock, SystemClock};

/// The machine's clock, and how far a walk has moved it on.
#[derive(Debug, Default)]
pub(crate) struct DemoClock(AtomicU64);

impl DemoClock {
    /// Moves the clock on, in whole seconds.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for DemoClock {
    fn now(&self) -> SystemTime {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}
