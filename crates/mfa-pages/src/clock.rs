//! Instants as people read them: a clock time in the zone of the deployment.

use std::time::{Duration, SystemTime};

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};

/// Returns Japan Standard Time, the default zone of the pages.
pub fn japan() -> TimeZone {
    TimeZone::fixed(Offset::constant(9))
}

/// Up to this distance a time has seconds, beyond it whole minutes. A code lives for minutes, a
/// lockout for an hour: only the code's expiry is worth the seconds.
const EXACT_WITHIN: Duration = Duration::from_secs(600);

/// An instant as date and clock time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) year: i16,
    pub(crate) month: u8,
    pub(crate) day: u8,
    /// `14:32` or `14:32:05`, in the 24-hour form that both languages share.
    pub(crate) time: String,
}

impl Reading {
    pub(crate) fn date(&self) -> (i16, u8, u8) {
        (self.year, self.month, self.day)
    }
}

/// Returns date and clock time of `instant` in `zone`, as seen from `now`; `None` beyond the year 9999.
///
/// Up to ten minutes ahead the time is exact to the second. Further ahead it is rounded up to the
/// minute, so that waiting until the shown time is long enough. A past instant loses its seconds.
pub(crate) fn read(instant: SystemTime, zone: &TimeZone, now: SystemTime) -> Option<Reading> {
    let ahead = instant.duration_since(now).ok();
    let is_exact = ahead.is_some_and(|ahead| ahead <= EXACT_WITHIN);
    let shown = if ahead.is_some() && !is_exact { next_minute(instant) } else { instant };
    let local = Timestamp::try_from(shown).ok()?.to_zoned(zone.clone());
    let seconds = local.second();
    let mut time = format!("{:02}:{:02}", local.hour(), local.minute());
    if is_exact && seconds != 0 {
        time = format!("{time}:{seconds:02}");
    }
    Some(Reading {
        year: local.year(),
        month: local.month().unsigned_abs(),
        day: local.day().unsigned_abs(),
        time,
    })
}

/// Returns the first whole minute at or after `instant`.
fn next_minute(instant: SystemTime) -> SystemTime {
    let since = instant.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let beyond = Duration::new(since.as_secs() % 60, since.subsec_nanos());
    if beyond.is_zero() {
        return instant;
    }
    (Duration::from_secs(60).checked_sub(beyond))
        .and_then(|missing| instant.checked_add(missing))
        .unwrap_or(instant)
}

/// Formats `instant` for machines: RFC 3339 in the offset of `zone`, whole seconds.
pub(crate) fn machine(instant: SystemTime, zone: &TimeZone) -> String {
    Timestamp::try_from(instant).map_or_else(
        |_| String::new(),
        |stamp| stamp.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    )
}

/// Returns the whole seconds from `now` to `instant`, rounded up; zero if it has passed.
pub(crate) fn seconds_until(instant: SystemTime, now: SystemTime) -> u64 {
    instant
        .duration_since(now)
        .map_or(0, |length| length.as_secs() + u64::from(length.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, nanos: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)
    }

    #[test]
    fn a_clock_is_read_in_its_zone() {
        // 2026-11-22T15:00:00Z is the next day in Japan.
        let instant = at(1_795_359_600, 0);
        let midnight = read(instant, &japan(), instant).unwrap();
        assert_eq!((midnight.date(), midnight.time.as_str()), ((2026, 11, 23), "00:00"));
        let utc = read(instant, &TimeZone::UTC, instant).unwrap();
        assert_eq!((utc.date(), utc.time.as_str()), ((2026, 11, 22), "15:00"));
        assert_eq!(machine(at(1_795_359_600, 5), &japan()), "2026-11-23T00:00:00+09:00");
    }

    #[test]
    fn what_is_near_has_seconds_and_what_is_far_is_rounded_up() {
        let time = |instant, now| read(instant, &TimeZone::UTC, now).unwrap().time;
        assert_eq!(time(at(605, 0), at(5, 0)), "00:10:05");
        assert_eq!(time(at(605, 0), at(4, 0)), "00:11");
        assert_eq!(time(at(600, 0), at(5, 0)), "00:10");
        assert_eq!(time(at(659, 0), at(700, 0)), "00:10");
    }

    #[test]
    fn waiting_until_the_shown_minute_is_long_enough() {
        assert_eq!(next_minute(at(120, 0)), at(120, 0));
        assert_eq!(next_minute(at(120, 1)), at(180, 0));
        assert_eq!(next_minute(at(179, 999_999_999)), at(180, 0));
    }

    #[test]
    fn seconds_round_up() {
        assert_eq!(seconds_until(at(10, 1), at(9, 0)), 2);
        assert_eq!(seconds_until(at(10, 0), at(9, 0)), 1);
        assert_eq!(seconds_until(at(9, 0), at(9, 0)), 0);
        assert_eq!(seconds_until(at(8, 0), at(9, 0)), 0);
    }

    #[test]
    fn an_instant_beyond_every_calendar_does_not_panic() {
        let far = at(u64::MAX / 4, 0);
        assert_eq!(read(far, &japan(), at(0, 0)), None);
        assert_eq!(machine(far, &japan()), "");
        assert!(next_minute(far) >= far);
    }
}
