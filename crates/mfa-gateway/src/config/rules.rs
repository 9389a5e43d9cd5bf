//! `[[rule]]`: which factors a path needs.

use std::time::Duration;

use auth_module::{
    Access, FactorChoice, InvalidRequirement, PathPattern, Policy, Requirement, Rule,
    UnreachableRule,
};
use mfa_pages::Site;
use mfa_plugin_api::FactorId;
use serde::Deserialize as _;
use sms_otp_plugin::SMS_OTP;
use toml::{
    Spanned, Value,
    de::{DeValue, ValueDeserializer},
};

use super::{
    application::{BODY_MIB_RANGE, body_bytes},
    document::{Reported, Section},
    problem::Refusal,
};

/// The factors of a rule that names none, and of a path without a rule.
const DEFAULT_FACTORS: [FactorId; 2] = [FactorId::PASSWORD, SMS_OTP];

const MORE_RULES: &str = "\
[[rule]]
path = \"/public/\"
access = \"public\"

[[rule]]
path = \"/robots.txt\"
access = \"public\"

[[rule]]
path = \"/\"
";

/// The values of the key `access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccessWord {
    Login,
    Public,
}

/// Reads all rules into one policy.
pub(super) fn read(root: &Section<'_>) -> Result<Policy, Reported> {
    let read = root.array(
        "rule",
        "What a path needs. The first rule that matches decides, so narrower paths come first. \
         Without a rule for \"/\", every other path needs the default factors.",
        MORE_RULES,
        read_rule,
    );
    let mut reported = None;
    let (mut positions, mut rules) = (Vec::new(), Vec::new());
    for (position, rule) in read.into_iter().enumerate() {
        match rule {
            Ok(rule) => {
                positions.push(position);
                rules.push(rule);
            }
            Err(problem) => reported = Some(problem),
        }
    }
    let default = whole_site(&rules);
    let unreachable = match Policy::new(default, rules) {
        Ok(policy) => return reported.map_or(Ok(policy), Err),
        Err(unreachable) => unreachable,
    };
    let report = |found: UnreachableRule| {
        // The policy does not contain the rules that could not be read. So its positions differ from those in
        // the file.
        let position = positions.get(found.position).copied().unwrap_or_default();
        let remedy = "move this rule above the other one, or remove it";
        let refusal = Refusal::new(found.to_string(), remedy);
        root.element_problem("rule", position, "path", refusal)
    };
    let reported = unreachable.into_iter().fold(reported, |_, found| Some(report(found)));
    Err(reported.expect("a refused policy has an unreachable rule"))
}

/// Returns the requirement of the whole site. A login needs at least that, even on the way to another
/// path.
fn whole_site(rules: &[Rule]) -> Requirement {
    match rules.iter().find(|rule| rule.pattern().is_root()).map(Rule::access) {
        Some(Access::Protected(requirement)) => requirement.clone(),
        Some(Access::Public) | None => {
            Requirement::new(DEFAULT_FACTORS).expect("the default factors are two different ones")
        }
    }
}

