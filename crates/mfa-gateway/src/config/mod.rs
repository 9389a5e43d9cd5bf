//! The configuration file: one TOML file, parsed into domain types at start.

mod parse;
pub(crate) mod reader;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use auth_module::{FactorPolicy, InvalidPolicy, Requirement};
use ipnet::IpNet;
use mfa_plugin_api::FactorId;
use otp_core::{AllowedPrefixes, Policy, PolicySettings, message::Host};
use secrecy::SecretString;
use sms_otp_plugin::{
    DailyBudget, InvalidConfig, PseudonymKey, SendLimitSettings, SendLimits, SmsOtpConfig, SmsTexts,
};
use url::Url;

pub use self::reader::{Problem, Problems};
use self::{
    parse::{address, base_url, choice, factor, language, origin, path_prefix},
    reader::{Document, Section},
};

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

const fn hours(count: u64) -> Duration {
    minutes(count * 60)
}

/// Everything the gateway needs to know at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners, names and the master secret.
    pub gateway: Gateway,
    /// The application behind the gateway.
    pub application: Application,
    /// Which path needs what, in no particular order: the longest prefix decides.
    pub rules: Vec<Rule>,
    /// Sessions and logins under way.
    pub sessions: Sessions,
    /// The one-time code.
    pub otp: Otp,
    /// Where challenges and quotas are kept.
    pub otp_cache: OtpCache,
    /// The text message and who sends it.
    pub sms: Sms,
    /// How much may be sent.
    pub limits: SendLimits,
    /// Log output.
    pub log: Log,
}

/// `[gateway]`
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The origin that browsers see.
    pub public_url: Url,
    /// Further origins under which the same pages are reached.
    pub more_origins: Vec<Url>,
    /// The public listener.
    pub listen: SocketAddr,
    /// The listener for health and metrics.
    pub ops_listen: SocketAddr,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where databases are kept.
    pub data_dir: PathBuf,
    /// The name of the service on every page.
    pub service_name: String,
    /// The language of a browser that asks for neither.
    pub default_language: String,
    /// The IANA time zone in which clock times are shown.
    pub time_zone: String,
    /// Whom to ask when a user cannot log in.
    pub support: Option<String>,
    /// The key that all internal keys are derived from.
    pub secret: SecretString,
}

/// `[application]`
#[derive(Debug, Clone)]
pub struct Application {
    /// The application's origin.
    pub url: Url,
    /// The largest request body, in bytes.
    pub max_body_bytes: u64,
    /// How long the application may take to begin its answer.
    pub timeout: Duration,
}

/// One `[[rule]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The path prefix, in normal form, ending with `/`.
    pub path: String,
    /// Who may pass.
    pub access: Access,
}

/// Who may pass a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everyone, without a login.
    Public,
    /// Users with every factor named, in one of the groups if there are any.
    Factors {
        /// The factors in the order in which they are asked for.
        factors: Vec<FactorId>,
        /// Groups, one of which the user has to be in; empty for all users.
        groups: Vec<String>,
        /// How fresh the last factor has to be.
        max_age: Option<Duration>,
    },
}

/// `[sessions]`
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    /// The longest life of a session.
    pub absolute: Duration,
    /// The longest pause within a session.
    pub idle: Duration,
    /// The longest time from password to last factor.
    pub pending: Duration,
}

/// `[otp]`
#[derive(Debug, Clone)]
pub struct Otp {
    /// Digits of a code.
    pub digits: u8,
    /// Life of a code.
    pub lifetime: Duration,
    /// The limits on attempts and resends.
    pub policy: Policy,
    /// The keys that codes are derived under; the first is the current one.
    pub keys: Vec<OtpKey>,
}

/// One `[[otp.key]]`
#[derive(Debug, Clone)]
pub struct OtpKey {
    /// Its number, never used again for another key.
    pub id: u32,
    /// The key.
    pub secret: SecretString,
}

/// `[otp_cache]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtpCache {
    /// In this process; gone at a restart.
    Memory,
    /// A file in the data folder.
    Sqlite,
}

/// `[sms]`
#[derive(Debug, Clone)]
pub struct Sms {
    /// The name at the head of the message.
    pub product_name: String,
    /// The host in the message's last line, which binds the code to this site.
    pub host: Host,
    /// The beginnings of the numbers that may be sent to.
    pub prefixes: AllowedPrefixes,
    /// The sender.
    pub sender: Sender,
}

/// `[sms.karaden_sms]` or `[sms.karaden_push]`
#[derive(Debug, Clone)]
pub enum Sender {
    /// The Karaden SMS API.
    KaradenSms {
        /// The API's base, up to and with `/api`.
        base_url: Url,
        /// The tenant, a UUID.
        tenant_id: String,
        /// The bearer token.
        token: SecretString,
        /// The service setting.
        service_id: u32,
    },
    /// 空電プッシュ v2.
    KaradenPush {
        /// The API's base, up to and with `/v2`.
        base_url: Url,
        /// The access key.
        token: SecretString,
        /// The security code.
        security_code: SecretString,
    },
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// JSON lines instead of text.
    pub json: bool,
    /// Which events, as `RUST_LOG` would say it.
    pub filter: String,
}

