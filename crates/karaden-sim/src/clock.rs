//! The simulator's clock: the machine's, or one that stands still until it is told to go on.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

use crate::time::Instant;

/// How the simulator's time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClockMode {
    /// As the machine's.
    #[default]
    Real,
    /// It stands at this instant and moves only by `POST /clock` or
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
            ClockMode::Manual(at) => Some(Mutex::new(instant(at))),
        };
        Self { manual, moved: watch::Sender::new(()) }
    }

    #[expect(clippy::disallowed_methods, reason = "the simulator's one place that reads the clock")]
    pub(crate) fn now(&self) -> Instant {
        match &self.manual {
            None => instant(SystemTime::now()),
            Some(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    pub(crate) const fn is_manual(&self) -> bool {
        self.manual.is_some()
    }

    /// Moves a manual clock on; `None` if this one is real.
    pub(crate) fn advance(&self, by: Duration) -> Option<Instant> {
        let mut at = self.manual.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        *at = at.plus(by);
        self.moved.send_replace(());
        Some(*at)
    }

    /// Tells each time a manual clock was moved.
    pub(crate) fn moves(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }
}

fn instant(at: SystemTime) -> Instant {
    let millis = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    };
    Instant::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::new(ClockMode::Manual(SystemTime::UNIX_EPOCH));
        assert_eq!(clock.now(), Instant::from_millis(0));
        assert_eq!(clock.advance(Duration::from_secs(2)), Some(Instant::from_millis(2_000)));
        assert_eq!(clock.now(), Instant::from_millis(2_000));
    }

    #[test]
    fn the_real_clock_cannot_be_moved() {
        assert_eq!(Clock::new(ClockMode::Real).advance(Duration::from_secs(1)), None);
    }
}
