//! A store of users and hashes: [`UserAdministration`] and [`HashSource`].

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use auth_module::{
    Account, AccountsAdded, AuthError, Change, HashCost, HashSource, LoginName, MemoryUsers,
    PasswordHash, User, UserAdministration, UserId, Users,
    conformance::{StoredUsersKit, hash_source, user_administration},
};

use crate::{caught, others_come_first, panics};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Adds the accounts whose names are free.
    AddsSome,
    /// Looks for the names, and adds the accounts when others have been there.
    ChecksOnACopy,
    /// Says that it changed a user who is not there.
    ChangesUnknownUsers,
    /// Knows no generations.
    HasNoGeneration,
    /// Loses everything when it is closed.
    Forgets,
    /// Returns another user's hash for a user without one.
    LendsAHash,
    /// Counts parameter sets, not users.
    CountsParameters,
    /// Does not look at the hash that was verified.
    RehashesAlways,
}

#[derive(Debug, Clone)]
struct Flawed(Flaw, MemoryUsers);

impl Flawed {
    fn without_generation(&self, user: Option<User>) -> Option<User> {
        let generation = (self.0 == Flaw::HasNoGeneration).then_some(0);
        user.map(|mut user| {
            user.generation = generation.unwrap_or(user.generation);
            user
        })
    }
}

#[async_trait]
impl Users for Flawed {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError> {
        Ok(self.without_generation(self.1.find_by_name(name).await?))
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        Ok(self.without_generation(self.1.find_by_id(id).await?))
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        self.1.list(after, limit).await
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        self.1.search(text, after, limit).await
    }
}

#[async_trait]
impl HashSource for Flawed {
    async fn account(&self, name: &LoginName) -> Result<Option<Account>, AuthError> {
        let Some(mut account) = self.1.account(name).await? else { return Ok(None) };
        if self.0 == Flaw::LendsAHash && account.password_hash.is_none() {
            for user in self.1.list(None, usize::MAX).await? {
                let lender = self.1.account(&user.login_name).await?;
                account.password_hash = account
                    .password_hash
                    .or_else(|| lender.and_then(|lender| lender.password_hash));
            }
        }
        Ok(Some(account))
    }

    async fn hash_costs(&self) -> Result<Vec<HashCost>, AuthError> {
        let mut costs = self.1.hash_costs().await?;
        if self.0 == Flaw::CountsParameters {
            for cost in &mut costs {
                cost.users = 1;
            }
        }
        Ok(costs)
    }

    async fn rehash(
        &self,
        id: &UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, AuthError> {
        let mut from = from.clone();
        if self.0 == Flaw::RehashesAlways
            && let Some(user) = self.1.find_by_id(id).await?
            && let Some(account) = self.1.account(&user.login_name).await?
        {
            from = account.password_hash.unwrap_or(from);
        }
        self.1.rehash(id, &from, to).await
    }
}

#[async_trait]
impl UserAdministration for Flawed {
    async fn add(&self, accounts: Vec<Account>) -> Result<AccountsAdded, AuthError> {
        match self.0 {
            Flaw::AddsSome => {
                let mut taken = Vec::new();
                for (position, account) in accounts.into_iter().enumerate() {
                    if self.1.add(vec![account]).await? != AccountsAdded::Done {
                        taken.push(position);
                    }
                }
                let is_done = taken.is_empty();
                Ok(if is_done { AccountsAdded::Done } else { AccountsAdded::NamesTaken(taken) })
            }
            Flaw::ChecksOnACopy if accounts.len() == 1 => {
                let found = self.1.find_by_name(&accounts[0].user.login_name).await?;
                others_come_first().await;
                let added = self.1.add(accounts).await?;
                Ok(if found.is_none() { AccountsAdded::Done } else { added })
            }
            _ => self.1.add(accounts).await,
        }
    }

    async fn change(
        &self,
        id: &UserId,
        change: Change,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let changed = self.1.change(id, change, now).await?;
        Ok(changed || self.0 == Flaw::ChangesUnknownUsers)
    }
}

fn breaks(flaw: Flaw) -> Vec<&'static str> {
    let kit = || StoredUsersKit::new(Arc::new(Flawed(flaw, MemoryUsers::new())));
    let mut broken = caught(&user_administration::clauses(), kit);
    broken.extend(caught(&hash_source::clauses(), kit));
    let kept = MemoryUsers::new();
    let reopened = || {
        let users = if flaw == Flaw::Forgets { MemoryUsers::new() } else { kept.clone() };
        std::future::ready(StoredUsersKit::new(Arc::new(Flawed(flaw, users))))
    };
    if panics(async || user_administration::clause_5_acknowledged_means_kept(reopened).await) {
        broken.push("clause_5_acknowledged_means_kept");
    }
    broken
}

#[test]
fn a_store_in_memory_passes() {
    assert_eq!(breaks(Flaw::None), [""; 0]);
}

#[test]
fn each_flaw_of_a_user_store_is_caught_by_its_clause() {
    for (flaw, clause) in [
        (Flaw::AddsSome, "clause_1_all_or_none"),
        (Flaw::ChecksOnACopy, "clause_2_one_winner"),
        (Flaw::ChangesUnknownUsers, "clause_3_one_thing_at_a_time"),
        (Flaw::HasNoGeneration, "clause_4_the_generation_rises"),
        (Flaw::Forgets, "clause_5_acknowledged_means_kept"),
        (Flaw::LendsAHash, "clause_1_the_account_of_a_name"),
        (Flaw::CountsParameters, "clause_2_costs_are_counted"),
        (Flaw::RehashesAlways, "clause_3_a_rehash_replaces_only_what_was_verified"),
    ] {
        assert_eq!(breaks(flaw), [clause], "{flaw:?}");
    }
}
