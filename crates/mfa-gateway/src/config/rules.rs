//! `[[rule]]`: which factors a path needs.

use std::time::Duration;

use auth_module::{
    Access, FactorChoice, InvalidRequirement, PathPattern, Policy, Requirement, Rule,
    UnreachableRule, is_group,
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
    warning::WarningKind,
};

/// The factors of a rule that names none, and of a path without a rule.
const DEFAULT_FACTORS: [FactorId; 2] = [FactorId::PASSWORD, SMS_OTP];

const MORE_RULES: &str = "\
[[rule]]
path = \"/public/\"
access = \"public\"
without_second_factor = true

[[rule]]
path = \"/robots.txt\"
access = \"public\"
without_second_factor = true

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
        (
            "What a path needs. The first rule that matches decides, so narrower paths come first. \
             Without a rule for \"/\", every other path needs the default factors.",
            "パスごとに必要なもの。最初に当てはまった規則で決まるため、狭いパスを先に\
             書きます。\"/\"の規則がないときは、ほかのすべてのパスに既定の要素が必要\
             です。",
        ),
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
        let UnreachableRule { rule, shadowed_by, .. } = &found;
        let in_japanese = format!(
            "前にある規則{shadowed_by:?}が先に当てはまるため、規則{rule:?}は使われま\
             せん"
        );
        let remedy = (
            "move this rule above the other one, or remove it",
            "この規則を前に移すか、削除してください",
        );
        let refusal = Refusal::new((found.to_string(), in_japanese), remedy);
        root.problem(&format!("rule[{position}].path"), refusal)
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
            (
                "With a slash at the end, the path and everything below it; without one, \
                 this path alone.",
                "末尾がスラッシュのときは、そのパスとその下のすべて、そうでないときは、そ\
                 のパスだけに当てはまります。",
            ),
        )
        .allowed((
            "letters, digits and - . _ ~ between slashes, with a slash at the \
             beginning",
            "先頭がスラッシュで、スラッシュのあいだは英数字と- . _ ~",
        ))
        .required(
            "/admin/",
            (
                "write a path such as \"/admin/\" or \"/robots.txt\"",
                "\"/admin/\"、\"/robots.txt\"のようなパスを書いてください",
            ),
            pattern,
        );
    let access = section
        .key(
            "access",
            (
                "\"public\" needs no login. Of the keys below it allows only \
                 counts_as_use, without_second_factor and max_body_mib.",
                "\"public\"はログインを求めません。以下のキーのうち、counts_as_use、\
                 without_second_factor、max_body_mibだけを併用できます。",
            ),
        )
        .word(&[("login", AccessWord::Login), ("public", AccessWord::Public)], AccessWord::Login);
    let factors = section
        .key(
            "factors",
            (
                "The factors, in the order in which they are asked for. One of several is written \
                 { any = [\"passkey\", \"sms-otp\"] }, the preferred one first.",
                "要素を、求める順に並べます。いくつかのうちの1つでよいときは、{ any = [\"\
                 passkey\", \"sms-otp\"] }のように、優先するものから書きます。",
            ),
        )
        .allowed(("a list that starts with \"password\"", "\"password\"で始まるリスト"))
        .with_default(DEFAULT_FACTORS.map(FactorChoice::from).to_vec(), default_factors(), factors);
    let groups = section
        .key(
            "groups",
            (
                "The user must be in at least one of these groups. Empty: every user.",
                "ユーザーは、このうち少なくとも1つのグループに属する必要があります。空の\
                 ときは、すべてのユーザーが使えます。",
            ),
        )
        .list(&[], group_names);
    let max_age = section
        .key(
            "max_age",
            (
                "The last factor must not be older than this.",
                "最後の要素の認証から、これより長く経っていてはいけません。",
            ),
        )
        .shown()
        .optional_duration("10m", ("any age", "制限なし"), Requirement::STEP_UP_AGES);
    let allow_preflight = section
        .key(
            "allow_preflight",
            (
                "Lets CORS preflight requests pass without a login: OPTIONS with Origin and \
                 Access-Control-Request-Method. Browsers send them without cookies.",
                "CORSのプリフライトリクエスト（OriginとAccess-Control-Request-Methodのあ\
                 るOPTIONS）を、ログインなしで通します。ブラウザーはこれをCookieなしで送\
                 ります。",
            ),
        )
        .flag(false);
    let counts_as_use = section
        .key(
            "counts_as_use",
            (
                "Set to false for paths that an open page asks for by itself, so that \
                 they do not keep a session alive.",
                "画面が自動で読み込むパスではfalseにします。そのリクエストではセッション\
                 が延びなくなります。",
            ),
        )
        .flag(true);
    let without_second_factor = section
        .key(
            "without_second_factor",
            (
                "States that the paths of this rule need no second factor. A rule for \
                 \"/\" that needs none is refused without it, and a narrower one is \
                 warned about.",
                "この規則のパスに2つ目の要素が要らないことを明記します。2つ目の要素を求め\
                 ない\"/\"の規則は、これがなければ拒否し、それより狭い規則は警告します。",
            ),
        )
        .flag(false);
    let max_body_mib = section
        .key(
            "max_body_mib",
            (
                "The size of the largest request body, in MiB. If servers may read a \
                 path in several ways, the smallest limit holds.",
                "リクエスト本文の最大の大きさ（MiB）です。パスの読み方がサーバーによって\
                 違うときは、最も小さい上限を使います。",
            ),
        )
        .optional_number(
            100,
            ("that of application.max_body_mib", "application.max_body_mibの値"),
            BODY_MIB_RANGE,
        );
    let (path, access) = (path?, access?);
    let needs_more = match (&factors, access) {
        (_, AccessWord::Public) => Ok(false),
        (Ok(factors), AccessWord::Login) => Ok(factors.len() > 1),
        (Err(reported), AccessWord::Login) => Err(*reported),
    };
    let stated = needs_more
        .and_then(|needs_more| check_statement(section, &path, needs_more, without_second_factor?));
    let with_options = |rule: Rule| {
        let rule = if counts_as_use? { rule } else { rule.without_use() };
        let limit = max_body_mib?.map(body_bytes);
        Ok(limit.into_iter().fold(rule, Rule::with_max_body_bytes))
    };
    if access == AccessWord::Public {
        let details = ["factors", "groups", "max_age", "allow_preflight"];
        let details = details.into_iter().filter(|key| section.has(key));
        let reported = details.fold(None, |_, key| {
            let what = (
                "means nothing where access is public",
                "accessが\"public\"の規則では意味がありません",
            );
            let remedy = (
                "remove it, or remove access = \"public\"",
                "このキーか、access = \"public\"を削除してください",
            );
            Some(section.problem(key, Refusal::new(what, remedy)))
        });
        stated?;
        return reported.map_or_else(|| with_options(Rule::public(path)), Err);
    }
    let requirement = requirement(factors?, max_age?).map_err(|error| {
        let what = (error.to_string(), repeated_in_japanese(&error));
        let remedy = ("name each factor once", "各要素は1回だけ指定してください");
        section.problem("factors", Refusal::new(what, remedy))
    })?;
    stated?;
    let requirement = groups?.into_iter().fold(requirement, Requirement::with_group);
    let rule = with_options(Rule::protected(path, requirement))?;
    Ok(if allow_preflight? { rule.with_preflight() } else { rule })
}

