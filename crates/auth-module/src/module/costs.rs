//! What verifying a password costs where there is no hash to verify.
//!
//! Hashes that were imported may cost more or less than those made here, and the cost shows in the
//! time of the answer. So a name that no user has is given a cost as users have them: drawn from the
//! costs in the directory, each as often as it occurs there, and always the same for the same name.

use std::{
    sync::PoisonError,
    time::{Duration, SystemTime},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::AuthModule;
use crate::{error::AuthError, password::HashParameters};

/// How long the costs in the directory are taken to be what they were.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// The costs of the hashes in the directory, and how many users have each.
#[derive(Debug, Default)]
pub(super) struct CostMix {
    counted_at: Option<SystemTime>,
    costs: Vec<(HashParameters, u64)>,
}

impl CostMix {
    fn is_fresh(&self, now: SystemTime) -> bool {
        self.counted_at.is_some_and(|at| at <= now && now < at + FRESH)
    }

    /// The cost at the place `ticket` of all users in a row; `None` if there are none.
    fn at(&self, ticket: u64) -> Option<HashParameters> {
        let users: u64 = self.costs.iter().map(|(_, users)| users).sum();
        let mut place = ticket.checked_rem(users)?;
        for (cost, users) in &self.costs {
            match place.checked_sub(*users) {
                Some(rest) => place = rest,
                None => return Some(*cost),
            }
        }
        None
    }
}

impl AuthModule {
    /// What it costs to find that `name` has not this password.
    pub(super) async fn cost_of_nobody(
        &self,
        name: &str,
        now: SystemTime,
    ) -> Result<HashParameters, AuthError> {
        if !self.with_costs(|mix| mix.is_fresh(now)) {
            let costs = self.parts.directory.hash_costs().await?;
            self.with_costs(|mix| *mix = CostMix { counted_at: Some(now), costs });
        }
        let ticket = self.ticket(name);
        let drawn = self.with_costs(|mix| mix.at(ticket));
        Ok(drawn.unwrap_or(self.parts.hasher.parameters()))
    }

    /// Has the costs counted again, after users were added.
    pub(super) fn forget_costs(&self) {
        self.with_costs(|mix| mix.counted_at = None);
    }

    fn with_costs<T>(&self, look: impl FnOnce(&mut CostMix) -> T) -> T {
        look(&mut self.costs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number that belongs to the name, and that nobody without the key can tell.
    fn ticket(&self, name: &str) -> u64 {
        let key = self.parts.settings.phone_tag_key().as_bytes();
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else { return 0 };
        let digest = mac.chain_update(b"cost of nobody\0").chain_update(name).finalize();
        let mut ticket = [0; 8];
        ticket.copy_from_slice(&digest.into_bytes()[..8]);
        u64::from_be_bytes(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cost_is_drawn_as_often_as_it_occurs() {
        let [cheap, dear] = [4096, 8192].map(|kib| HashParameters::new(kib, 1, 1).unwrap());
        let mix = CostMix { counted_at: None, costs: vec![(cheap, 3), (dear, 1)] };
        let drawn: Vec<_> = (0..8).map(|ticket| mix.at(ticket).unwrap()).collect();
        assert_eq!(drawn, [cheap, cheap, cheap, dear, cheap, cheap, cheap, dear]);
        assert_eq!(CostMix::default().at(7), None);
    }

    #[test]
    fn counts_are_good_for_ten_minutes_and_not_from_the_future() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mix = CostMix { counted_at: Some(at(1000)), costs: Vec::new() };
        assert!(mix.is_fresh(at(1000)) && mix.is_fresh(at(1599)));
        assert!(!mix.is_fresh(at(1600)) && !mix.is_fresh(at(999)));
    }
}
