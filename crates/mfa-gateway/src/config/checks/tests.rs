//! Each contradiction is refused, and each kind of warning is given, once and for its reason alone.

use std::{collections::BTreeSet, path::Path};

use mfa_pages::Language;

use super::unlikely::warn_of_disk_size;
use crate::config::{
    Config, Problems, WarningKind, Warnings, document, environment::Environment, read,
};

/// A file without anything to warn of.
const CLEAN: &str = r#"[gateway]
public_url = "https://login.midori-bank.test"
trusted_proxies = ["127.0.0.1"]
data_dir = "/srv/mfa-gateway"
secret = "0123456789abcdef0123456789abcdef"
[application]
url = "http://127.0.0.1:3000"
[[rule]]
path = "/"
[[otp.key]]
id = 1
secret = "fedcba9876543210fedcba9876543210"
[sms]
product_name = "Midori"
[sms.karaden_sms]
tenant_id = "6f1c4b9e-27d5-4d0c-9a3e-5b8d7c2f1a04"
service_id = 1
token = "a-token-of-karaden"
"#;

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(Path::new("/nowhere/gateway.toml"), text)
}

/// Replaces `from` by `to`. After the header of a section, `to` is added, unless it brings the header itself.
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(CLEAN.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in {text}");
        let is_array = from.starts_with("[[");
        let is_header = is_array || ["[gateway]", "[sms]", "[sms.karaden_sms]"].contains(from);
        let to = if is_header { format!("{from}\n{to}") } else { (*to).to_owned() };
        text.replacen(from, &to, 1)
    })
}