/// Checks that a rule without a second factor is meant: for the whole site it has to say so.
fn check_statement(
    section: &Section<'_>,
    path: &PathPattern,
    needs_more: bool,
    is_stated: bool,
) -> Result<(), Reported> {
    let key = if section.has("access") { "access" } else { "factors" };
    let remedy = (
        "add \"sms-otp\" to its factors, or state it: without_second_factor = true",
        "factorsに\"sms-otp\"を加えてください。意図したものであれば、\
         without_second_factor = trueと明記してください",
    );
    match (needs_more, is_stated) {
        (true, false) | (false, true) => Ok(()),
        (true, true) => {
            let what = (
                "is not so: the rule asks for a second factor",
                "この規則は2つ目の要素を求めています",
            );
            let remedy = ("remove one of the two", "どちらかを削除してください");
            Err(section.problem("without_second_factor", Refusal::new(what, remedy)))
        }
        (false, false) if path.is_root() => {
            let what = (
                "leaves the whole site without a second factor",
                "サイト全体が、2つ目の要素なしで使えるようになります",
            );
            Err(section.problem(key, Refusal::new(what, remedy)))
        }
        (false, false) => {
            let what = (
                format!("leaves {path} without a second factor"),
                format!("{path}が、2つ目の要素なしで使えるようになります"),
            );
            section.warn(WarningKind::NoSecondFactor, key, Refusal::new(what, remedy));
            Ok(())
        }
    }
}

fn repeated_in_japanese(error: &InvalidRequirement) -> String {
    match error {
        InvalidRequirement::Repeated(factor) => format!("要素{factor}が2回指定されています"),
        other => format!("要素の指定に誤りがあります（{other}）"),
    }
}

