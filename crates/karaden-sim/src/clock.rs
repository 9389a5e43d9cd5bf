//! The simulator's clock: the system clock, or a manual one that moves only on request.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

use crate::time::Instant;

/// Which clock the simulator uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClockMode {
    /// The system clock.
    #[default]
    Real,
    /// A clock that starts at this instant and moves only by `POST /clock` or
    /// [`Running::advance`](crate::Running::advance).
    Manual(SystemTime),
}

#[derive(Debug)]
pub(crate) struct Clock {
    manual: Option<Mutex<Instant>>,
    moved: watch::Sender<()>,
}

impl Clock {
    pub(crate) fn new(mode: ClockMode) -> Self {
        let manual = match mode {
            ClockMode::Real => None,
            ClockMode::Manual(at) => Some(Mutex::new(at.into())),
        };
        Self { manual, moved: watch::Sender::new(()) }
    }

    #[expect(clippy::disallowed_methods, reason = "the simulator's one place that reads the clock")]
    pub(crate) fn now(&self) -> Instant {
        match &self.manual {
            None => SystemTime::now().into(),
            Some(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    pub(crate) const fn is_manual(&self) -> bool {
        self.manual.is_some()
    }

    /// Moves a manual clock forward and returns its new time; `None` with the system clock.
    pub(crate) fn advance(&self, by: Duration) -> Option<Instant> {
        let mut at = self.manual.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        *at = at.plus(by);
        self.moved.send_replace(());
        Some(*at)
    }

    /// Returns a receiver that sees each move of a manual clock.
    pub(crate) fn moves(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Waits until this clock shows `at`. Never returns without an instant or with a manual clock:
    /// watch [`moves`](Self::moves) too.
    pub(crate) async fn wait_until(&self, at: Option<Instant>) {
        match at {
            Some(at) if !self.is_manual() => {
                // One more, because `now` drops the fraction of the millisecond.
                tokio::time::sleep(at.since(self.now()) + Duration::from_millis(1)).await;
            }
            _ => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_on_request() {
        let clock = Clock::new(ClockMode::Manual(SystemTime::UNIX_EPOCH));
        assert_eq!(clock.now(), Instant::from_millis(0));
        assert_eq!(clock.advance(Duration::from_secs(2)), Some(Instant::from_millis(2_000)));
        assert_eq!(clock.now(), Instant::from_millis(2_000));
    }

    #[test]
    fn the_system_clock_cannot_be_moved() {
        assert_eq!(Clock::new(ClockMode::Real).advance(Duration::from_secs(1)), None);
    }
}
