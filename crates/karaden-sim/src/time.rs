//! Instants, and the date formats of the two APIs.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use jiff::{
    civil,
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

/// Japan's offset, the only time zone of the service.
const JST: Offset = Offset::constant(9);

/// An instant as milliseconds of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Instant(i64);

impl Instant {
    /// Later than every event.
    pub(crate) const NEVER: Self = Self(i64::MAX);

    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub(crate) const fn as_millis(self) -> i64 {
        self.0
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the last millisecond of this second. The wire formats have no fraction, so a period
    /// that ends at `…:59` includes all of that second.
    pub(crate) fn end_of_second(self) -> Self {
        Self(self.0.saturating_add(999 - self.0.rem_euclid(1_000)))
    }

    /// Returns the last millisecond of this minute. The push API's periods have no seconds.
    pub(crate) fn end_of_minute(self) -> Self {
        Self(self.0.saturating_add(59_999 - self.0.rem_euclid(60_000)))
    }

    /// Returns the time from `earlier` to this instant; zero if this instant is before `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    fn civil(self) -> civil::DateTime {
        let end = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        JST.to_datetime(jiff::Timestamp::from_millisecond(self.0).unwrap_or(end))
    }

    /// Formats for the SMS API: `2020-01-31T23:59:59+09:00`.
    pub(crate) fn iso(self) -> Iso {
        Iso(self.civil())
    }

    /// Formats for the push API, in Japan's time: `2018/03/13 22:04:48`.
    pub(crate) fn slashed(self) -> String {
        self.civil().strftime("%Y/%m/%d %H:%M:%S").to_string()
    }

    /// Formats for the names of result files: `YYYYMMDDhhmmss`.
    pub(crate) fn compact(self) -> String {
        self.civil().strftime("%Y%m%d%H%M%S").to_string()
    }

    /// Formats for the inbox page: `22:04`.
    pub(crate) fn clock_face(self) -> String {
        self.civil().strftime("%H:%M").to_string()
    }
}

impl From<Instant> for SystemTime {
    fn from(at: Instant) -> Self {
        let length = Duration::from_millis(at.0.unsigned_abs());
        let shown = if at.0 < 0 {
            Self::UNIX_EPOCH.checked_sub(length)
        } else {
            Self::UNIX_EPOCH.checked_add(length)
        };
        shown.unwrap_or(Self::UNIX_EPOCH)
    }
}

impl From<SystemTime> for Instant {
    /// Drops the fraction of the millisecond. Turns instants outside the calendar into its ends.
    fn from(at: SystemTime) -> Self {
        let is_past = at < SystemTime::UNIX_EPOCH;
        let end = if is_past { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(jiff::Timestamp::try_from(at).unwrap_or(end).as_millisecond())
    }
}

/// An instant that displays as ISO 8601 with seconds and Japan's offset.
#[derive(Debug)]
pub(crate) struct Iso(civil::DateTime);

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+09:00", self.0.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Parses a date-time of the SMS API: ISO 8601 with an offset or `Z`, with or without a fraction.
/// Also takes a space instead of `T`, and a missing offset as Japan's: the vendor's Python SDK
/// writes list filters that way.
pub(crate) fn parse_date_time(text: &str) -> Option<Instant> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(Instant(timestamp.as_millisecond()));
    }
    if !text.contains(':') {
        return None; // a date alone is not an instant
    }
    in_japan(text.parse::<civil::DateTime>().ok()?)
}

/// Parses `YYYYMMDDHHMM`, the format of the push API's periods.
pub(crate) fn parse_minute(text: &str) -> Option<Instant> {
    if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    in_japan(civil::DateTime::strptime("%Y%m%d%H%M", text).ok()?)
}

