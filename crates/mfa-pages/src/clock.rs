//! Instants as people read them: date and clock time in the zone of the deployment.

use std::time::{Duration, SystemTime};

use jiff::{
    RoundMode, Timestamp, TimestampRound, Unit,
    tz::{Offset, TimeZone},
};

/// Returns Japan Standard Time, the default zone of the pages.
pub fn japan() -> TimeZone {
    TimeZone::fixed(Offset::constant(9))
}

/// Up to this distance the end of a validity has seconds, beyond it whole minutes. A code lives for
/// minutes, a session for hours: only the code's expiry is worth the seconds.
const EXACT_WITHIN: Duration = Duration::from_secs(600);

/// What an instant is to its reader. It decides how the instant is rounded: a reader who keeps to the shown time is never
/// too late or too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The end of a validity: rounded down.
    End,
    /// The start of a validity, such as the end of a wait: rounded up to the minute.
    Start,
}

/// An instant as date and clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) year: i16,
    pub(crate) month: u8,
    pub(crate) day: u8,
    /// From 1 for Monday to 7 for Sunday.
    pub(crate) weekday: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    /// `None` if the instant is shown to the minute.
    pub(crate) second: Option<u8>,
}

impl Reading {
    pub(crate) fn date(&self) -> (i16, u8, u8) {
        (self.year, self.month, self.day)
    }

    /// Returns the clock time in digits: `14:32` or `14:32:05`.
    pub(crate) fn clock(&self) -> String {
        let minutes = format!("{:02}:{:02}", self.hour, self.minute);
        match self.second {
            Some(second) => format!("{minutes}:{second:02}"),
            None => minutes,
        }
    }
}

/// Returns date and clock time of `instant` in `zone`, as seen from `now`; `None` beyond the year 9999.
pub(crate) fn read(
    instant: SystemTime,
    bound: Bound,
    zone: &TimeZone,
    now: SystemTime,
) -> Option<Reading> {
    let is_near = instant.duration_since(now).is_ok_and(|ahead| ahead <= EXACT_WITHIN);
    let (unit, mode) = match bound {
        Bound::End if is_near => (Unit::Second, RoundMode::Floor),
        Bound::End => (Unit::Minute, RoundMode::Floor),
        Bound::Start => (Unit::Minute, RoundMode::Ceil),
    };
    let rounding = TimestampRound::new().smallest(unit).mode(mode);
    let rounded = Timestamp::try_from(instant).ok()?.round(rounding).ok()?;
    let local = rounded.to_zoned(zone.clone());
    let part = |number: i8| number.unsigned_abs();
    Some(Reading {
        year: local.year(),
        month: part(local.month()),
        day: part(local.day()),
        weekday: part(local.weekday().to_monday_one_offset()),
        hour: part(local.hour()),
        minute: part(local.minute()),
        second: Some(part(local.second())).filter(|second| *second != 0),
    })
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
        // 2026-11-22T15:00:00Z is the next day in Japan, a Monday.
        let instant = at(1_795_359_600, 0);
        let midnight = read(instant, Bound::End, &japan(), instant).unwrap();
        assert_eq!((midnight.date(), midnight.weekday), ((2026, 11, 23), 1));
        assert_eq!(midnight.clock(), "00:00");
        let utc = read(instant, Bound::End, &TimeZone::UTC, instant).unwrap();
        assert_eq!((utc.date(), utc.weekday), ((2026, 11, 22), 7));
        assert_eq!(utc.clock(), "15:00");
        assert_eq!(machine(at(1_795_359_600, 5), &japan()), "2026-11-23T00:00:00+09:00");
    }

    #[test]
    fn an_end_is_rounded_down_and_has_seconds_if_it_is_near() {
        let time = |instant, now| read(instant, Bound::End, &TimeZone::UTC, now).unwrap().clock();
        assert_eq!(time(at(605, 999_999_999), at(6, 0)), "00:10:05");
        assert_eq!(time(at(605, 0), at(5, 0)), "00:10:05");
        assert_eq!(time(at(659, 0), at(58, 999_999_999)), "00:10");
        assert_eq!(time(at(600, 0), at(5, 0)), "00:10");
        assert_eq!(time(at(659, 0), at(700, 0)), "00:10");
    }

    #[test]
    fn a_start_is_the_same_whole_minute_whenever_it_is_looked_at() {
        let time = |instant, now| read(instant, Bound::Start, &TimeZone::UTC, now).unwrap().clock();
        for now in [at(0, 0), at(4_201, 0), at(4_259, 0), at(4_500, 0)] {
            assert_eq!(time(at(4_260, 0), now), "01:11");
            assert_eq!(time(at(4_200, 1), now), "01:11");
            assert_eq!(time(at(4_259, 999_999_999), now), "01:11");
        }
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
        for bound in [Bound::End, Bound::Start] {
            assert_eq!(read(far, bound, &japan(), at(0, 0)), None);
        }
        assert_eq!(machine(far, &japan()), "");
    }
}
