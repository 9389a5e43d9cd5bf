//! Amounts that many clauses use.

use std::time::Duration;

use otp_core::{Purpose, gcra::Rate};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// Returns a rate of `burst` events per hour.
pub(super) fn hourly(burst: u32) -> Rate {
    Rate::new(burst, HOUR).expect("a valid rate")
}

/// Returns as many purposes as a subject can have open challenges.
pub(super) fn eight_purposes() -> [Purpose; 8] {
    ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| Purpose::new(name).expect("a short name"))
}

/// How often a clause repeats a race of few callers, which may pass by chance.
pub(super) const ROUNDS: u32 = 16;