/// A day of the calendar, in Japan's time. Written as 空電プッシュ writes `PermitDate`: `YYYYMMDD`.
///
/// ```
/// use karaden_sim::Day;
///
/// let day: Day = "20260401".parse()?;
/// assert_eq!(day, Day::new(2026, 4, 1)?);
/// assert_eq!(day.to_string(), "20260401");
/// assert!(Day::new(2026, 2, 29).is_err());
/// # Ok::<(), karaden_sim::InvalidDay>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(civil::Date);

/// A day is not in the calendar, or not written as `YYYYMMDD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a day of the form YYYYMMDD")]
#[non_exhaustive]
pub struct InvalidDay;

impl Day {
    /// Makes the day of this year (0 to 9999), month (1 to 12) and day of the month.
    ///
    /// # Errors
    ///
    /// [`InvalidDay`]: the calendar has no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, InvalidDay> {
        let [month, day] = [month, day].map(i8::try_from);
        let year = i16::try_from(year).ok().filter(|year| *year <= 9_999).ok_or(InvalidDay)?;
        let (month, day) = (month.map_err(|_| InvalidDay)?, day.map_err(|_| InvalidDay)?);
        civil::Date::new(year, month, day).map(Self).map_err(|_hidden| InvalidDay)
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidDay);
        }
        civil::Date::strptime("%Y%m%d", text).map(Self).map_err(|_hidden| InvalidDay)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl TryFrom<String> for Day {
    type Error = InvalidDay;

    fn try_from(text: String) -> Result<Self, InvalidDay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

fn in_japan(at: civil::DateTime) -> Option<Instant> {
    let timestamp = TimeZone::fixed(JST).to_timestamp(at).ok()?;
    Some(Instant(timestamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEAR: i64 = 1_577_804_399_000; // 2019-12-31T14:59:59Z

    #[test]
    fn all_date_time_formats_parse_to_the_same_instant() {
        for text in [
            "2019-12-31T23:59:59+09:00",
            "2019-12-31T14:59:59Z",
            "2019-12-31T14:59:59.0Z",
            "2019-12-31 23:59:59+09:00",
            "2019-12-31 23:59:59",
            "2019-12-31T23:59:59",
        ] {
            assert_eq!(parse_date_time(text), Some(Instant(NEW_YEAR)), "{text}");
        }
        for text in ["", "tomorrow", "2019-12-31", "2019-13-01T00:00:00Z", "20191231235959"] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
    }

    #[test]
    fn each_api_has_its_own_format() {
        let at = Instant(NEW_YEAR);
        assert_eq!(at.iso().to_string(), "2019-12-31T23:59:59+09:00");
        assert_eq!(at.slashed(), "2019/12/31 23:59:59");
        assert_eq!(at.compact(), "20191231235959");
        assert_eq!(parse_date_time(&at.iso().to_string()), Some(at));
    }

    #[test]
    fn a_period_limit_has_twelve_digits_and_is_japan_time() {
        assert_eq!(parse_minute("201912312359"), Some(Instant(NEW_YEAR - 59_000)));
        for text in ["20191231", "2019123123590", "201913010000", "20191231235x"] {
            assert_eq!(parse_minute(text), None, "{text}");
        }
        let day = |text: &str| text.parse::<Day>();
        assert_eq!(day("20200229"), Day::new(2020, 2, 29));
        for text in ["20190229", "2020-02-29", "202002", "+2020229"] {
            assert_eq!(day(text), Err(InvalidDay), "{text}");
        }
        assert!(Day::new(10_000, 1, 1).is_err() && Day::new(2020, 200, 1).is_err());
    }

    #[test]
    fn instants_outside_the_calendar_are_written_as_its_ends() {
        assert_eq!(Instant::NEVER.iso().to_string(), "9999-12-31T07:00:00+09:00");
        assert_eq!(Instant(i64::MIN).iso().to_string(), "-9999-01-02T10:59:59+09:00");
    }

    #[test]
    fn the_last_days_of_the_calendar_are_written_as_they_are() {
        let text = "9999-12-31T00:00:00+09:00";
        assert_eq!(parse_date_time(text).unwrap().iso().to_string(), text);
    }
}
