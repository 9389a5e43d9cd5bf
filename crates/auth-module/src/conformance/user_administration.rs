//! The clauses of [`UserAdministration`](crate::UserAdministration), one function each.

use std::sync::Arc;

use otp_core::PhoneNumber;

use super::{
    Clause, StoredUsersKit,
    clause::clauses,
    kit::{CALLERS, SECOND, at_once, hash, named, ok, start, unique, user},
};
use crate::{
    password::PasswordHash,
    user::{Account, User},
    users::{AccountsAdded, Change},
};

/// The clauses that need nothing but the store, in order.
pub fn clauses() -> Vec<Clause<StoredUsersKit>> {
    clauses![
        clause_1_all_or_none,
        clause_2_one_winner,
        clause_3_one_thing_at_a_time,
        clause_4_the_generation_rises,
    ]
}

fn account(user: &User) -> Account {
    Account::new(user.clone(), None)
}

async fn is_there(kit: &StoredUsersKit, user: &User) -> bool {
    ok(kit.users.find_by_name(&user.login_name).await).is_some()
}

/// Clause 1, **all or none**: one name that is taken, and no account is added.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_1_all_or_none(kit: &StoredUsersKit) {
    let (old, one, two) = (user(), user(), user());
    kit.added(&old, None).await;
    let mut taken = user();
    taken.login_name = old.login_name.clone();
    let mut twice = user();
    twice.login_name = one.login_name.clone();
    let accounts = [&one, &taken, &two, &twice].map(account).to_vec();
    let added = ok(kit.administration.add(accounts).await);
    assert_eq!(added, AccountsAdded::NamesTaken(vec![1, 3]), "clause 1: which names are taken");
    for user in [&one, &two] {
        assert!(!is_there(kit, user).await, "clause 1: none");
    }
    assert_eq!(kit.found(&old).await.id, old.id, "clause 1: the name stays with its user");
    let added = ok(kit.administration.add([&one, &two].map(account).to_vec()).await);
    assert_eq!(added, AccountsAdded::Done, "clause 1: all");
    for user in [&one, &two] {
        assert_eq!(&kit.found(user).await, user, "clause 1: as it was added");
    }
    assert_eq!(ok(kit.administration.add(Vec::new()).await), AccountsAdded::Done, "clause 1: none");
}

/// Clause 2, **one winner**: of many calls that add one name, one succeeds.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_2_one_winner(kit: &StoredUsersKit) {
    let name = format!("w{}", unique());
    let users: Vec<User> = (0..CALLERS).map(|_| named(&name)).collect();
    let results = at_once(|number| {
        let (administration, user) = (Arc::clone(&kit.administration), users[number].clone());
        async move { ok(administration.add(vec![Account::new(user, None)]).await) }
    })
    .await;
    let winners: Vec<usize> =
        (0..CALLERS).filter(|&number| results[number] == AccountsAdded::Done).collect();
    let [winner] = winners[..] else { panic!("clause 2: one winner, not {winners:?}") };
    let found = ok(kit.users.find_by_name(&users[winner].login_name).await);
    assert_eq!(found.map(|user| user.id), Some(users[winner].id.clone()), "clause 2: the winner");
}

/// Clause 3, **one thing at a time**: each change changes what it names and nothing else.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_3_one_thing_at_a_time(kit: &StoredUsersKit) {
    let (mut expected, other, later) = (user(), user(), start() + SECOND);
    let mut password = hash(1);
    kit.added(&expected, Some(password.clone())).await;
    kit.added(&other, Some(hash(2))).await;
    let phone = PhoneNumber::from_japanese("090-1234-5678").expect("a number");
    let new_password = hash(3);
    for change in [
        Change::LoggedIn,
        Change::PhoneNumber(Some(phone.clone())),
        Change::PhoneNumber(None),
        Change::Password(new_password.clone()),
        Change::Disabled(true),
        Change::Disabled(false),
    ] {
        match &change {
            Change::Disabled(is_disabled) => expected.is_disabled = *is_disabled,
            Change::LoggedIn => expected.last_login_at = Some(later),
            Change::Password(hash) => password = hash.clone(),
            Change::PhoneNumber(number) => {
                expected.phone_number.clone_from(number);
                expected.phone_number_changed_at = Some(later);
            }
        }
        let changed = ok(kit.administration.change(&expected.id, change.clone(), later).await);
        assert!(changed, "clause 3: {change:?}");
        let mut found = kit.found(&expected).await;
        // Clause 4 is about this one.
        found.generation = expected.generation;
        assert_eq!(found, expected, "clause 3: {change:?}");
        let stored = ok(kit.hashes.account(&expected.login_name).await).expect("the account");
        let stored = stored.password_hash.as_ref().map(PasswordHash::to_phc);
        assert_eq!(stored, Some(password.to_phc()), "clause 3: {change:?}");
        assert_eq!(kit.found(&other).await, other, "clause 3: another user");
        let unknown = ok(kit.administration.change(&user().id, change, later).await);
        assert!(!unknown, "clause 3: an unknown user");
    }
}

/// Clause 4, **the generation rises** with a new password and when the account is disabled, and with
/// nothing else.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_4_the_generation_rises(kit: &StoredUsersKit) {
    let user = user();
    kit.added(&user, Some(hash(1))).await;
    for (change, rises) in [
        (Change::LoggedIn, false),
        (Change::Password(hash(2)), true),
        (Change::PhoneNumber(None), false),
        (Change::Disabled(true), true),
        (Change::Disabled(false), false),
        (Change::Password(hash(3)), true),
    ] {
        let before = kit.found(&user).await.generation;
        assert!(ok(kit.administration.change(&user.id, change.clone(), start()).await));
        let after = kit.found(&user).await.generation;
        assert_eq!(after > before, rises, "clause 4: {change:?}");
        assert!(after >= before, "clause 4: it never falls: {change:?}");
    }
}

/// Clause 5, **acknowledged means kept**. `open` is called twice and has to return the same data again.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_5_acknowledged_means_kept<F>(open: impl Fn() -> F)
where
    F: Future<Output = StoredUsersKit>,
{
    let (user, password) = (user(), hash(2));
    {
        let kit = open().await;
        kit.added(&user, Some(hash(1))).await;
        let change = Change::Password(password.clone());
        assert!(ok(kit.administration.change(&user.id, change, start()).await));
    }
    let kit = open().await;
    let account = ok(kit.hashes.account(&user.login_name).await).expect("clause 5: the account");
    assert_eq!(account.user.id, user.id, "clause 5: the user");
    let stored = account.password_hash.as_ref().map(PasswordHash::to_phc);
    assert_eq!(stored, Some(password.to_phc()), "clause 5: the change");
}
