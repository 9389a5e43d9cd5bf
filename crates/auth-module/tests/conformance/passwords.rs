//! The check of passwords.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use auth_module::{
    AuthError, HashedPasswords, LoginName, MemoryUsers, PasswordAttempt, PasswordCheck,
    PasswordHasher, PasswordVerdict, User, Users as _,
    conformance::{PasswordCheckKit, StoreSeed, password_check},
};
use secrecy::ExposeSecret as _;

use crate::{caught, hasher, panics};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Compares the name as it was typed.
    FoldsNoNames,
    /// Takes an empty password for the right one, as a directory does with an unauthenticated bind.
    EmptyIsRight,
    /// Looks at the password only.
    VerifiesTheDisabled,
    /// Remembers which passwords were right.
    RemembersPasswords,
    /// Returns at once if there is no such user.
    SkipsTheWork,
}

#[derive(Debug)]
struct Flawed {
    flaw: Flaw,
    users: MemoryUsers,
    check: HashedPasswords,
    remembered: Mutex<HashMap<(String, String), User>>,
}

impl Flawed {
    fn new(flaw: Flaw, users: MemoryUsers, hasher: PasswordHasher) -> Self {
        let check = HashedPasswords::new(Arc::new(users.clone()), hasher, [1; 32]);
        Self { flaw, users, check, remembered: Mutex::default() }
    }

    async fn user(&self, name: &str) -> Option<User> {
        let name = LoginName::parse(name).ok()?;
        self.users.find_by_name(&name).await.ok().flatten()
    }
}

#[async_trait]
impl PasswordCheck for Flawed {
    async fn check(&self, attempt: &PasswordAttempt<'_>) -> Result<PasswordVerdict, AuthError> {
        let (name, password) = (attempt.name, attempt.password.expose_secret());
        let user = self.user(name).await;
        let key = (name.to_owned(), password.to_owned());
        let remembered = self.remembered.lock().unwrap().get(&key).cloned();
        match (self.flaw, user) {
            (Flaw::FoldsNoNames, Some(user)) if user.login_name.as_str() != name => {
                return Ok(PasswordVerdict::Wrong);
            }
            (Flaw::EmptyIsRight, Some(user)) if password.is_empty() => {
                return Ok(PasswordVerdict::Verified(user));
            }
            (Flaw::RemembersPasswords, Some(_)) if remembered.is_some() => {
                return Ok(remembered.map_or(PasswordVerdict::Wrong, PasswordVerdict::Verified));
            }
            (Flaw::SkipsTheWork, None) => return Ok(PasswordVerdict::Wrong),
            _ => {}
        }
        let verdict = self.check.check(attempt).await?;
        match (self.flaw, verdict) {
            (Flaw::VerifiesTheDisabled, PasswordVerdict::Locked(id)) => {
                let user = self.users.find_by_id(&id).await?;
                Ok(user.map_or(PasswordVerdict::Wrong, PasswordVerdict::Verified))
            }
            (Flaw::RemembersPasswords, PasswordVerdict::Verified(user)) => {
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

fn kit(flaw: Flaw, hasher: &PasswordHasher) -> PasswordCheckKit {
    let users = MemoryUsers::new();
    let administration = Arc::new(users.clone());
    PasswordCheckKit {
        users: Arc::new(users.clone()),
        passwords: Arc::new(Flawed::new(flaw, users, hasher.clone())),
        seed: Arc::new(StoreSeed { administration, hasher: hasher.clone() }),
    }
}

fn breaks(flaw: Flaw) -> Vec<&'static str> {
    let hasher = hasher();
    let mut caught = caught(&password_check::clauses(), || kit(flaw, &hasher));
    let kit = kit(flaw, &hasher);
    let work = || hasher.work_kib();
    if panics(async || {
        password_check::clause_5_a_wrong_name_costs_the_same(&kit, work).await;
    }) {
        caught.push("clause_5_a_wrong_name_costs_the_same");
    }
    caught
}

#[test]
fn hashed_passwords_pass() {
    assert_eq!(breaks(Flaw::None), [""; 0]);
}

#[test]
fn each_flaw_of_a_password_check_is_caught_by_its_clause() {
    for (flaw, clause) in [
        (Flaw::FoldsNoNames, "clause_1_the_right_password_verifies"),
        (Flaw::EmptyIsRight, "clause_2_anything_else_is_wrong"),
        (Flaw::VerifiesTheDisabled, "clause_3_a_disabled_account_is_not_verified"),
        (Flaw::RemembersPasswords, "clause_4_a_change_holds_at_once"),
        (Flaw::SkipsTheWork, "clause_5_a_wrong_name_costs_the_same"),
    ] {
        assert_eq!(breaks(flaw), [clause], "{flaw:?}");
    }
}
