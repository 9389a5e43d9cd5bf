//! The check of passwords.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use auth_module::{
    AuthError, HashSource as _, HashedPasswords, LoginName, MemoryUsers, PasswordAttempt,
    PasswordCheck, PasswordHasher, PasswordVerdict, User, UserId, Users as _,
    conformance::{PasswordCheckKit, Seed, StoreSeed, password_check},
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{Passed, Suite, check_table, hasher, passed, passes, planted};

planted! {
    /// Compares the name as it was typed.
    FoldsNoNames => clause_1_the_right_password_verifies,
    /// Returns the first user with that password.
    VerifiesAnother => clause_1_the_right_password_verifies,
    /// Takes an empty password for the right one, as a directory does with an unauthenticated bind.
    EmptyIsRight => clause_2_anything_else_is_wrong,
    /// Removes white space around the password.
    TrimsPasswords => clause_2_anything_else_is_wrong,
    /// Looks at the first 72 bytes only, as bcrypt does.
    CutsPasswords => clause_2_anything_else_is_wrong,
    /// Leaves accents away, as some collations do.
    ForgetsAccents => clause_2_anything_else_is_wrong,
    /// Takes a pattern for the name.
    KnowsWildcards => clause_2_anything_else_is_wrong,
    /// Looks at the password only.
    VerifiesTheDisabled => clause_3_a_disabled_account_is_not_verified,
    /// Says that an account is disabled before it looks at the password.
    TellsTheDisabled => clause_3_a_disabled_account_is_not_verified,
    /// Remembers which passwords were right.
    RemembersPasswords => clause_4_a_change_holds_at_once,
    /// Returns at once if there is no such user.
    SkipsTheWork => clause_5_a_wrong_name_costs_the_same,
    /// Returns at once if the user has no password.
    SkipsTheWorkWithoutPassword => clause_5_a_wrong_name_costs_the_same,
    /// Returns at once if the account is disabled.
    SkipsTheWorkOfTheDisabled => clause_5_a_wrong_name_costs_the_same,
}

/// What a fault makes of a password, both when it is set and when it is checked.
fn altered(fault: Fault, password: &str) -> String {
    match fault {
        Fault::TrimsPasswords => password.trim().to_owned(),
        Fault::CutsPasswords => {
            let cut = password.char_indices().take_while(|(at, c)| at + c.len_utf8() <= 72);
            cut.map(|(_, c)| c).collect()
        }
        Fault::ForgetsAccents => password.replace("e\u{301}", "e"),
        _ => password.to_owned(),
    }
}

#[derive(Debug)]
struct FaultySeed(Fault, StoreSeed);

#[async_trait]
impl Seed for FaultySeed {
    async fn add(&self, user: &User, password: Option<&str>) -> UserId {
        let password = password.map(|password| altered(self.0, password));
        self.1.add(user, password.as_deref()).await
    }

    async fn set_password(&self, id: &UserId, password: &str) {
        self.1.set_password(id, &altered(self.0, password)).await;
    }

    async fn disable(&self, id: &UserId) {
        self.1.disable(id).await;
    }
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    users: MemoryUsers,
    check: HashedPasswords,
    remembered: Mutex<HashMap<(String, String), User>>,
}

impl Faulty {
    fn new(fault: Fault, users: MemoryUsers, hasher: PasswordHasher) -> Self {
        let check = HashedPasswords::new(Arc::new(users.clone()), hasher, [1; 32]);
        Self { fault, users, check, remembered: Mutex::default() }
    }

    async fn user(&self, name: &str) -> Result<Option<User>, AuthError> {
        let Ok(name) = LoginName::parse(name) else { return Ok(None) };
        self.users.find_by_name(&name).await
    }

    async fn first(&self) -> Result<User, AuthError> {
        Ok(self.users.list(None, 1).await?.remove(0))
    }

    async fn has_no_hash(&self, user: &User) -> Result<bool, AuthError> {
        let account = self.users.account(&user.login_name).await?;
        Ok(account.is_some_and(|account| account.password_hash.is_none()))
    }
}

