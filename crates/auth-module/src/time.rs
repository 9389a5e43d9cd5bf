//! Instants as whole milliseconds since 1970, which is how everything here is stored.

use std::time::{Duration, SystemTime};

/// Whole milliseconds since 1970; what is before is 0.
pub(crate) fn to_millis(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The instant of [`to_millis`]; negative numbers are 1970.
pub(crate) fn from_millis(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The instant without what is finer than a millisecond, as it will be read back.
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
