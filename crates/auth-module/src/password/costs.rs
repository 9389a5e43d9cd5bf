//! Which hash parameters to use for a name that no user has.
//!
//! Imported hashes can cost more or less than new ones, and the cost shows in the response time. So an
//! unknown name gets the parameters of a real user. They are chosen in proportion to the users in the hash
//! source, and are always the same for the same name.

use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::hash::HashParameters;

/// How long a count of the hash costs is used.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// How many users have a hash of these parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// The parameters.
    pub parameters: HashParameters,
    /// The number of users.
    pub users: u64,
}

/// The hash parameters in use, each with its number of users.
#[derive(Debug, Default)]
pub(super) struct HashCostDistribution {
    counted_at: Option<SystemTime>,
    costs: Vec<HashCost>,
}

impl HashCostDistribution {
    pub(super) fn counted(costs: Vec<HashCost>, now: SystemTime) -> Self {
        Self { counted_at: Some(now), costs }
    }

    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        // A count from the future comes from a clock that was set back.
        self.counted_at.is_some_and(|at| at <= now && now < at + MAX_AGE)
    }

    /// Makes the next call count again.
    pub(super) fn expire(&mut self) {
        self.counted_at = None;
    }

    /// Returns the parameters for the number `draw`, or `None` if there are no users. Each parameter
    /// set is drawn in proportion to its users.
    pub(super) fn draw(&self, draw: u64) -> Option<HashParameters> {
        let users: u64 = self.costs.iter().map(|cost| cost.users).sum();
        let mut position = draw.checked_rem(users)?;
        for cost in &self.costs {
            match position.checked_sub(cost.users) {
                Some(rest) => position = rest,
                None => return Some(cost.parameters),
            }
        }
        None
    }
}

/// Returns a number that belongs to `name` and cannot be computed without the key.
///
/// Without a key, a stranger could compute which unknown names are slow, and so recognise known ones.
pub(super) fn number_of(key: &[u8; 32], name: &str) -> u64 {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else { return 0 };
    let digest = mac.chain_update(b"dummy hash cost\0").chain_update(name).finalize();
    let mut number = [0; 8];
    number.copy_from_slice(&digest.into_bytes()[..8]);
    u64::from_be_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cost_is_drawn_as_often_as_it_occurs() {
        let [low, high] = [4096, 8192].map(|kib| HashParameters::new(kib, 1, 1).unwrap());
        let costs =
            vec![HashCost { parameters: low, users: 3 }, HashCost { parameters: high, users: 1 }];
        let costs = HashCostDistribution { counted_at: None, costs };
        let drawn: Vec<_> = (0..8).map(|number| costs.draw(number).unwrap()).collect();
        assert_eq!(drawn, [low, low, low, high, low, low, low, high]);
        assert_eq!(HashCostDistribution::default().draw(7), None);
    }

    #[test]
    fn a_count_is_used_for_ten_minutes_and_never_from_the_future() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let costs = HashCostDistribution::counted(Vec::new(), at(1000));
        assert!(costs.is_fresh(at(1000)) && costs.is_fresh(at(1599)));
        assert!(!costs.is_fresh(at(1600)) && !costs.is_fresh(at(999)));
    }

    #[test]
    fn the_number_of_a_name_depends_on_the_key() {
        assert_eq!(number_of(&[1; 32], "a"), number_of(&[1; 32], "a"));
        assert_ne!(number_of(&[1; 32], "a"), number_of(&[2; 32], "a"));
        assert_ne!(number_of(&[1; 32], "a"), number_of(&[1; 32], "b"));
    }
}