#[async_trait]
impl PasswordCheck for Faulty {
    async fn check(&self, attempt: &PasswordAttempt<'_>) -> Result<PasswordVerdict, AuthError> {
        let mut name = attempt.name.to_owned();
        if self.fault == Fault::KnowsWildcards && name == "*" {
            self.first().await?.login_name.as_str().clone_into(&mut name);
        }
        let password = altered(self.fault, attempt.password.expose_secret());
        let user = self.user(&name).await?;
        let key = (name.clone(), password.clone());
        let remembered = self.remembered.lock().unwrap().get(&key).cloned();
        match (self.fault, user) {
            (Fault::FoldsNoNames, Some(user)) if user.login_name.as_str() != name => {
                return Ok(PasswordVerdict::Wrong);
            }
            (Fault::EmptyIsRight, Some(user)) if password.is_empty() => {
                return Ok(PasswordVerdict::Verified(user));
            }
            (Fault::TellsTheDisabled, Some(user)) if user.is_disabled => {
                self.check.check(attempt).await?;
                return Ok(PasswordVerdict::Locked(user.id));
            }
            (Fault::RemembersPasswords, Some(_)) if remembered.is_some() => {
                return Ok(remembered.map_or(PasswordVerdict::Wrong, PasswordVerdict::Verified));
            }
            (Fault::SkipsTheWork, None) => return Ok(PasswordVerdict::Wrong),
            (Fault::SkipsTheWorkWithoutPassword, Some(user)) if self.has_no_hash(&user).await? => {
                return Ok(PasswordVerdict::Wrong);
            }
            (Fault::SkipsTheWorkOfTheDisabled, Some(user)) if user.is_disabled => {
                return Ok(PasswordVerdict::Wrong);
            }
            _ => {}
        }
        let password = SecretString::from(password);
        let attempt = PasswordAttempt { name: &name, password: &password, ..*attempt };
        match (self.fault, self.check.check(&attempt).await?) {
            (Fault::VerifiesTheDisabled, PasswordVerdict::Locked(id)) => {
                let user = self.users.find_by_id(&id).await?;
                Ok(user.map_or(PasswordVerdict::Wrong, PasswordVerdict::Verified))
            }
            (Fault::VerifiesAnother, PasswordVerdict::Verified(_)) => {
                Ok(PasswordVerdict::Verified(self.first().await?))
            }
            (Fault::RemembersPasswords, PasswordVerdict::Verified(user)) => {
                self.remembered.lock().unwrap().insert(key, user.clone());
                Ok(PasswordVerdict::Verified(user))
            }
            (_, verdict) => Ok(verdict),
        }
    }

    fn users_changed(&self) {
        self.check.users_changed();
    }
}

fn kit(fault: Fault, hasher: &PasswordHasher) -> PasswordCheckKit {
    let users = MemoryUsers::new();
    let administration = Arc::new(users.clone());
    let seed = StoreSeed { administration, hasher: hasher.clone() };
    PasswordCheckKit {
        users: Arc::new(users.clone()),
        passwords: Arc::new(Faulty::new(fault, users, hasher.clone())),
        seed: Arc::new(FaultySeed(fault, seed)),
    }
}

fn run(fault: Fault) -> Vec<Passed> {
    let hasher = hasher();
    let mut results = passed(&password_check::clauses(), || kit(fault, &hasher));
    let kit = kit(fault, &hasher);
    let work = || hasher.work_kib();
    results.push(passes("clause_5_a_wrong_name_costs_the_same", async || {
        password_check::clause_5_a_wrong_name_costs_the_same(&kit, work).await;
    }));
    results
}

#[test]
fn each_clause_of_password_check_finds_its_faults_and_no_other() {
    let suite = Suite {
        port: include_str!("../../src/password/check.rs"),
        name: "PasswordCheck",
        sources: &[include_str!("../../src/conformance/password_check.rs")],
        prefix: "clause_",
    };
    check_table(&[suite], Fault::None, PLANTED, run);
}
