//! The generic cell rate algorithm (ITU-T I.371) as a pure function: a rate limit in one number.
//!
//! A store keeps one [`Tat`] per key. In one atomic step it replaces the `Tat` by the one that [`charge`]
//! returns. All values are whole microseconds, so a database script that computes with doubles makes the same
//! decision. The interval between two events is rounded up, never in favour of the caller.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use otp_core::gcra::{self, Decision, Tat, Rate};
//!
//! let rate = Rate::new(2, Duration::from_secs(60))?;
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
//! let mut tat = Tat::default();
//! for left in [1, 0] {
//!     let Decision::Granted(granted) = gcra::charge(tat, &rate, 1, now) else { panic!() };
//!     assert_eq!(granted.left, left);
//!     tat = granted.tat;
//! }
//! assert_eq!(gcra::charge(tat, &rate, 1, now), Decision::Refused { until: now + Duration::from_secs(30) });
//! # Ok::<(), gcra::InvalidRate>(())
//! ```

use std::time::{Duration, SystemTime};

use thiserror::Error;

use crate::time::MAX_CLOCK_LEAD;

const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);

const MAX_CLOCK_LEAD_MICROS: u64 = MAX_CLOCK_LEAD.as_secs() * 1_000_000;

/// A burst of events that refills evenly over a period.
///
/// A burst of *n* allows *n* events at once, and then one event per interval of period / *n*. In the long
/// run that is *n* events per period. A single period can hold more: up to 2 *n* − 1 events.
///
/// Example: 5 per hour allows 5 at once and one every 12 minutes, so 9 in the hour that begins with the 5.
/// If no period may hold more than *n* events, use `(n + 1) / 2` as the burst: 3 per hour is never more than
/// 5 in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    burst: u32,
    interval_micros: u64,
}

impl Rate {
    /// Creates a rate of `burst` events per `period`.
    ///
    /// # Errors
    ///
    /// [`InvalidRate`] if `burst` is 0, or `period` is below one microsecond per event or over
    /// 366 days.
    pub fn new(burst: u32, period: Duration) -> Result<Self, InvalidRate> {
        let micros = period.as_micros();
        if burst == 0 || micros < u128::from(burst) || period > LONGEST_PERIOD {
            return Err(InvalidRate);
        }
        let interval = micros.div_ceil(u128::from(burst));
        Ok(Self { burst, interval_micros: u64::try_from(interval).map_err(|_| InvalidRate)? })
    }

    /// Returns how many events fit at once.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Returns the time in which one event refills, in microseconds, rounded up.
    pub const fn interval_micros(&self) -> u64 {
        self.interval_micros
    }

    fn span(&self, events: u32) -> u64 {
        self.interval_micros.saturating_mul(u64::from(events))
    }
}

/// The error of [`Rate::new`]: the rate allows nothing, is finer than a microsecond, or has too long a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a rate is one or more events in a period of up to 366 days")]
pub struct InvalidRate;

/// The theoretical arrival time of a key: the instant at which its full burst is available again, in
/// microseconds since the Unix epoch.
///
/// The default is that of a key that was never charged. A value in the past means the same, so a store may
/// drop it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tat(u64);

impl Tat {
    /// Creates the value from what [`as_micros`](Self::as_micros) returned.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the instant in microseconds since the Unix epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whether the full burst is available again at `now`, so that a store may drop the value.
    pub fn is_past(self, now: SystemTime) -> bool {
        self.0 <= micros(now)
    }
}

/// The result of a charge. Exhaustive on purpose: the caller has to handle each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The events are within the rate.
    Granted(Granted),
    /// The rate is exceeded. Nothing was charged.
    Refused {
        /// The first instant, to the microsecond, at which the same charge would be granted, unless the key is
        /// charged again before.
        until: SystemTime,
    },
    /// The charge has more events than the burst, so it is never granted.
    TooLarge,
}

/// A charge that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What the store must keep from now on.
    pub tat: Tat,
    /// How many more events fit at this instant.
    pub left: u32,
}

/// Charges `events` to a key whose stored value is `tat`, at the instant `now`.
///
/// A value that a wrong clock has set far ahead refuses nothing: see [`MAX_CLOCK_LEAD`].
pub fn charge(tat: Tat, rate: &Rate, events: u32, now: SystemTime) -> Decision {
    if events > rate.burst {
        return Decision::TooLarge;
    }
    let tat = without_wrong_clock(tat, rate, events, now);
    let now = micros(now);
    let full_at = tat.0.max(now).saturating_add(rate.span(events));
    let latest = now.saturating_add(rate.span(rate.burst));
    if full_at > latest {
        return Decision::Refused { until: instant(full_at - rate.span(rate.burst)) };
    }
    let left = (latest - full_at) / rate.interval_micros;
    Decision::Granted(Granted { tat: Tat(full_at), left: u32::try_from(left).unwrap_or(u32::MAX) })
}

