//! How often a password may be wrong.

use std::time::Duration;

use otp_core::gcra::Rate;

/// How often a password may be wrong. Each attempt is charged before the password is checked, so
/// parallel attempts gain nothing. A right password gets its charge back.
///
/// The limit per user protects one account from many addresses. It would let a stranger keep the
/// owner out, so it does not apply to an address from which this user has completed a login within
/// the last 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordLimits {
    /// For one name from one address; 10 in 10 minutes by default.
    pub per_user_and_address: Rate,
    /// For one address (IPv6: its /64) over all names; 120 in 10 minutes by default, because an
    /// office may log in from one address at nine o'clock.
    pub per_address: Rate,
    /// For one name over all addresses that this user has not logged in from; 100 in an hour by
    /// default.
    pub per_user: Rate,
}

impl Default for PasswordLimits {
    fn default() -> Self {
        Self {
            per_user_and_address: rate(10, 10),
            per_address: rate(120, 10),
            per_user: rate(100, 60),
        }
    }
}

/// Returns `burst` events in so many minutes; only for constants.
pub(super) fn rate(burst: u32, minutes: u64) -> Rate {
    Rate::new(burst, Duration::from_secs(60 * minutes)).expect("constants are within the bounds")
}
