//! From the sections of the file to the domain types: every rule on a setting stands here.

use std::{net::SocketAddr, time::Duration};

use auth_module::{
    Access, FactorChoice, InvalidRequirement, Policy as AccessPolicy, Requirement, Rule,
    UnreachableRule,
};
use karaden_client::push::CarrierField;
use mfa_plugin_api::FactorId;
use otp_core::{AllowedPrefixes, Policy, PolicySetting, PolicySettings};
use sms_otp_plugin::{DailyBudget, PseudonymKey, SMS_OTP, SendLimitSettings, SendLimits};
use url::Url;

use super::{
    Application, Config, Gateway, Log, Otp, OtpCache, OtpKey, Sender, Sessions, Sms,
    parse::{self, address, base_url, choice, language, origin, path_prefix},
    reader::Section,
};

const CARRIER_FIELDS: [(&str, CarrierField); 5] = [
    ("docomo", CarrierField::Docomo),
    ("softbank", CarrierField::Softbank),
    ("au", CarrierField::Au),
    ("option", CarrierField::Option),
    ("rakuten", CarrierField::Rakuten),
];

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

const fn hours(count: u64) -> Duration {
    minutes(count * 60)
}

pub(super) fn config(root: &Section<'_>) -> Option<Config> {
    let gateway = root.section("gateway", read_gateway);
    let application = root.section("application", read_application);
    let policy = read_rules(root);
    let sessions = root.section("sessions", read_sessions);
    let otp = root.section("otp", read_otp);
    let otp_cache = root.section("otp_cache", read_otp_cache);
    let host = gateway.as_ref().and_then(|g| g.public_url.host_str());
    let product = gateway.as_ref().map(|g| g.service_name.as_str());
    let sms = root.section("sms", |sms| read_sms(sms, host, product));
    let limits = root.section("limits", read_limits);
    let log = root.section("log", read_log);
    let config = Config {
        gateway: gateway?,
        application: application?,
        policy: policy?,
        sessions,
        otp: otp?,
        otp_cache,
        sms: sms?,
        limits: limits?,
        log,
    };
    // The longest message has to fit, whatever the key.
    let any_key = PseudonymKey::from_bytes(&[0; 32]).ok()?;
    if let Err(error) = config.sms_otp(any_key) {
        let cause =
            std::error::Error::source(&error).map_or_else(String::new, |e| format!(": {e}"));
        root.problem("sms", (format!("{error}{cause}"), "shorten sms.product_name or sms.host"));
    }
    Some(config)
}

fn read_gateway(section: &Section<'_>) -> Option<Gateway> {
    let insecure = section.flag("insecure_http", false);
    let public_url = section.required(
        "public_url",
        "write the origin that browsers see: \"https://…\"",
        |text| origin(text, insecure),
    );
    let more_origins =
        section.list("more_origins", |text| origin(text, insecure)).unwrap_or_default();
    let listen =
        section.optional("listen", address).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
    let ops_listen =
        section.optional("ops_listen", address).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9090)));
    let trusted_proxies = section.list("trusted_proxies", parse::net).unwrap_or_default();
    let data_dir = section.path("data_dir");
    if data_dir.is_none() {
        section.problem(
            "data_dir",
            ("is missing".to_owned(), "name a folder that the gateway may write to"),
        );
    }
    let service_name = section.text("service_name", "MFA");
    let default_language =
        section.optional("default_language", language).unwrap_or_else(|| "ja".to_owned());
    let time_zone =
        section.optional("time_zone", parse::time_zone).unwrap_or_else(|| "Asia/Tokyo".to_owned());
    let support = section.optional("support", |text| Ok(text.to_owned()));
    let secret = section.secret("secret", 32);
    Some(Gateway {
        public_url: public_url?,
        more_origins,
        listen,
        ops_listen,
        trusted_proxies,
        data_dir: data_dir?,
        service_name,
        default_language,
        time_zone,
        support,
        secret: secret?,
    })
}

