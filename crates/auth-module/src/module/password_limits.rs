//! How often a password may be wrong, and how often it may be right.

use std::time::Duration;

use otp_core::gcra::Rate;

/// How often a password may be wrong, and how often it may be right. Each attempt is charged before the password is
/// checked, so parallel attempts gain nothing. A right password gets its charge back.
///
/// A *familiar* place is a browser or an address in which this user has completed a login within the last 30 days.
/// Strangers can use up no limit that holds there, unless they share the address.
///
/// docs/defaults.md gives the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordLimits {
    /// For one name from one address; 10 in 10 minutes by default.
    pub per_user_and_address: Rate,
    /// For one name in one familiar browser, where none of the other limits holds; 10 in 10 minutes by default.
    pub per_user_and_browser: Rate,
    /// For one address (IPv6: its /64) over all names; 120 in 10 minutes by default.
    pub per_address: Rate,
    /// For one IPv4 /24 or IPv6 /48 over all names; 600 in 10 minutes by default.
    pub per_site: Rate,
    /// For one name over all addresses that are not familiar; 20 in an hour by default.
    pub per_user: Rate,
    /// For one name from one unfamiliar address when `per_user` is reached; 3 in an hour by default. So the owner gets in
    /// at a new address while strangers keep guessing.
    pub per_user_and_new_address: Rate,
    /// For one name from one unfamiliar /24 or /48 when `per_user` is reached; 30 in an hour by default.
    pub per_user_and_new_site: Rate,
    /// Right passwords for one name in one familiar place, or in all other places together; 100 in 10 minutes by default.
    pub successes: Rate,
}

impl Default for PasswordLimits {
    fn default() -> Self {
        Self {
            per_user_and_address: rate(10, 10),
            per_user_and_browser: rate(10, 10),
            per_address: rate(120, 10),
            per_site: rate(600, 10),
            per_user: rate(20, 60),
            per_user_and_new_address: rate(3, 60),
            per_user_and_new_site: rate(30, 60),
            successes: rate(100, 10),
        }
    }
}

/// Returns `burst` events in so many minutes; only for constants.
pub(super) fn rate(burst: u32, minutes: u64) -> Rate {
    Rate::new(burst, Duration::from_secs(60 * minutes)).expect("constants are within the bounds")
}