fn read_rule(section: &Section<'_>) -> Result<Rule, Reported> {
    let path = section
        .key(
            "path",
            "With a slash at the end, the path and everything below it; without one, this path alone.",
        )
        .allowed("letters, digits and - . _ ~ between slashes, with a slash at the beginning")
        .required("/admin/", "write a path such as \"/admin/\" or \"/robots.txt\"", pattern);
    let access = section
        .key("access", "\"public\" needs no login. Of the keys below it allows only counts_as_use and max_body_mib.")
        .word(&[("login", AccessWord::Login), ("public", AccessWord::Public)], AccessWord::Login);
    let factors = section
        .key(
            "factors",
            "The factors, in the order in which they are asked for. One of several is written \
             { any = [\"passkey\", \"sms-otp\"] }, the preferred one first.",
        )
        .allowed("a list that starts with \"password\"")
        .with_default(DEFAULT_FACTORS.map(FactorChoice::from).to_vec(), default_factors(), factors);
    let groups = section
        .key("groups", "The user must be in at least one of these groups. Empty: every user.")
        .list(&[], |texts| Ok(texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()));
    let max_age = section
        .key("max_age", "The last factor must not be older than this.")
        .shown()
        .optional_duration("10m", "any age", Requirement::STEP_UP_AGES);
    let allow_preflight = section
        .key(
            "allow_preflight",
            "Lets CORS preflight requests pass without a login: OPTIONS with Origin and \
             Access-Control-Request-Method. Browsers send them without cookies.",
        )
        .flag(false);
    let counts_as_use = section
        .key(
            "counts_as_use",
            "Set to false for paths that an open page asks for by itself, so that they do not keep a \
             session alive.",
        )
        .flag(true);
    let max_body_mib = section
        .key(
            "max_body_mib",
            "The size of the largest request body, in MiB. If servers may read a path in several ways, the smallest \
             limit holds.",
        )
        .optional_number(100, "that of application.max_body_mib", BODY_MIB_RANGE);
    let with_options = |rule: Rule| {
        let rule = if counts_as_use? { rule } else { rule.without_use() };
        let limit = max_body_mib?.map(body_bytes);
        Ok(limit.into_iter().fold(rule, Rule::with_max_body_bytes))
    };
    if access? == AccessWord::Public {
        let details = ["factors", "groups", "max_age", "allow_preflight"];
        let details = details.into_iter().filter(|key| section.has(key));
        let reported = details.fold(None, |_, key| {
            let remedy = "remove it, or remove access = \"public\"";
            let refusal = Refusal::new("means nothing where access is public", remedy);
            Some(section.problem(key, refusal))
        });
        return reported.map_or_else(|| path.map(Rule::public).and_then(with_options), Err);
    }
    let requirement = requirement(factors?, max_age?).map_err(|error| {
        section.problem("factors", Refusal::new(error.to_string(), "name each factor once"))
    })?;
    let requirement = groups?.into_iter().fold(requirement, Requirement::with_group);
    let rule = with_options(Rule::protected(path?, requirement))?;
    Ok(if allow_preflight? { rule.with_preflight() } else { rule })
}

/// Requires `factors`, and evidence of the last of them that is not older than `max_age`.
fn requirement(
    factors: Vec<FactorChoice>,
    max_age: Option<Duration>,
) -> Result<Requirement, InvalidRequirement> {
    let last = factors.last().cloned();
    let requirement = Requirement::new(factors)?;
    match max_age {
        Some(within) => requirement.with_step_up(last, within),
        None => Ok(requirement),
    }
}

fn default_factors() -> Value {
    Value::Array(DEFAULT_FACTORS.iter().map(|factor| factor.as_str().into()).collect())
}

fn factors(value: &DeValue<'_>) -> Result<Vec<FactorChoice>, Refusal> {
    let remedy = "write factors such as \"sms-otp\" or { any = [\"passkey\", \"sms-otp\"] }";
    let items = value.as_array().ok_or_else(|| Refusal::new("is not a list", remedy))?;
    let choice = |item: &Spanned<DeValue<'_>>| {
        FactorChoice::deserialize(ValueDeserializer::from(item.clone()))
            .map_err(|error| Refusal::new(error.message().to_owned(), remedy))
    };
    let factors: Vec<FactorChoice> = items.iter().map(choice).collect::<Result<_, _>>()?;
    if factors.first().map(FactorChoice::first) != Some(&FactorId::PASSWORD) {
        let what = "does not start with \"password\"";
        return Err(Refusal::new(what, "write [\"password\", \"sms-otp\"]"));
    }
    Ok(factors)
}

