//! Building the gateway from its configuration. This file knows every concrete type.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::SystemTime,
};

use anyhow::Context as _;
use auth_module::{
    Administration, AppName, AuditArchive, AuthModule, AuthParts, AuthSettings, ChainKey, HashCost,
    HashParameters, HashSource as _, HashedPasswords, HasherLimits, KnownBrowserKey,
    PasswordHasher, Peppers, PhoneTagKey, Policy as AccessPolicy, Rule, UserId,
};
use auth_store_sqlite::Database;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use mfa_controller::Controller;
use mfa_pages::{Language, Operator, PerLanguage, Site, Support, Texts};
use mfa_plugin_api::{FactorId, MfaPlugin};
use mfa_proxy::{
    ConnectionSettings, ForwardingRules, HeaderCase, HeaderFilter, Proxy, TrustedProxies,
    UpstreamLimits, canonical_host,
};
use otp_cache::{DeliveryNotes, LocalNotifier, Notifier, OtpStore};
use otp_core::{Policy, SubjectKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use sms_otp_plugin::{PseudonymKey, SendLimit};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    audit_upkeep::AuditUpkeep,
    config::{AcceptedPaths, Config, OtpCache, prepare_data_dir},
    descriptors,
    disk::{DiskWatch, Space},
    http::{cookies, csrf::FormTokens, security_headers::StrictTransport},
    noted::LogKey,
    ops::{Metrics, StoreMetrics},
    routes::events::EventStreams,
    sms_factor::SmsFactor,
    state::{App, KnownHost, ProtectedApp, Runtime, Settings},
    time::{SharedClock, SystemRandomness},
    websockets::open::WebSockets,
};

const TENANT: &str = "default";
/// The name of the one application, in stored destinations and for the policy.
const APP_NAME: &str = "default";

/// What a program adds to the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Additions {
    pub(crate) factors: Vec<Arc<dyn MfaPlugin>>,
    pub(crate) texts: Vec<(Language, String)>,
}

/// A gateway that is ready to serve.
#[derive(Debug, Clone)]
pub(crate) struct Assembled {
    pub(crate) app: Arc<App>,
    pub(crate) database: Database,
    pub(crate) audit_upkeep: Arc<AuditUpkeep>,
    disk: Arc<DiskWatch>,
    otp_cache: Arc<dyn OtpStore>,
    additions: Additions,
    origin: Arc<Mutex<Origin>>,
}

/// What the current state was made of.
#[derive(Debug)]
struct Origin {
    config: Arc<Config>,
    sms: SmsFactor,
}

impl Assembled {
    /// Returns the configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.origin().config)
    }

    /// Puts `config` into force for requests that begin from now on. If a part of it cannot be used, nothing
    /// changes. What has a state stays: stores, counters, open connections, what is known about the provider.
    pub(crate) fn reconfigure(&self, config: Config) -> anyhow::Result<()> {
        let mut origin = self.origin();
        let before = self.app.runtime();
        let sms = origin.sms.reconfigured(&config, &origin.config, pseudonym_key(&config)?)?;
        let auth = before.auth.reconfigured(config.policy.clone(), auth_settings(&config)?);
        let auth = Arc::new(auth);
        let plugins = plugins(&sms, &self.additions);
        let controller = before.controller.reconfigured(Arc::clone(&auth), plugins)?;
        ensure_factors_are_provided(auth.policy(), controller.factors())?;
        let settings = settings(&config, &self.additions)?;
        let connections = &config.connections;
        let (idle_timeout, max) = (connections.websocket_idle_timeout, connections.max_websockets);
        let websockets = before.websockets.with_limits(idle_timeout, max);
        // Nothing fails from here on.
        let runtime = Runtime { auth, controller, websockets, ..(*before).clone() };
        self.app.replace(runtime, settings);
        self.audit_upkeep.set(config.audit);
        self.disk.set_limits(config.disk);
        *origin = Origin { config: Arc::new(config), sms };
        // Open WebSocket connections may have lost their right.
        before.session_ended.notify_waiters();
        Ok(())
    }

    fn origin(&self) -> MutexGuard<'_, Origin> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Probes the stores that every login needs, and the disk.
    pub(crate) async fn probe(&self, now: SystemTime) -> anyhow::Result<()> {
        let disk = Arc::clone(&self.disk);
        let probes = tokio::task::spawn_blocking(move || (disk.check_space(), disk.check_write()));
        let (space, written) = probes.await?;
        let auth = Arc::clone(&self.app.runtime().auth);
        auth.save_audit_space(matches!(space, Ok(Space::Reserve)));
        written.context("cannot write to the folder of the databases")?;
        self.otp_cache
            .subject_status(SubjectKey::derive(TENANT, "probe"), &Policy::default(), now)
            .await
            .context("OTP cache")?;
        auth.probe().await.context("authentication DB")?;
        Ok(())
    }
}

