//! Paths that servers read in several ways get the strictest verdict.

use std::{net::Ipv4Addr, time::SystemTime};

use auth_module::{Decision, Policy, RequestFacts, Requirement, Rule, has_one_reading};
use mfa_plugin_api::FactorId;
use proptest::prelude::*;

use crate::{
    common::{app, destination, prefix},
    oracle::{
        DEFAULT_GROUP, User, caught, escape, is_caught, is_public, needs, plain_group, policy,
    },
    servers::{SERVERS, Step},
};

fn rules(patterns: &'static str) -> impl Strategy<Value = Vec<(bool, String)>> {
    prop::collection::vec((any::<bool>(), patterns), 0..6)
}

const ANY_PATTERN: &str = "/|(/(admin|public|Public|a|b\\.php)){1,3}/?";
const PREFIX: &str = "/|(/(admin|public|Public|a|b\\.php)){1,3}/";

/// Paths in which each place has its own spelling.
fn paths() -> impl Strategy<Value = String> {
    let name = "admin|ADMIN|Admin|public|Public|a|A|b\\.php|x|\\.|\\.\\.|\\.\\.\\.|";
    let odd = "|;|;x|%3B|%3Bx|%253Bx|:|:x|%20|\\+|\\.|%2E|%252e|%2500|%3F|%253Fx|%23|%00|%CC%81|\
               %E2%80%8B|%0A|%25|%EF%BC%8E|%C0%AE";
    let separator =
        "/|/|/|//|%2F|%252F|%25252f|\\\\|%5C|%255C|%C0%AF|%E0%80%AF|%EF%BC%8F|%EF%BC%852F";
    let spelt = "%61dmin|%2561dmin|adm%69n|%EF%BD%81dmin|%25%36%31dmin|p%C3%BCblic|%EF%BC%8E%EF%BC%8E\
                 |%2e%2e|%252e%252e|\\.%252e|%C0%AE\\.";
    let segment = format!("({odd})({name}|{spelt})({odd}){{0,2}}");
    let path = format!("/({segment})(({separator})({segment})){{0,5}}({separator})?");
    prop::string::string_regex(&path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// Whatever a server makes of a path, the path needs what the result needs.
    #[test]
    fn no_spelling_of_a_resource_needs_less(rules in rules(ANY_PATTERN), path in paths()) {
        let policy = policy(&rules);
        let caught = caught(&policy, &path);
        for steps in SERVERS {
            prop_assert_eq!(escape(&policy, &caught, &path, steps), None);
        }
    }

    /// As above, with any steps in any order, as in a chain of servers.
    #[test]
    fn no_chain_of_servers_finds_a_spelling_that_needs_less(
        rules in rules(ANY_PATTERN),
        path in paths(),
        servers in prop::collection::vec(prop::sample::select(SERVERS), 1..4),
    ) {
        let policy = policy(&rules);
        let steps: Vec<Step> = servers.concat();
        prop_assert_eq!(escape(&policy, &caught(&policy, &path), &path, &steps), None);
    }

    /// A path of plain segments is decided by the first rule for it alone.
    #[test]
    fn a_plain_path_needs_what_its_first_rule_needs(
        rules in rules(PREFIX),
        path in "(/(admin|public|Public|a|b\\.php|x|x%20%E3%81%82)){1,4}/?",
    ) {
        let policy = policy(&rules);
        prop_assert!(has_one_reading(&path));
        let by_case = plain_group(&policy, path.as_bytes(), false);
        if by_case == plain_group(&policy, path.as_bytes(), true) {
            prop_assert_eq!(caught(&policy, &path), by_case.into_iter().collect());
        }
    }
}

/// Rules of a usual site: 0 is `/admin/`, 1 is public, and the default is for the rest.
fn site() -> Policy {
    let rules = [(false, "/admin/"), (true, "/public/"), (true, "/robots.txt")];
    policy(&rules.map(|(is_public, pattern)| (is_public, pattern.to_owned())))
}

#[test]
fn another_spelling_of_a_protected_path_is_caught() {
    let site = site();
    for path in [
        "/public/..%20/admin/",
        "/public/%2e%2e/admin/",
        "/public/..%2fadmin/",
        "/public/..%252fadmin",
        "/public/%252e%252e/admin/x",
        "/public/%25252e%25252e/admin/x",
        "/public/..;/admin/",
        "/public/..%3B/admin/",
        "/public/..%253bx/admin/",
        "/public/x%2F..%2F../admin",
        "/public/x;%2f../..%20/admin",
        "/public/.. ./admin/",
        "/public/\\..\\admin",
        "/public/%255c..%255cadmin/",
        "/public/%C0%AE%C0%AE/admin/",
        "/public/%EF%BC%8E%EF%BC%8E%EF%BC%8Fadmin",
        "/public/..%C2%A5admin",
        "/public/x/...//..%20/../admin",
        "//admin/",
        "/./admin/",
        "/%20/admin",
        "/admin./",
        "/admin%20/",
        "/admin+/",
        "/ADMIN/",
        "/%61dmin/",
        "/adm%C4%B1n/",
        "/a%E2%80%8Bdmin/",
        "/ａdmin/",
        "/admin;x/",
        "/admin%3Fx",
        "/admin%2500",
        "/admin%23/x",
        "/admin::$INDEX_ALLOCATION/",
        "/admin%2Fx",
        "/x/..%2f/..%2fadmin",
        "/%2561dmin/",
        "/%25%36%31dmin/",
        "/x;/..;/..;/admin/",
        // A servlet container cuts `;%2Fx` before it decodes.
        "/public/..;%2Fx/admin/",
        "/ad%250Amin/",
        "/admin%2509/",
    ] {
        assert!(is_caught(&site, "0", path), "{path}");
    }
}

#[test]
fn only_what_is_public_in_every_reading_is_public() {
    let site = site();
    for path in [
        "/public/50%25.pdf",
        "/public/50%25.txt",
        "/public/group%2Fproject",
        "/public/a//b",
        "/public//",
        "/public/a;v=1/b",
        "/public/a%3Bb",
        "/public/%E5%A3%B2%E4%B8%8A%20100%25.xlsx",
        "/public/a:b",
        "/public/C++",
        "/public",
        "/robots.txt",
    ] {
        assert!(is_public(&site, path), "{path}");
    }
    for path in [
        "/PUBLIC/",
        "/public;x/",
        "/public./",
        "/public%2Fx",
        "/pub%6Cic/",
        "//public/",
        "/public/..%20/x",
        "/public/..;/x",
        "/public/%2e%2e%2fx",
        "/robots.txt/",
        "/robots.txt/x",
        "/robots.txt;x",
        "/robots.txt%00",
        "/Robots.txt",
        "/robots.txt%3Fx",
    ] {
        assert!(is_caught(&site, DEFAULT_GROUP, path), "{path}");
    }
}

#[test]
fn an_ordinary_odd_path_needs_only_what_its_folder_needs() {
    let site = site();
    for path in ["/50%25.pdf", "/group%2Fproject", "/a//b", "/x;y", "/a%2Fb/%3B", "/b/a%5Cb"] {
        assert!(is_caught(&site, DEFAULT_GROUP, path), "{path}");
        assert!(!is_caught(&site, "0", path), "{path}");
    }
}

#[test]
fn an_exact_rule_is_for_one_path() {
    let rules = [(false, "/export"), (false, "/run.php"), (false, "/")];
    let policy = policy(&rules.map(|(is_public, pattern)| (is_public, pattern.to_owned())));
    let caught = |group, path| is_caught(&policy, group, path);
    for path in [
        "/export",
        "/EXPORT",
        "/export/",
        "/export;x",
        "/x/..%2fexport",
        "/export%3F/x",
        "/export;/x",
        "/export%2500/x",
        "/export:%2Fa%3Fb/x",
    ] {
        assert!(caught("0", path), "{path}");
    }
    for path in ["/export/x", "/exports", "/x/export"] {
        assert!(!caught("0", path) && caught("2", path), "{path}");
    }
    // PHP and CGI run the same script for what follows its name.
    assert!(caught("1", "/run.php") && caught("1", "/run.php/x/y") && !caught("1", "/run"));
    // Certain for its own spelling: the rule for the rest does not hold in addition.
    assert!(!caught("2", "/export"));
}

#[test]
fn one_reading_is_told_from_several() {
    for path in ["/", "/a", "/a/", "/a.b/c-d_e~", "/a%20b/", "/%E3%81%82", "/a,b@c=d&e", "/..a"] {
        assert!(has_one_reading(path), "{path}");
    }
    for path in [
        "//",
        "/a//b",
        "/.",
        "/a/..",
        "/a.",
        "/a%20",
        "/%20a",
        "/a;b",
        "/a:b",
        "/50%25.pdf",
        "/a%2Fb",
        "/a%5Cb",
        "/a%3Fb",
        "/a%23",
        "/a%2541",
        "/caf%C3%A9",
        "/%EF%BC%8E",
        "/a%E2%80%8Bb",
        "/a+",
    ] {
        assert!(!has_one_reading(path), "{path}");
    }
}

/// A path with a choice in every segment has more readings than could be listed.
#[test]
fn the_longest_paths_are_decided_in_one_pass() {
    let site = site();
    let units = ["..;/", "..%20/", "%2F", "%252e%252e%252f", "/", ";", "a%2F..;", "%2500%3F/"];
    for unit in units.map(|unit| format!("/{}admin", unit.repeat(8192 / unit.len()))) {
        assert!(is_caught(&site, DEFAULT_GROUP, &unit) || is_caught(&site, "0", &unit));
    }
    // Each decoded digit completes the escape before it, down to the first one.
    let nested = format!("/{}35", "%253".repeat(100_000));
    assert!(is_caught(&site, DEFAULT_GROUP, &nested));
}

#[test]
fn the_rules_of_all_readings_hold_together() {
    let (low, high) = (FactorId::from_static("low"), FactorId::from_static("high"));
    let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes);
    let requirement = |factor: &FactorId, age| {
        let needed = Requirement::new([FactorId::PASSWORD, factor.clone()]).unwrap();
        needed.with_step_up([factor.clone()], minutes(age)).unwrap()
    };
    let policy = Policy::new(
        Requirement::new([FactorId::PASSWORD]).unwrap(),
        vec![
            Rule::protected(prefix("/low/"), requirement(&low, 5)),
            Rule::protected(prefix("/high/"), requirement(&high, 20)),
            Rule::protected(prefix("/"), Requirement::new([FactorId::PASSWORD]).unwrap()),
        ],
    )
    .unwrap();
    let path = "/low/..%20/high/";
    let user = User::without("", 0);
    let both = [FactorId::PASSWORD.into(), low.into(), high.into()];
    assert_eq!(user.asks(&policy, path), Decision::StepUpRequired(both.to_vec()));
    let login = policy.login_requirement(&destination(path));
    let step_up = login.step_up().unwrap();
    assert_eq!(login.missing(&[], SystemTime::UNIX_EPOCH), both);
    assert_eq!((step_up.factors.as_slice(), step_up.within), (&both[1..], minutes(5)));
}

