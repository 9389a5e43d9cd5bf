//! The clauses of [`PasswordCheck`](crate::PasswordCheck), one function each.

use std::net::IpAddr;

use mfa_plugin_api::{Randomness, RandomnessUnavailable};
use otp_cache::QuotaKey;
use secrecy::SecretString;

use super::{
    Clause, PasswordCheckKit,
    clause::clauses,
    kit::{bytes, ok, start, user},
};
use crate::{
    password::{PasswordAttempt, PasswordVerdict, Requester},
    user::User,
};

const PASSWORD: &str = "パスワード: the Right one, \u{65}\u{301}";

/// The clauses that need nothing but the port, in order.
pub fn clauses() -> Vec<Clause<PasswordCheckKit>> {
    clauses![
        clause_1_the_right_password_verifies,
        clause_2_anything_else_is_wrong,
        clause_3_a_disabled_account_is_not_verified,
        clause_4_a_change_holds_at_once,
    ]
}

#[derive(Debug)]
struct Salts;

impl Randomness for Salts {
    fn fill(&self, target: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        for (byte, random) in target.iter_mut().zip(bytes().into_iter().cycle()) {
            *byte = random;
        }
        Ok(())
    }
}

async fn check(kit: &PasswordCheckKit, name: &str, password: &str) -> PasswordVerdict {
    let password = SecretString::from(password);
    let attempt = PasswordAttempt {
        name,
        password: &password,
        requester: Requester::new(IpAddr::from([192, 0, 2, 7]), QuotaKey::derive("account", name)),
        may_rehash: true,
        randomness: &Salts,
        now: start(),
    };
    ok(kit.passwords.check(&attempt).await)
}

async fn added(kit: &PasswordCheckKit, password: Option<&str>) -> User {
    let id = kit.seed.add(&user(), password).await;
    kit.passwords.users_changed();
    ok(kit.users.find_by_id(&id).await).expect("the user is there")
}

/// Clause 1, **the right password verifies**: the user of [`Users`](crate::Users), in any spelling.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_1_the_right_password_verifies(kit: &PasswordCheckKit) {
    let (user, other) = (added(kit, Some(PASSWORD)).await, added(kit, Some(PASSWORD)).await);
    let name = user.login_name.as_str();
    for name in [name, &name.to_uppercase(), &format!(" {name}\u{3000}")] {
        let verdict = check(kit, name, PASSWORD).await;
        assert_eq!(verdict, PasswordVerdict::Verified(user.clone()), "clause 1: {name:?}");
    }
    let verdict = check(kit, other.login_name.as_str(), PASSWORD).await;
    assert_eq!(verdict, PasswordVerdict::Verified(other), "clause 1: the user of that name");
}

/// Clause 2, **anything else is wrong**: another password, another name, no password at all.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_2_anything_else_is_wrong(kit: &PasswordCheckKit) {
    let long = "0123456789".repeat(20);
    let (one, other) = (added(kit, Some(PASSWORD)).await, added(kit, Some(&long)).await);
    let (without, absent) = (added(kit, None).await, user());
    let name = one.login_name.as_str();
    let upper = PASSWORD.to_uppercase();
    let unaccented = PASSWORD.replace("\u{65}\u{301}", "\u{65}");
    for (name, password) in [
        (name, ""),
        (name, "another"),
        (name, &upper),
        (name, &unaccented),
        (name, &format!("{PASSWORD} ")),
        (name, &PASSWORD[..PASSWORD.len() - 2]),
        (name, &long),
        (other.login_name.as_str(), &long[..199]),
        (other.login_name.as_str(), &format!("{}x", &long[..199])),
        (without.login_name.as_str(), ""),
        (without.login_name.as_str(), PASSWORD),
        (absent.login_name.as_str(), ""),
        (absent.login_name.as_str(), PASSWORD),
        ("", PASSWORD),
        ("no name!", PASSWORD),
        ("*", PASSWORD),
    ] {
        let verdict = check(kit, name, password).await;
        assert_eq!(verdict, PasswordVerdict::Wrong, "clause 2: {name:?} with {password:?}");
    }
}

/// Clause 3, **a disabled account is not verified**, and a wrong password does not tell that it is disabled.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_3_a_disabled_account_is_not_verified(kit: &PasswordCheckKit) {
    let user = added(kit, Some(PASSWORD)).await;
    kit.seed.disable(&user.id).await;
    let name = user.login_name.as_str();
    let verdict = check(kit, name, PASSWORD).await;
    let is_refused = [PasswordVerdict::Locked(user.id.clone()), PasswordVerdict::Wrong];
    assert!(is_refused.contains(&verdict), "clause 3: the right password: {verdict:?}");
    assert_eq!(check(kit, name, "another").await, PasswordVerdict::Wrong, "clause 3: a wrong one");
}

/// Clause 4, **a change holds at once**: the old password is wrong, the new one right.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_4_a_change_holds_at_once(kit: &PasswordCheckKit) {
    let user = added(kit, Some("the old password")).await;
    let name = user.login_name.as_str();
    let verdict = check(kit, name, "the old password").await;
    assert!(matches!(verdict, PasswordVerdict::Verified(_)), "clause 4: before");
    kit.seed.set_password(&user.id, "the new password").await;
    let old = check(kit, name, "the old password").await;
    assert_eq!(old, PasswordVerdict::Wrong, "clause 4: the old password");
    let new = check(kit, name, "the new password").await;
    assert!(matches!(new, PasswordVerdict::Verified(_)), "clause 4: the new password");
}

/// Clause 5, **a wrong name costs what a wrong password costs**. `work` returns how much work was done
/// so far, such as [`PasswordHasher::work_kib`](crate::PasswordHasher::work_kib). The hashes of all
/// users have to cost the same.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_5_a_wrong_name_costs_the_same(kit: &PasswordCheckKit, work: impl Fn() -> u64) {
    let (known, without) = (added(kit, Some(PASSWORD)).await, added(kit, None).await);
    let disabled = added(kit, Some(PASSWORD)).await;
    kit.seed.disable(&disabled.id).await;
    let cost = async |name: &str, password: &str| {
        let before = work();
        check(kit, name, password).await;
        work() - before
    };
    let wrong = cost(known.login_name.as_str(), "another").await;
    assert!(wrong > 0, "clause 5: the work is measured");
    for (name, password) in [
        (user().login_name.as_str(), PASSWORD),
        (without.login_name.as_str(), PASSWORD),
        (disabled.login_name.as_str(), PASSWORD),
        ("", PASSWORD),
        ("no name!", PASSWORD),
    ] {
        assert_eq!(cost(name, password).await, wrong, "clause 5: {name:?}");
    }
}
