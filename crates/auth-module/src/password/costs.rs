//! Which kind of hash to compute for a name that no user has.
//!
//! Imported hashes can cost more or less than new ones, and the cost shows in the response time. So an
//! unknown name gets the kind of a real user: algorithm and cost. It is chosen in proportion to the users in the hash
//! source, and is always the same for the same name.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{
    hash::{HashKind, PasswordHash},
    pepper::PepperId,
};

/// How long a count of the hash costs is used.
const MAX_AGE: Duration = Duration::from_secs(1);

/// How many users have a hash of this kind and with this pepper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Algorithm and cost.
    pub kind: HashKind,
    /// The pepper that the hashes were made with.
    pub pepper: Option<PepperId>,
    /// The number of users.
    pub users: u64,
}

impl HashCost {
    /// Counts the hashes of `all`, each with its number of users.
    pub fn count<'a>(all: impl IntoIterator<Item = (&'a PasswordHash, u64)>) -> Vec<Self> {
        let mut counts: HashMap<(HashKind, Option<PepperId>), u64> = HashMap::new();
        for (hash, users) in all {
            *counts.entry((hash.kind(), hash.pepper())).or_default() += users;
        }
        let mut costs: Vec<Self> = counts
            .into_iter()
            .map(|((kind, pepper), users)| Self { kind, pepper, users })
            .collect();
        // An unknown name has to cost the same after each count.
        costs.sort_by_key(|cost| (format!("{:?}", cost.kind), cost.pepper));
        costs
    }
}

/// The kinds of hashes in use, each with its number of users.
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

    /// Returns the kind for the number `draw`, or `None` if there are no users. Each kind is drawn in
    /// proportion to its users.
    pub(super) fn draw(&self, draw: u64) -> Option<HashKind> {
        let users: u64 = self.costs.iter().map(|cost| cost.users).sum();
        let mut position = draw.checked_rem(users)?;
        for cost in &self.costs {
            match position.checked_sub(cost.users) {
                Some(rest) => position = rest,
                None => return Some(cost.kind),
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
    use crate::password::HashParameters;

    #[test]
    fn each_cost_is_drawn_as_often_as_it_occurs() {
        let low = HashKind::from(HashParameters::new(4096, 1, 1).unwrap());
        let high = PasswordHash::parse("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=").unwrap().kind();
        let cost = |kind, users| HashCost { kind, pepper: None, users };
        let costs = vec![cost(low, 3), cost(high, 1)];
        let costs = HashCostDistribution { counted_at: None, costs };
        let drawn: Vec<_> = (0..8).map(|number| costs.draw(number).unwrap()).collect();
        assert_eq!(drawn, [low, low, low, high, low, low, low, high]);
        assert_eq!(HashCostDistribution::default().draw(7), None);
    }

    #[test]
    fn a_count_is_used_for_a_second_and_never_from_the_future() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let costs = HashCostDistribution::counted(Vec::new(), at(1000));
        assert!(costs.is_fresh(at(1000)) && costs.is_fresh(at(1001) - Duration::from_millis(1)));
        assert!(!costs.is_fresh(at(1001)) && !costs.is_fresh(at(999)));
    }

    #[test]
    fn the_number_of_a_name_depends_on_the_key() {
        assert_eq!(number_of(&[1; 32], "a"), number_of(&[1; 32], "a"));
        assert_ne!(number_of(&[1; 32], "a"), number_of(&[2; 32], "a"));
        assert_ne!(number_of(&[1; 32], "a"), number_of(&[1; 32], "b"));
    }
}
