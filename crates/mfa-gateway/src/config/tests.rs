//! What is refused, and how it is said; and that the sample file tells the truth.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use karaden_client::push::CarrierField;

use super::{Config, Sender, read, reader::Document};

const SAMPLE: &str = include_str!("../../config.sample.toml");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["master.key", "otp.key", "karaden.token", "karaden.code"] {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{SECRET}\n")).expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))
            .expect("permissions");
    }
    folder
}

fn in_folder(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("gateway.toml")
}

/// The problems as an operator sees them, without the folder.
fn problems(text: &str) -> Vec<String> {
    let folder = folder();
    let file = in_folder(&folder);
    let shown = Config::parse(&file, text).expect_err("something is wrong").to_string();
    let path = format!("{}/", folder.path().display());
    shown.lines().map(|line| line.replace(&path, "")).collect()
}

#[test]
fn the_sample_file_is_good() {
    let folder = folder();
    let config = Config::parse(&in_folder(&folder), SAMPLE).expect("the sample is valid");
    assert_eq!(config.gateway.public_url.as_str(), "https://login.example.jp/");
    assert_eq!(config.sms.host.as_str(), "login.example.jp");
    let rules: Vec<&str> = config.policy.rules().iter().map(auth_module::Rule::name).collect();
    assert_eq!(rules, ["/admin/", "/public/", "/"]);
}