/// Reads groups that a user can be in.
fn group_names(texts: &[&str]) -> Result<Vec<String>, Refusal> {
    let mut names: Vec<String> = Vec::new();
    for &text in texts {
        if !is_group(text) {
            return Err(Refusal::new(
                (
                    format!("holds {text:?}, which no group can be called"),
                    format!("{text:?}はグループの名前になりません"),
                ),
                (
                    "use 1 to 64 ASCII letters, digits and . _ -",
                    "半角の英数字と. _ -を1文字から64文字で書いてください",
                ),
            ));
        }
        if names.iter().any(|name| name == text) {
            return Err(Refusal::new(
                (format!("holds {text:?} twice"), format!("{text:?}が2回指定されています")),
                ("remove one of them", "片方を削除してください"),
            ));
        }
        names.push(text.to_owned());
    }
    Ok(names)
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
    let remedy = (
        "write factors such as \"sms-otp\" or { any = [\"passkey\", \"sms-otp\"] }",
        "\"sms-otp\"、{ any = [\"passkey\", \"sms-otp\"] }のように要素を書いてください",
    );
    let items = value
        .as_array()
        .ok_or_else(|| Refusal::new(("is not a list", "リストではありません"), remedy))?;
    let choice = |item: &Spanned<DeValue<'_>>| {
        FactorChoice::deserialize(ValueDeserializer::from(item.clone())).map_err(|error| {
            let what = error.message().to_owned();
            let in_japanese = format!("要素の指定に誤りがあります（{what}）");
            Refusal::new((what, in_japanese), remedy)
        })
    };
    let factors: Vec<FactorChoice> = items.iter().map(choice).collect::<Result<_, _>>()?;
    if factors.first().map(FactorChoice::first) != Some(&FactorId::PASSWORD) {
        return Err(Refusal::new(
            ("does not start with \"password\"", "最初の要素が\"password\"ではありません"),
            (
                "write [\"password\", \"sms-otp\"]",
                "[\"password\", \"sms-otp\"]の形で書いてください",
            ),
        ));
    }
    Ok(factors)
}

fn pattern(text: &str) -> Result<PathPattern, Refusal> {
    let pattern = PathPattern::parse(text).map_err(|_| {
        let what = (format!("{text:?} is not a path"), format!("{text:?}は規則のパスになりません"));
        let remedy = (
            "begin it with a slash, with letters, digits and - . _ ~ between slashes, \
             and no dot before a slash or at the end",
            "先頭をスラッシュにし、スラッシュのあいだは英数字と- . _ ~だけで書いてく\
             ださい。スラッシュの直前と末尾に点は使えません",
        );
        Refusal::new(what, remedy)
    })?;
    let prefix = Site::DEFAULT_PREFIX;
    // In any case of letters: a server behind the gateway may read it so.
    let own = prefix.trim_matches('/');
    if text.split('/').nth(1).is_some_and(|first| first.eq_ignore_ascii_case(own)) {
        let what = (
            format!("is below {prefix}, where only the gateway's own pages are"),
            format!("{prefix}の下には、ゲートウェイ自身のページだけがあります"),
        );
        let remedy =
            ("remove the rule: it never applies", "この規則を削除してください。使われません");
        return Err(Refusal::new(what, remedy));
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
            ("/_mfa", "is below /_mfa/, where only the gateway's own pages are; "),
            ("/_MFA/login", "is below /_mfa/, where only the gateway's own pages are; "),
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
    fn a_whole_site_without_a_second_factor_has_to_be_stated() {
        for (rule, key) in [
            ("factors = [\"password\"]", "factors"),
            ("access = \"public\"", "access"),
            ("groups = [\"x\"]\nfactors = [\"password\"]\nmax_age = \"5m\"", "factors"),
        ] {
            let text = format!("[[rule]]\npath = \"/\"\n{rule}\n");
            let found = problems_in(&text, read);
            let said = format!("rule[0].{key}: leaves the whole site without a second factor; ");
            assert!(found.len() == 1 && found[0].contains(&said), "{found:#?}");
            let stated = format!("{text}without_second_factor = true\n");
            assert!(problems_in(&stated, read).is_empty(), "{stated}");
        }
        let found = problems_in("[[rule]]\npath = \"/\"\nwithout_second_factor = true\n", read);
        assert!(found[0].contains("rule[0].without_second_factor: is not so: "), "{found:?}");
    }

    #[test]
    fn groups_are_names_that_a_user_can_have() {
        for (groups, said) in [
            (r#"[""]"#, "holds \"\", which no group can be called; "),
            (r#"["admin "]"#, "holds \"admin \", which no group can be called; "),
            (r#"["a", "b", "a"]"#, "holds \"a\" twice; "),
        ] {
            let text = format!("[[rule]]\npath = \"/a/\"\ngroups = {groups}\n");
            let found = problems_in(&text, read);
            let said = format!("3:10: rule[0].groups: {said}");
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
                "4:8: rule[1].path: \"b\" is not a path; begin it with a slash, with \
                 letters, digits and - . _ ~ between slashes, and no dot before a slash \
                 or at the end",
                "6:8: rule[2].path: rule \"/A/b/\" comes too late, because the earlier \
                 rule \"/a/\" matches its paths first; move this rule above the other \
                 one, or remove it",
                "12:8: rule[4].path: rule \"/c/\" comes too late, because the earlier \
                 rule \"/\" matches its paths first; move this rule above the other one, \
                 or remove it",
            ]
        );
    }
}
