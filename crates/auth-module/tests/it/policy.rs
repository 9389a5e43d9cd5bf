//! Which request needs which factors.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, SystemTime},
};

use auth_module::{
    AppName, CLOCK_SKEW, FactorChoice, FactorEvidence, InvalidRequirement, LoginName, PathPattern,
    Policy, Reason, RequestFacts, Requirement, Rule, UserFacts, UserId, unreachable_rules,
};
use mfa_plugin_api::{AuthenticationMethod, Evidence, FactorId};
use proptest::prelude::*;

use crate::common::{MINUTE, SMS_OTP, app, destination, policy, prefix};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn factor(n: usize) -> FactorId {
    match n {
        0 => FactorId::PASSWORD,
        n => FactorId::new(format!("factor-{n}")).unwrap(),
    }
}

fn one(n: usize) -> FactorChoice {
    factor(n).into()
}

fn any_of(factors: impl IntoIterator<Item = usize>) -> FactorChoice {
    FactorChoice::any(factors.into_iter().map(factor)).unwrap()
}

fn requirement(factors: impl IntoIterator<Item = usize>) -> Requirement {
    Requirement::new(factors.into_iter().map(factor)).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + seconds)
}

fn evidence(n: usize, when: SystemTime) -> FactorEvidence {
    FactorEvidence::new(factor(n), &Evidence::new([AuthenticationMethod::OTP], when))
}

/// Facts about a request of a user in `groups` with `evidence`, decided at `at(0)`.
struct Request {
    app: AppName,
    id: UserId,
    name: LoginName,
    groups: BTreeSet<String>,
    evidence: Vec<FactorEvidence>,
}