/// The kinds and keys of the warnings. The disk of the machine that runs the test has its own test.
fn warned(text: &str) -> Vec<(WarningKind, String)> {
    let config = parse(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let warnings = config.warnings.iter();
    warnings
        .map(|warning| (warning.kind, warning.problem.key.clone()))
        .filter(|(kind, _)| *kind != WarningKind::DiskSize)
        .collect()
}

#[test]
fn a_good_file_has_no_warnings() {
    assert_eq!(warned(CLEAN), []);
}

type Case = (WarningKind, &'static str, &'static [(&'static str, &'static str)]);

#[rustfmt::skip]
const CASES: &[Case] = &[
    (WarningKind::ApplicationAddress, "application.url", &[("http://127.0.0.1:3000", "http://10.0.0.7:3000")]),
    (WarningKind::ApplicationAddress, "application.url", &[("http://127.0.0.1:3000", "http://app:3000")]),
    (WarningKind::ClientAddress, "gateway.trusted_proxies", &[("[\"127.0.0.1\"]", "[]")]),
    (WarningKind::CountsInMemory, "otp_cache.backend", &[("[sms]\n", "[otp_cache]\nbackend = \"memory\"\n[sms]\n")]),
    (WarningKind::InsecureHttp, "gateway.insecure_http", &[("https://login", "http://login"), ("[gateway]", "insecure_http = true")]),
    (WarningKind::InsecureHttp, "gateway.insecure_http", &[("[gateway]", "insecure_http = true\nadditional_origins = \
                                                                          [\"http://intranet.midori-bank.test\"]")]),
    (WarningKind::LogFilter, "log.filter", &[("[application]", "[log]\nfilter = \"warn\"\n[application]")]),
    (WarningKind::LogFilter, "log.filter", &[("[application]", "[log]\nfilter = \"trace\"\n[application]")]),
    (WarningKind::LongSession, "sessions.absolute_timeout", &[("[application]", "[sessions]\nabsolute_timeout = \"43201s\"\n[application]")]),
    (WarningKind::LowLimits, "limits.first_sends_per_address", &[("[application]", "[limits]\nfirst_sends_per_address = 49\n[application]")]),
    (WarningKind::LowLimits, "limits.sends_per_address", &[("[application]", "[limits]\nsends_per_address = 9\n[application]")]),
    (WarningKind::LowLimits, "limits.sends_per_prefix", &[("[application]", "[limits]\nsends_per_prefix = 9\n[application]")]),
    (WarningKind::LowLimits, "limits.sends_per_day_total", &[("[application]", "[limits]\nsends_per_day_total = 99\n[application]")]),
    (WarningKind::NoSecondFactor, "rule[0].access", &[("[[rule]]", "path = \"/news/\"\naccess = \"public\"\n[[rule]]")]),
    (WarningKind::NoSecondFactor, "rule[0].factors", &[("[[rule]]", "path = \"/low/\"\nfactors = [\"password\"]\n[[rule]]")]),
    (WarningKind::OpsAddress, "gateway.ops_listen", &[("[gateway]", "ops_listen = \"0.0.0.0:9090\"")]),
    (WarningKind::OpsAddress, "gateway.ops_listen", &[("[gateway]", "ops_listen = \"[::]:9090\"")]),
    (WarningKind::Placeholder, "gateway.public_url", &[("login.midori-bank.test", "login.example.jp")]),
    (WarningKind::Placeholder, "sms.karaden_sms.tenant_id", &[("6f1c4b9e-27d5-4d0c-9a3e-5b8d7c2f1a04", "00000000-0000-0000-0000-000000000000")]),
    (WarningKind::SameSecret, "otp.key[0].secret", &[("fedcba9876543210fedcba9876543210", "0123456789abcdef0123456789abcdef")]),
    (WarningKind::ShortPasswords, "passwords.min_chars", &[("path = \"/\"", "path = \"/\"\nfactors = [\"password\"]\nwithout_second_factor = true")]),
    (WarningKind::Simulator, "sms.karaden_sms.tenant_id", &[("6f1c4b9e-27d5-4d0c-9a3e-5b8d7c2f1a04", "159BFD33-b9b7-f424-4755-c119b324591d")]),
    (WarningKind::Simulator, "sms.karaden_sms.token", &[("a-token-of-karaden", "demo-token")]),
    (WarningKind::Simulator, "sms.karaden_sms.base_url", &[("[sms]", "insecure_http = true"), ("[sms.karaden_sms]", "base_url = \"http://10.1.1.1:8081/api\"")]),
    (WarningKind::Simulator, "sms.karaden_sms.base_url", &[("[sms.karaden_sms]", "base_url = \"https://localhost:8081/api\"")]),
    (WarningKind::SmsHost, "sms.host", &[("[sms]", "host = \"midori.test\"")]),
    (WarningKind::SmsHost, "sms.host", &[("[sms]", "host = \"ogin.midori-bank.test\"")]),
    (WarningKind::StopTimeout, "gateway.stop_timeout", &[("[gateway]", "stop_timeout = \"91s\"")]),
    (WarningKind::TemporaryData, "gateway.data_dir", &[("/srv/mfa-gateway", "/tmp/mfa-gateway-of-a-test")]),
    (WarningKind::UnusedKey, "gateway.insecure_http", &[("[gateway]", "insecure_http = true")]),
    (WarningKind::UnusedKey, "sms.insecure_http", &[("[sms]", "insecure_http = true")]),
    (WarningKind::UnusedKey, "otp_cache.max_entries", &[("[sms]\n", "[otp_cache]\nmax_entries = 10000\n[sms]\n")]),
    (WarningKind::UseNotCounted, "rule[0].counts_as_use", &[("path = \"/\"", "path = \"/\"\ncounts_as_use = false")]),
    (WarningKind::WideProxies, "gateway.trusted_proxies", &[("127.0.0.1\"]", "127.0.0.1\", \"203.0.0.0/16\"]")]),
    (WarningKind::WideProxies, "gateway.trusted_proxies", &[("127.0.0.1\"]", "127.0.0.1\", \"2001:db8::/32\"]")]),
];

#[test]
fn each_kind_is_warned_of_where_it_is() {
    for (kind, key, edits) in CASES {
        assert_eq!(warned(&edited(edits)), [(*kind, (*key).to_owned())], "{edits:?}");
    }
    let tried: BTreeSet<WarningKind> = CASES.iter().map(|(kind, ..)| *kind).collect();
    let untried = WarningKind::ALL.iter().filter(|kind| !tried.contains(kind));
    assert_eq!(untried.collect::<Vec<_>>(), [&WarningKind::DiskSize], "it has its own test");
}

#[test]
fn what_is_next_to_a_warning_has_none() {
    for edits in [
        &[("http://127.0.0.1:3000", "https://app.midori-bank.test")][..],
        &[("http://127.0.0.1:3000", "http://[::1]:3000")],
        &[("[application]", "[sessions]\nabsolute_timeout = \"12h\"\n[application]")],
        &[(
            "path = \"/\"",
            "path = \"/\"\nfactors = [\"password\"]\nwithout_second_factor = true\n[passwords]\nmin_chars = 15",
        )],
        &[("[application]", "[log]\nfilter = \"info,mfa_gateway=debug\"\n[application]")],
        &[("[gateway]", "stop_timeout = \"90s\"")],
        &[("[sms]", "host = \"midori-bank.test\"")],
        &[("[sms]", "host = \"none\"")],
        &[("127.0.0.1\"]", "127.0.0.1\", \"10.0.0.0/8\", \"fd00::/16\", \"203.0.0.0/17\"]")],
        &[
            ("https://login", "http://login"),
            ("midori-bank.test", "localhost"),
            ("[gateway]", "insecure_http = true"),
        ],
        &[("[[rule]]", "path = \"/poll\"\ncounts_as_use = false\n[[rule]]")],
        &[(
            "[[rule]]",
            "path = \"/low/\"\nfactors = [\"password\"]\nwithout_second_factor = true\n[[rule]]",
        )],
    ] {
        assert_eq!(warned(&edited(edits)), [], "{edits:?}");
    }
}

#[test]
fn an_accepted_warning_is_not_given() {
    let open = ("[gateway]", "ops_listen = \"0.0.0.0:9090\"");
    let accepted = ("[gateway]", "accepted_warnings = [\"ops-address\"]");
    assert_eq!(warned(&edited(&[open, accepted])), []);
    let misspelt = edited(&[("[gateway]", "accepted_warnings = [\"ops-adress\"]")]);
    let said = parse(&misspelt).expect_err("no such name").to_string();
    assert!(
        said.contains("accepted_warnings: \"ops-adress\" is none of application-address, "),
        "{said}"
    );
}

#[test]
fn sizes_are_compared_with_the_disk() {
    let found = |mib: u64| {
        let environment = Environment::default();
        let file = Path::new("/nowhere/gateway.toml");
        let checked = document::read(file, CLEAN, &environment, |root| {
            let config = read(root)?;
            warn_of_disk_size(root, &config, mib * 1024 * 1024);
            Ok(())
        });
        let ((), warnings): ((), Warnings) = checked.expect("a good file");
        warnings.iter().filter(|w| w.problem.what.en.ends_with(&format!(": {mib} MiB"))).count()
    };
    assert_eq!((found(1025), found(1024), found(64)), (0, 2, 3));
}

#[test]
fn values_that_contradict_one_another_are_refused() {
    let own = "application.url: is an address of the gateway itself; ";
    for (said, edits) in [
        (
            "otp.lifetime: is more than sessions.login_timeout; ",
            &[(
                "[[rule]]",
                "path = \"/a/\"\n[sessions]\nlogin_timeout = \"5m\"\n[otp]\nlifetime = \
                 \"301s\"\n[[rule]]",
            )][..],
        ),
        (
            "rule[0].max_age: is more than sessions.absolute_timeout; ",
            &[(
                "path = \"/\"",
                "path = \"/\"\nmax_age = \"1h\"\n[sessions]\nabsolute_timeout = \
                 \"59m\"\nidle_timeout = \"5m\"",
            )],
        ),
        (
            "gateway.ops_listen: is the address of gateway.listen too; ",
            &[("[gateway]", "ops_listen = \"127.0.0.1:8080\"")],
        ),
        (
            "gateway.ops_listen: is the address of gateway.listen too; ",
            &[("[gateway]", "listen = \"0.0.0.0:9090\"")],
        ),
        (own, &[("http://127.0.0.1:3000", "http://localhost:8080")]),
        (own, &[("http://127.0.0.1:3000", "http://127.0.0.1:9090")]),
        (own, &[("http://127.0.0.1:3000", "https://login.midori-bank.test")]),
        (own, &[("[gateway]", "listen = \"[::]:3000\"")]),
    ] {
        let text = edited(edits);
        let problems = parse(&text).expect_err(said);
        let shown = problems.to_string();
        assert!(shown.lines().count() == 1 && shown.contains(said), "{shown}");
    }
    let both_free =
        edited(&[("[gateway]", "listen = \"127.0.0.1:0\"\nops_listen = \"127.0.0.1:0\"")]);
    assert!(parse(&both_free).is_ok(), "the system chooses two ports");
}

#[test]
fn problems_and_warnings_are_in_both_languages() {
    let text = edited(&[("[gateway]", "ops_listen = \"0.0.0.0:9090\"")]);
    let warnings = parse(&text).expect("a good file").warnings;
    let en = "/nowhere/gateway.toml:2:14: warning [ops-address]: gateway.ops_listen: \
              is open to a network";
    let ja = "/nowhere/gateway.toml:2:14: 警告 [ops-address]: gateway.ops_listen: ネッ\
              トワークに開いていて";
    assert!(
        warnings.in_language(Language::En).starts_with(en),
        "{}",
        warnings.in_language(Language::En)
    );
    assert!(
        warnings.in_language(Language::Ja).starts_with(ja),
        "{}",
        warnings.in_language(Language::Ja)
    );
    let problems = parse(&edited(&[("[gateway]", "listen = \"8080\"")])).expect_err("no address");
    assert_eq!(
        problems.in_language(Language::Ja),
        "/nowhere/gateway.toml:2:10: gateway.listen: \"8080\"は、IPアドレスまたはホ\
         スト名とポートでも、unix:とパスでもありません。\"127.0.0.1:8080\"か\
         \"unix:/run/mfa-gateway/gateway.sock\"のように書いてください。"
    );
}
