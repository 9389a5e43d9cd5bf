//! The demo's clock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use mfa_gateway::time::{Clock, SystemClock};

/// The clock of the machine, plus the time that a walk has skipped.
#[derive(Debug, Default)]
pub(crate) struct DemoClock(AtomicU64);

impl DemoClock {
    /// Moves the clock forward, in whole seconds.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for DemoClock {
    fn now(&self) -> SystemTime {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}
