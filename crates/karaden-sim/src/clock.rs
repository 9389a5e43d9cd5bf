//! The simulator's clock: the system clock, or a manual one that moves only on request.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

use crate::{error::ClockError, time::Instant};

/// Which clock the simulator uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClockMode {
    /// The system clock.
    #[default]
    Real,
    /// A clock that starts at this instant and moves only by [`Sim::advance`](crate::Sim::advance),
    /// [`Sim::set_now`](crate::Sim::set_now) or requests to `/clock`.
    Manual(SystemTime),
}

impl ClockMode {
    /// A manual clock that starts at 2026-01-01T09:00:00+09:00, as the program's does by default.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    /// assert_eq!(karaden_sim::ClockMode::manual(), karaden_sim::ClockMode::Manual(start));
    /// ```
    #[must_use]
    pub fn manual() -> Self {
        Self::Manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600))
    }
}

#[derive(Debug)]
pub(crate) struct Clock {
    /// The present time of a manual clock.
    manual: Option<Mutex<Instant>>,
    mode: ClockMode,
    moved: watch::Sender<()>,
}

impl Clock {
    pub(crate) fn new(mode: ClockMode) -> Self {
        let manual = match mode {
            ClockMode::Real => None,
            ClockMode::Manual(at) => Some(Mutex::new(at.into())),
        };
        Self { manual, mode, moved: watch::Sender::new(()) }
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

    /// Moves a manual clock forward by this time.
    pub(crate) fn advance(&self, by: Duration) -> Result<(), ClockError> {
        self.update(|now| Ok(now.plus(by)))
    }

    /// Moves a manual clock forward to this time.
    pub(crate) fn set(&self, at: Instant) -> Result<(), ClockError> {
        self.update(|now| if at < now { Err(ClockError::Back) } else { Ok(at) })
    }

    /// Moves a manual clock back to its start. The system clock stays as it is.
    pub(crate) fn reset(&self) {
        if let ClockMode::Manual(start) = self.mode {
            let _moved = self.update(|_| Ok(start.into()));
        }
    }

    fn update(
        &self,
        change: impl FnOnce(Instant) -> Result<Instant, ClockError>,
    ) -> Result<(), ClockError> {
        let manual = self.manual.as_ref().ok_or(ClockError::Real)?;
        let mut at = manual.lock().unwrap_or_else(PoisonError::into_inner);
        *at = change(*at)?;
        self.moved.send_replace(());
        Ok(())
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
        assert_eq!(clock.advance(Duration::from_secs(2)), Ok(()));
        assert_eq!(clock.now(), Instant::from_millis(2_000));
        assert_eq!(clock.set(Instant::from_millis(2_000)), Ok(()), "the present is not back");
        assert_eq!(clock.set(Instant::from_millis(1_999)), Err(ClockError::Back));
        assert_eq!(clock.now(), Instant::from_millis(2_000));
        clock.reset();
        assert_eq!(clock.now(), Instant::from_millis(0));
    }

    #[test]
    fn the_system_clock_cannot_be_moved() {
        let clock = Clock::new(ClockMode::Real);
        assert_eq!(clock.advance(Duration::from_secs(1)), Err(ClockError::Real));
        assert_eq!(clock.set(Instant::NEVER), Err(ClockError::Real));
        clock.reset();
    }
}