fn read_application(section: &Section<'_>) -> Option<Application> {
    let url = section.required(
        "url",
        "write where the application listens: \"http://127.0.0.1:3000\"",
        |text| origin(text, true),
    );
    let max_body_bytes = u64::from(section.integer("max_body_mib", 10, 1..=4096)) * 1024 * 1024;
    let timeout = section.duration(
        "timeout",
        Duration::from_secs(60),
        Duration::from_secs(1)..=Duration::from_secs(3600),
    );
    Some(Application { url: url?, max_body_bytes, timeout })
}

/// What a rule requires that names no factors.
const DEFAULT_FACTORS: [FactorId; 2] = [FactorId::PASSWORD, SMS_OTP];

fn read_rules(root: &Section<'_>) -> Option<AccessPolicy> {
    let read = root.sections("rule", read_rule).into_iter().enumerate();
    let (positions, rules): (Vec<usize>, Vec<Rule>) =
        read.filter_map(|(position, rule)| Some((position, rule?))).unzip();
    // A login needs at least what the whole site needs, even on the way to another path.
    let whole_site = rules.iter().find(|rule| rule.prefix().is_root());
    let default = match whole_site.map(Rule::access) {
        Some(Access::Protected(requirement)) => requirement.clone(),
        Some(Access::Public) | None => Requirement::new(DEFAULT_FACTORS).ok()?,
    };
    let report = |unreachable: Vec<UnreachableRule>| {
        for found in unreachable {
            let position = positions.get(found.position).copied().unwrap_or_default();
            let remedy = "move this rule above the other one, or remove it";
            root.item_problem("rule", position, "path", (found.to_string(), remedy));
        }
    };
    AccessPolicy::new(default, rules).map_err(report).ok()
}

fn read_rule(section: &Section<'_>) -> Option<Rule> {
    let path = section.required("path", "write a prefix such as \"/admin/\"", path_prefix);
    let is_public =
        section.optional("access", choice(&[("login", false), ("public", true)])).unwrap_or(false);
    let has_details = ["factors", "groups", "max_age"]
        .into_iter()
        .filter(|key| section.has(key))
        .collect::<Vec<_>>();
    let remedy = "write factors such as \"sms-otp\" or { any = [\"passkey\", \"sms-otp\"] }";
    let factors = section.deserialized_list::<FactorChoice>("factors", remedy);
    let groups = section.list("groups", |text| Ok(text.to_owned())).unwrap_or_default();
    let max_age = section
        .has("max_age")
        .then(|| section.duration("max_age", minutes(10), Requirement::STEP_UP_AGES));
    if is_public {
        for key in has_details {
            let what = "means nothing where access is public".to_owned();
            section.problem(key, (what, "remove it, or remove access = \"public\""));
        }
        return path.map(Rule::public);
    }
    let factors = factors.unwrap_or_else(|| DEFAULT_FACTORS.map(FactorChoice::from).to_vec());
    let first = factors.first().map(FactorChoice::first);
    if first != Some(&FactorId::PASSWORD) {
        let what = "does not begin with \"password\"".to_owned();
        section.problem("factors", (what, "write [\"password\", \"sms-otp\"]"));
    }
    let requirement = requirement(factors, max_age)
        .map_err(|error| {
            section.problem("factors", (error.to_string(), "name each factor once"));
        })
        .ok()?;
    Some(Rule::protected(path?, groups.into_iter().fold(requirement, Requirement::with_group)))
}

/// Requires `factors`, and evidence of the last of them within `max_age`.
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

fn read_sessions(section: &Section<'_>) -> Sessions {
    let sessions = Sessions {
        absolute: section.duration("absolute", hours(12), minutes(5)..=hours(24)),
        idle: section.duration("idle", hours(1), minutes(1)..=hours(1)),
        pending: section.duration("pending", minutes(10), minutes(5)..=minutes(15)),
    };
    if sessions.idle > sessions.absolute {
        section.problem(
            "idle",
            ("is longer than sessions.absolute".to_owned(), "make it the shorter of the two"),
        );
    }
    sessions
}

