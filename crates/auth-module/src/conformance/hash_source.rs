//! The clauses of [`HashSource`](crate::HashSource), one function each.

use std::sync::Arc;

use super::{
    Clause, StoredUsersKit,
    clause::clauses,
    kit::{CALLERS, at_once, hash, ok, start, user},
};
use crate::{
    password::{HashCost, PasswordHash},
    user::User,
    users::Change,
};

/// All clauses, in order.
pub fn clauses() -> Vec<Clause<StoredUsersKit>> {
    clauses![
        clause_1_the_account_of_a_name,
        clause_2_costs_are_counted,
        clause_3_a_rehash_replaces_only_what_was_verified,
    ]
}

async fn stored(kit: &StoredUsersKit, user: &User) -> Option<String> {
    let account = ok(kit.hashes.account(&user.login_name).await).expect("the account is there");
    assert_eq!(account.user.id, user.id, "clause 1: the user of that name");
    account.password_hash.as_ref().map(PasswordHash::to_phc)
}

/// Clause 1, **the account of a name**: the user and the hash that was set last, if any.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_1_the_account_of_a_name(kit: &StoredUsersKit) {
    let (with, without, absent) = (user(), user(), user());
    let (first, second) = (hash(1), hash(2));
    kit.added(&with, Some(first.clone())).await;
    kit.added(&without, None).await;
    let account = ok(kit.hashes.account(&with.login_name).await).expect("the account is there");
    let found = ok(kit.users.find_by_name(&with.login_name).await);
    assert_eq!(Some(account.user), found, "clause 1: the user of the other port");
    assert_eq!(stored(kit, &with).await, Some(first.to_phc()), "clause 1: the hash");
    assert_eq!(stored(kit, &without).await, None, "clause 1: no hash");
    assert!(ok(kit.hashes.account(&absent.login_name).await).is_none(), "clause 1: no account");
    let change = Change::Password(second.clone());
    assert!(ok(kit.administration.change(&with.id, change, start()).await));
    assert_eq!(stored(kit, &with).await, Some(second.to_phc()), "clause 1: the last hash");
}

/// Clause 2, **costs are counted**: each user with a hash once, by the parameters of the hash.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_2_costs_are_counted(kit: &StoredUsersKit) {
    let count = async |passes| {
        let kind = hash(passes).kind();
        let costs = ok(kit.hashes.hash_costs().await);
        let found: Vec<&HashCost> = costs.iter().filter(|cost| cost.kind == kind).collect();
        assert!(found.len() <= 1, "clause 2: each kind once");
        found.first().map_or(0, |cost| cost.users)
    };
    let (threes, fours) = (count(3).await, count(4).await);
    for passes in [3, 3, 4] {
        kit.added(&user(), Some(hash(passes))).await;
    }
    kit.added(&user(), None).await;
    assert_eq!(count(3).await, threes + 2, "clause 2: two more users");
    assert_eq!(count(4).await, fours + 1, "clause 2: one more user");
}

/// Clause 3, **a rehash replaces only what was verified**, and only for that user, also beside other
/// calls.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_3_a_rehash_replaces_only_what_was_verified(kit: &StoredUsersKit) {
    let (one, other) = (user(), user());
    let (old, new, third) = (hash(1), hash(2), hash(3));
    kit.added(&one, Some(old.clone())).await;
    kit.added(&other, Some(old.clone())).await;
    let before = kit.found(&one).await;
    let rehash = async |from: &PasswordHash, to: &PasswordHash| {
        ok(kit.hashes.rehash(&one.id, from, to.clone()).await)
    };
    assert!(!rehash(&third, &new).await, "clause 3: not the hash of the user");
    assert_eq!(stored(kit, &one).await, Some(old.to_phc()), "clause 3: unchanged");
    assert!(rehash(&old, &new).await, "clause 3: the hash of the user");
    assert_eq!(stored(kit, &one).await, Some(new.to_phc()), "clause 3: replaced");
    assert_eq!(stored(kit, &other).await, Some(old.to_phc()), "clause 3: another user");
    assert!(!rehash(&old, &third).await, "clause 3: no longer the hash of the user");
    assert_eq!(stored(kit, &one).await, Some(new.to_phc()), "clause 3: unchanged again");
    assert_eq!(kit.found(&one).await, before, "clause 3: the user, the generation included");
    assert!(!ok(kit.hashes.rehash(&user().id, &old, third).await), "clause 3: no such user");
    rehashes_race_with_a_change(kit).await;
}

/// Of many rehashes of one hash, one succeeds. None of them survives a change of the password.
async fn rehashes_race_with_a_change(kit: &StoredUsersKit) {
    let (user, old, changed) = (user(), hash(1), hash(3));
    kit.added(&user, Some(old.clone())).await;
    let results = at_once(|_| {
        let (hashes, id, old) = (Arc::clone(&kit.hashes), user.id.clone(), old.clone());
        async move {
            let new = hash(2);
            (ok(hashes.rehash(&id, &old, new.clone()).await), new)
        }
    })
    .await;
    let winners: Vec<_> = results.iter().filter(|(is_done, _)| *is_done).collect();
    assert_eq!(winners.len(), 1, "clause 3: of many rehashes one succeeds");
    let current = winners[0].1.clone();
    assert_eq!(stored(kit, &user).await, Some(current.to_phc()), "clause 3: the one of the winner");

    at_once(|number| {
        let (kit, id) = (kit.clone(), user.id.clone());
        let (current, changed) = (current.clone(), changed.clone());
        async move {
            if number == CALLERS / 2 {
                let change = Change::Password(changed);
                assert!(ok(kit.administration.change(&id, change, start()).await));
            } else {
                ok(kit.hashes.rehash(&id, &current, hash(2)).await);
            }
        }
    })
    .await;
    assert_eq!(stored(kit, &user).await, Some(changed.to_phc()), "clause 3: the changed password");
}
