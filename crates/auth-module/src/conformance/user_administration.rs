//! The clauses of [`UserAdministration`](crate::UserAdministration), one function each.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Clause, StoredUsersKit,
    clause::clauses,
    kit::{CALLERS, SECOND, at_once, hash, named, ok, phone_number, start, unique, user},
};
use crate::{
    password::PasswordHash,
    user::{Account, User},
    users::{AccountsAdded, Batch, BatchApplied, Change, GroupChange},
};

/// The clauses that need nothing but the store, in order.
pub fn clauses() -> Vec<Clause<StoredUsersKit>> {
    clauses![
        clause_1_all_or_none,
        clause_2_one_winner,
        clause_3_one_thing_at_a_time,
        clause_4_the_generation_rises,
        clause_6_removed_is_gone,
        clause_7_a_batch_is_whole,
    ]
}

fn account(user: &User) -> Account {
    Account::new(user.clone(), None)
}

fn groups(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

async fn is_there(kit: &StoredUsersKit, user: &User) -> bool {
    ok(kit.users.find_by_name(&user.login_name).await).is_some()
}

/// Clause 1, **all or none**: one name or id that is taken, and no account is added.
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
    an_id_is_given_once(kit, &old).await;
}

async fn an_id_is_given_once(kit: &StoredUsersKit, old: &User) {
    let (new, mut same_id) = (user(), user());
    same_id.id = old.id.clone();
    let added = kit.administration.add([&new, &same_id].map(account).to_vec()).await;
    assert!(added.is_err(), "clause 1: an id that is taken");
    let mut twice = user();
    twice.id = new.id.clone();
    let added = kit.administration.add([&new, &twice].map(account).to_vec()).await;
    assert!(added.is_err(), "clause 1: an id that is there twice");
    for user in [&new, &same_id, &twice] {
        assert!(!is_there(kit, user).await, "clause 1: none");
    }
    assert_eq!(&kit.found(old).await, old, "clause 1: the id stays with its user");
}

/// Clause 2, **one winner**: of many calls that add one name, one succeeds, and the others add nothing.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_2_one_winner(kit: &StoredUsersKit) {
    let name = format!("w{}", unique());
    let batches: Vec<[User; 3]> = (0..CALLERS).map(|_| [user(), named(&name), user()]).collect();
    let results = at_once(|number| {
        let administration = Arc::clone(&kit.administration);
        let batch = batches[number].each_ref().map(account).to_vec();
        async move { ok(administration.add(batch).await) }
    })
    .await;
    let winners: Vec<usize> =
        (0..CALLERS).filter(|&number| results[number] == AccountsAdded::Done).collect();
    let [winner] = winners[..] else { panic!("clause 2: one winner, not {winners:?}") };
    let found = ok(kit.users.find_by_name(&batches[winner][1].login_name).await);
    assert_eq!(found.as_ref(), Some(&batches[winner][1]), "clause 2: the winner");
    for (number, [before, _, after]) in batches.iter().enumerate() {
        let result = &results[number];
        let expected = if number == winner { [true; 2] } else { [false; 2] };
        let found = [is_there(kit, before).await, is_there(kit, after).await];
        assert_eq!(found, expected, "clause 2: {result:?}, with all of its accounts or none");
        let is_told = *result == AccountsAdded::NamesTaken(vec![1]);
        assert!(number == winner || is_told, "clause 2: which name is taken: {result:?}");
    }
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
    let new_password = hash(3);
    for change in [
        Change::LoggedIn,
        Change::DisplayName("another name".to_owned()),
        Change::Groups(GroupChange::Set(groups(&["a", "b"]))),
        Change::Groups(GroupChange::Add(groups(&["b", "c"]))),
        Change::Groups(GroupChange::Remove(groups(&["a", "d"]))),
        Change::PhoneNumber(None),
        Change::PhoneNumber(Some(phone_number())),
        Change::Password(new_password.clone()),
        Change::Disabled(true),
        Change::Disabled(false),
    ] {
        match &change {
            Change::Disabled(is_disabled) => expected.is_disabled = *is_disabled,
            Change::DisplayName(name) => expected.display_name.clone_from(name),
            Change::Groups(change) => expected.groups = change.applied_to(&expected.groups),
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
        let unknown = user().id;
        let changed = ok(kit.administration.change(&unknown, change, later).await);
        assert!(!changed, "clause 3: an unknown user");
        let found = ok(kit.users.find_by_id(&unknown).await);
        assert_eq!(found, None, "clause 3: an unknown user stays unknown");
    }
    changes_beside_each_other(kit).await;
}