/// Opens the authentication DB in the data folder.
///
/// # Errors
///
/// When the folder cannot be made, when others may use it, or when the DB cannot be opened.
pub async fn open_database(data_dir: &Path) -> anyhow::Result<Database> {
    prepare_data_dir(data_dir)?;
    let file = data_dir.join("auth.db");
    Database::open(&file).await.with_context(|| format!("cannot open {}", file.display()))
}

/// Makes the authentication module of `config` over `database`, and opens the OTP cache that it owns.
///
/// # Errors
///
/// When the OTP cache cannot be opened, or a part of the configuration cannot be used.
pub async fn open_auth(
    config: &Config,
    database: &Database,
) -> anyhow::Result<(Arc<AuthModule>, Arc<dyn OtpStore>)> {
    let OtpCacheParts { otp_cache, notes, notifier } = open_otp_cache(config).await?;
    let master = &config.gateway.secret;
    let settings = auth_settings(config)?;
    let users = Arc::new(database.users());
    ensure_peppers_are_there(&users.hash_costs().await?, &config.passwords.peppers)?;
    let hasher = PasswordHasher::with_peppers(
        HashParameters::default(),
        HasherLimits::default(),
        config.passwords.peppers.clone(),
    );
    let passwords = HashedPasswords::new(
        Arc::clone(&users) as _,
        hasher.clone(),
        derive(master, "dummy-hash-cost"),
    );
    let parts = AuthParts {
        users: Arc::clone(&users) as _,
        passwords: Arc::new(passwords),
        administration: Some(Administration { users, hasher }),
        sessions: Arc::new(database.sessions()),
        audit: Arc::new(database.audit_trail(chain_key(config))),
        policy: config.policy.clone(),
        otp_cache: Arc::clone(&otp_cache),
        notes,
        notifier,
        settings,
    };
    Ok((Arc::new(AuthModule::new(parts)), otp_cache))
}

fn auth_settings(config: &Config) -> anyhow::Result<AuthSettings> {
    let master = &config.gateway.secret;
    let settings = AuthSettings::new(TENANT, PhoneTagKey::from_bytes(derive(master, "phone-tag")))
        .with_known_browser_key(KnownBrowserKey::from_bytes(derive(master, "known-browser")))
        .with_allowed_prefixes(config.sms.allowed_prefixes)
        .with_service_names(service_names(config))
        .with_min_password_chars(config.passwords.min_chars)?;
    Ok(config.sessions.apply_to(settings)?)
}

/// Returns the key of the pseudonyms in logs and quotas.
fn pseudonym_key(config: &Config) -> anyhow::Result<PseudonymKey> {
    Ok(PseudonymKey::from_bytes(&derive(&config.gateway.secret, "pseudonyms"))?)
}

/// Returns the key of the hash chain of the audit trail.
pub fn chain_key(config: &Config) -> ChainKey {
    ChainKey::from_bytes(derive(&config.gateway.secret, "audit-chain"))
}

/// Returns the name under which the access log of `config` knows a user.
pub fn log_name(config: &Config, user: &UserId) -> String {
    log_key(config).name(user)
}

fn log_key(config: &Config) -> LogKey {
    LogKey::new(&derive(&config.gateway.secret, "log-users"))
}

/// Returns the audit trail of `config` in `database`, to read, check and archive it.
pub fn open_audit(config: &Config, database: &Database) -> Arc<dyn AuditArchive> {
    Arc::new(database.audit_trail(chain_key(config)))
}

/// Names that a new password must not be made of.
fn service_names(config: &Config) -> Vec<String> {
    let host = config.gateway.public_url.host_str().map(str::to_owned);
    let name = &config.gateway.service_name;
    [name.ja.clone(), name.en.clone()].into_iter().chain(host).collect()
}

/// Fails if a stored hash was made with a pepper that is not configured: its users could not log in.
fn ensure_peppers_are_there(costs: &[HashCost], peppers: &Peppers) -> anyhow::Result<()> {
    for HashCost { pepper, users, .. } in costs {
        if let Some(id) = pepper
            && !peppers.contains(*id)
        {
            anyhow::bail!(
                "the passwords of {users} users were hashed with a pepper that the configuration lacks \
                 ({id}); name it in passwords.pepper_file or passwords.previous_pepper_file"
            );
        }
    }
    Ok(())
}