fn read_otp(section: &Section<'_>) -> Option<Otp> {
    let digits = section.small("digits", 6, 6..=10);
    let lifetime = section.duration("lifetime", minutes(5), minutes(1)..=minutes(10));
    let policy = read_policy(section);
    let keys: Option<Vec<OtpKey>> = section.sections("key", read_otp_key).into_iter().collect();
    let known = keys.as_deref().unwrap_or_default();
    if keys.is_some() && known.is_empty() {
        let remedy = "add an [[otp.key]] with id and secret_file";
        section.problem("key", ("is missing".to_owned(), remedy));
    }
    for (at, key) in known.iter().enumerate() {
        if known.iter().take(at).any(|earlier| earlier.id == key.id) {
            let what = format!("has two keys with id {}", key.id);
            section.problem("key", (what, "give each key a number of its own"));
        }
    }
    Some(Otp { digits, lifetime, policy: policy?, keys: keys? })
}

/// Checks each value against its own range here, and all of them together in [`Policy::new`].
fn read_policy(section: &Section<'_>) -> Option<Policy> {
    let defaults = PolicySettings::default();
    let policy = Policy::new(PolicySettings {
        attempts_per_challenge: section.small(
            "attempts_per_challenge",
            5,
            Policy::ATTEMPTS_PER_CHALLENGE_RANGE,
        ),
        attempts_per_subject: section.small("attempts_per_user", 10, 5..=50),
        quiet_period: section.duration("quiet_period", minutes(15), Policy::QUIET_PERIOD_RANGE),
        locks: section.durations("locks", &defaults.locks, &Policy::LOCK_RANGE),
        max_consecutive_failures: section.small(
            "hard_stop",
            100,
            Policy::MAX_CONSECUTIVE_FAILURES_RANGE,
        ),
        resends_per_challenge: section.small("resends", 3, Policy::RESENDS_PER_CHALLENGE_RANGE),
        resend_cooldowns: section.durations(
            "resend_cooldowns",
            &defaults.resend_cooldowns,
            &Policy::RESEND_COOLDOWN_RANGE,
        ),
        ..defaults
    });
    policy
        .map_err(|invalid| {
            for problem in invalid.problems() {
                let what = format!("must be {}", problem.allowed);
                let remedy = "see the sample file for what is allowed";
                section.problem(policy_key(problem.setting), (what, remedy));
            }
        })
        .ok()
}

/// Returns the key under which the file has a setting of the policy.
const fn policy_key(setting: PolicySetting) -> &'static str {
    match setting {
        PolicySetting::AttemptsPerSubject => "attempts_per_user",
        PolicySetting::MaxConsecutiveFailures => "hard_stop",
        PolicySetting::ResendsPerChallenge => "resends",
        PolicySetting::AttemptsPerChallenge
        | PolicySetting::QuietPeriod
        | PolicySetting::Locks
        | PolicySetting::ResendCooldowns
        | PolicySetting::UndeliveredCooldown => setting.name(),
    }
}

fn read_otp_key(section: &Section<'_>) -> Option<OtpKey> {
    let id = section.integer("id", 1, 0..=u32::MAX);
    Some(OtpKey { id, secret: section.secret("secret", 32)? })
}

fn read_otp_cache(section: &Section<'_>) -> OtpCache {
    let backends = [("memory", OtpCache::Memory), ("sqlite", OtpCache::Sqlite)];
    section.optional("backend", choice(&backends)).unwrap_or(OtpCache::Sqlite)
}

fn read_sms(
    section: &Section<'_>,
    public_host: Option<&str>,
    product: Option<&str>,
) -> Option<Sms> {
    let product_name = section.text("product_name", product.unwrap_or("MFA"));
    let host = section
        .optional("host", parse::host)
        .or_else(|| public_host.and_then(|host| parse::host(host).ok()));
    if host.is_none() && !section.has("host") && public_host.is_some() {
        let what = "is missing, and the host of gateway.public_url is an address".to_owned();
        section.problem("host", (what, "name the host that browsers bind codes to"));
    }
    let prefixes = if section.has("prefixes") {
        section.list("prefixes", |text| Ok(text.to_owned())).and_then(|list| {
            AllowedPrefixes::from_list(list.iter().map(String::as_str))
                .map_err(|error| {
                    section.problem("prefixes", (error.to_string(), "use 060, 070, 080 and 090"));
                })
                .ok()
        })
    } else {
        Some(AllowedPrefixes::default())
    };
    let sender = read_sender(section);
    Some(Sms { product_name, host: host?, prefixes: prefixes?, sender: sender? })
}

