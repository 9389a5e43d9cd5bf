//! Amounts that many clauses use.

use std::time::Duration;

use otp_core::{MAX_CLOCK_LEAD, Purpose, gcra::Rate};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// How far a clock jumps in the random walks: by an hour or less like one that is set, and by a day or a year.
pub(super) const JUMPS: [Duration; 8] = [
    Duration::from_millis(59_999),
    MINUTE,
    Duration::from_millis(60_001),
    MAX_CLOCK_LEAD,
    Duration::from_millis(900_001),
    HOUR,
    DAY,
    Duration::from_secs(365 * 86_400),
];

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