#[test]
fn a_preflight_passes_only_where_each_rule_lets_it() {
    let app = app();
    let policy = Policy::new(
        needs(DEFAULT_GROUP),
        vec![
            Rule::protected(prefix("/api/"), needs("0")).with_preflight().without_use(),
            Rule::protected(prefix("/"), needs("1")),
        ],
    )
    .unwrap();
    let client = Ipv4Addr::LOCALHOST.into();
    let facts = |path| RequestFacts::new(&app, "OPTIONS", path, client, SystemTime::UNIX_EPOCH);
    let decide = |facts: RequestFacts<'_>| policy.evaluate(&facts).into_decision();
    assert_eq!(decide(facts("/api/x").as_preflight()), Decision::Public);
    assert_eq!(decide(facts("/api/x")), Decision::LoginRequired);
    for path in ["/x", "/api/..;/x", "/API/x"] {
        assert_eq!(decide(facts(path).as_preflight()), Decision::LoginRequired, "{path}");
    }
    for (path, counts) in
        [("/api/x", false), ("/API/", false), ("/x/..;/api/", false), ("/x", true)]
    {
        assert_eq!(policy.deciding_rules(path).counts_as_use(), counts, "{path}");
    }
}

#[test]
fn the_smallest_limit_on_bodies_of_all_deciding_rules_holds() {
    let policy = Policy::new(
        needs(DEFAULT_GROUP),
        vec![
            Rule::protected(prefix("/upload/"), needs("0")).with_max_body_bytes(500),
            Rule::protected(prefix("/form/"), needs("1")).with_max_body_bytes(5),
            Rule::public(prefix("/public/")).with_max_body_bytes(7),
        ],
    )
    .unwrap();
    for (path, limit) in [
        ("/upload/a", 500),
        ("/form/a", 5),
        ("/public/a", 7),
        ("/a", 100),
        // Some servers take these for a path of another rule.
        ("/upload/..;/form/", 5),
        ("/upload/..;/a", 100),
        ("/form/..;/upload/", 5),
    ] {
        assert_eq!(policy.deciding_rules(path).max_body_bytes(100), limit, "{path}");
    }
}
