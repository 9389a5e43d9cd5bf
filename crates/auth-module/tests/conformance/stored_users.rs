//! A store of users and hashes: [`UserAdministration`] and [`HashSource`].

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use async_trait::async_trait;
use auth_module::{
    Account, AccountsAdded, AuthError, Batch, BatchApplied, Change, HashCost, HashSource,
    LoginName, MemoryUsers, PasswordHash, User, UserAdministration, UserId, Users,
    conformance::{StoredUsersKit, hash_source, user_administration},
};

use crate::{Passed, Suite, check_table, others_come_first, passed, passes, planted};

planted! {
    /// Adds a list of more than three accounts one by one.
    AddsOneByOne => clause_1_all_or_none,
    /// Reports the first name that is taken, and no other.
    ReportsOneName => clause_1_all_or_none,
    /// Takes an id that another user has for that of the new user.
    SharesAnId => clause_1_all_or_none,
    /// Looks for the names, and says that it added the accounts when others have been there.
    ChecksOnACopy => clause_2_one_winner,
    /// Adds the other accounts of a call that came too late.
    AddsTheRest => clause_2_one_winner,
    /// Says that it changed a user who is not there.
    ChangesUnknownUsers => clause_3_one_thing_at_a_time,
    /// Adds the user who is not there, as an upsert does.
    AddsUnknownUsers => clause_3_one_thing_at_a_time,
    /// Reads the phone number, and writes it back when others have been there.
    WritesTheWholeUser => clause_3_one_thing_at_a_time,
    /// Forgets the last login when it disables an account.
    ForgetsTheLogin => clause_3_one_thing_at_a_time,
    /// Knows no generations.
    HasNoGeneration => clause_4_the_generation_rises,
    /// Raises the generation with each change.
    RaisesAlways => clause_4_the_generation_rises,
    /// Raises the generation once for passwords that are set at the same time.
    RaisesOnce => clause_4_the_generation_rises,
    /// Loses everything when it is closed.
    Forgets => clause_5_acknowledged_means_kept,
    /// Says that it removed a user.
    RemovesNothing => clause_6_removed_is_gone,
    /// Removes the user whose name comes first.
    RemovesAnother => clause_6_removed_is_gone,
    /// Makes the changes of a batch whose accounts are refused.
    ChangesAnyway => clause_7_a_batch_is_whole,
    /// Adds the accounts of a batch whose changes are refused.
    AddsAnyway => clause_7_a_batch_is_whole,
    /// Makes the first change of a user, and no other.
    ChangesOnce => clause_7_a_batch_is_whole,
    /// Returns another user's hash for a user without one.
    LendsAHash => clause_1_the_account_of_a_name,
    /// Reads no groups with the hash.
    ReadsNoGroups => clause_1_the_account_of_a_name,
    /// Counts parameter sets, not users.
    CountsParameters => clause_2_costs_are_counted,
    /// Returns the parameters of each user on its own.
    CountsOneByOne => clause_2_costs_are_counted,
    /// Counts users without a hash too.
    CountsEveryone => clause_2_costs_are_counted,
    /// Does not look at the hash that was verified.
    RehashesAlways => clause_3_a_rehash_replaces_only_what_was_verified,
    /// Says that it replaced a hash that is no longer there.
    RehashesNothing => clause_3_a_rehash_replaces_only_what_was_verified,
    /// Looks at the hash that was verified, and replaces it when others have been there.
    RehashesACopy => clause_3_a_rehash_replaces_only_what_was_verified,
    /// Raises the generation.
    RaisesByARehash => clause_3_a_rehash_replaces_only_what_was_verified,
    /// Replaces that hash for each user who has it.
    RehashesEveryone => clause_3_a_rehash_replaces_only_what_was_verified,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    users: MemoryUsers,
    /// The generations of faults that count them in another way.
    generations: Mutex<HashMap<UserId, u64>>,
}

impl Faulty {
    fn over(users: MemoryUsers, fault: Fault) -> Self {
        Self { fault, users, generations: Mutex::default() }
    }

    fn seen(&self, mut user: User) -> User {
        match self.fault {
            Fault::ForgetsTheLogin if user.is_disabled => user.last_login_at = None,
            Fault::HasNoGeneration => user.generation = 0,
            Fault::RaisesAlways | Fault::RaisesByARehash | Fault::RaisesOnce => {
                user.generation = self.generation(&user.id);
            }
            _ => {}
        }
        user
    }

    fn generation(&self, id: &UserId) -> u64 {
        self.generations.lock().unwrap().get(id).copied().unwrap_or_default()
    }

    fn set_generation(&self, id: &UserId, generation: u64) {
        self.generations.lock().unwrap().insert(id.clone(), generation);
    }