/// Returns the value to which [`charge`] adds `events`: `tat`, unless it is further ahead than one burst plus
/// [`MAX_CLOCK_LEAD`]. Then a clock that was wrong has set it, and `events` get the last part of the burst.
///
/// A caller that charges a key more than once in one step passes the sum of the events first.
pub fn without_wrong_clock(tat: Tat, rate: &Rate, events: u32, now: SystemTime) -> Tat {
    let latest = micros(now).saturating_add(rate.span(rate.burst));
    let is_of_wrong_clock = tat.0 > latest.saturating_add(MAX_CLOCK_LEAD_MICROS);
    if is_of_wrong_clock { Tat(latest.saturating_sub(rate.span(events))) } else { tat }
}

/// Returns how much of a charge of `events` can be refunded at `now`: the part that has not refilled yet.
/// `charged` is the value that the charge returned.
///
/// Events refill one after the other, in the order of the charges. While earlier charges still refill, the
/// whole charge can be refunded. Once `charged` has passed, nothing can.
///
/// After two refunds of one key, the second one may give back less than its span. The first refund moved all
/// later events forward in time, and the `charged` of the second charge does not reflect that.
pub fn refundable(charged: Tat, rate: &Rate, events: u32, now: SystemTime) -> Duration {
    Duration::from_micros(charged.0.saturating_sub(micros(now)).min(rate.span(events)))
}

/// Refunds `span`, which [`refundable`] returned, of a charge that was not used, for example because the
/// message was refused.
///
/// A refund of more than was charged gains nothing: a value in the past counts as now.
#[must_use = "the store has to keep the returned value"]
pub fn refund(tat: Tat, span: Duration) -> Tat {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Tat(tat.0.saturating_sub(micros))
}

fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn instant(micros: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_micros(micros))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(micros: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_micros(micros)
    }

    fn granted(tat: Tat, rate: &Rate, events: u32, now: SystemTime) -> Granted {
        match charge(tat, rate, events, now) {
            Decision::Granted(granted) => granted,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_burst_and_then_one_per_interval() {
        let rate = Rate::new(5, HOUR).unwrap();
        assert_eq!((rate.burst(), rate.interval_micros()), (5, 720_000_000));
        let mut tat = Tat::default();
        for left in (0..5).rev() {
            let next = granted(tat, &rate, 1, at(0));
            assert_eq!(next.left, left);
            tat = next.tat;
        }
        for n in 1..=3 {
            let due = n * 720_000_000;
            let until = at(due);
            assert_eq!(charge(tat, &rate, 1, at(due - 1)), Decision::Refused { until });
            let next = granted(tat, &rate, 1, at(due));
            assert_eq!(next.left, 0);
            tat = next.tat;
        }
    }

    /// The most that one hour can hold, and how to have no hour hold more than five.
    #[test]
    fn a_period_holds_at_most_twice_the_burst_less_one() {
        for (burst, most) in [(5, 9), (3, 5), (1, 1)] {
            let rate = Rate::new(burst, HOUR).unwrap();
            let mut tat = Tat::default();
            let mut granted = 0;
            for minute in 0..60 {
                while let Decision::Granted(next) = charge(tat, &rate, 1, at(minute * 60_000_000)) {
                    tat = next.tat;
                    granted += 1;
                }
            }
            assert_eq!(granted, most, "{burst} an hour");
        }
    }

    #[test]
    fn an_idle_key_has_its_whole_burst_and_no_more() {
        let rate = Rate::new(3, HOUR).unwrap();
        let tat = granted(Tat::default(), &rate, 3, at(0)).tat;
        assert!(!tat.is_past(at(3_599_999_999)));
        assert!(tat.is_past(at(3_600_000_000)));
        assert_eq!(granted(tat, &rate, 1, at(100 * 3_600_000_000)).left, 2);
    }

    #[test]
    fn several_events_are_charged_together_or_not_at_all() {
        let rate = Rate::new(10, HOUR).unwrap();
        let tat = granted(Tat::default(), &rate, 7, at(0)).tat;
        assert_eq!(charge(tat, &rate, 4, at(0)), Decision::Refused { until: at(360_000_000) });
        assert_eq!(granted(tat, &rate, 3, at(0)).left, 0);
        assert_eq!(charge(Tat::default(), &rate, 11, at(0)), Decision::TooLarge);
        assert_eq!(granted(tat, &rate, 0, at(0)).tat, tat);
    }

    #[test]
    fn a_refund_gives_back_what_was_charged() {
        let rate = Rate::new(2, HOUR).unwrap();
        let first = granted(Tat::default(), &rate, 1, at(0)).tat;
        let second = granted(first, &rate, 1, at(0)).tat;
        assert_eq!(refund(second, refundable(second, &rate, 1, at(0))), first);
        let too_much = refund(second, 2 * refundable(second, &rate, 2, at(0)));
        assert_eq!(granted(too_much, &rate, 1, at(0)).left, 1);
        assert_eq!(refund(Tat::default(), HOUR), Tat::default());
        assert_eq!(refund(second, Duration::MAX), Tat::default());
    }

    #[test]
    fn what_has_refilled_is_not_refunded() {
        let rate = Rate::new(5, HOUR).unwrap();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let later = |passed: u64| at(passed * 60_000_000);
        let first = granted(Tat::default(), &rate, 1, at(0)).tat;
        let third = granted(first, &rate, 2, at(0)).tat;
        for (passed, of_the_first, of_the_others) in
            [(0, 12, 24), (6, 6, 24), (11, 1, 24), (12, 0, 24), (13, 0, 23), (36, 0, 0), (99, 0, 0)]
        {
            let now = later(passed);
            assert_eq!(refundable(first, &rate, 1, now), minutes(of_the_first), "{passed}");
            assert_eq!(refundable(third, &rate, 2, now), minutes(of_the_others), "{passed}");
        }
        // A clock that was set back gives no more than was charged.
        assert_eq!(refundable(first, &rate, 1, at(0) - HOUR), minutes(12));
        let full = granted(first, &rate, 5, later(60)).tat;
        let after = refund(full, refundable(first, &rate, 1, later(60)));
        assert!(matches!(charge(after, &rate, 1, later(60)), Decision::Refused { .. }));
    }

    /// A mark of another machine counts in full, up to the longest lead of its clock.
    #[test]
    fn a_charge_by_a_clock_that_is_ahead_counts() {
        let rate = Rate::new(5, HOUR).unwrap();
        let ahead = at(0) + MAX_CLOCK_LEAD;
        let tat = granted(Tat::default(), &rate, 5, ahead).tat;
        let until = ahead + HOUR / 5;
        assert_eq!(charge(tat, &rate, 1, at(0)), Decision::Refused { until });
        assert_eq!(charge(tat, &rate, 0, at(0)), Decision::Refused { until: ahead });
        assert_eq!(without_wrong_clock(tat, &rate, 1, at(0)), tat);
    }

    /// The clock was wrong by a minute more than that, a day or a year, and is right again.
    #[test]
    fn a_charge_by_a_wrong_clock_leaves_one_charge_and_then_the_rate() {
        let rate = Rate::new(5, HOUR).unwrap();
        let minute = Duration::from_secs(60);
        for lead in [MAX_CLOCK_LEAD + minute, 24 * HOUR, 365 * 24 * HOUR] {
            let tat = granted(Tat::default(), &rate, 5, at(0) + lead).tat;
            for events in 0..=5 {
                let next = granted(tat, &rate, events, at(0));
                assert_eq!(next.left, 0, "a charge of {events}");
                assert_eq!(next.tat, Tat::from_micros(micros(at(0) + HOUR)));
                let until = at(0) + HOUR / 5;
                assert_eq!(charge(next.tat, &rate, 1, at(0)), Decision::Refused { until });
                assert_eq!(granted(next.tat, &rate, 1, until).left, 0);
            }
            assert_eq!(charge(tat, &rate, 6, at(0)), Decision::TooLarge);
            let of_two = without_wrong_clock(tat, &rate, 3, at(0));
            let first = granted(of_two, &rate, 1, at(0)).tat;
            assert_eq!(granted(first, &rate, 2, at(0)).left, 0, "three in two charges");
        }
    }

    /// What the clock charged is given back once, and no more.
    #[test]
    fn a_refund_of_a_charge_by_a_wrong_clock_gains_nothing() {
        let rate = Rate::new(5, HOUR).unwrap();
        let by_wrong_clock = granted(Tat::default(), &rate, 2, at(0) + 24 * HOUR).tat;
        let next = granted(by_wrong_clock, &rate, 1, at(0)).tat;
        let span = refundable(by_wrong_clock, &rate, 2, at(0));
        assert_eq!(granted(refund(next, span), &rate, 0, at(0)).left, 2);
    }

    #[test]
    fn the_interval_is_rounded_up() {
        assert_eq!(Rate::new(7, Duration::from_secs(1)).unwrap().interval_micros(), 142_858);
    }

    #[test]
    fn rates_on_both_sides_of_each_boundary() {
        let micro = Duration::from_micros(1);
        let year = 366 * 24 * HOUR;
        for (burst, period, is_good) in [
            (0, HOUR, false),
            (1, HOUR, true),
            (1, micro, true),
            (1, Duration::ZERO, false),
            (10, 10 * micro, true),
            (10, 9 * micro, false),
            (1, year, true),
            (1, year + micro, false),
            (u32::MAX, year, true),
        ] {
            assert_eq!(Rate::new(burst, period).is_ok(), is_good, "{burst} in {period:?}");
        }
    }

    #[test]
    fn values_and_clocks_at_the_ends_of_time_do_not_overflow() {
        let rate = Rate::new(1, HOUR).unwrap();
        let last = Tat::from_micros(u64::MAX);
        assert_eq!(granted(last, &rate, 1, at(0)).left, 0);
        let end = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::MAX);
        assert!(matches!(charge(last, &rate, 1, end), Decision::Granted(_)));
        assert_eq!(Tat::from_micros(7).as_micros(), 7);
        let before = SystemTime::UNIX_EPOCH - HOUR;
        assert_eq!(granted(Tat::default(), &rate, 1, before).tat.as_micros(), 3_600_000_000);
    }
}
