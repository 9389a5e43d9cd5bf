//! Instants as whole milliseconds since the Unix epoch. They have half the size of a `SystemTime`, are the
//! same number in every store (a Lua double holds it exactly), and their arithmetic cannot overflow.

use std::time::{Duration, SystemTime};

use crate::layout::LAST_MILLIS;

/// The longest lead that the limits allow the clock of another machine: 15 minutes.
///
/// An [`AttemptLimiter`](crate::AttemptLimiter) and a [`Tat`](crate::gcra::Tat) hold instants of earlier calls. Up
/// to this far ahead of `now`, they count in full. Further ahead, they come from a clock that was wrong and is right
/// again. Then a limit does not refuse for as long as the clock takes to catch up with them:
///
/// * A lock ends. The attempts before it count, so the next attempt is the last one before another lock.
/// * Attempts count until a quiet period after the next attempt.
/// * A rate grants one more charge, which leaves nothing of the burst.
///
/// So a clock that jumps ahead locks a subject for no longer than the longest lock plus this lead. Setting it back
/// lets through one more attempt per subject and one more charge per key.
///
/// Two machines whose clocks differ by up to this share each limit. A lock, a quiet period or a refill can be shorter
/// by the difference. If their clocks differ by more, each may end the locks of the other and refill its rates. The
/// limit of consecutive failures needs no clock, and holds always.
pub const MAX_CLOCK_LEAD: Duration = Duration::from_secs(15 * 60);

/// Milliseconds since the Unix epoch, from 0 to the end of the year 9999.
///
/// A `SystemTime` is rounded down, and moved to the nearest end if it is out of range. All rules compare
/// instants in this form, so every backend decides alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Millis(u64);

impl Millis {
    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    /// Returns the instant with this count of milliseconds; `None` after the year 9999.
    pub(crate) const fn from_u64(millis: u64) -> Option<Self> {
        if millis <= LAST_MILLIS { Some(Self(millis)) } else { None }
    }

    pub(crate) fn after(self, span: Duration) -> Self {
        let span = u64::try_from(span.as_millis()).unwrap_or(LAST_MILLIS);
        Self(self.0.saturating_add(span).min(LAST_MILLIS))
    }

    /// Returns the time from this instant to `later`; zero if `later` is earlier.
    pub(crate) fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

impl From<SystemTime> for Millis {
    fn from(at: SystemTime) -> Self {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(LAST_MILLIS).min(LAST_MILLIS))
    }
}

impl From<Millis> for SystemTime {
    fn from(at: Millis) -> Self {
        SystemTime::UNIX_EPOCH + Duration::from_millis(at.0)
    }
}
