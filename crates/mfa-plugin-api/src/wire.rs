//! The serialised form of instants, durations and bytes; the README describes it.

use std::time::{Duration, SystemTime};

const NANOS_PER_MILLI: i128 = 1_000_000;

/// For `#[serde(with = "crate::wire::bytes")]`: Base64 with padding (RFC 4648, section 4).
pub(crate) mod bytes {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        // The decoder's own error repeats a byte of the input, so it is not passed on.
        BASE64_STANDARD
            .decode(String::deserialize(from)?)
            .map_err(|_| D::Error::custom("not Base64"))
    }
}

/// For `#[serde(with = "crate::wire::secret_bytes")]`: like [`bytes`], wiped on drop.
pub(crate) mod secret_bytes {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde::{Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(BASE64_STANDARD.encode(bytes)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Zeroizing<Vec<u8>>, D::Error> {
        super::bytes::deserialize(from).map(Zeroizing::new)
    }
}

/// For `#[serde(with = "crate::wire::duration")]`: whole milliseconds, rounded up.
pub(crate) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::NANOS_PER_MILLI;

    pub(crate) fn serialize<S: Serializer>(length: &Duration, to: S) -> Result<S::Ok, S::Error> {
        // Up, so that a wait is never announced too short.
        let millis = length.as_nanos().div_ceil(NANOS_PER_MILLI.unsigned_abs());
        to.serialize_u64(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// For `#[serde(with = "crate::wire::instant")]`: whole milliseconds since 1970, rounded up.
pub(crate) mod instant {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::{OUT_OF_RANGE, from_millis, millis_up};

    pub(crate) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(millis_up(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        from_millis(i64::deserialize(from)?).ok_or_else(|| D::Error::custom(OUT_OF_RANGE))
    }
}

/// For `#[serde(with = "crate::wire::optional_instant")]`: like [`instant`], or `null`.
pub(crate) mod optional_instant {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use super::{OUT_OF_RANGE, from_millis, millis_up};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(
        at: &Option<SystemTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(millis_up).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        Option::<i64>::deserialize(from)?
            .map(|millis| from_millis(millis).ok_or_else(|| D::Error::custom(OUT_OF_RANGE)))
            .transpose()
    }
}

/// For `#[serde(with = "crate::wire::past_instant")]`: whole milliseconds since 1970, rounded down.
pub(crate) mod past_instant {
    use std::time::SystemTime;

    use serde::Serializer;

    use super::{NANOS_PER_MILLI, clamp, nanos};

    pub(crate) use super::instant::deserialize;

    pub(crate) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        // Down, so that evidence never comes from the future and never looks fresher than it is.
        to.serialize_i64(clamp(nanos(*at).div_euclid(NANOS_PER_MILLI)))
    }
}

const OUT_OF_RANGE: &str = "an instant that this system cannot represent";

fn millis_up(at: SystemTime) -> i64 {
    // Up, so that nothing is announced too early.
    clamp(-(-nanos(at)).div_euclid(NANOS_PER_MILLI))
}

fn nanos(at: SystemTime) -> i128 {
    let signed = |length: Duration| i128::try_from(length.as_nanos()).unwrap_or(i128::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => signed(since),
        Err(before) => -signed(before.duration()),
    }
}

/// Some 292 million years are enough; a plugin's "never" must not make a login impossible to store.
fn clamp(millis: i128) -> i64 {
    i64::try_from(millis).unwrap_or(if millis < 0 { i64::MIN } else { i64::MAX })
}

fn from_millis(millis: i64) -> Option<SystemTime> {
    let distance = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}
