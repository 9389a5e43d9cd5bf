//! The clauses of [`Users`](crate::Users), one function each.

use std::collections::BTreeSet;

use otp_core::PhoneNumber;

use super::{
    Clause, UsersKit,
    clause::clauses,
    kit::{named, ok, unique, user},
};
use crate::{
    name::LoginName,
    user::{User, UserId},
};

/// All clauses, in order.
pub fn clauses() -> Vec<Clause<UsersKit>> {
    clauses![
        clause_1_one_name_one_user,
        clause_2_pages_in_order,
        clause_3_a_search_is_literal,
        clause_4_a_change_is_seen,
    ]
}

/// Clause 1, **one name, one user**: both look-ups find exactly the user who was added, with groups and
/// phone number.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_1_one_name_one_user(kit: &UsersKit) {
    let one = kit.added(user(), None).await;
    let mut other = user();
    other.groups.clear();
    other.phone_number = None;
    let other = kit.added(other, Some("a password")).await;
    for user in [&one, &other] {
        let by_name = ok(kit.users.find_by_name(&user.login_name).await);
        let by_id = ok(kit.users.find_by_id(&user.id).await);
        assert_eq!(by_id, by_name, "clause 1: both look-ups");
        assert_eq!(by_name.map(directory_facts), Some(directory_facts(user.clone())), "clause 1");
    }
    let absent = user();
    let by_name = ok(kit.users.find_by_name(&absent.login_name).await);
    assert_eq!(by_name, None, "clause 1: no such name");
    assert_eq!(ok(kit.users.find_by_id(&absent.id).await), None, "clause 1: no such id");
    let shorter = &one.login_name.as_str()[..20];
    let shorter = LoginName::parse(shorter).expect("a login name");
    assert_eq!(ok(kit.users.find_by_name(&shorter).await), None, "clause 1: the whole name");
}

/// Clause 2, **pages in order**: small pages return each user once, in the order of the names.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_2_pages_in_order(kit: &UsersKit) {
    let prefix = format!("p{}", unique());
    // Added in another order than that of the names, which is that of ASCII.
    let names = ["-c", ".e", "2", "1", "a", "_b", "10"].map(|end| format!("{prefix}{end}"));
    for name in &names {
        kit.added(named(name), None).await;
    }
    let mut sorted = names.to_vec();
    sorted.sort();
    let first = LoginName::parse(&prefix).expect("a login name");
    for limit in [1, 2, 3, 7] {
        let mut found: Vec<String> = Vec::new();
        let mut after = first.clone();
        while found.len() < names.len() {
            let page = ok(kit.users.list(Some(&after), limit).await);
            assert!(page.len() <= limit, "clause 2: no more than the limit");
            let Some(last) = page.last() else { break };
            after = last.login_name.clone();
            found.extend(page.into_iter().map(|user| user.login_name.as_str().to_owned()));
        }
        found.truncate(names.len());
        assert_eq!(found, sorted, "clause 2: in order, each once, by pages of {limit}");
    }
    assert_eq!(ok(kit.users.list(None, 0).await), [], "clause 2: a limit of 0");
    assert!(!ok(kit.users.list(None, 1).await).is_empty(), "clause 2: from the beginning");
}

/// Clause 3, **a search is literal**: part of either name, in any case, without wildcards, by pages.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_3_a_search_is_literal(kit: &UsersKit) {
    let mark = unique();
    let mut users = Vec::new();
    for (name, display_name) in [
        (format!("a{mark}"), "By Login Name".to_owned()),
        (format!("b{}x", unique()), format!("The {} 山田", mark.to_uppercase())),
        (format!("c{}", unique()), format!("100% {mark}")),
        (format!("d{}", unique()), "Another".to_owned()),
    ] {
        let mut user = named(&name);
        user.display_name = display_name;
        users.push(kit.added(user, None).await);
    }
    let expect = async |text: &str, expected: &[&User]| {
        let found = ok(kit.users.search(text, None, 100).await);
        let found: Vec<_> = found.into_iter().map(|user| user.login_name).collect();
        let expected: Vec<_> = expected.iter().map(|user| user.login_name.clone()).collect();
        assert_eq!(found, expected, "clause 3: {text:?}");
    };
    expect(&mark, &[&users[0], &users[1], &users[2]]).await;
    expect(&mark.to_uppercase(), &[&users[0], &users[1], &users[2]]).await;
    expect(&format!("THE {mark} 山"), &[&users[1]]).await;
    expect(&format!("% {mark}"), &[&users[2]]).await;
    expect(&format!("{}_{}", &mark[..10], &mark[11..]), &[]).await;
    expect(&format!("{}%{}", &mark[..10], &mark[12..]), &[]).await;
    expect(&format!("{}*", &mark[..10]), &[]).await;

    let page = ok(kit.users.search(&mark, Some(&users[0].login_name), 1).await);
    let names: Vec<_> = page.into_iter().map(|user| user.login_name).collect();
    assert_eq!(names, [users[1].login_name.clone()], "clause 3: the second page of one");

    let page = ok(kit.users.search("", Some(&just_before(&users[1])), 1).await);
    let names: Vec<_> = page.into_iter().map(|user| user.login_name).collect();
    assert_eq!(names, [users[1].login_name.clone()], "clause 3: an empty text finds every user");
}

/// Clause 4, **a change is seen by the next read**: who is disabled, and that the password is new.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_4_a_change_is_seen(kit: &UsersKit) {
    let (user, other) =
        (kit.added(user(), Some("a password")).await, kit.added(user(), None).await);
    let first = read(kit, &user).await;
    assert!(!first.is_disabled, "clause 4: a new account is enabled");
    kit.seed.set_password(&user.id, "another password").await;
    let second = read(kit, &user).await;
    kit.seed.disable(&user.id).await;
    let third = read(kit, &user).await;
    assert!(third.is_disabled, "clause 4: a disabled account");
    assert!(!read(kit, &other).await.is_disabled, "clause 4: another account");
    let generations = [first, second, third].map(|user| user.generation);
    let rises = generations.is_sorted_by(|one, next| one < next);
    assert!(rises || generations == [0; 3], "clause 4: the generation rises: {generations:?}");
}

/// The user, whose state each call of the port returns the same.
async fn read(kit: &UsersKit, user: &User) -> User {
    let state = |user: &User| (user.id.clone(), user.is_disabled, user.generation);
    let found = ok(kit.users.find_by_id(&user.id).await).expect("clause 4: by id");
    let by_name = ok(kit.users.find_by_name(&user.login_name).await);
    let searched = ok(kit.users.search(user.login_name.as_str(), None, 100).await);
    let listed = ok(kit.users.list(Some(&just_before(user)), 100).await);
    for (call, users) in
        [("by name", Vec::from_iter(by_name)), ("in a search", searched), ("in a list", listed)]
    {
        let same = users.iter().find(|same| same.id == found.id);
        assert_eq!(same.map(state), Some(state(&found)), "clause 4: {call}");
    }
    found
}

/// The name of `user` without the letter at its end: no other user's name is between the two.
fn just_before(user: &User) -> LoginName {
    let name = user.login_name.as_str();
    LoginName::parse(&name[..name.len() - 1]).expect("a login name")
}

/// What a directory has to return as it was added. The rest may come from its own schema.
fn directory_facts(
    user: User,
) -> (UserId, LoginName, String, BTreeSet<String>, Option<PhoneNumber>, bool) {
    let User { id, login_name, display_name, groups, phone_number, is_disabled, .. } = user;
    (id, login_name, display_name, groups, phone_number, is_disabled)
}