/// Builds the gateway.
pub(crate) async fn assemble(
    config: &Config,
    additions: &Additions,
    clock: SharedClock,
) -> anyhow::Result<Assembled> {
    let database = open_database(&config.gateway.data_dir).await?;
    let (auth, otp_cache) = open_auth(config, &database).await?;
    let randomness = Arc::new(SystemRandomness);
    let of_controller = Arc::clone(&randomness) as _;
    let disk = Arc::new(DiskWatch::new(config.gateway.data_dir.clone(), config.disk));
    let metrics = Metrics::new(StoreMetrics { auth: Arc::clone(&auth), disk: Arc::clone(&disk) });
    let of_limits = metrics.clone();
    let observer = move |limit: SendLimit| of_limits.message_limit(limit.as_str());
    let sms = SmsFactor::new(config, pseudonym_key(config)?, observer)?;
    let plugins = plugins(&sms, additions);
    let controller = Controller::new(Arc::clone(&auth), plugins, of_controller)?;
    ensure_factors_are_provided(auth.policy(), controller.factors())?;
    let runtime = Runtime {
        app: Weak::new(),
        auth,
        controller,
        form_tokens: FormTokens::new(&derive(&config.gateway.secret, "form-tokens")),
        login_posts: Arc::default(),
        clock,
        randomness,
        metrics,
        log_key: log_key(config),
        failures: Arc::default(),
        stop: CancellationToken::new(),
        event_streams: Arc::new(EventStreams::new()),
        websockets: WebSockets::new(
            config.connections.websocket_idle_timeout,
            config.connections.max_websockets,
        ),
        session_ended: Arc::new(Notify::new()),
        unlisted_proxies: Arc::default(),
    };
    let app = App::new(runtime, settings(config, additions)?);
    let trail = open_audit(config, &database);
    let audit_upkeep = Arc::new(AuditUpkeep::new(trail, config.audit));
    let origin = Origin { config: Arc::new(config.clone()), sms };
    Ok(Assembled {
        app,
        database,
        audit_upkeep,
        disk,
        otp_cache,
        additions: additions.clone(),
        origin: Arc::new(Mutex::new(origin)),
    })
}

/// Returns the timeouts and caps of the public listener.
pub(crate) fn connections(config: &Config) -> anyhow::Result<ConnectionSettings> {
    let connections = &config.connections;
    let max_connections = descriptors::max_connections(connections.max_total)?;
    // No network takes the place of all others.
    let half = max_connections / 2;
    Ok(ConnectionSettings {
        head_timeout: connections.head_timeout,
        idle_timeout: connections.idle_timeout,
        progress_timeout: connections.progress_timeout,
        drain_timeout: config.gateway.stop_timeout / 2,
        max_connections,
        max_per_address: connections.max_per_address.min(half),
        max_per_network: connections.max_per_network.min(half),
        trusted_proxies: config.gateway.trusted_proxies.clone(),
        keeps_header_case: config.application.header_case == HeaderCase::Preserve,
    })
}

/// Makes the settings of requests.
fn settings(config: &Config, additions: &Additions) -> anyhow::Result<Settings> {
    let gateway = &config.gateway;
    let origin = |url: &Url| url.origin().ascii_serialization();
    let urls = || std::iter::once(&gateway.public_url).chain(&gateway.additional_origins);
    let origins: Vec<String> = urls().map(origin).collect();
    Ok(Settings {
        site: site(config, additions)?,
        default_language: gateway.default_language,
        scheme: if gateway.public_url.scheme() == "https" { "https" } else { "http" },
        strict_transport: strict_transport(gateway.hsts.as_ref(), &origins),
        trusted_proxies: TrustedProxies::new(
            gateway.trusted_proxies.clone(),
            gateway.client_address_header,
        ),
        health_path: gateway.health_path.clone(),
        logs_paths: config.log.paths,
        websocket_origins: config.application.websocket_origins.iter().map(origin).collect(),
        shown_digits: config.sms.shown_digits,
        idle_timeout: config.sessions.idle_timeout,
        hosts: hosts(urls(), config)?,
        origins,
    })
}