/// Changes of different things at the same time: each of them holds.
async fn changes_beside_each_other(kit: &StoredUsersKit) {
    let (user, password) = (user(), hash(3));
    kit.added(&user, Some(hash(1))).await;
    let changes = [
        Change::PhoneNumber(None),
        Change::Password(password.clone()),
        Change::Disabled(true),
        Change::LoggedIn,
    ];
    at_once(|number| {
        let (administration, id) = (Arc::clone(&kit.administration), user.id.clone());
        let change = changes[number % changes.len()].clone();
        async move { assert!(ok(administration.change(&id, change, start()).await), "clause 3") }
    })
    .await;
    let mut expected = user;
    expected.phone_number = None;
    expected.is_disabled = true;
    expected.last_login_at = Some(start());
    let mut found = kit.found(&expected).await;
    // Clause 4 is about this one.
    found.generation = expected.generation;
    assert_eq!(found, expected, "clause 3: changes at the same time");
    let stored = ok(kit.hashes.account(&expected.login_name).await).expect("the account");
    let stored = stored.password_hash.as_ref().map(PasswordHash::to_phc);
    assert_eq!(stored, Some(password.to_phc()), "clause 3: a password at the same time");
}

/// Clause 4, **the generation rises** with each new password and each time the account is disabled, and
/// with nothing else.
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
    let before = kit.found(&user).await.generation;
    at_once(|_| {
        let (administration, id) = (Arc::clone(&kit.administration), user.id.clone());
        async move {
            let change = Change::Password(hash(2));
            assert!(ok(administration.change(&id, change, start()).await), "clause 4");
        }
    })
    .await;
    let risen = kit.found(&user).await.generation - before;
    assert!(risen >= CALLERS as u64, "clause 4: {CALLERS} passwords at once, {risen} generations");
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

/// Clause 6, **removed is gone**: no look-up finds the user, and the name is free.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_6_removed_is_gone(kit: &StoredUsersKit) {
    let (user, other) = (user(), user());
    kit.added(&user, Some(hash(1))).await;
    kit.added(&other, Some(hash(2))).await;
    assert!(ok(kit.administration.remove(&user.id).await), "clause 6: it says so");
    assert!(!is_there(kit, &user).await, "clause 6: the name");
    assert_eq!(ok(kit.users.find_by_id(&user.id).await), None, "clause 6: the id");
    let account = ok(kit.hashes.account(&user.login_name).await);
    assert!(account.is_none(), "clause 6: the hash");
    assert!(!ok(kit.administration.remove(&user.id).await), "clause 6: once");
    assert_eq!(&kit.found(&other).await, &other, "clause 6: another user");
    let next = named(user.login_name.as_str());
    kit.added(&next, None).await;
    assert_eq!(kit.found(&next).await, next, "clause 6: the next owner of the name");
}

/// Clause 7, **a batch is whole**: every account and every change, or nothing.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_7_a_batch_is_whole(kit: &StoredUsersKit) {
    let (mut old, one, two, unknown) = (user(), user(), user(), user());
    kit.added(&old, None).await;
    let named_anew = |user: &User| (user.id.clone(), Change::DisplayName("anew".to_owned()));
    let mut taken = user();
    taken.login_name = old.login_name.clone();
    for (add, change, names_taken, strangers) in [
        (vec![&one, &taken], vec![named_anew(&old)], vec![1], vec![]),
        (vec![&one], vec![named_anew(&old), named_anew(&unknown)], vec![], vec![1]),
        (vec![&taken], vec![named_anew(&unknown)], vec![0], vec![0]),
    ] {
        let batch = Batch { add: add.into_iter().map(account).collect(), change };
        let applied = ok(kit.administration.apply(batch, start()).await);
        let expected = BatchApplied::Refused { names_taken, unknown: strangers };
        assert_eq!(applied, expected, "clause 7: what is to blame");
        assert!(!is_there(kit, &one).await, "clause 7: no account");
        assert_eq!(kit.found(&old).await, old, "clause 7: no change");
    }
    let grouped = Change::Groups(GroupChange::Add(groups(&["x"])));
    let batch = Batch {
        add: [&one, &two].map(account).to_vec(),
        change: vec![named_anew(&old), (old.id.clone(), grouped)],
    };
    let applied = ok(kit.administration.apply(batch, start()).await);
    assert_eq!(applied, BatchApplied::Done, "clause 7: all");
    "anew".clone_into(&mut old.display_name);
    old.groups.insert("x".to_owned());
    assert_eq!(kit.found(&old).await, old, "clause 7: every change");
    for user in [&one, &two] {
        assert_eq!(&kit.found(user).await, user, "clause 7: every account");
    }
}
