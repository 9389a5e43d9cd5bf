//! Durations and a rate that many clauses use.

use std::time::Duration;

use otp_core::gcra::Rate;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// Returns a rate of `burst` events per hour.
pub(super) fn hourly(burst: u32) -> Rate {
    Rate::new(burst, HOUR).expect("a valid rate")
}
