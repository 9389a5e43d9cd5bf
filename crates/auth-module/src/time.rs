//! Instants as whole milliseconds since 1970, which is how every store keeps them.

use std::time::{Duration, SystemTime};

/// Returns the whole milliseconds since 1970, rounded down. An instant before 1970 is 0.
pub fn to_millis(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the instant that [`to_millis`] gave this number for. A negative number is 1970.
pub fn from_millis(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Returns the instant cut to whole milliseconds, as it will be read back.
pub(crate) fn whole_millis(at: SystemTime) -> SystemTime {
    from_millis(to_millis(at))
}

/// Returns the day in Japan, as `YYYY-MM-DD`. An instant before 1970 is in 1970.
pub(crate) fn day_in_japan(at: SystemTime) -> String {
    const HOURS_AHEAD_OF_UTC: i64 = 9;
    let days = (to_millis(at) / 3_600_000 + HOURS_AHEAD_OF_UTC) / 24;
    // Days since 0000-03-01, so that a leap day is the last one of its year of 365.2425 days. An era is 400
    // years. (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.)
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months are counted from March on.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + i64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    format!("{year:04}-{month:02}-{day:02}")
}

/// For `#[serde(with = "crate::time::millis")]`.
pub(crate) mod millis {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(super::to_millis(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        i64::deserialize(from).map(super::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_changes_at_midnight_in_japan() {
        // `TZ=Asia/Tokyo date -d @0 +%F` and so on.
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_750_000, "2000-02-29"),
            (951_836_399, "2000-02-29"),
            (951_836_400, "2000-03-01"),
            (1_709_132_400, "2024-02-29"),
            (1_767_193_199, "2025-12-31"),
            (1_767_193_200, "2026-01-01"),
            (4_107_510_000, "2100-03-01"),
        ] {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(day_in_japan(at), day, "{seconds}");
        }
    }
}
