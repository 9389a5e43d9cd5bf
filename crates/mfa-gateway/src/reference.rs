//! The reference number of a request: a message page shows it, and the log has it.

use std::fmt;

use mfa_plugin_api::Randomness;

/// A number of twelve digits that a person can read out on the telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference(u64);

impl Reference {
    const COUNT: u64 = 1_000_000_000_000;

    /// Draws a number. Without randomness it is zero: a page without its own number is better than none.
    pub(crate) fn random(randomness: &dyn Randomness) -> Self {
        let mut bytes = [0; 8];
        let drawn = randomness.fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes));
        Self(drawn % Self::COUNT)
    }
}

impl fmt::Display for Reference {
    /// Writes `4821-7730-5512`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |divisor: u64| self.0 / divisor % 10_000;
        write!(f, "{:04}-{:04}-{:04}", group(100_000_000), group(10_000), group(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_three_groups_of_four_digits() {
        assert_eq!(Reference(482_177_305_512).to_string(), "4821-7730-5512");
        assert_eq!(Reference(7).to_string(), "0000-0000-0007");
        assert_eq!(Reference(Reference::COUNT - 1).to_string(), "9999-9999-9999");
    }
}
