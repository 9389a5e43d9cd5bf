//! How long *out of range* counts as open. The same rule for both APIs; see ADR 22.

use std::time::{Duration, SystemTime};

/// How long after sending a message whose handset is *out of range* counts as open, if the message has no
/// `limited_at`: 72 hours.
///
/// Evidence: inferred. The vendor's API says *out of range* and publishes neither whether nor for how long
/// the carrier retries. A public integration of 空電プッシュ stops looking then, which does not exclude a
/// later delivery. 72 hours is the longest time for which this crate expects a carrier to keep a message.
pub const OUT_OF_RANGE_WINDOW: Duration = Duration::from_secs(72 * 60 * 60);

/// Returns until when the message is open: `limited_at`, or else [`OUT_OF_RANGE_WINDOW`] after `sent_at`.
pub(crate) fn open_until(
    limited_at: Option<SystemTime>,
    sent_at: Option<SystemTime>,
) -> Option<SystemTime> {
    limited_at.or_else(|| sent_at?.checked_add(OUT_OF_RANGE_WINDOW))
}

/// Returns whether the message is still open at `now`. Without any instant it is.
pub(crate) fn is_open(until: Option<SystemTime>, now: SystemTime) -> bool {
    until.is_none_or(|until| now < until)
}