    fn raise_generation(&self, id: &UserId) {
        *self.generations.lock().unwrap().entry(id.clone()).or_default() += 1;
    }

    async fn everyone(&self) -> Result<Vec<Account>, AuthError> {
        let mut accounts = Vec::new();
        for user in self.users.list(None, usize::MAX).await? {
            accounts.extend(self.users.account(&user.login_name).await?);
        }
        Ok(accounts)
    }

    async fn hash_of(&self, id: &UserId) -> Result<Option<PasswordHash>, AuthError> {
        let mut everyone = self.everyone().await?.into_iter();
        Ok(everyone.find(|account| account.user.id == *id).and_then(|found| found.password_hash))
    }

    async fn are_free(&self, accounts: &[Account]) -> Result<bool, AuthError> {
        for account in accounts {
            if self.users.find_by_name(&account.user.login_name).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[async_trait]
impl Users for Faulty {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError> {
        Ok(self.users.find_by_name(name).await?.map(|user| self.seen(user)))
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        Ok(self.users.find_by_id(id).await?.map(|user| self.seen(user)))
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        self.users.list(after, limit).await
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        self.users.search(text, after, limit).await
    }
}

#[async_trait]
impl HashSource for Faulty {
    async fn account(&self, name: &LoginName) -> Result<Option<Account>, AuthError> {
        let Some(mut account) = self.users.account(name).await? else { return Ok(None) };
        account.user = self.seen(account.user);
        match self.fault {
            Fault::LendsAHash if account.password_hash.is_none() => {
                let mut everyone = self.everyone().await?.into_iter();
                account.password_hash = everyone.find_map(|lender| lender.password_hash);
            }
            Fault::ReadsNoGroups => account.user.groups.clear(),
            _ => {}
        }
        Ok(Some(account))
    }

    async fn hash_costs(&self) -> Result<Vec<HashCost>, AuthError> {
        let mut costs = self.users.hash_costs().await?;
        match self.fault {
            Fault::CountsParameters => costs.iter_mut().for_each(|cost| cost.users = 1),
            Fault::CountsOneByOne => {
                let one = |cost: &HashCost| HashCost { users: 1, ..*cost };
                let times = |cost: &HashCost| usize::try_from(cost.users).unwrap();
                costs = costs.iter().flat_map(|c| std::iter::repeat_n(one(c), times(c))).collect();
            }
            Fault::CountsEveryone => {
                let everyone = self.everyone().await?.into_iter();
                let without = everyone.filter(|account| account.password_hash.is_none()).count();
                for cost in &mut costs {
                    cost.users += without as u64;
                }
            }
            _ => {}
        }
        Ok(costs)
    }

    async fn rehash(
        &self,
        id: &UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, AuthError> {
        let is_same = |hash: &PasswordHash| hash.to_phc() == from.to_phc();
        let mut from = from.clone();
        match self.fault {
            Fault::RehashesAlways => from = self.hash_of(id).await?.unwrap_or(from),
            Fault::RehashesACopy if self.hash_of(id).await?.as_ref().is_some_and(is_same) => {
                others_come_first().await;
                from = self.hash_of(id).await?.unwrap_or(from);
            }
            Fault::RehashesEveryone => {
                for account in self.everyone().await? {
                    if account.password_hash.as_ref().is_some_and(is_same) && account.user.id != *id
                    {
                        self.users.rehash(&account.user.id, &from, to.clone()).await?;
                    }
                }
            }
            Fault::RaisesByARehash => self.raise_generation(id),
            _ => {}
        }
        let is_done = self.users.rehash(id, &from, to).await?;
        Ok(is_done || self.fault == Fault::RehashesNothing)
    }
}

#[async_trait]
impl UserAdministration for Faulty {
    async fn add(&self, accounts: Vec<Account>) -> Result<AccountsAdded, AuthError> {
        let were_free = self.are_free(&accounts).await?;
        if matches!(self.fault, Fault::AddsTheRest | Fault::ChecksOnACopy) {
            others_come_first().await;
        }
        let added = self.users.add(accounts.clone()).await;
        match (self.fault, added) {
            (Fault::AddsOneByOne, Ok(AccountsAdded::NamesTaken(taken))) if accounts.len() > 3 => {
                for account in accounts {
                    self.users.add(vec![account]).await?;
                }
                Ok(AccountsAdded::NamesTaken(taken))
            }
            (Fault::ReportsOneName, Ok(AccountsAdded::NamesTaken(taken))) => {
                Ok(AccountsAdded::NamesTaken(taken[..1].to_vec()))
            }
            (Fault::SharesAnId, Err(_)) => {
                let count = self.everyone().await?.len();
                for (number, mut account) in accounts.into_iter().enumerate() {
                    let unused = u128::try_from(count + number).unwrap();
                    account.user.id = UserId::from_random(unused.to_be_bytes());
                    self.users.add(vec![account]).await?;
                }
                Ok(AccountsAdded::Done)
            }
            (Fault::ChecksOnACopy, Ok(_)) if were_free => Ok(AccountsAdded::Done),
            (Fault::AddsTheRest, Ok(AccountsAdded::NamesTaken(taken))) if were_free => {
                for (number, account) in accounts.into_iter().enumerate() {
                    if !taken.contains(&number) {
                        self.users.add(vec![account]).await?;
                    }
                }
                Ok(AccountsAdded::NamesTaken(taken))
            }
            (_, added) => added,
        }
    }

    async fn change(
        &self,
        id: &UserId,
        change: Change,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let is_rise = matches!(change, Change::Password(_) | Change::Disabled(true));
        let is_number = matches!(change, Change::PhoneNumber(_));
        let (before, generation) = (self.users.find_by_id(id).await?, self.generation(id));
        if matches!(self.fault, Fault::RaisesOnce | Fault::WritesTheWholeUser) {
            others_come_first().await;
        }
        let changed = self.users.change(id, change, now).await?;
        match self.fault {
            Fault::WritesTheWholeUser if !is_number => {
                let after = self.users.find_by_id(id).await?;
                let numbers = [before, after].map(|user| user.and_then(|user| user.phone_number));
                if numbers[0] != numbers[1] {
                    let [number, _] = numbers;
                    self.users.change(id, Change::PhoneNumber(number), now).await?;
                }
            }
            Fault::AddsUnknownUsers if before.is_none() => {
                let name = LoginName::parse(id.as_str()).unwrap();
                let user = User::new(id.clone(), name, "", now);
                self.users.add(vec![Account::new(user, None)]).await?;
            }
            Fault::RaisesAlways => self.raise_generation(id),
            Fault::RaisesByARehash if is_rise => self.raise_generation(id),
            Fault::RaisesOnce if is_rise => self.set_generation(id, generation + 1),
            _ => {}
        }
        Ok(changed || self.fault == Fault::ChangesUnknownUsers)
    }

    async fn remove(&self, id: &UserId) -> Result<bool, AuthError> {
        match self.fault {
            Fault::RemovesNothing => Ok(true),
            Fault::RemovesAnother => {
                let others = self.users.list(None, usize::MAX).await?;
                let other = others.iter().find(|user| user.id != *id);
                if let Some(other) = other {
                    self.users.remove(&other.id).await?;
                }
                self.users.remove(id).await
            }
            _ => self.users.remove(id).await,
        }
    }

    async fn apply(&self, mut batch: Batch, now: SystemTime) -> Result<BatchApplied, AuthError> {
        if self.fault == Fault::ChangesOnce {
            let mut seen = HashSet::new();
            batch.change.retain(|(id, _)| seen.insert(id.clone()));
        }
        let applied = self.users.apply(batch.clone(), now).await?;
        if applied != BatchApplied::Done {
            if self.fault == Fault::ChangesAnyway {
                for (id, change) in batch.change {
                    self.users.change(&id, change, now).await?;
                }
            }
            if self.fault == Fault::AddsAnyway {
                self.users.add(batch.add).await?;
            }
        }
        Ok(applied)
    }
}

fn run(fault: Fault) -> Vec<Passed> {
    let kit = || StoredUsersKit::new(Arc::new(Faulty::over(MemoryUsers::new(), fault)));
    let mut results = passed(&user_administration::clauses(), kit);
    results.extend(passed(&hash_source::clauses(), kit));
    let kept = MemoryUsers::new();
    let reopened = || {
        let users = if fault == Fault::Forgets { MemoryUsers::new() } else { kept.clone() };
        std::future::ready(StoredUsersKit::new(Arc::new(Faulty::over(users, fault))))
    };
    results.push(passes("clause_5_acknowledged_means_kept", async || {
        user_administration::clause_5_acknowledged_means_kept(reopened).await;
    }));
    results
}

#[test]
fn each_clause_of_a_user_store_finds_its_faults_and_no_other() {
    let administration = Suite {
        port: include_str!("../../src/users.rs"),
        name: "UserAdministration",
        sources: &[include_str!("../../src/conformance/user_administration.rs")],
        prefix: "clause_",
    };
    let hashes = Suite {
        port: include_str!("../../src/password/hashed.rs"),
        name: "HashSource",
        sources: &[include_str!("../../src/conformance/hash_source.rs")],
        prefix: "clause_",
    };
    check_table(&[administration, hashes], Fault::None, PLANTED, run);
}