fn read_sender(section: &Section<'_>) -> Option<Sender> {
    let insecure = section.flag("insecure_http", false);
    let sms =
        section.section("karaden_sms", |s| s.is_present().then(|| read_karaden_sms(s, insecure)));
    let push =
        section.section("karaden_push", |s| s.is_present().then(|| read_karaden_push(s, insecure)));
    match (sms, push) {
        (Some(sender), None) | (None, Some(sender)) => sender,
        (Some(_), Some(_)) => {
            section.problem(
                "karaden_push",
                ("stands beside [sms.karaden_sms]".to_owned(), "keep one of the two"),
            );
            None
        }
        (None, None) => {
            let what = "is missing".to_owned();
            section.problem("karaden_sms", (what, "add [sms.karaden_sms] or [sms.karaden_push]"));
            None
        }
    }
}

fn read_karaden_sms(section: &Section<'_>, insecure: bool) -> Option<Sender> {
    let base_url = section.optional("base_url", |text| base_url(text, insecure)).or_else(|| {
        Url::parse("https://prg.karaden.jp/api").ok().filter(|_| !section.has("base_url"))
    });
    let tenant_id =
        section.required("tenant_id", "copy it from Karaden's tenant screen", parse::uuid);
    let token = section.secret("token", 1);
    let service_id = section.integer("service_id", 0, 1..=u32::MAX);
    if !section.has("service_id") {
        section.problem(
            "service_id",
            ("is missing".to_owned(), "copy the number of the service setting"),
        );
    }
    Some(Sender::KaradenSms {
        base_url: base_url?,
        tenant_id: tenant_id?,
        token: token?,
        service_id,
    })
}

fn read_karaden_push(section: &Section<'_>, insecure: bool) -> Option<Sender> {
    let remedy = "copy it from your contract: \"https://…/v2\"";
    let base_url = section.required("base_url", remedy, |text| base_url(text, insecure));
    let token = section.secret("token", 1);
    let security_code = section.secret("security_code", 1);
    let carrier_fields = section
        .list("carrier_fields", choice(&CARRIER_FIELDS))
        .unwrap_or_else(|| CarrierField::USUAL.to_vec());
    if carrier_fields.is_empty() {
        let what = "is empty, so that no text would go out".to_owned();
        section.problem("carrier_fields", (what, "name the fields of your contract"));
    }
    let tracks_single_messages = section.flag("tracks_single_messages", false);
    Some(Sender::KaradenPush {
        base_url: base_url?,
        token: token?,
        security_code: security_code?,
        carrier_fields,
        tracks_single_messages,
    })
}

fn read_limits(section: &Section<'_>) -> Option<SendLimits> {
    let hourly = section.integer("sends_per_hour", 5, 1..=1000);
    let daily = section.integer("sends_per_day", 10, 1..=10_000);
    let settings = SendLimitSettings {
        per_number_hourly: hourly,
        per_number_daily: daily,
        per_user_hourly: hourly,
        per_user_daily: daily,
        per_address_hourly: section.integer("sends_per_address", 10, 1..=1_000_000),
        per_block: section.integer("sends_per_prefix", 30, 1..=1_000_000),
        // One message is one unit of the budget.
        daily_budget: Some(DailyBudget {
            per_day: section.integer("sends_in_all", 10_000, 1..=100_000_000),
            price: 1,
        }),
        ..SendLimitSettings::default()
    };
    SendLimits::new(&settings)
        .map_err(|error| {
            section.problem("sends_in_all", (error.to_string(), "choose smaller numbers"));
        })
        .ok()
}

fn read_log(section: &Section<'_>) -> Log {
    let json =
        section.optional("format", choice(&[("json", true), ("text", false)])).unwrap_or(true);
    Log {
        json,
        filter: section.optional("filter", parse::log_filter).unwrap_or_else(|| "info".to_owned()),
    }
}
