//! What is refused and how, and that sample file and documents say what the readers declare.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use auth_module::{HashParameters, PasswordLimits, Rule};
use mfa_pages::Language;
use otp_core::message::Host;
use toml::{Table, Value};

use super::{
    Config, Environment, Sender, WarningKind, Warnings,
    declaration::{Absence, Allowed, Bounds, Form, KeyDeclaration, SectionDeclaration},
    document, duration, read,
};

const SAMPLE: &str = include_str!("../../config.sample.toml");
const SAMPLE_JA: &str = include_str!("../../config.sample.ja.toml");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A folder with the secrets and the texts that the sample file names.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = SECRET.to_owned();
    let another: String = SECRET.chars().rev().collect();
    for (name, secret) in [
        ("master.key", &secret),
        ("otp.key", &secret),
        ("karaden.token", &secret),
        ("karaden.code", &secret),
        ("pepper.key", &secret),
        ("previous-pepper.key", &another),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, format!("{secret}\n")).expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("permissions");
    }
    for name in ["ja.ftl", "en.ftl"] {
        fs::write(folder.path().join(name), "").expect("a file");
    }
    folder
}

fn in_folder(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("gateway.toml")
}

/// The problems as an operator sees them, without the folder.
fn problems(text: &str) -> Vec<String> {
    let folder = folder();
    let shown =
        Config::parse(&in_folder(&folder), text).expect_err("something is wrong").to_string();
    let path = format!("{}/", folder.path().display());
    shown.lines().map(|line| line.replace(&path, "")).collect()
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
        "gateway.toml:3:10: gateway.listen: \"8080\" is neither an IP address",
        "gateway.toml:5:10: gateway.secret: holds a secret shorter than 32 bytes",
        "gateway.toml:6:1: gateway.colour: unknown key; known here: ",
        "gateway.toml:9:7: application.url: is neither http nor https",
        "gateway.toml:12:8: rule[0].path: \"admin\" is not a path;",
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
fn a_misspelt_key_is_told_the_nearest_name() {
    let found = problems(&SAMPLE.replace("# lifetime = ", "lifetme = ")).join("\n");
    assert!(found.contains("otp.lifetme: unknown key; known here: attempts_per_"), "{found}");
    assert!(found.contains("; did you mean lifetime? Correct or remove it"), "{found}");
    let found = problems(&SAMPLE.replace("[limits]", "[limit]")).join("\n");
    assert!(found.contains(": limit: unknown key; "), "{found}");
    assert!(found.contains("did you mean limits?"), "{found}");
}

#[test]
fn a_secret_is_given_once_and_kept_from_others() {
    let both = SAMPLE.replace(
        "secret_file = \"master.key\"",
        &format!("secret = \"{SECRET}\"\nsecret_file = \"master.key\""),
    );
    assert!(
        problems(&both).concat().contains("gateway.secret_file: is given in addition to secret")
    );
    let folder = folder();
    let key = folder.path().join("otp.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("permissions");
    let shown =
        Config::parse(&in_folder(&folder), SAMPLE).expect_err("a shared secret").to_string();
    let remedy = format!("which everyone may read; run: chmod 640 {}", key.display());
    assert!(shown.contains(&remedy), "{shown}");
    fs::remove_file(&key).expect("the file is there");
    let shown =
        Config::parse(&in_folder(&folder), SAMPLE).expect_err("a missing secret").to_string();
    assert!(shown.contains("which cannot be read"), "{shown}");
}

#[test]
fn a_file_with_a_secret_in_it_is_kept_from_others_too() {
    let folder = folder();
    let file = in_folder(&folder);
    let inline = SAMPLE.replace("secret_file = \"master.key\"", &format!("secret = \"{SECRET}\""));
    for (text, mode, said) in [
        (&inline, 0o600, None),
        (
            &inline,
            0o604,
            Some("gateway.secret: is kept in gateway.toml, which everyone may read; "),
        ),
        (&inline, 0o620, Some("gateway.secret: is kept in gateway.toml, which others may write; ")),
        (&SAMPLE.to_owned(), 0o644, None),
    ] {
        fs::write(&file, text).expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("permissions");
        let shown = Config::load(&file).err().map(|error| error.to_string()).unwrap_or_default();
        let shown = shown.replace(&format!("{}/", folder.path().display()), "");
        match said {
            Some(said) => assert!(shown.contains(said) && !shown.contains(SECRET), "{shown}"),
            None => assert_eq!(shown, "", "{mode:o}"),
        }
    }
}

#[test]
fn a_switch_lets_everybody_read_the_secrets_and_nothing_more() {
    let folder = folder();
    let key = folder.path().join("karaden.token");
    let switched = SAMPLE
        .replace("# secrets_may_be_world_readable = false", "secrets_may_be_world_readable = true");
    assert_ne!(switched, SAMPLE);
    for (mode, text, is_accepted) in
        [(0o444, SAMPLE, false), (0o444, &switched, true), (0o464, &switched, false)]
    {
        fs::set_permissions(&key, Permissions::from_mode(mode)).expect("permissions");
        let parsed = Config::parse(&in_folder(&folder), text);
        assert_eq!(parsed.is_ok(), is_accepted, "{mode:o}: {parsed:?}");
    }
}

/// The problems of `text` with these environment variables, one a line.
fn problems_with(variables: &[(&str, &str)], text: &str) -> String {
    let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let folder = folder();
    let parsed = Config::parse_with(&in_folder(&folder), text, &Environment::new(owned));
    let shown = parsed.err().map(|problems| problems.to_string()).unwrap_or_default();
    shown.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_environment_names_the_file_of_each_secret() {
    let sections = declared();
    let mut count = 0;
    for section in &sections {
        for key in &section.keys {
            let Some(variable) = &key.variable else { continue };
            count += 1;
            let alternative = match section.form {
                Form::Alternative => Form::Alternative,
                Form::Table | Form::Array { .. } => Form::Table,
            };
            let variable = variable.replace("_ID_", "_1_");
            let path = section.path_of(&key.name);
            let example = key.absence.value().as_str().expect("the name of a file");
            // A previous pepper needs a current one.
            let is_needed =
                |other: &KeyDeclaration| is_required(other) || other.name == "pepper_file";
            let with = file(&sections, alternative, |k| is_needed(k) || std::ptr::eq(k, key));
            let without = file(&sections, alternative, |k| is_needed(k) && !std::ptr::eq(k, key));
            assert_eq!(
                problems_with(&[(&variable, example)], &without.to_string()),
                "",
                "{variable}"
            );
            let both = problems_with(&[(&variable, example)], &with.to_string());
            let said = format!("is given in addition to {variable}; keep one of the two");
            assert!(both.contains(&said), "{path}: {both}");
            let unreadable = problems_with(&[(&variable, "none")], &without.to_string());
            assert!(unreadable.contains("is kept in none, which cannot be read"), "{unreadable}");
        }
    }
    assert!(count >= 6, "only {count} secrets");
}

#[test]
fn a_variable_that_no_key_has_is_refused() {
    let found = problems_with(&[("MFA_GATEWAY_SECERT_FILE", "master.key")], SAMPLE);
    assert!(found.contains("MFA_GATEWAY_SECERT_FILE: is an environment variable that "), "{found}");
    assert!(found.contains("did you mean MFA_GATEWAY_SECRET_FILE?"), "{found}");
    assert_eq!(problems_with(&[("MFA_ROOT", "/"), ("KEY_FILE", "x")], SAMPLE), "");
}

#[test]
fn a_secret_can_be_a_credential_of_systemd() {
    let folder = folder();
    let credentials = folder.path().display().to_string();
    let text = SAMPLE.replace("\"master.key\"", "\"credential:master.key\"");
    assert_eq!(problems_with(&[("CREDENTIALS_DIRECTORY", &credentials)], &text), "");
    let found = problems_with(&[], &text);
    assert!(
        found.contains("gateway.secret_file: names a credential, and systemd has passed none; ")
    );
    for name in ["../otp.key", "/etc/passwd", "", "."] {
        let text = SAMPLE.replace("\"master.key\"", &format!("\"credential:{name}\""));
        let found = problems_with(&[("CREDENTIALS_DIRECTORY", &credentials)], &text);
        assert!(found.contains("is not the name of a credential; "), "{name}: {found}");
    }
    let given = [
        ("CREDENTIALS_DIRECTORY", credentials.as_str()),
        ("MFA_GATEWAY_SECRET_FILE", "credential:master.key"),
    ];
    let without = SAMPLE.replace("secret_file = \"master.key\"", "");
    assert_eq!(problems_with(&given, &without), "");
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
fn a_value_that_is_no_section_is_named() {
    let found = problems("log = 1\nrule = [1]\n").join("\n");
    assert!(
        found.contains("gateway.toml:1:7: log: is not a table; write it as a [section]"),
        "{found}"
    );
    assert!(found.contains("gateway.toml:2:9: rule[0]: is not a table; "), "{found}");
    let found = problems("rule = 1\n").join("\n");
    assert!(found.contains("gateway.toml:1:8: rule: is not a list of tables; "), "{found}");
}

#[test]
fn a_missing_file_is_named() {
    let shown =
        Config::load(Path::new("/nonexistent/gateway.toml")).expect_err("no file").to_string();
    assert!(shown.starts_with("/nonexistent/gateway.toml: cannot be read"), "{shown}");
}

#[test]
fn a_message_that_does_not_fit_is_named() {
    let text = SAMPLE.replace(
        "# service_name = \"MFA\"",
        "service_name = \"A service whose name is far too long for one message\"",
    );
    let found = problems(&text);
    let remedy = "shorten sms.product_name or sms.text.ja, or sms.host, by 39 characters or more \
                  (a line break counts as 3)";
    let is_named = found[0].contains("the message has 109 units where 70 fit");
    assert!(found.len() == 1 && is_named && found[0].ends_with(remedy), "{found:#?}");
}

#[test]
fn the_words_of_the_message_can_be_chosen_and_its_last_line_left_out() {
    let folder = folder();
    let long = "あ".repeat(40);
    let text = SAMPLE
        .replace("# host = \"login.example.jp\"", "host = \"none\"")
        .replace(
            "# service_name = \"MFA\"",
            "service_name = { ja = \"港の\\u200B図書室\", en = \"Library\" }",
        )
        .replace("[sms.text]\n", &format!("[sms.text]\nja = \"【{{service}}】{{code}}{long}\"\n"));
    let config = Config::parse(&in_folder(&folder), &text).expect("it fits");
    let previews = config.previews().expect("it fits");
    let [ja, en] = &previews[..] else { panic!("two languages: {previews:?}") };
    // No mark for a line break costs a character of the message.
    assert_eq!(ja.text, format!("【港の図書室】000000{long}"));
    assert_eq!((ja.units, ja.allowed, ja.parts), (53, 70, 1));
    assert_eq!(en.text, "Library code 000000. Never share it");
    let shown = config.message_previews().expect("it fits");
    let heading = "SMS (ja): 53 of 70 characters, 1 part (53字／70字、1通)\n  【港の図書室】000000";
    assert!(shown.starts_with(heading), "{shown}");
    assert!(shown.ends_with("\n  Library code 000000. Never share it\n"), "{shown}");

    for (words, said) in [
        ("{service}", "{code} must stand in the words exactly once"),
        ("{code} {name}", "{name} is none of {code}, {minutes} and {service}"),
        ("{code} https://a.jp", "the message has a link in it"),
    ] {
        let text = SAMPLE.replace("[sms.text]\n", &format!("[sms.text]\nen = \"{words}\"\n"));
        let found = problems(&text);
        let is_named = found.len() == 1
            && found[0].contains(said)
            && found[0].ends_with("change sms.product_name or sms.text.en");
        assert!(is_named, "{found:#?}");
    }
}

#[test]
fn a_name_that_karaden_cannot_send_is_named() {
    let text = SAMPLE.replace("# service_name = \"MFA\"", "service_name = \"𠮷野家\"");
    let found = problems(&text);
    assert!(
        found.len() == 1
            && found[0].contains("'𠮷'")
            && found[0].contains("change sms.product_name"),
        "{found:#?}"
    );
}

#[test]
fn the_sample_file_is_valid() {
    let folder = folder();
    let config = Config::parse(&in_folder(&folder), SAMPLE).expect("the sample is valid");
    assert_eq!(config.gateway.public_url.as_str(), "https://login.example.jp/");
    assert_eq!(config.sms.host.as_ref().map(Host::as_str), Some("login.example.jp"));
    let rules: Vec<&str> = config.policy.rules().iter().map(Rule::name).collect();
    assert_eq!(rules, ["/admin/", "/public/", "/robots.txt", "/"]);
    let warned: BTreeSet<WarningKind> = config.warnings.iter().map(|w| w.kind).collect();
    let own = [WarningKind::Placeholder, WarningKind::SameSecret, WarningKind::ClientAddress];
    assert!(warned.is_subset(&own.into()), "{warned:?}");
}

// From here on the declarations themselves are the input.

fn declared() -> Vec<SectionDeclaration> {
    document::describe(read)
}

/// A file with the keys that `is_given` chooses. `alternative` is the form of the sender's section.
fn file(
    sections: &[SectionDeclaration],
    alternative: Form,
    is_given: impl Fn(&KeyDeclaration) -> bool,
) -> Table {
    let mut file = Table::new();
    for section in sections {
        if section.path.starts_with("sms.") && section.form != alternative {
            continue;
        }
        let keys = section.keys.iter().filter(|key| is_given(key));
        let keys: Table = keys.map(|key| (key.name.clone(), key.absence.value().clone())).collect();
        match section.form {
            Form::Array { .. } => set(&mut file, &section.path, Value::Array(vec![keys.into()])),
            Form::Table | Form::Alternative => set(&mut file, &section.path, keys.into()),
        }
    }
    file
}

fn set(file: &mut Table, path: &str, value: Value) {
    let (parents, name) =
        path.rsplit_once('.').map_or(("", path), |(parents, name)| (parents, name));
    let mut table = file;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        let entry = table.entry(parent).or_insert_with(|| Table::new().into());
        // The one element of an array stands for the array.
        let entry = match entry {
            Value::Array(elements) => &mut elements[0],
            other => other,
        };
        table = entry.as_table_mut().expect("a section");
    }
    table.insert(name.to_owned(), value);
}

fn parse(file: &Table) -> Result<Config, Vec<String>> {
    let folder = folder();
    let text = file.to_string();
    let config = Config::parse(&in_folder(&folder), &text);
    config
        .map_err(|problems| problems.iter().map(|p| format!("{}: {}", p.key, p.what.en)).collect())
}

fn is_required(key: &KeyDeclaration) -> bool {
    matches!(key.absence, Absence::Required { .. })
}

#[test]
fn a_file_with_all_defaults_is_a_file_without_them() {
    let sections = declared();
    for alternative in [Form::Table, Form::Alternative] {
        let implied = file(&sections, alternative, is_required);
        let given = file(&sections, alternative, |key| {
            is_required(key) || matches!(key.absence, Absence::Default(_))
        });
        assert_ne!(implied, given);
        // Warnings name lines, and keys that a file has without need.
        let without_warnings =
            |file| Config { warnings: Warnings::default(), ..parse(file).expect("valid") };
        let (implied, given) = (without_warnings(&implied), without_warnings(&given));
        assert_eq!(format!("{implied:?}"), format!("{given:?}"));
        let is_push = matches!(implied.sms.sender, Sender::KaradenPush { .. });
        assert_eq!(is_push, alternative == Form::Alternative);
    }
}

#[test]
fn the_examples_of_keys_without_a_default_are_valid() {
    let sections = declared();
    for alternative in [Form::Table, Form::Alternative] {
        parse(&file(&sections, alternative, |_| true)).expect("every example is valid");
    }
}

#[test]
fn every_key_has_a_sentence_and_every_section_too() {
    for section in declared() {
        assert!(section.about.get(Language::En).ends_with('.'), "{}", section.path);
        assert!(!section.keys.is_empty(), "{}", section.path);
        for key in &section.keys {
            let name = section.path_of(&key.name);
            let about = key.about.get(Language::En);
            assert!(about.len() > 5, "{name}: {about:?}");
            assert!(!about.contains("  "), "{name}: {about:?}");
            let has_end = about.ends_with('.') || about.contains("openssl");
            assert!(has_end, "{name}: {about:?}");
        }
    }
}

#[test]
fn every_text_about_a_setting_is_in_japanese_too() {
    let is_japanese = |text: &str| text.chars().any(|c| ('\u{3040}'..='\u{9fff}').contains(&c));
    // A term is the same in both languages.
    let needs_words = |text: &str| text != "UUID" && text.chars().any(|c| c.is_ascii_lowercase());
    for section in declared() {
        assert!(
            is_japanese(section.about.get(Language::Ja)) || section.path == "sms",
            "{}",
            section.path
        );
        for key in &section.keys {
            let name = section.path_of(&key.name);
            let about = key.about.get(Language::Ja);
            assert!(is_japanese(about), "{name} has no Japanese: {about}");
            let ends_well = about.ends_with('。') || about.ends_with("openssl rand -base64 48");
            assert!(ends_well, "{name}: {about}");
            let source = key.source.as_ref().map(|source| source.get(Language::Ja));
            let instead = match &key.absence {
                Absence::Otherwise { instead, .. } => Some(instead.get(Language::Ja)),
                Absence::Default(_) | Absence::Required { .. } => None,
            };
            let phrase = match &key.allowed {
                Allowed::Phrase(phrase) => Some(phrase.get(Language::Ja)),
                Allowed::AsDescribed | Allowed::Words(_) | Allowed::Within(_) => None,
            };
            for text in [source, instead, phrase].into_iter().flatten() {
                assert!(is_japanese(text) || !needs_words(text), "{name} has no Japanese: {text}");
            }
        }
    }
}

/// As an operator copies it: the same keys and values, with other comments.
#[test]
fn the_japanese_sample_file_has_the_keys_and_values_of_the_english_one() {
    let keys = |sample: &str| -> Vec<String> {
        let is_line = |line: &&str| {
            let line = line.trim_start_matches("# ");
            let is_header = line.starts_with('[') && line.ends_with(']');
            let name = line.split(" = ").next().unwrap_or_default();
            let is_name =
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
            is_header || line.contains(" = ") && is_name
        };
        sample.lines().filter(is_line).map(str::to_owned).collect()
    };
    let (english, japanese) = (keys(SAMPLE), keys(SAMPLE_JA));
    assert!(english.len() > 100, "{english:?}");
    assert_eq!(english, japanese);
    let folder = folder();
    let parse = |text| {
        let config = Config::parse(&in_folder(&folder), text).expect("a good sample");
        format!("{:?}", Config { warnings: Warnings::default(), ..config })
    };
    assert_eq!(parse(SAMPLE), parse(SAMPLE_JA));
}

#[test]
fn a_source_is_given_for_ranges_only() {
    for section in declared() {
        for key in section.keys.iter().filter(|key| key.source.is_some()) {
            assert!(matches!(key.allowed, Allowed::Within(_)), "{}.{}", section.path, key.name);
        }
    }
}

/// Values just inside and just outside the bounds.
fn edges(bounds: &Bounds) -> (Vec<Value>, Vec<Value>) {
    let second = Duration::from_secs(1);
    let written = |length: Duration| Value::from(duration::show(length));
    match bounds {
        Bounds::Number(range) => {
            let (least, most) = (i64::from(*range.start()), i64::from(*range.end()));
            (
                [least, most].map(Value::from).to_vec(),
                [least - 1, most + 1].map(Value::from).to_vec(),
            )
        }
        Bounds::Duration(range) => {
            let (least, most) = (*range.start(), *range.end());
            // Nothing is shorter than zero.
            let outside = least.checked_sub(second).into_iter().chain([most + second]);
            ([least, most].map(written).to_vec(), outside.map(written).collect())
        }
        Bounds::Durations { count, each } => {
            let list = |length: Duration, count: usize| Value::Array(vec![written(length); count]);
            let ((fewest, most), (least, longest)) =
                ((*count.start(), *count.end()), (*each.start(), *each.end()));
            let inside = vec![list(least, fewest), list(longest, most)];
            let outside = vec![
                list(least, fewest - 1),
                list(least, most + 1),
                list(least.saturating_sub(second), fewest),
                list(longest + second, fewest),
            ];
            (inside, outside)
        }
    }
}

/// The readers refuse exactly what their declarations call out of range.
#[test]
fn every_declared_range_is_the_range_that_holds() {
    let sections = declared();
    let mut count = 0;
    for section in &sections {
        let alternative = match section.form {
            Form::Alternative => Form::Alternative,
            Form::Table | Form::Array { .. } => Form::Table,
        };
        for key in &section.keys {
            let Allowed::Within(bounds) = &key.allowed else { continue };
            count += 1;
            let refusal = bounds.refusal();
            let refusal = refusal.what(Language::En);
            let is_refused = |value: &Value| {
                let mut file = file(&sections, alternative, is_required);
                set(&mut file, &section.path_of(&key.name), value.clone());
                let found = parse(&file).err().unwrap_or_default();
                found.iter().any(|problem| problem.ends_with(&format!("{}: {refusal}", key.name)))
            };
            let (inside, outside) = edges(bounds);
            for value in inside {
                assert!(!is_refused(&value), "{}.{} refuses {value}", section.path, key.name);
            }
            for value in outside {
                assert!(is_refused(&value), "{}.{} accepts {value}", section.path, key.name);
            }
        }
    }
    assert!(count > 15, "only {count} ranges");
}

// The generated files.

const REMEDY: &str = "is not what the gateway declares; run `cargo xtask settings`";

#[test]
fn the_sample_file_is_what_the_readers_declare() {
    let reference = Config::reference();
    assert!(reference.sample(Language::En) == SAMPLE, "config.sample.toml {REMEDY}");
    assert!(reference.sample(Language::Ja) == SAMPLE_JA, "config.sample.ja.toml {REMEDY}");
}

#[test]
fn the_page_of_the_configuration_is_what_the_readers_declare() {
    let page = include_str!("../../../../docs/configuration.md");
    assert!(Config::reference().page() == page, "docs/configuration.md {REMEDY}");
}

#[test]
fn the_page_of_reasons_names_the_defaults_and_ranges_that_are_declared() {
    let page = include_str!("../../../../docs/defaults.md");
    let filled_in = Config::reference().fill_in(page).expect("every row names a key");
    assert!(filled_in == page, "docs/defaults.md {REMEDY}");
}

#[test]
fn the_page_of_reasons_names_the_limits_and_costs_of_passwords() {
    let page = include_str!("../../../../docs/defaults.md");
    let PasswordLimits {
        per_user_and_address,
        per_user_and_browser,
        per_address,
        per_site,
        per_user,
        per_user_and_new_address,
        per_user_and_new_site,
        successes,
    } = PasswordLimits::default();
    let reached = "| when that is reached: for one name from one unfamiliar";
    for (row, limit) in [
        ("| for one name from one address |", per_user_and_address),
        ("| for one name in a known browser |", per_user_and_browser),
        ("| from one address (IPv6: a /64) over all names |", per_address),
        ("| from one IPv4 /24 or IPv6 /48 over all names |", per_site),
        ("| for one name over all unfamiliar addresses |", per_user),
        (&format!("{reached} address |"), per_user_and_new_address),
        (&format!("{reached} /24 or /48 |"), per_user_and_new_site),
        ("| for one name in one familiar place, or in all others together |", successes),
    ] {
        let period = Duration::from_micros(u64::from(limit.burst()) * limit.interval_micros());
        let row = format!("{row} {} in {} minutes |", limit.burst(), period.as_secs() / 60);
        assert!(page.contains(&row), "{row}");
    }
    let documented = HashParameters::new(19 * 1024, 2, 1).expect("valid costs");
    assert_eq!(HashParameters::default(), documented);
    assert!(page.contains("Argon2id with 19 MiB, 2 passes and 1 lane:"));
}

#[test]
fn what_a_terminal_shows() {
    let reference = Config::reference();
    insta::assert_snapshot!("explain", reference.overview(Language::En));
    assert_eq!(
        reference.explain("sessions.idle_timeout", Language::En).expect("a key"),
        "sessions.idle_timeout\n  \
         A session ends after this long without a request.\n  \
         Default: \"1h\"\n  \
         Allowed: \"1m\" to \"1h\" (NIST SP 800-63B-4, 2.2.3: at most 1 hour)\n"
    );
    let secret = reference.explain("gateway.secret", Language::En).expect("a key");
    assert_eq!(reference.explain("gateway.secret_file", Language::En), Ok(secret));
    let section = reference.explain("limits", Language::En).expect("a section");
    assert!(
        section.starts_with("[limits]\n") && section.contains("\nlimits.sends_per_day_total\n")
    );
    let unknown = reference.explain("sessions.idle", Language::En).expect_err("an old name");
    assert_eq!(
        unknown.to_string(),
        "unknown key \"sessions.idle\"; did you mean sessions.idle_timeout?"
    );
    let unknown = reference.explain("otp.locks", Language::En).expect_err("an old name");
    assert_eq!(unknown.nearest.as_deref(), Some("otp.lockout_durations"));
    let unknown = reference.explain("zzz", Language::En).expect_err("no name");
    assert!(unknown.to_string().contains("run `mfa-gateway check-config --explain`"), "{unknown}");
}
