//! Users and password hashes in memory.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;

use crate::{
    error::{AuthError, AuthErrorKind},
    name::LoginName,
    password::{HashCost, HashSource, PasswordHash},
    time::whole_millis,
    user::{Account, User, UserId},
    users::{AccountsAdded, Batch, BatchApplied, Change, UserAdministration, Users},
};

/// Keeps users and the hashes of their passwords in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryUsers(Arc<Mutex<Accounts>>);

impl MemoryUsers {
    /// Makes a directory without users.
    pub fn new() -> Self {
        Self::default()
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(
        &self,
        after: Option<&LoginName>,
        limit: usize,
        is_wanted: impl Fn(&User) -> bool,
    ) -> Vec<User> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let accounts = self.accounts();
        let users = accounts.range((from, Bound::Unbounded)).map(|(_, account)| &account.user);
        users.filter(|user| is_wanted(user)).take(limit).cloned().collect()
    }
}

#[async_trait]
impl Users for MemoryUsers {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError> {
        Ok(self.accounts().get(name).map(|account| account.user.clone()))
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        let accounts = self.accounts();
        let found = accounts.values().find(|account| account.user.id == *id);
        Ok(found.map(|account| account.user.clone()))
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        Ok(self.page(after, limit, |_| true))
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        let text = text.to_ascii_lowercase();
        Ok(self.page(after, limit, |user| {
            user.login_name.as_str().contains(&text)
                || user.display_name.to_ascii_lowercase().contains(&text)
        }))
    }
}

#[async_trait]
impl HashSource for MemoryUsers {
    async fn account(&self, name: &LoginName) -> Result<Option<Account>, AuthError> {
        Ok(self.accounts().get(name).cloned())
    }

    async fn hash_costs(&self) -> Result<Vec<HashCost>, AuthError> {
        let accounts = self.accounts();
        let hashes = accounts.values().filter_map(|account| account.password_hash.as_ref());
        Ok(HashCost::count(hashes.map(|hash| (hash, 1))))
    }

    async fn rehash(
        &self,
        id: &UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, AuthError> {
        let mut accounts = self.accounts();
        let Some(account) = accounts.values_mut().find(|account| account.user.id == *id) else {
            return Ok(false);
        };
        let is_unchanged =
            account.password_hash.as_ref().is_some_and(|hash| hash.to_phc() == from.to_phc());
        if is_unchanged {
            account.password_hash = Some(to);
        }
        Ok(is_unchanged)
    }
}

#[async_trait]
impl UserAdministration for MemoryUsers {
    async fn add(&self, accounts: Vec<Account>) -> Result<AccountsAdded, AuthError> {
        let mut kept = self.accounts();
        let taken = names_taken(&kept, &accounts);
        if !taken.is_empty() {
            return Ok(AccountsAdded::NamesTaken(taken));
        }
        insert(&mut kept, accounts)?;
        Ok(AccountsAdded::Done)
    }

    async fn change(
        &self,
        id: &UserId,
        change: Change,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let mut accounts = self.accounts();
        let Some(account) = accounts.values_mut().find(|account| account.user.id == *id) else {
            return Ok(false);
        };
        make(account, change, now);
        Ok(true)
    }

    async fn remove(&self, id: &UserId) -> Result<bool, AuthError> {
        let mut accounts = self.accounts();
        let before = accounts.len();
        accounts.retain(|_, account| account.user.id != *id);
        Ok(accounts.len() < before)
    }

    async fn apply(&self, batch: Batch, now: SystemTime) -> Result<BatchApplied, AuthError> {
        let mut kept = self.accounts();
        let names_taken = names_taken(&kept, &batch.add);
        let names: HashMap<UserId, LoginName> =
            kept.iter().map(|(name, account)| (account.user.id.clone(), name.clone())).collect();
        let unknown = positions(&batch.change, |(id, _)| !names.contains_key(id));
        if !(names_taken.is_empty() && unknown.is_empty()) {
            return Ok(BatchApplied::Refused { names_taken, unknown });
        }
        insert(&mut kept, batch.add)?;
        for (id, change) in batch.change {
            if let Some(account) = names.get(&id).and_then(|name| kept.get_mut(name)) {
                make(account, change, now);
            }
        }
        Ok(BatchApplied::Done)
    }
}

type Accounts = BTreeMap<LoginName, Account>;

fn names_taken(kept: &Accounts, accounts: &[Account]) -> Vec<usize> {
    let mut names = HashSet::new();
    positions(accounts, |account| {
        let name = &account.user.login_name;
        !names.insert(name.clone()) || kept.contains_key(name)
    })
}

/// Adds all of `accounts`, whose names are free, or none.
fn insert(kept: &mut Accounts, accounts: Vec<Account>) -> Result<(), AuthError> {
    let mut ids: HashSet<&UserId> = kept.values().map(|account| &account.user.id).collect();
    if !accounts.iter().all(|account| ids.insert(&account.user.id)) {
        return Err(AuthError::new(AuthErrorKind::Unavailable, "the id of a new user is taken"));
    }
    kept.extend(accounts.into_iter().map(|a| (a.user.login_name.clone(), a)));
    Ok(())
}

fn make(account: &mut Account, change: Change, now: SystemTime) {
    let user = &mut account.user;
    match change {
        Change::Disabled(is_disabled) => {
            user.is_disabled = is_disabled;
            user.generation += u64::from(is_disabled);
        }
        Change::DisplayName(name) => user.display_name = name,
        Change::Groups(change) => user.groups = change.applied_to(&user.groups),
        Change::LoggedIn => user.last_login_at = Some(whole_millis(now)),
        Change::Password(hash) => {
            account.password_hash = Some(hash);
            user.generation += 1;
        }
        Change::PhoneNumber(number) => {
            user.phone_number = number;
            user.phone_number_changed_at = Some(whole_millis(now));
        }
    }
}

fn positions<T>(all: &[T], mut is_wanted: impl FnMut(&T) -> bool) -> Vec<usize> {
    let wanted = all.iter().enumerate().filter(|(_, one)| is_wanted(one));
    wanted.map(|(position, _)| position).collect()
}