/// The keys that can be uncommented show the defaults that hold without them.
#[test]
fn the_sample_file_shows_the_defaults() {
    let folder = folder();
    let file = in_folder(&folder);
    let examples = [
        "trusted_proxies",
        "support",
        "url",
        "password_file",
        "base_url",
        "token_file",
        "security_code_file",
    ];
    let uncommented: String = SAMPLE
        .lines()
        .map(|line| {
            let body = line.strip_prefix("# ").unwrap_or(line);
            let name = body.split(" = ").next().unwrap_or_default();
            let is_key =
                body.contains(" = ") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let is_push = ["base_url = \"https://push", "token_file", "security"]
                .iter()
                .any(|p| body.starts_with(p));
            let is_example = examples.contains(&name) && (is_push || name != "base_url");
            if is_key && line.starts_with("# ") && !is_example {
                format!("{body}\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    assert_ne!(uncommented, SAMPLE);
    let given = Config::parse(&file, &uncommented).expect("the defaults are valid");
    let implied = Config::parse(&file, SAMPLE).expect("the sample is valid");
    assert_eq!(format!("{given:?}"), format!("{implied:?}"));
}

/// The sample with the other sender, as an operator makes it.
fn sample_with_push() -> String {
    let (before, rest) = SAMPLE.split_once("[sms.karaden_sms]").expect("one of the two");
    let (_, rest) = rest.split_once("# [sms.karaden_push]").expect("the other");
    let (keys, after) = rest.split_once("\n\n").expect("another section");
    format!("{before}[sms.karaden_push]{}\n\n{after}", keys.replace("\n# ", "\n"))
}

const CARRIER_FIELDS: &str = r#"# carrier_fields = ["docomo", "softbank", "au", "option"]"#;
const FACTORS: &str = r#"# factors = ["password", "sms-otp"]"#;
const TRACKS: &str = "# tracks_single_messages = false";

#[test]
fn the_sample_file_shows_the_defaults_of_the_other_sender() {
    let folder = folder();
    let file = in_folder(&folder);
    let implied = sample_with_push();
    let given = [CARRIER_FIELDS, TRACKS].into_iter().fold(implied.clone(), |text, key| {
        assert!(text.contains(key), "{key} is not in the sample file");
        text.replace(key, &key[2..])
    });
    let given = Config::parse(&file, &given).expect("the defaults are valid");
    let implied = Config::parse(&file, &implied).expect("they can be left out");
    assert_eq!(format!("{given:?}"), format!("{implied:?}"));
}

#[test]
fn what_the_contract_of_the_other_sender_wants_can_be_said() {
    let folder = folder();
    let text = sample_with_push()
        .replace(CARRIER_FIELDS, r#"carrier_fields = ["docomo", "rakuten"]"#)
        .replace(TRACKS, "tracks_single_messages = true");
    let sender = Config::parse(&in_folder(&folder), &text).expect("valid").sms.sender;
    let Sender::KaradenPush { carrier_fields, tracks_single_messages, .. } = sender else {
        panic!("another sender: {sender:?}")
    };
    assert_eq!(carrier_fields, [CarrierField::Docomo, CarrierField::Rakuten]);
    assert!(tracks_single_messages);
    for (given, said) in [
        ("carrier_fields = []", "sms.karaden_push.carrier_fields: is empty"),
        (
            r#"carrier_fields = ["kddi"]"#,
            "sms.karaden_push.carrier_fields: \"kddi\" is none of docomo, ",
        ),
    ] {
        let found = problems(&sample_with_push().replace(CARRIER_FIELDS, given)).concat();
        assert!(found.contains(said), "{found}");
    }
}

#[test]
fn every_key_stands_in_the_sample_file() {
    let folder = folder();
    for text in [SAMPLE, sample_with_push().as_str()] {
        let file = in_folder(&folder);
        let document = Document::new(&file, text);
        let _ = document.read(read::config);
        for key in document.known_keys() {
            let stands = SAMPLE.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                line.starts_with(&format!("{key} = "))
                    || line.starts_with(&format!("{key}_file = "))
                    || line.trim_matches(['[', ']']).rsplit('.').next() == Some(&key)
            });
            assert!(stands, "{key} is not in the sample file");
        }
    }
}

#[test]
fn everything_wrong_is_said_at_once_with_its_line() {
    let found = problems(
        r#"[gateway]
public_url = "http://login.example.jp"
listen = "8080"
data_dir = "data"
secret = "short"
colour = "blue"

[application]
url = "ftp://x"

[[rule]]
path = "admin"

[otp]
lifetime = "1h"
digits = 4

[sms.karaden_sms]
tenant_id = "x"
"#,
    );
    let starts = [
        "gateway.toml:2:14: gateway.public_url: is not https",
        "gateway.toml:3:10: gateway.listen: \"8080\" is not an address",
        "gateway.toml:5:10: gateway.secret: holds a secret shorter than 32 bytes",
        "gateway.toml:6:1: gateway.colour: unknown key; known here: ",
        "gateway.toml:9:7: application.url: is neither http nor https",
        "gateway.toml:12:8: rule[0].path: \"admin\" is not a path prefix",
        "gateway.toml:14:1: otp.key: is missing",
        "gateway.toml:15:12: otp.lifetime: is not between 1m and 10m",
        "gateway.toml:16:10: otp.digits: is not a whole number from 6 to 10",
        "gateway.toml:18:1: sms.karaden_sms.token_file: is missing",
        "gateway.toml:18:1: sms.karaden_sms.service_id: is missing",
        "gateway.toml:19:13: sms.karaden_sms.tenant_id: is not a UUID",
    ];
    for start in starts {
        assert!(
            found.iter().any(|line| line.starts_with(start)),
            "{start} is missing in {found:#?}"
        );
    }
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    assert!(found.iter().all(|line| line.contains("; ")), "a remedy is missing in {found:#?}");
    assert!(!found.concat().contains("short\""), "{found:#?}");
}

#[test]
fn a_secret_is_given_once_and_kept_from_others() {
    let both = SAMPLE.replace(
        "secret_file = \"master.key\"",
        &format!("secret = \"{SECRET}\"\nsecret_file = \"master.key\""),
    );
    assert!(problems(&both).concat().contains("gateway.secret_file: is given beside secret"));
    let folder = folder();
    let key = folder.path().join("otp.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("permissions");
    let shown =
        Config::parse(&in_folder(&folder), SAMPLE).expect_err("a shared secret").to_string();
    assert!(shown.contains("which everyone may read; run: chmod 640 on it"), "{shown}");
    std::fs::remove_file(&key).expect("the file is there");
    let shown =
        Config::parse(&in_folder(&folder), SAMPLE).expect_err("a missing secret").to_string();
    assert!(shown.contains("which cannot be read"), "{shown}");
}

#[test]
fn no_secret_shows_in_debug_output() {
    let folder = folder();
    let config = Config::parse(&in_folder(&folder), SAMPLE).expect("the sample is valid");
    assert!(!format!("{config:?}").contains(SECRET));
}

#[test]
fn a_syntax_error_names_its_place() {
    assert!(problems("[gateway]\npublic_url = \n")[0].starts_with("gateway.toml:2:"));
}

#[test]
fn a_missing_file_is_named() {
    let shown =
        Config::load(Path::new("/nonexistent/gateway.toml")).expect_err("no file").to_string();
    assert!(shown.starts_with("/nonexistent/gateway.toml: cannot be read"), "{shown}");
}

#[test]
fn a_public_rule_asks_for_nothing_else() {
    let text = SAMPLE.replace("access = \"public\"", "access = \"public\"\ngroups = [\"x\"]");
    assert!(problems(&text)[0].contains("rule[1].groups: means nothing where access is public"));
}

#[test]
fn a_rule_that_comes_too_late_is_named_with_its_line_and_the_rule_before_it() {
    let rules = r#"
[[rule]]
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
    let without = SAMPLE.replace("[[rule]]", "[[unknown]]");
    let found = problems(&format!("{rules}{without}"));
    let said: Vec<&str> =
        found.iter().filter(|line| line.contains("rule[")).map(String::as_str).collect();
    assert_eq!(
        said,
        [
            "gateway.toml:5:8: rule[1].path: \"b\" is not a path prefix; begin and end it with a slash, with letters, digits and - . _ ~ between",
            "gateway.toml:7:8: rule[2].path: rule \"/A/b/\" comes too late, because the earlier rule \"/a/\" matches its paths first; move this rule above the other one, or remove it",
            "gateway.toml:13:8: rule[4].path: rule \"/c/\" comes too late, because the earlier rule \"/\" matches its paths first; move this rule above the other one, or remove it",
        ]
    );
}

#[test]
fn a_rule_names_factors_and_alternatives() {
    let folder = folder();
    let given = r#"factors = ["password", { any = ["passkey", "sms-otp"] }]"#;
    let text = SAMPLE.replace(FACTORS, given);
    let policy = Config::parse(&in_folder(&folder), &text).expect("valid").policy;
    let named = policy.factors().filter(|(rule, _)| rule.is_some_and(|r| r.name() == "/admin/"));
    let named: Vec<&str> = named.map(|(_, factor)| factor.as_str()).collect();
    // The second time for `max_age`: the last choice has to be fresh.
    assert_eq!(named, ["password", "passkey", "sms-otp", "passkey", "sms-otp"]);
    for (given, said) in [
        (r#"factors = ["password", "SMS"]"#, "\"SMS\" is not the name of a factor; "),
        (r#"factors = ["password", { any = [] }]"#, "`any` names no factor; "),
        (r#"factors = ["password", { all = ["sms-otp"] }]"#, "expected a factor such as "),
        (r#"factors = ["password", "sms-otp", "sms-otp"]"#, "the factor sms-otp is named twice; "),
        (r#"factors = ["sms-otp"]"#, "does not begin with \"password\"; "),
        (r#"factors = "password""#, "is not a list; "),
    ] {
        let found = problems(&SAMPLE.replace(FACTORS, given));
        let said = format!("rule[0].factors: {said}");
        assert!(found.len() == 1 && found[0].contains(&said), "{found:#?}");
    }
}

#[test]
fn what_fails_only_together_is_named_too() {
    let text = SAMPLE.replace("# quiet_period = \"15m\"", "quiet_period = \"20m\"").replace(
        "service_name = \"Example\"",
        "service_name = \"A service whose name is far too long\"",
    );
    let found = problems(&text);
    let locks = "otp.locks: must be 1 to 8 ascending durations between 20 minutes and 24 hours";
    assert!(found.iter().any(|line| line.contains(locks)), "{found:#?}");
    let text = SAMPLE.replace(
        "service_name = \"Example\"",
        "service_name = \"A service whose name is far too long for one message\"",
    );
    let found = problems(&text);
    assert!(found.len() == 1 && found[0].contains("shorten sms.product_name"), "{found:#?}");
}