fn pattern(text: &str) -> Result<PathPattern, Refusal> {
    let pattern = PathPattern::parse(text).map_err(|_| {
        let remedy = "begin it with a slash, with letters, digits and - . _ ~ between slashes, and no dot \
                      before a slash or at the end";
        Refusal::new(format!("{text:?} is not a path"), remedy)
    })?;
    if text.starts_with(Site::DEFAULT_PREFIX) {
        let prefix = Site::DEFAULT_PREFIX;
        let what = format!("is below {prefix}, where only the gateway's own pages are");
        return Err(Refusal::new(what, "remove the rule: it never applies"));
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use auth_module::{AppName, Decision, RequestFacts};

    use super::*;
    use crate::config::document::{problems_in, read_from};

    fn requirement_of(text: &str, prefix: &str) -> Requirement {
        let policy = read_from(text, read).expect("a policy");
        let rule = policy.rules().iter().find(|rule| rule.name() == prefix).expect("a rule");
        match rule.access() {
            Access::Protected(requirement) => requirement.clone(),
            Access::Public => panic!("{prefix} is public"),
        }
    }

    #[test]
    fn without_a_rule_everything_needs_the_default_factors() {
        let policy = read_from("", read).expect("a policy");
        let named: Vec<&str> = policy.factors().map(|(_, factor)| factor.as_str()).collect();
        assert_eq!(named, ["password", "sms-otp"]);
        let expected = Requirement::new(DEFAULT_FACTORS).expect("two factors");
        assert_eq!(requirement_of("[[rule]]\npath = \"/\"\n", "/"), expected);
    }

    #[test]
    fn a_rule_becomes_a_requirement() {
        let text = "[[rule]]\npath = \"/admin/\"\ngroups = [\"admin\"]\nmax_age = \"5m\"\n\
                    factors = [\"password\", { any = [\"passkey\", \"sms-otp\"] }]\n";
        let passkey = FactorId::new("passkey").expect("a name");
        let either = FactorChoice::any([passkey, SMS_OTP]).expect("two factors");
        let expected = Requirement::new([FactorId::PASSWORD.into(), either.clone()])
            .and_then(|requirement| requirement.with_step_up([either], Duration::from_secs(300)))
            .expect("a requirement")
            .with_group("admin");
        assert_eq!(requirement_of(text, "/admin/"), expected);
    }

    #[test]
    fn a_path_with_a_slash_at_its_end_is_a_prefix() {
        let text = "[[rule]]\npath = \"/robots.txt\"\naccess = \"public\"\n\
                    [[rule]]\npath = \"/docs/\"\naccess = \"public\"\n";
        let policy = read_from(text, read).expect("a policy");
        let app = AppName::new("shop").expect("a name");
        let is_public = |path| {
            let client = std::net::Ipv4Addr::LOCALHOST.into();
            let facts = RequestFacts::new(&app, "GET", path, client, SystemTime::UNIX_EPOCH);
            policy.evaluate(&facts).into_decision() == Decision::Public
        };
        for path in ["/robots.txt", "/docs", "/docs/", "/docs/a/b"] {
            assert!(is_public(path), "{path}");
        }
        for path in ["/robots.txt/", "/robots.txt/a", "/robots.txtx", "/docsx", "/a/docs/"] {
            assert!(!is_public(path), "{path}");
        }
    }

    #[test]
    fn a_rule_says_what_passes_without_a_login_and_what_counts_as_use() {
        let text = "[[rule]]\npath = \"/api/\"\nallow_preflight = true\n\
                    [[rule]]\npath = \"/poll\"\ncounts_as_use = false\n\
                    [[rule]]\npath = \"/news\"\naccess = \"public\"\ncounts_as_use = false\n\
                    [[rule]]\npath = \"/\"\n";
        let policy = read_from(text, read).expect("a policy");
        let said: Vec<(bool, bool)> = policy
            .rules()
            .iter()
            .map(|rule| (rule.passes_preflight(), rule.counts_as_use()))
            .collect();
        assert_eq!(said, [(true, true), (false, false), (false, false), (false, true)]);
    }

    #[test]
    fn a_rule_may_have_a_limit_on_bodies_of_its_own() {
        let text = "[[rule]]\npath = \"/upload/\"\nmax_body_mib = 200\n\
                    [[rule]]\npath = \"/drop\"\naccess = \"public\"\nmax_body_mib = 1\n\
                    [[rule]]\npath = \"/\"\n";
        let policy = read_from(text, read).expect("a policy");
        let limits: Vec<Option<u64>> = policy.rules().iter().map(Rule::max_body_bytes).collect();
        assert_eq!(limits, [Some(200 * 1024 * 1024), Some(1024 * 1024), None]);
    }

    #[test]
    fn a_path_that_has_another_spelling_or_never_applies_is_refused() {
        for (path, said) in [
            ("/a%20b/", "\"/a%20b/\" is not a path; "),
            ("/a//b", "\"/a//b\" is not a path; "),
            ("/a./", "\"/a./\" is not a path; "),
            ("/_mfa/", "is below /_mfa/, where only the gateway's own pages are; remove the rule"),
            ("/_mfa/assets/", "is below /_mfa/, where only the gateway's own pages are; "),
        ] {
            let found = problems_in(&format!("[[rule]]\npath = \"{path}\"\n"), read);
            let said = format!("2:8: rule[0].path: {said}");
            assert!(found.len() == 1 && found[0].starts_with(&said), "{found:#?}");
        }
    }

    #[test]
    fn wrong_factors_are_named() {
        for (given, said) in [
            (r#"["password", "SMS"]"#, "\"SMS\" is not the name of a factor; "),
            (r#"["password", { any = [] }]"#, "`any` names no factor; "),
            (r#"["password", { all = ["sms-otp"] }]"#, "expected a factor such as "),
            (r#"["password", "sms-otp", "sms-otp"]"#, "the factor sms-otp is named twice; "),
            (r#"["sms-otp"]"#, "does not start with \"password\"; "),
            (r#""password""#, "is not a list; "),
        ] {
            let found = problems_in(&format!("[[rule]]\npath = \"/\"\nfactors = {given}\n"), read);
            let said = format!("3:11: rule[0].factors: {said}");
            assert!(found.len() == 1 && found[0].starts_with(&said), "{found:#?}");
        }
    }

    #[test]
    fn a_public_rule_asks_for_nothing_else() {
        let found = problems_in(
            "[[rule]]\npath = \"/c/\"\naccess = \"public\"\ngroups = [\"x\"]\nmax_age = \"61m\"\n\
             allow_preflight = true\n",
            read,
        );
        let starts = [
            "4:10: rule[0].groups: means nothing where access is public; ",
            "5:11: rule[0].max_age: is not between 1m and 1h; ",
            "5:11: rule[0].max_age: means nothing where access is public; ",
            "6:19: rule[0].allow_preflight: means nothing where access is public; ",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (line, start) in found.iter().zip(starts) {
            assert!(line.starts_with(start), "{start} is not {line}");
        }
    }

    #[test]
    fn a_rule_that_comes_too_late_is_named_with_its_line_and_the_rule_before_it() {
        let rules = r#"[[rule]]
path = "/a/"
[[rule]]
path = "b"
[[rule]]
path = "/A/b/"
access = "public"
[[rule]]
path = "/"
[[rule]]
access = "public"
path = "/c/"
"#;
        assert_eq!(
            problems_in(rules, read),
            [
                "4:8: rule[1].path: \"b\" is not a path; begin it with a slash, with letters, digits and - . _ ~ between slashes, and no dot before a slash or at the end",
                "6:8: rule[2].path: rule \"/A/b/\" comes too late, because the earlier rule \"/a/\" matches its paths first; move this rule above the other one, or remove it",
                "12:8: rule[4].path: rule \"/c/\" comes too late, because the earlier rule \"/\" matches its paths first; move this rule above the other one, or remove it",
            ]
        );
    }
}
