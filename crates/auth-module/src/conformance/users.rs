//! The clauses of [`Users`](crate::Users), one function each.

use super::{
    Clause, UsersKit,
    clause::clauses,
    kit::{named, ok, unique, user},
};
use crate::{name::LoginName, user::User};

/// All clauses, in order.
pub fn clauses() -> Vec<Clause<UsersKit>> {
    clauses![clause_1_one_name_one_user, clause_2_pages_in_order, clause_3_a_search_is_literal]
}

/// Clause 1, **one name, one user**: both look-ups find exactly the user who was added.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_1_one_name_one_user(kit: &UsersKit) {
    let (one, other, absent) = (user(), user(), user());
    kit.seed.add(&one, None).await;
    kit.seed.add(&other, Some("a password")).await;
    for user in [&one, &other] {
        let by_name = ok(kit.users.find_by_name(&user.login_name).await);
        assert_eq!(by_name.map(identity), Some(identity(user.clone())), "clause 1: by name");
        let by_id = ok(kit.users.find_by_id(&user.id).await);
        assert_eq!(by_id.map(identity), Some(identity(user.clone())), "clause 1: by id");
    }
    assert_eq!(
        ok(kit.users.find_by_name(&absent.login_name).await),
        None,
        "clause 1: no such name"
    );
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
        kit.seed.add(&named(name), None).await;
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
        (format!("b{}", unique()), format!("The {} 山田", mark.to_uppercase())),
        (format!("c{}", unique()), format!("100% {mark}")),
        (format!("d{}", unique()), "Another".to_owned()),
    ] {
        let mut user = named(&name);
        user.display_name = display_name;
        kit.seed.add(&user, None).await;
        users.push(user);
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
}

/// What a directory has to return the same: the rest may come from its own schema.
fn identity(user: User) -> (crate::UserId, LoginName, String, std::collections::BTreeSet<String>) {
    (user.id, user.login_name, user.display_name, user.groups)
}
