//! What holds for any input.

use std::time::{Duration, SystemTime};

use auth_module::{
    Access, FactorEvidence, FactorPolicy, InvalidPolicy, LoginName, PasswordHash, Requirement,
    Rule, SessionToken,
};
use mfa_plugin_api::{AuthenticationMethod, Evidence, FactorId};
use proptest::prelude::*;

use crate::common::{MINUTE, SMS_OTP, policy};

fn factor(n: usize) -> FactorId {
    match n {
        0 => FactorId::PASSWORD,
        n => FactorId::new(format!("factor-{n}")).unwrap(),
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + seconds)
}

proptest! {
    #[test]
    fn a_canonical_name_is_its_own_canonical_name(typed in "\\PC{0,70}") {
        if let Ok(name) = LoginName::parse(&typed) {
            prop_assert_eq!(LoginName::parse(name.as_str()), Ok(name.clone()));
            prop_assert!(name.as_str().is_ascii());
        }
    }

    #[test]
    fn a_hash_is_read_as_it_was_written_and_nothing_panics(text in "(\\$argon2id\\$v=19\\$)?\\PC{0,80}") {
        if let Ok(hash) = PasswordHash::parse(&text) {
            let written = hash.to_phc();
            let again = PasswordHash::parse(&written).map(|hash| hash.to_phc());
            prop_assert_eq!(again, Ok(written));
        }
    }

    #[test]
    fn a_cookie_is_a_token_or_nothing(text in "[A-Za-z0-9_=-]{40,46}") {
        if let Some(token) = SessionToken::parse(&text) {
            prop_assert_eq!(token.expose_secret(), text);
        }
    }

    /// Nothing is missing exactly when each factor has evidence that is recent enough.
    #[test]
    fn nothing_is_missing_only_when_everything_is_proved(
        required in prop::collection::vec(0..4_usize, 1..4),
        stepped in prop::collection::vec(0..4_usize, 0..3),
        proved in prop::collection::vec((0..4_usize, 0..3600_u64), 0..5),
    ) {
        let now = at(3600);
        let within = 10 * MINUTE;
        let mut requirement = Requirement::new(required.iter().map(|&n| factor(n)).collect::<Vec<_>>());
        if !stepped.is_empty() {
            let factors: Vec<_> = stepped.iter().map(|&n| factor(n)).collect();
            requirement = requirement.with_step_up(factors, within);
        }
        let evidence: Vec<_> = proved.iter().map(|&(n, when)| {
            let evidence = Evidence::new([AuthenticationMethod::OTP], at(when));
            FactorEvidence::new(factor(n), &evidence)
        }).collect();
        let missing = requirement.missing(&evidence, now);
        for n in 0..4 {
            let has = proved.iter().any(|&(p, _)| p == n);
            let has_fresh = proved.iter().any(|&(p, when)| p == n && at(when) + within >= now);
            let needs = required.contains(&n) && !has || stepped.contains(&n) && !has_fresh;
            prop_assert_eq!(missing.contains(&factor(n)), needs);
        }
        let place = missing.iter().position(|f| *f == FactorId::PASSWORD);
        prop_assert!(place.is_none_or(|place| place == 0), "the password comes first");
        let mut distinct = missing.clone();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), missing.len());
    }

    /// However a path under /admin/ is spelt for a lenient backend, its rule holds.
    #[test]
    fn what_protects_cannot_be_spelt_around(
        case in prop::collection::vec(any::<bool>(), 5),
        parameter in "(;[a-z=0-9]{0,5})?",
        rest in "(/[a-z]{0,5}){0,3}",
    ) {
        let admin: String = "admin".chars().zip(case).map(|(c, up)| {
            if up { c.to_ascii_uppercase() } else { c }
        }).collect();
        let policy = policy();
        let Access::Protected(requirement) = policy.access(&format!("/{admin}{parameter}{rest}")) else {
            panic!("not protected")
        };
        prop_assert!(requirement.groups.contains("admins"));
    }

    /// Nothing but what is under /public/ to the letter is public.
    #[test]
    fn what_opens_opens_nothing_else(path in "/[a-zA-Z/.;%]{0,20}") {
        if policy().access(&path) == &Access::Public {
            prop_assert!(path == "/public" || path.starts_with("/public/"));
            prop_assert!(!path.split('/').any(|s| matches!(s.split(';').next(), Some("." | ".."))));
        }
    }

    /// A login never asks for less than the default, wherever it goes.
    #[test]
    fn every_login_needs_both_factors(path in "/[a-z/]{0,12}|/low/x|/public/x|/admin/x") {
        let missing = policy().login_requirement(&path).missing(&[], at(0));
        prop_assert!(missing.starts_with(&[FactorId::PASSWORD]));
        prop_assert!(missing.contains(&SMS_OTP));
    }
}

#[test]
fn the_longest_prefix_decides() {
    let strict = Requirement::new([factor(0), factor(1)]);
    let stricter = Requirement::new([factor(0), factor(1), factor(2)]);
    let policy = FactorPolicy::new(
        strict.clone(),
        vec![
            Rule::public("/a"),
            Rule::protected("/a/b/", stricter.clone()),
            Rule::public("/a/b/c"),
            Rule::protected("/", strict.clone()),
        ],
    )
    .unwrap();
    let rows = [
        ("/", &Access::Protected(strict)),
        ("/a", &Access::Public),
        ("/a/", &Access::Public),
        ("/ab", policy.access("/")),
        ("/a/b", &Access::Protected(stricter)),
        ("/a/B/x", policy.access("/a/b")),
        ("/a/bc", &Access::Public),
        ("/a/b/c/d", &Access::Public),
        ("/a/b/C/d", policy.access("/a/b")),
    ];
    for (path, expected) in rows {
        assert_eq!(policy.access(path), expected, "{path}");
    }
}

#[test]
fn a_policy_that_opens_by_mistake_is_refused() {
    let one = || Requirement::new([factor(0)]);
    let refused = |default, rules| FactorPolicy::new(default, rules).unwrap_err();
    assert_eq!(refused(Requirement::new([]), vec![]), InvalidPolicy::NoFactor);
    let none = Rule::protected("/x", Requirement::new([]));
    assert_eq!(refused(one(), vec![none]), InvalidPolicy::NoFactor);
    for prefix in ["", "x", "//", "/a//b", "/a/../b", "/a/./b", "/a%2fb", "/a?b", "/a;b", "/a\\b"] {
        let error = refused(one(), vec![Rule::public(prefix)]);
        assert_eq!(error, InvalidPolicy::NotAPath(prefix.to_owned()), "{prefix}");
    }
    let twice = vec![Rule::public("/A"), Rule::protected("/a/", one())];
    assert_eq!(refused(one(), twice), InvalidPolicy::Duplicate("/a/".to_owned()));
    for within in [MINUTE - MINUTE / 60, 61 * MINUTE] {
        let rule = Rule::protected("/x", one().with_step_up([factor(0)], within));
        assert_eq!(refused(one(), vec![rule]), InvalidPolicy::StepUp);
    }
    let nobody = Rule::protected("/x", one().with_step_up([], MINUTE));
    assert_eq!(refused(one(), vec![nobody]), InvalidPolicy::StepUp);
}