/// Returns what responses say about HTTPS. A site with an origin on plain HTTP says nothing.
fn strict_transport(hsts: Option<&HeaderValue>, origins: &[String]) -> StrictTransport {
    match hsts {
        _ if !origins.iter().all(|origin| origin.starts_with("https://")) => StrictTransport::Plain,
        Some(value) => StrictTransport::Set(value.clone()),
        None => StrictTransport::Application,
    }
}

/// Maps the host of each origin to the application, with and without a default port. There is one application today.
fn hosts<'u>(
    origins: impl Iterator<Item = &'u Url>,
    config: &Config,
) -> anyhow::Result<HashMap<String, KnownHost>> {
    let application = &config.application;
    let limits = UpstreamLimits {
        max_body_bytes: application.max_body_bytes,
        timeout: application.timeout,
        idle_timeout: application.idle_timeout,
    };
    let rules = ForwardingRules {
        filter: HeaderFilter::new(
            application.drop_headers.iter().cloned(),
            application.pass_headers.iter().cloned(),
        ),
        get_bodies: application.get_bodies,
        header_case: application.header_case,
    };
    let proxy = Proxy::new(&application.url, limits, rules, cookies::PREFIX)?;
    let app = Arc::new(ProtectedApp {
        name: AppName::new(APP_NAME)?,
        proxy,
        max_body_bytes: application.max_body_bytes,
        is_strict: application.paths == AcceptedPaths::OneReading,
    });
    let mut hosts = HashMap::new();
    for origin in origins {
        for (spelling, name) in spellings(origin)? {
            hosts.insert(spelling, KnownHost { name, app: Arc::clone(&app) });
        }
    }
    Ok(hosts)
}

/// Returns the canonical spellings of an origin's host, each with the one that is passed on.
fn spellings(origin: &Url) -> anyhow::Result<Vec<(String, HeaderValue)>> {
    let host = origin.host_str().and_then(canonical_host);
    let host = host.with_context(|| format!("the origin {origin} has no valid host"))?;
    let (spellings, name) = match (origin.port(), origin.port_or_known_default()) {
        (Some(port), _) => (vec![format!("{host}:{port}")], format!("{host}:{port}")),
        (None, Some(default)) => {
            (vec![host.clone().into_owned(), format!("{host}:{default}")], host.into_owned())
        }
        (None, None) => (vec![host.clone().into_owned()], host.into_owned()),
    };
    let name = HeaderValue::try_from(name)?;
    Ok(spellings.into_iter().map(|spelling| (spelling, name.clone())).collect())
}

/// Checks what the file alone does not show, without opening a store.
pub(crate) fn check(config: &Config, additions: &Additions) -> anyhow::Result<()> {
    texts(config, additions)?;
    let plugins = plugins(&SmsFactor::new(config, pseudonym_key(config)?, |_| {})?, additions);
    let mut provided = BTreeSet::new();
    for plugin in &plugins {
        let factor = &plugin.descriptor().factor;
        let is_new = *factor != FactorId::PASSWORD && provided.insert(factor);
        anyhow::ensure!(is_new, "the factor {factor} has another plugin already");
    }
    ensure_factors_are_provided(&config.policy, provided.into_iter())
}

/// Makes the plugins for the factors besides the password: one line for each of our own, then the added ones.
fn plugins(sms: &SmsFactor, additions: &Additions) -> Vec<Arc<dyn MfaPlugin>> {
    let mut plugins = vec![sms.plugin()];
    plugins.extend(additions.factors.iter().cloned());
    plugins
}

/// Returns the texts of the pages: the built-in ones, those that a program adds, then those of the operator.
fn texts(config: &Config, additions: &Additions) -> anyhow::Result<Texts> {
    let mut sources = additions.texts.iter().chain(&config.texts.0);
    sources.try_fold(Texts::built_in(), |texts, (language, source)| {
        let added = texts.with_catalogue(*language, source);
        added.with_context(|| format!("the added texts in {language}"))
    })
}

/// Fails if a rule names a factor without a plugin. Without this check, the first login for its path would
/// fail.
fn ensure_factors_are_provided<'f>(
    policy: &AccessPolicy,
    plugins: impl Iterator<Item = &'f FactorId>,
) -> anyhow::Result<()> {
    let provided: BTreeSet<FactorId> = plugins.cloned().chain([FactorId::PASSWORD]).collect();
    let known: Vec<&str> = provided.iter().map(FactorId::as_str).collect();
    // A set, because a factor can come up twice: for the rule and for the default that is made of it.
    let problems: BTreeSet<String> = policy
        .factors()
        .filter(|(_, factor)| !provided.contains(*factor))
        .map(|(rule, factor)| {
            let (rule, factor) = (rule.map_or("/", Rule::name), factor.as_str());
            let known = known.join(" or ");
            format!(
                "rule {rule:?} names the factor {factor:?}, which no plugin provides; use {known}"
            )
        })
        .collect();
    let problems: Vec<String> = problems.into_iter().collect();
    anyhow::ensure!(problems.is_empty(), problems.join("\n"));
    Ok(())
}

