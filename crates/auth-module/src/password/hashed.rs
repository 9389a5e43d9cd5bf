//! Passwords that are checked against stored hashes.

use std::{
    fmt::{self, Debug},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use zeroize::Zeroizing;

pub use super::costs::HashCost;
use super::{
    check::{PasswordAttempt, PasswordCheck, PasswordVerdict},
    costs::{self, HashCostDistribution},
    hash::{HashKind, PasswordHash},
    hasher::{Expected, PasswordHasher},
};
use crate::{
    error::AuthError,
    name::LoginName,
    user::{Account, UserId},
};

/// Keeps the hashes of passwords.
///
/// # Contract
///
/// 1. **The account of a name** is the user whom [`Users`](crate::Users) finds, with the hash that
///    was set last.
/// 2. **Costs are counted.** [`hash_costs`](Self::hash_costs) counts each user who has a hash once.
/// 3. **A rehash replaces only what was verified.** If the hash is no longer `from`, nothing changes:
///    a rehash never brings back a password that was changed meanwhile. It does not raise the
///    generation.
///
/// `conformance::hash_source` has one test for each clause.
#[async_trait]
pub trait HashSource: Debug + Send + Sync + 'static {
    /// Returns the user who logs in as `name`, with the hash of the password.
    async fn account(&self, name: &LoginName) -> Result<Option<Account>, AuthError>;

    /// Returns kind and pepper of all hashes, each with its number of users. Called at most once a second, so that an
    /// unknown name soon costs what the users of an import cost: count again only after a hash has changed.
    async fn hash_costs(&self) -> Result<Vec<HashCost>, AuthError>;

    /// Replaces the hash `from` of a user by `to`, which is a hash of the same password. Returns
    /// `false`, and changes nothing, if the user no longer has the hash `from`.
    async fn rehash(
        &self,
        id: &UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, AuthError>;
}

const _: fn(&dyn HashSource) = |_| {};

/// Checks passwords against the hashes of a [`HashSource`].
///
/// An unknown name costs one hash too, of the kind that a user of the source might have. A hash is
/// replaced after the right password was given, if it is of another algorithm, has lower parameters than
/// the hasher's, another pepper, or was made of a password that is not in NFKC.
pub struct HashedPasswords {
    source: Arc<dyn HashSource>,
    hasher: PasswordHasher,
    dummy_cost_key: Zeroizing<[u8; 32]>,
    costs: Mutex<HashCostDistribution>,
}

impl HashedPasswords {
    /// Checks passwords against the hashes of `source`.
    ///
    /// `dummy_cost_key` decides what an unknown name costs. It has to be secret, and the same on
    /// every node and after a restart. Otherwise the cost of an unknown name would change, and so
    /// reveal that no user has it.
    pub fn new(
        source: Arc<dyn HashSource>,
        hasher: PasswordHasher,
        dummy_cost_key: [u8; 32],
    ) -> Self {
        let dummy_cost_key = Zeroizing::new(dummy_cost_key);
        Self { source, hasher, dummy_cost_key, costs: Mutex::default() }
    }

    /// Returns the kind of hash to compute for a name that no user has.
    async fn dummy_hash_cost(&self, name: &str, now: SystemTime) -> Result<HashKind, AuthError> {
        if !self.with_costs(|costs| costs.is_fresh(now)) {
            let counted = HashCostDistribution::counted(self.source.hash_costs().await?, now);
            self.with_costs(|costs| *costs = counted);
        }
        let number = costs::number_of(&self.dummy_cost_key, name);
        let drawn = self.with_costs(|costs| costs.draw(number));
        Ok(drawn.unwrap_or(self.hasher.parameters().into()))
    }

    fn with_costs<T>(&self, work: impl FnOnce(&mut HashCostDistribution) -> T) -> T {
        work(&mut self.costs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces an outdated hash, now that the password is known. Returns whether it did.
    async fn rehash(
        &self,
        account: &Account,
        attempt: &PasswordAttempt<'_>,
    ) -> Result<bool, AuthError> {
        if !attempt.may_rehash {
            return Ok(false);
        }
        let is_outdated = |hash: &&PasswordHash| self.hasher.would_replace(hash, attempt.password);
        let Some(from) = account.password_hash.as_ref().filter(is_outdated) else {
            return Ok(false);
        };
        let mut salt = [0; 16];
        attempt.randomness.fill(&mut salt)?;
        // `Busy` is fine: the next login replaces the hash.
        let hashed = self.hasher.hash_for(attempt.requester, attempt.password, salt).await?;
        let Ok(to) = hashed else { return Ok(false) };
        self.source.rehash(&account.user.id, from, to).await
    }
}

#[async_trait]
impl PasswordCheck for HashedPasswords {
    async fn check(&self, attempt: &PasswordAttempt<'_>) -> Result<PasswordVerdict, AuthError> {
        let name = LoginName::parse(attempt.name).ok();
        let account = match &name {
            Some(name) => self.source.account(name).await?,
            None => None,
        };
        // Computed for a known user too, so that known and unknown names make the same calls of the
        // source. All spellings of a name share one cost.
        let folded = name.as_ref().map_or(attempt.name, LoginName::as_str);
        let dummy = self.dummy_hash_cost(folded, attempt.now).await?;
        let hash = account.as_ref().and_then(|account| account.password_hash.as_ref());
        let expected = hash.map_or(Expected::Dummy(dummy), Expected::Hash);
        let Ok(is_right) =
            self.hasher.verify(attempt.password, expected, attempt.requester).await?
        else {
            return Ok(PasswordVerdict::Busy);
        };
        let Some(account) = account.filter(|_| is_right) else { return Ok(PasswordVerdict::Wrong) };
        if account.user.is_disabled {
            return Ok(PasswordVerdict::Locked(account.user.id));
        }
        match self.rehash(&account, attempt).await {
            Ok(true) => return Ok(PasswordVerdict::Rehashed(account.user)),
            Ok(false) => {}
            // The older hash is still valid, and the next login tries again.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a password hash was not replaced"
            ),
        }
        Ok(PasswordVerdict::Verified(account.user))
    }

    fn users_changed(&self) {
        self.with_costs(HashCostDistribution::expire);
    }
}

impl Debug for HashedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashedPasswords")
            .field("source", &self.source)
            .field("hasher", &self.hasher)
            .finish_non_exhaustive()
    }
}
