//! Instants in requests and responses. Karaden uses Japan Standard Time, which has no daylight saving.

use std::time::{Duration, SystemTime};

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone},
};

/// Returns the offset of Japan Standard Time.
fn japan() -> TimeZone {
    Offset::constant(9).to_time_zone()
}

fn in_japan(at: SystemTime) -> Option<jiff::Zoned> {
    Some(Timestamp::try_from(at).ok()?.to_zoned(japan()))
}

/// Formats `at` as `2020-01-31T23:59:59+09:00`, without its fraction of a second.
pub(crate) fn iso(at: SystemTime) -> Option<String> {
    Some(in_japan(at)?.strftime("%Y-%m-%dT%H:%M:%S+09:00").to_string())
}

/// Returns `at` without its fraction of a second.
pub(crate) fn whole_seconds(at: SystemTime) -> SystemTime {
    let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.map_or(at, |since| SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs()))
}

/// Formats `at` as the day in Japan: `20200131`.
pub(crate) fn day(at: SystemTime) -> Option<String> {
    Some(in_japan(at)?.strftime("%Y%m%d").to_string())
}

/// Formats `at` as the minute in Japan: `202001312359`.
pub(crate) fn minute(at: SystemTime) -> Option<String> {
    Some(in_japan(at)?.strftime("%Y%m%d%H%M").to_string())
}

/// Reads `2020-01-31T23:59:59+09:00` with or without a fraction, with an offset or `Z`, and also
/// with a space for the `T`.
pub(crate) fn parse_iso(text: &str) -> Option<SystemTime> {
    text.trim().parse::<Timestamp>().ok().map(SystemTime::from)
}

/// Reads `2020/01/31 23:59:59` as Japanese time.
pub(crate) fn parse_japanese(text: &str) -> Option<SystemTime> {
    let local = DateTime::strptime("%Y/%m/%d %H:%M:%S", text.trim()).ok()?;
    Some(SystemTime::from(local.to_zoned(japan()).ok()?.timestamp()))
}

/// Returns the wait that a `Retry-After` asks for: seconds, or a date compared with the `Date` of the
/// response.
///
/// At most one day, also for more seconds than a number holds. A date in the past is no wait. A date
/// that cannot be compared counts as one minute.
pub(crate) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let most = Duration::from_secs(86_400);
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(most, Duration::from_secs).min(most));
    }
    let parse = |text: &str| jiff::fmt::rfc2822::parse(text.trim()).ok();
    let until = parse(value)?;
    let Some(date) = date.and_then(parse) else { return Some(Duration::from_secs(60)) };
    let wait = until.timestamp().duration_since(date.timestamp());
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(most))
}

/// An optional instant as a text of RFC 3339, such as `2023-12-01T15:00:00Z`.
#[cfg(feature = "serde")]
pub(crate) mod rfc3339 {
    use std::time::SystemTime;

    use jiff::Timestamp;
    use serde::{
        Deserialize, Deserializer, Serialize as _, Serializer, de::Error as _, ser::Error as _,
    };

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(crate) fn serialize<S: Serializer>(
        at: &Option<SystemTime>,
        output: S,
    ) -> Result<S::Ok, S::Error> {
        let text = at.map(|at| Timestamp::try_from(at).map(|at| at.to_string())).transpose();
        text.map_err(|_| S::Error::custom("the instant is out of range"))?.serialize(output)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let Some(text) = Option::<String>::deserialize(input)? else { return Ok(None) };
        let at = super::parse_iso(&text);
        at.map(Some).ok_or_else(|| D::Error::custom("not an instant of RFC 3339"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        parse_iso(text).expect(text)
    }

    #[test]
    fn instants_are_written_in_japanese_time() {
        let instant = at("2020-01-31T15:30:59.987Z");
        assert_eq!(iso(instant).as_deref(), Some("2020-02-01T00:30:59+09:00"));
        assert_eq!(day(instant).as_deref(), Some("20200201"));
        assert_eq!(minute(instant).as_deref(), Some("202002010030"));
    }

    #[test]
    fn instants_are_read_in_every_known_spelling() {
        let expected = at("2023-12-01T15:00:00Z");
        for text in [
            "2023-12-01T15:00:00.0Z",
            "2023-12-02T00:00:00+09:00",
            "2023-12-02 00:00:00+09:00",
            " 2023-12-01T15:00:00+00:00 ",
        ] {
            assert_eq!(parse_iso(text), Some(expected), "{text}");
        }
        assert_eq!(parse_japanese("2023/12/02 00:00:00"), Some(expected));
        for bad in ["", "2023-12-01", "tomorrow", "2023-13-01T00:00:00Z", "2023/12/02"] {
            assert_eq!(parse_iso(bad).or(parse_japanese(bad)), None, "{bad}");
        }
    }

    #[test]
    fn retry_after_in_seconds_or_as_a_date() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let rows = [
            ("2", None, Some(2)),
            (" 0 ", None, Some(0)),
            ("99999999999", None, Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", date, Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", date, Some(0)),
            ("18446744073709551616", None, Some(86_400)),
            ("9".repeat(300).leak(), None, Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", None, Some(60)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some("now"), Some(60)),
            ("-1", None, None),
            ("soon", date, None),
        ];
        for (value, date, seconds) in rows {
            assert_eq!(retry_after(value, date), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