/// Derives a key for one purpose from the master secret.
fn derive(master: &SecretString, label: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(master.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(b"mfa-gateway\0");
    mac.update(label.as_bytes());
    mac.finalize().into_bytes().into()
}

fn site(config: &Config, additions: &Additions) -> anyhow::Result<Site> {
    let gateway = &config.gateway;
    let pages = &config.pages;
    let urls = |urls: &Option<PerLanguage<Url>>| urls.clone().map(|urls| urls.map(String::from));
    let mut site = Site::new(gateway.service_name.clone());
    site.home_url = Some(gateway.public_url.to_string());
    site.host = gateway.public_url.host_str().map(str::to_owned);
    site.time_zone = gateway.time_zone.clone();
    site.support = Support {
        url: gateway.support_url.as_ref().map(ToString::to_string),
        phone: pages.support_phone.clone(),
        hours: pages.support_hours.clone(),
    };
    site.operator = Operator {
        name: pages.operator_name.clone(),
        privacy_url: urls(&pages.privacy_url),
        terms_url: urls(&pages.terms_url),
    };
    site.texts = Arc::new(texts(config, additions)?);
    Ok(site)
}

/// What the OTP cache consists of.
struct OtpCacheParts {
    otp_cache: Arc<dyn OtpStore>,
    notes: Arc<dyn DeliveryNotes>,
    notifier: Arc<dyn Notifier>,
}

impl OtpCacheParts {
    /// One store for everything. One gateway uses it, so the notifier need not reach another process.
    fn of(store: impl OtpStore + DeliveryNotes) -> Self {
        let store = Arc::new(store);
        Self {
            otp_cache: Arc::clone(&store) as _,
            notes: store,
            notifier: Arc::new(LocalNotifier::new()),
        }
    }
}

async fn open_otp_cache(config: &Config) -> anyhow::Result<OtpCacheParts> {
    match config.otp_cache {
        OtpCache::Memory { max_entries } => {
            Ok(OtpCacheParts::of(otp_cache::memory::MemoryStore::with_capacity(max_entries)))
        }
        OtpCache::Sqlite { max_bytes } => {
            let file = config.gateway.data_dir.join("otp.db");
            let store = otp_cache::sqlite::SqliteStore::open_bounded(&file, max_bytes).await;
            let store = store.with_context(|| format!("cannot open {}", file.display()))?;
            Ok(OtpCacheParts::of(store))
        }
    }
}

#[cfg(test)]
mod tests {
    use auth_module::{FactorChoice, PathPattern, Requirement};
    use sms_otp_plugin::SMS_OTP;

    use super::*;

    #[test]
    fn a_factor_without_a_plugin_is_named_with_each_of_its_rules() {
        let factor = |name: &'static str| FactorId::new(name).expect("a name");
        let (passkey, sms) = (factor("passkey"), SMS_OTP);
        let rule = |prefix, factors: Vec<FactorChoice>| {
            let requirement = Requirement::new(factors).expect("a requirement");
            Rule::protected(PathPattern::parse(prefix).expect("a prefix"), requirement)
        };
        let either = FactorChoice::any([passkey.clone(), sms.clone()]).expect("a choice");
        let rules = vec![
            rule("/admin/", vec![FactorId::PASSWORD.into(), either]),
            rule("/b/", vec![factor("totp").into()]),
        ];
        let default = Requirement::new([FactorId::PASSWORD, sms.clone()]).expect("a requirement");
        let policy = AccessPolicy::new(default, rules).expect("a policy");
        let error = ensure_factors_are_provided(&policy, [&sms].into_iter()).expect_err("two");
        assert_eq!(
            error.to_string(),
            "rule \"/admin/\" names the factor \"passkey\", which no plugin provides; use password or sms-otp\n\
             rule \"/b/\" names the factor \"totp\", which no plugin provides; use password or sms-otp"
        );
        let provided = [&sms, &passkey, &factor("totp")];
        ensure_factors_are_provided(&policy, provided.into_iter()).expect("all are provided");
    }
}