impl Config {
    /// Reads `file`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the file cannot be read, or with everything that is wrong in it.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        Self::parse(file, &text).map_err(ConfigError::Invalid)
    }

    /// Reads `text` as the content of `file`, to whose folder its paths are relative.
    ///
    /// # Errors
    ///
    /// [`Problems`] with everything that is wrong.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Problems> {
        Document::new(file, text).read(read)
    }

    /// The rules.
    ///
    /// # Errors
    ///
    /// When two rules stand for one path.
    pub(crate) fn policy(&self) -> Result<FactorPolicy, InvalidPolicy> {
        let mut default = Requirement::new([FactorId::PASSWORD, FactorId::SMS_OTP]);
        let mut rules = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let Access::Factors { factors, groups, max_age } = &rule.access else {
                rules.push(auth_module::Rule::public(&rule.path));
                continue;
            };
            let mut requirement = Requirement::new(factors.clone());
            if let (Some(within), Some(last)) = (max_age, factors.last()) {
                requirement = requirement.with_step_up([last.clone()], *within);
            }
            for group in groups {
                requirement = requirement.with_group(group);
            }
            if rule.path == "/" {
                default = requirement.clone();
            }
            rules.push(auth_module::Rule::protected(&rule.path, requirement));
        }
        FactorPolicy::new(default, rules)
    }

    /// The SMS factor's settings.
    ///
    /// # Errors
    ///
    /// When a message could become longer than what is sent as one, or a limit cannot be kept.
    pub(crate) fn sms_otp(&self, key: PseudonymKey) -> Result<SmsOtpConfig, InvalidConfig> {
        let texts = SmsTexts::new(self.sms.product_name.as_str(), self.sms.host.clone());
        Ok(SmsOtpConfig::new(texts, key)?
            .with_digits(self.otp.digits)?
            .with_lifetime(self.otp.lifetime)?
            .with_policy(self.otp.policy.clone())
            .with_limits(self.limits.clone())
            .with_prefixes(self.sms.prefixes))
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Something in the file is wrong.
    #[error("{0}")]
    Invalid(Problems),
    /// The file cannot be read.
    #[error("{}: cannot be read ({}); name an existing file with --config", file.display(), source.kind())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn read(root: &Section<'_>) -> Option<Config> {
    let gateway = root.section("gateway", read_gateway);
    let application = root.section("application", read_application);
    let rules = read_rules(root);
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
        rules,
        sessions,
        otp: otp?,
        otp_cache,
        sms: sms?,
        limits: limits?,
        log,
    };
    if let Err(error) = config.policy() {
        root.problem("rule", (error.to_string(), "mend the rules"));
    }
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

fn read_rules(root: &Section<'_>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = root.sections("rule", read_rule).into_iter().flatten().collect();
    for (at, rule) in rules.iter().enumerate() {
        if rules.iter().take(at).any(|earlier| earlier.path.eq_ignore_ascii_case(&rule.path)) {
            let what = format!("has two rules for {}", rule.path);
            root.problem("rule", (what, "keep one of them"));
        }
    }
    if !rules.iter().any(|rule| rule.path == "/") {
        let factors = vec![FactorId::PASSWORD, FactorId::SMS_OTP];
        let access = Access::Factors { factors, groups: Vec::new(), max_age: None };
        rules.push(Rule { path: "/".to_owned(), access });
    }
    rules
}

fn read_rule(section: &Section<'_>) -> Option<Rule> {
    let path = section.required("path", "write a prefix such as \"/admin/\"", path_prefix);
    let is_public =
        section.optional("access", choice(&[("login", false), ("public", true)])).unwrap_or(false);
    let has_details = ["factors", "groups", "max_age"]
        .into_iter()
        .filter(|key| section.has(key))
        .collect::<Vec<_>>();
    let factors = section.list("factors", factor);
    let groups = section.list("groups", |text| Ok(text.to_owned())).unwrap_or_default();
    let max_age = section
        .has("max_age")
        .then(|| section.duration("max_age", minutes(10), minutes(1)..=minutes(60)));
    if is_public {
        for key in has_details {
            let what = "means nothing where access is public".to_owned();
            section.problem(key, (what, "remove it, or remove access = \"public\""));
        }
        return Some(Rule { path: path?, access: Access::Public });
    }
    let factors = factors.unwrap_or_else(|| vec![FactorId::PASSWORD, FactorId::SMS_OTP]);
    if factors.first() != Some(&FactorId::PASSWORD) {
        let what = "does not begin with \"password\"".to_owned();
        section.problem("factors", (what, "write [\"password\", \"sms-otp\"]"));
    }
    Some(Rule { path: path?, access: Access::Factors { factors, groups, max_age } })
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

/// Each value within its own bounds here, and all of them together in `otp-core`.
fn read_policy(section: &Section<'_>) -> Option<Policy> {
    let defaults = PolicySettings::default();
    let policy = Policy::new(PolicySettings {
        attempts_per_challenge: section.small("attempts_per_challenge", 5, 3..=10),
        attempts_per_subject: section.small("attempts_per_user", 10, 5..=50),
        quiet_period: section.duration("quiet_period", minutes(15), minutes(1)..=hours(24)),
        locks: section.durations("locks", &defaults.locks, &(minutes(1)..=hours(24))),
        hard_stop: section.small("hard_stop", 100, 50..=100),
        resends_per_challenge: section.small("resends", 3, 0..=5),
        resend_cooldowns: section.durations(
            "resend_cooldowns",
            &defaults.resend_cooldowns,
            &(Duration::from_secs(30)..=Duration::from_secs(300)),
        ),
        ..defaults
    });
    policy
        .map_err(|invalid| {
            for problem in invalid.problems() {
                let (key, what) = problem.split_once(' ').unwrap_or(("", problem));
                let key = match key {
                    "attempts_per_subject" => "attempts_per_user",
                    "resends_per_challenge" => "resends",
                    other => other,
                };
                section.problem(key, (what.to_owned(), "see the sample file for what is allowed"));
            }
        })
        .ok()
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
    Some(Sender::KaradenPush { base_url: base_url?, token: token?, security_code: security_code? })
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