impl Request {
    fn new(groups: &[&str], proved: impl IntoIterator<Item = usize>) -> Self {
        Self {
            app: app(),
            id: UserId::from_random([1; 16]),
            name: LoginName::parse("alice").unwrap(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            evidence: proved.into_iter().map(|n| evidence(n, at(0))).collect(),
        }
    }

    fn anonymous<'a>(&'a self, path: &'a str) -> RequestFacts<'a> {
        RequestFacts::new(&self.app, "GET", path, CLIENT, at(0))
    }

    fn facts<'a>(&'a self, path: &'a str) -> RequestFacts<'a> {
        let user = UserFacts::new(&self.id, &self.name, &self.groups, &self.evidence);
        self.anonymous(path).with_user(user)
    }
}

/// Evaluates a request for `path` without a session, and returns the name of the deciding rule.
fn deciding_rule(policy: &Policy, path: &str) -> Option<String> {
    let verdict = policy.evaluate(&Request::new(&[], []).anonymous(path)).rule;
    verdict.map(|rule| rule.name().to_owned())
}

// The naive model: rules as (is public, segments of the prefix), matched as texts.

const SEGMENTS: [&str; 3] = ["a", "A", "b"];

type NaiveRule = (bool, Vec<&'static str>);

fn naive_rules() -> impl Strategy<Value = Vec<NaiveRule>> {
    let segments = prop::collection::vec(prop::sample::select(&SEGMENTS[..]), 0..4);
    prop::collection::vec((any::<bool>(), segments), 1..6)
}

fn real_rules(naive: &[NaiveRule]) -> Vec<Rule> {
    let real = |(is_public, segments): &NaiveRule| {
        let text: String = segments.iter().flat_map(|segment| [segment, "/"]).collect();
        let pattern = prefix(&format!("/{text}"));
        if *is_public { Rule::public(pattern) } else { Rule::protected(pattern, requirement([0])) }
    };
    naive.iter().map(real).collect()
}

fn naive_matches((is_public, prefix): &NaiveRule, path: &str) -> bool {
    let prefix = prefix.iter().fold(String::new(), |text, segment| format!("{text}/{segment}"));
    let (path, prefix) = if *is_public {
        (path.to_owned(), prefix)
    } else {
        (path.to_lowercase(), prefix.to_lowercase())
    };
    path == prefix || path.starts_with(&format!("{prefix}/"))
}

fn naive_first_match(rules: &[NaiveRule], path: &str) -> Option<usize> {
    rules.iter().position(|rule| naive_matches(rule, path))
}

/// Every spelling of the prefix that the rule is meant for.
fn spellings((is_public, prefix): &NaiveRule) -> Vec<Vec<String>> {
    let first = vec![Vec::new()];
    prefix.iter().fold(first, |spellings, segment| {
        let cases = if *is_public {
            vec![(*segment).to_owned()]
        } else {
            vec![segment.to_lowercase(), segment.to_uppercase()]
        };
        let longer = spellings.iter().flat_map(|spelling| {
            cases.iter().map(|case| [spelling.as_slice(), std::slice::from_ref(case)].concat())
        });
        longer.collect()
    })
}

/// Every path that is spelled like the prefix and at most two segments longer.
fn paths_below(prefix: &[String]) -> Vec<String> {
    let base = prefix.iter().fold(String::new(), |text, segment| format!("{text}/{segment}"));
    let one_more = |paths: &[String]| -> Vec<String> {
        paths.iter().flat_map(|path| SEGMENTS.map(|segment| format!("{path}/{segment}"))).collect()
    };
    let first = one_more(std::slice::from_ref(&base));
    let second = one_more(&first);
    [vec![format!("{base}/"), base].into_iter().filter(|p| !p.is_empty()).collect(), first, second]
        .concat()
}

proptest! {
    /// Against brute force over every short path in every spelling that the rule is meant for.
    #[test]
    fn a_rule_is_unreachable_when_it_decides_no_path_in_one_of_its_spellings(
        naive in naive_rules(),
    ) {
        let rules = real_rules(&naive);
        let decides_nothing = |position: usize, spelling: &Vec<String>| {
            let mut paths = paths_below(spelling).into_iter();
            paths.all(|path| naive_first_match(&naive, &path) != Some(position))
        };
        let expected: Vec<usize> = (0..naive.len())
            .filter(|&position| {
                spellings(&naive[position]).iter().any(|spelling| decides_nothing(position, spelling))
            })
            .collect();
        let found = unreachable_rules(&rules);
        let positions: Vec<usize> = found.iter().map(|rule| rule.position).collect();
        prop_assert_eq!(positions, expected);
        prop_assert_eq!(Policy::new(requirement([0]), rules).err().unwrap_or_default(), found);
    }

    /// However a path under /admin/ is spelled for a lenient backend, its rule holds.
    #[test]
    fn a_protecting_rule_matches_every_spelling(
        case in prop::collection::vec(any::<bool>(), 5),
        parameter in "(;[a-z=0-9]{0,5})?",
        rest in "(/[a-z]{0,5}){0,3}",
    ) {
        let admin: String = "admin".chars().zip(case).map(|(c, up)| {
            if up { c.to_ascii_uppercase() } else { c }
        }).collect();
        let path = format!("/{admin}{parameter}{rest}");
        let rule = deciding_rule(&policy(), &path);
        prop_assert_eq!(rule.as_deref(), Some("/admin/"));
    }

    /// Only what is under /public/ to the letter is public.
    #[test]
    fn a_public_rule_opens_nothing_else(path in "/(public|[a-zA-Z.;%]{0,4})?[a-zA-Z/.;%]{0,20}") {
        let (policy, request) = (policy(), Request::new(&[], []));
        if policy.evaluate(&request.anonymous(&path)).reason == Reason::Public {
            prop_assert!(path == "/public" || path.starts_with("/public/"));
            // However servers resolve dot segments and merge empty ones, the path never leaves /public/.
            let mut depth = 0;
            for segment in path.split('/').skip(2) {
                match segment.split(';').next() {
                    Some("..") => depth -= 1,
                    Some("" | ".") | None => {}
                    Some(_) => depth += 1,
                }
                prop_assert!(depth >= 0);
            }
        }
    }

    /// A login never asks for less than the default, wherever it goes.
    #[test]
    fn every_login_needs_both_factors(path in "(/[a-z]{0,4}){1,3}|/low/x|/public/x|/admin/x") {
        prop_assume!(!path.starts_with("//"));
        let missing = policy().login_requirement(&destination(&path)).missing(&[], at(0));
        prop_assert_eq!(missing, [FactorId::PASSWORD.into(), SMS_OTP.into()]);
    }

    /// Nothing is missing exactly when each choice has a factor with evidence that is recent enough.
    #[test]
    fn a_choice_is_missing_until_one_of_its_factors_is_proved(
        required in prop::sample::subsequence(vec![3, 2, 1, 0_usize], 1..=4),
        stepped in prop::sample::subsequence(vec![0, 1, 2, 3_usize], 0..=4),
        proved in prop::collection::vec((0..7_usize, 0..3700_u64), 0..6),
        taken in any::<prop::sample::Index>(),
    ) {
        const CHOICES: [&[usize]; 4] = [&[0], &[1], &[2, 3], &[4, 5, 6]];
        let choice = |n: usize| if n < 2 { one(n) } else { any_of(CHOICES[n].to_vec()) };
        let (now, within) = (at(3600), 10 * MINUTE);
        let mut requirement = Requirement::new(required.iter().map(|&n| choice(n))).unwrap();
        if !stepped.is_empty() {
            let choices = stepped.iter().map(|&n| choice(n));
            requirement = requirement.with_step_up(choices, within).unwrap();
        }
        let mut proofs: Vec<_> = proved.iter().map(|&(n, when)| evidence(n, at(when))).collect();
        let missing = requirement.missing(&proofs, now);
        for (n, factors) in CHOICES.iter().enumerate() {
            let times = proved.iter().filter(|(factor, _)| factors.contains(factor));
            let times: Vec<SystemTime> = times.map(|&(_, when)| at(when)).collect();
            let is_proved = times.iter().any(|&when| when <= now + CLOCK_SKEW);
            let is_fresh = times.iter().any(|&when| when <= now + CLOCK_SKEW && when + within >= now);
            let is_needed =
                required.contains(&n) && !is_proved || stepped.contains(&n) && !is_fresh;
            prop_assert_eq!(missing.iter().filter(|&m| *m == choice(n)).count(), usize::from(is_needed));
        }
        let password = missing.iter().position(|choice| choice.contains(&FactorId::PASSWORD));
        prop_assert!(password.is_none_or(|place| place == 0), "the password comes first");

        // One factor of each is enough, whichever it is.
        for choice in &missing {
            let factors: Vec<&FactorId> = choice.factors().collect();
            let factor = (*taken.get(&factors)).clone();
            proofs.push(FactorEvidence::new(factor, &Evidence::new([], now)));
        }
        prop_assert_eq!(requirement.missing(&proofs, now), []);
    }
}

#[test]
fn the_narrower_rule_comes_first() {
    let rules = ["/a/b/c/", "/a/b/", "/a/", "/"];
    let (strict, stricter) = (requirement([0, 1]), requirement([0, 1, 2]));
    let policy = Policy::new(
        strict.clone(),
        vec![
            Rule::public(prefix(rules[0])),
            Rule::protected(prefix(rules[1]), stricter),
            Rule::public(prefix(rules[2])),
            Rule::protected(prefix(rules[3]), strict),
        ],
    )
    .unwrap();
    let rows = [
        ("/", "/"),
        ("/a", "/a/"),
        ("/a/", "/a/"),
        ("/ab", "/"),
        ("/A/x", "/"),
        ("/a/b", "/a/b/"),
        ("/a/B/x", "/a/b/"),
        ("/a/bc", "/a/"),
        ("/a/b/c/d", "/a/b/c/"),
        ("/a/b/C/d", "/a/b/"),
    ];
    for (path, rule) in rows {
        assert_eq!(deciding_rule(&policy, path).as_deref(), Some(rule), "{path}");
    }
}

#[test]
fn every_shadowed_rule_is_named_with_the_one_before_it() {
    let rules = vec![
        Rule::public(prefix("/public/")),
        Rule::protected(prefix("/a/"), requirement([0])).with_name("everything in a"),
        Rule::public(prefix("/A/public/")),
        Rule::protected(prefix("/Public/secret/"), requirement([0])),
        Rule::protected(prefix("/b/"), requirement([0])),
    ];
    let found = Policy::new(requirement([0]), rules).unwrap_err();
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "rule \"/A/public/\" comes too late, because the earlier rule \"everything in a\" matches its paths first",
            "rule \"/Public/secret/\" comes too late, because the earlier rule \"/public/\" matches its paths first",
        ]
    );
    assert_eq!(found.iter().map(|rule| rule.position).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn an_exact_rule_comes_too_late_after_a_wider_one_only() {
    let rules = |patterns: &[&str]| {
        let rule = |pattern: &&str| Rule::protected(prefix(pattern), requirement([0]));
        patterns.iter().map(rule).collect::<Vec<Rule>>()
    };
    for late in [["/a/", "/a"], ["/", "/a"], ["/a", "/a"], ["/a", "/A"]] {
        assert_eq!(unreachable_rules(&rules(&late)).len(), 1, "{late:?}");
    }
    for reachable in [["/a", "/a/"], ["/a/b", "/a"], ["/a", "/b"], ["/a/", "/ab"]] {
        assert_eq!(unreachable_rules(&rules(&reachable)), [], "{reachable:?}");
    }
}

#[test]
fn a_pattern_is_an_absolute_path_of_unreserved_characters() {
    for text in ["/", "/a", "/a/", "/a/..b/", "/.well-known/x.txt", "/A-b_c~d/"] {
        assert_eq!(prefix(text).to_string(), text);
    }
    for text in [
        "", "x", "//", "/a//b", "/a/../b", "/a/./b", "/a%2fb", "/a?b", "/a;b", "/a\\b", "/a./",
        "/a..", "/a b", "/a:b", "/\u{e9}/", "/a\t", "/a#", "/a/ ",
    ] {
        let error = PathPattern::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{text:?} is not an absolute path of ")), "{error}");
    }
}

#[test]
fn a_requirement_that_asks_for_nothing_or_twice_is_refused() {
    use InvalidRequirement as Invalid;
    let refused = |choices: Vec<FactorChoice>| Requirement::new(choices).unwrap_err();
    assert_eq!(refused(vec![]), Invalid::NoFactor);
    assert_eq!(refused(vec![one(1), one(1)]), Invalid::Repeated(factor(1)));
    assert_eq!(refused(vec![one(2), any_of([1, 2])]), Invalid::Repeated(factor(2)));
    assert_eq!(refused(vec![any_of([1, 2]), any_of([3, 1])]), Invalid::Repeated(factor(1)));

    let choice = |factors: &[usize]| FactorChoice::any(factors.iter().map(|&n| factor(n)));
    assert_eq!(choice(&[]).unwrap_err(), Invalid::EmptyAny);
    assert_eq!(choice(&[1, 0]).unwrap_err(), Invalid::PasswordInAny);
    assert_eq!(choice(&[1, 2, 1]).unwrap_err(), Invalid::Repeated(factor(1)));
    assert_eq!(choice(&[1]).unwrap(), one(1));

    let stepped = |choices: Vec<FactorChoice>, within| {
        let base = Requirement::new([one(0), any_of([1, 2])]).unwrap();
        base.with_step_up(choices, within).map(drop)
    };
    assert_eq!(stepped(vec![], MINUTE), Err(Invalid::NoStepUpFactor));
    assert_eq!(stepped(vec![one(1)], MINUTE), Err(Invalid::Repeated(factor(1))));
    assert_eq!(stepped(vec![one(3), one(3)], MINUTE), Err(Invalid::Repeated(factor(3))));
    let second = Duration::from_secs(1);
    for within in [MINUTE - second, 60 * MINUTE + second] {
        assert_eq!(stepped(vec![one(0)], within), Err(Invalid::StepUpAge));
    }
    for within in [MINUTE, 60 * MINUTE] {
        assert_eq!(stepped(vec![any_of([1, 2]), one(3)], within), Ok(()));
    }
}

#[test]
fn factors_are_written_as_in_the_configuration() {
    let read = |text: &str| serde_json::from_str::<Vec<FactorChoice>>(text);
    let factors = read(r#"["password", {"any": ["passkey", "sms-otp"]}]"#).unwrap();
    let passkey = FactorId::new("passkey").unwrap();
    let either = FactorChoice::any([passkey.clone(), SMS_OTP]).unwrap();
    assert_eq!(factors, [FactorId::PASSWORD.into(), either]);
    assert_eq!(factors[1].first(), &passkey);
    for (text, said) in [
        (r#"["SMS"]"#, "\"SMS\" is not the name of a factor"),
        (r#"[{"any": []}]"#, "`any` names no factor"),
        (r#"[{"any": ["password", "sms-otp"]}]"#, "the password cannot be one of several"),
        (r#"[{"any": ["sms-otp", "sms-otp"]}]"#, "the factor sms-otp is named twice"),
        (r#"[{"all": ["sms-otp"]}]"#, "expected a factor such as"),
        (r#"[{"any": ["sms-otp"], "all": []}]"#, "expected a factor such as"),
        ("[1]", "expected a factor such as"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_login_asks_for_the_narrower_of_two_choices() {
    let (a, b, c) = (1, 2, 3);
    let rows = [
        (any_of([a, b]), one(a), vec![one(0), one(a)]),
        (one(a), any_of([a, b]), vec![one(0), one(a)]),
        (any_of([a, b]), any_of([b, a]), vec![one(0), any_of([a, b])]),
        (any_of([a, b]), any_of([b, c]), vec![one(0), any_of([a, b]), any_of([b, c])]),
    ];
    for (default, wanted, expected) in rows {
        let needs = |choice: FactorChoice| Requirement::new([one(0), choice]).unwrap();
        let rule = Rule::protected(prefix("/x/"), needs(wanted));
        let policy = Policy::new(needs(default), vec![rule]).unwrap();
        let login = policy.login_requirement(&destination("/x/y?z"));
        assert_eq!(login.missing(&[], at(0)), expected);
    }
}

#[test]
fn evidence_from_the_future_counts_within_the_clock_skew_only() {
    let needs = requirement([1]);
    let millisecond = Duration::from_millis(1);
    assert_eq!(needs.missing(&[evidence(1, at(0) + CLOCK_SKEW)], at(0)), []);
    let beyond = evidence(1, at(0) + CLOCK_SKEW + millisecond);
    assert_eq!(needs.missing(&[beyond], at(0)), [one(1)]);
}

#[test]
fn a_verdict_explains_itself_in_one_line() {
    let either = Requirement::new([one(0), any_of([2, 1])]).unwrap();
    let fresh = either.clone().with_step_up([any_of([2, 1])], 10 * MINUTE).unwrap();
    let policy = Policy::new(
        requirement([0, 1]),
        vec![
            Rule::public(prefix("/public/")),
            Rule::protected(prefix("/admin/"), either.with_group("ops").with_group("admins"))
                .with_name("administration"),
            Rule::protected(prefix("/fresh/"), fresh),
        ],
    )
    .unwrap();
    let (no_group, admin) = (Request::new(&[], []), Request::new(&["admins"], [0, 1]));
    let rows = [
        (no_group.anonymous("/x"), "default rule: login required, needs password, factor-1"),
        (no_group.anonymous("/public/x"), "rule \"/public/\": public, no login needed"),
        (
            no_group.anonymous("/admin/"),
            "rule \"administration\": login required, needs password, factor-2 or factor-1",
        ),
        (
            no_group.facts("/admin/"),
            "rule \"administration\": forbidden, the user is in none of the groups admins, ops",
        ),
        (
            admin.facts("/admin/"),
            "rule \"administration\": allowed, the session proves password, factor-2 or factor-1",
        ),
        (
            no_group.facts("/fresh/"),
            "rule \"/fresh/\": step-up required, missing password, factor-2 or factor-1",
        ),
    ];
    for (facts, explained) in rows {
        assert_eq!(policy.evaluate(&facts).to_string(), explained);
    }
}

#[test]
fn a_policy_lists_every_factor_that_it_names() {
    let rule = Rule::protected(prefix("/x/"), Requirement::new([one(0), any_of([2, 3])]).unwrap());
    let stepped = requirement([0]).with_step_up([one(4)], MINUTE).unwrap();
    let policy = Policy::new(
        requirement([0, 1]),
        vec![Rule::public(prefix("/public/")), rule, Rule::protected(prefix("/y/"), stepped)],
    )
    .unwrap();
    let named: Vec<(Option<&str>, FactorId)> =
        policy.factors().map(|(rule, factor)| (rule.map(Rule::name), factor.clone())).collect();
    let expected = [
        (None, factor(0)),
        (None, factor(1)),
        (Some("/x/"), factor(0)),
        (Some("/x/"), factor(2)),
        (Some("/x/"), factor(3)),
        (Some("/y/"), factor(0)),
        (Some("/y/"), factor(4)),
    ];
    assert_eq!(named, expected);
}

#[test]
fn debug_of_the_facts_shows_no_path() {
    let shown = format!("{:?}", Request::new(&["admins"], [0]).facts("/reset/path-secret"));
    assert!(shown.contains("admins") && !shown.contains("path-secret"), "{shown}");
}
