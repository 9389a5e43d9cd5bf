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
