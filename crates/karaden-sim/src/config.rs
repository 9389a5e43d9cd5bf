//! The configuration of a simulator, and the settings that can change while it runs.

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

#[cfg(feature = "tls")]
use crate::tls::TlsIdentity;
use crate::{
    clock::ClockMode,
    error::SimError,
    id::parse_uuid,
    shape::{nullable_word, word},
    time::Day,
    version::ApiVersion,
};

/// Writes one `with_…` method per line: it takes a value of the field's type, a value that can become one
/// (`into`), or a value for a field that may have none (`some`, `some into`).
macro_rules! setters {
    ($($name:ident($field:ident: $($type:tt)+),)+) => {
        $(setters!(@ $name, $field, $($type)+);)+
    };
    (@ $name:ident, $field:ident, some into $type:ty) => {
        setters!(@ $name, $field, (impl Into<$type>), Some($field.into()));
    };
    (@ $name:ident, $field:ident, some $type:ty) => {
        setters!(@ $name, $field, ($type), Some($field));
    };
    (@ $name:ident, $field:ident, into $type:ty) => {
        setters!(@ $name, $field, (impl Into<$type>), $field.into());
    };
    (@ $name:ident, $field:ident, ($type:ty), $value:expr) => {
        #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
        #[must_use]
        pub fn $name(mut self, $field: $type) -> Self {
            self.$field = $value;
            self
        }
    };
    (@ $name:ident, $field:ident, $type:ty) => {
        setters!(@ $name, $field, ($type), $field);
    };
}

/// The configuration of a simulator. [`Default`] is for tests: loopback, a free port, one project and
/// one push account with the demo credentials, immediate delivery, the system clock.
///
/// ```
/// use std::time::Duration;
///
/// use karaden_sim::{Delivery, SimConfig};
///
/// let slow = Delivery::default().with_result_after(Duration::from_secs(3));
/// let config = SimConfig::default().with_delivery(slow).with_seed(7);
/// assert_eq!(config.listen.port(), 0);
/// assert_eq!(config.delivery.result_after, Duration::from_secs(3));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimConfig {
    /// The address to listen on: a loopback address, unless
    /// [`allow_non_loopback`](Self::allow_non_loopback) is set. Port 0 is a free port. Default
    /// `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Allows an address that other machines can reach. They can then read the inbox and use the
    /// control endpoints. Default `false`.
    pub allow_non_loopback: bool,
    /// Serves HTTPS only, with this certificate. Default `None`: HTTP only.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub tls: Option<TlsIdentity>,
    /// Always `None`.
    #[cfg(not(feature = "tls"))]
    pub(crate) tls: Option<std::convert::Infallible>,
    /// Further names and addresses by which clients reach the simulator, without a port, such as the name
    /// of its container. A request that names another host gets 421, because a web page could otherwise point
    /// a name of its own to this machine. Always known: `localhost`, loopback addresses, the address that the
    /// connection came to, and the host of [`public_url`](Self::public_url). Default: none.
    pub hosts: Vec<String>,
    /// The base of upload and download URLs, such as `http://sim.example:8081`. Default `None`: the
    /// `Host` of the request.
    pub public_url: Option<String>,
    /// The projects of the SMS API, each with its own token. Default: one.
    pub projects: Vec<SmsProject>,
    /// The accounts of the push API. Default: one.
    pub push_accounts: Vec<PushAccount>,
    /// How many messages are kept, at least 1. The oldest is removed first. Default 100,000.
    pub history: usize,
    /// The clock. Default: the system clock.
    pub clock: ClockMode,
    /// When and how messages arrive. Default: immediately.
    pub delivery: Delivery,
    /// Deviations from the usual wire format. Default: none.
    pub quirks: Quirks,
    /// The seed of all ids: equal seeds and equal requests produce equal ids. Default `None`: random.
    pub seed: Option<u64>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_non_loopback: false,
            tls: None,
            hosts: Vec::new(),
            public_url: None,
            projects: vec![SmsProject::default()],
            push_accounts: vec![PushAccount::default()],
            history: 100_000,
            clock: ClockMode::Real,
            delivery: Delivery::default(),
            quirks: Quirks::default(),
            seed: None,
        }
    }
}

impl SimConfig {
    setters! {
        with_listen(listen: into SocketAddr),
        with_allow_non_loopback(allow_non_loopback: bool),
        with_public_url(public_url: some into String),
        with_projects(projects: into Vec<SmsProject>),
        with_push_accounts(push_accounts: into Vec<PushAccount>),
        with_history(history: usize),
        with_clock(clock: ClockMode),
        with_delivery(delivery: Delivery),
        with_quirks(quirks: Quirks),
        with_seed(seed: some u64),
    }

    /// Sets [`hosts`](Self::hosts).
    #[must_use]
    pub fn with_hosts(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.hosts = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets [`tls`](Self::tls).
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn with_tls(mut self, tls: TlsIdentity) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The default configuration with [`ClockMode::manual`] and the seed 1: equal requests produce
    /// equal responses, byte for byte.
    ///
    /// ```
    /// use karaden_sim::{ClockMode, SimConfig};
    ///
    /// let config = SimConfig::deterministic();
    /// assert_eq!((config.clock, config.seed), (ClockMode::manual(), Some(1)));
    /// ```
    #[must_use]
    pub fn deterministic() -> Self {
        Self::default().with_clock(ClockMode::manual()).with_seed(1)
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Finds the first setting that the simulator cannot work with.
    pub(crate) fn check(&self) -> Result<(), SimError> {
        if !self.listen.ip().is_loopback() && !self.allow_non_loopback {
            return Err(SimError::NotLoopback);
        }
        let is_base = |url: &String| has_scheme(url, &["http", "https"]);
        let holds = |holds: bool, setting, rule| {
            if holds { Ok(()) } else { Err(SimError::InvalidSetting { setting, rule }) }
        };
        holds(self.public_url.iter().all(is_base), "public_url", "must be an http or https URL")?;
        let rule = "must be names or addresses without a port";
        holds(self.hosts.iter().all(|name| is_host(name)), "hosts", rule)?;
        for project in &self.projects {
            let is_uuid = parse_uuid(&project.tenant_id).is_some();
            holds(is_uuid, "tenant_id", "must be a UUID")?;
            let is_http = |url: &String| has_scheme(url, &["http"]);
            let callback_url = &project.callback_url;
            holds(callback_url.iter().all(is_http), "callback_url", "must be an http URL")?;
            let is_token = http::HeaderValue::from_str(project.expose_token()).is_ok();
            holds(is_token, "api_token", "must be printable ASCII")?;
        }
        for account in &self.push_accounts {
            let is_known = |name: &String| TEXT_PARAMETERS.contains(&name.as_str());
            holds(
                account.required_texts.iter().all(is_known),
                "required_texts",
                "must be DocomoMessage, SoftbankMessage, AuMessage, OptionMessage or RakutenMessage",
            )?;
        }
        Ok(())
    }
}

/// Whether `url` has one of these schemes and a host.
fn has_scheme(url: &str, schemes: &[&str]) -> bool {
    let url: Option<http::Uri> = url.parse().ok();
    url.is_some_and(|url| {
        url.scheme_str().is_some_and(|scheme| schemes.contains(&scheme)) && url.host().is_some()
    })
}

/// Whether `name` is a host name or an address, an IPv6 address with or without brackets.
fn is_host(name: &str) -> bool {
    let is_name =
        name.parse().is_ok_and(|authority: http::uri::Authority| authority.host() == name);
    is_name || name.parse::<std::net::Ipv6Addr>().is_ok()
}

/// The text parameters of `karadenqueue`, in the order docomo, SoftBank, au, optional carrier, Rakuten.
pub(crate) const TEXT_PARAMETERS: [&str; 5] =
    ["DocomoMessage", "SoftbankMessage", "AuMessage", "OptionMessage", "RakutenMessage"];

/// One project of the SMS API.
///
/// ```
/// use karaden_sim::SmsProject;
///
/// let project = SmsProject::default()
///     .with_tenant_id("82bdf9de-a532-4bf5-86bc-c9a1366e5f4a")
///     .with_api_token("another token")
///     .with_callback_url("http://127.0.0.1:3000/karaden");
/// assert_eq!(project.service_ids, [1]);
/// assert!(!format!("{project:?}").contains("another token"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SmsProject {
    /// The tenant id, a UUID, which is part of every path. Default
    /// `159bfd33-b9b7-f424-4755-c119b324591d`.
    pub tenant_id: String,
    /// The bearer token. Default `demo-token`.
    pub api_token: SecretString,
    /// The ids of the service settings. Default: 1.
    pub service_ids: Vec<u64>,
    /// The project id in callbacks. Default 1.
    pub project_id: u64,
    /// The billing address id of every message. Default 1.
    pub billing_address_id: u64,
    /// Where delivery results are posted, `http` only. Default `None`: no callbacks.
    pub callback_url: Option<String>,
    /// The `Karaden-Version` of callbacks. Default `2024-03-01`.
    pub callback_version: ApiVersion,
    /// The waits before each further attempt to post a callback. Default 1 s, 10 s, 60 s.
    pub callback_retries: Vec<Duration>,
    /// Whether the plan includes bulk sending; otherwise it returns 403. Default `true`.
    pub bulk: bool,
    /// Whether URLs are shortened if a send has no `is_shorten`. Default `false`.
    pub is_shorten: bool,
}

impl Default for SmsProject {
    fn default() -> Self {
        Self {
            tenant_id: "159bfd33-b9b7-f424-4755-c119b324591d".to_owned(),
            api_token: SecretString::from("demo-token"),
            service_ids: vec![1],
            project_id: 1,
            billing_address_id: 1,
            callback_url: None,
            callback_version: ApiVersion::default(),
            callback_retries: [1, 10, 60].map(Duration::from_secs).to_vec(),
            bulk: true,
            is_shorten: false,
        }
    }
}

impl SmsProject {
    setters! {
        with_tenant_id(tenant_id: into String),
        with_api_token(api_token: into SecretString),
        with_service_ids(service_ids: into Vec<u64>),
        with_project_id(project_id: u64),
        with_billing_address_id(billing_address_id: u64),
        with_callback_url(callback_url: some into String),
        with_callback_version(callback_version: ApiVersion),
        with_callback_retries(callback_retries: into Vec<Duration>),
        with_bulk(bulk: bool),
        with_is_shorten(is_shorten: bool),
    }

    fn expose_token(&self) -> &str {
        use secrecy::ExposeSecret as _;
        self.api_token.expose_secret()
    }
}

/// One account of the push API.
///
/// ```
/// use karaden_sim::{PushAccount, TrackingRule};
///
/// let account = PushAccount::default().with_tracking(TrackingRule::Any).with_line_break_units(1);
/// assert_eq!((account.single_limit, account.line_break_units), (70, 1));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PushAccount {
    /// The access key. Default `demo-push`.
    pub token: SecretString,
    /// The security code. Default `demo-code`.
    pub security_code: SecretString,
    /// Whether the profile includes `sepakaradenqueue`; otherwise it returns 209. Default `true`.
    pub long_split: bool,
    /// Maximum length of a text of `karadenqueue` in UTF-16 units. The service's own limit is not
    /// public. Default 70.
    pub single_limit: usize,
    /// How many units a line break counts in the limit of a text and of a part. What the service
    /// counts is not public. Default 3, the strictest number that a public integration uses; a text
    /// that fits here fits everywhere. A carriage return before the line break counts one more.
    pub line_break_units: usize,
    /// The text parameters that `karadenqueue` requires, by name. Default: none, then any one is
    /// enough.
    pub required_texts: Vec<String>,
    /// What the send list does. Default: nothing.
    pub list_rule: ListRule,
    /// Which tracking codes are valid. Default: up to eight digits, the only format seen in use.
    pub tracking: TrackingRule,
}

impl Default for PushAccount {
    fn default() -> Self {
        Self {
            token: SecretString::from("demo-push"),
            security_code: SecretString::from("demo-code"),
            long_split: true,
            single_limit: 70,
            line_break_units: 3,
            required_texts: Vec::new(),
            list_rule: ListRule::Off,
            tracking: TrackingRule::EightDigits,
        }
    }
}

impl PushAccount {
    setters! {
        with_token(token: into SecretString),
        with_security_code(security_code: into SecretString),
        with_long_split(long_split: bool),
        with_single_limit(single_limit: usize),
        with_line_break_units(line_break_units: usize),
        with_list_rule(list_rule: ListRule),
        with_tracking(tracking: TrackingRule),
    }

    /// Sets [`required_texts`](Self::required_texts).
    #[must_use]
    pub fn with_required_texts(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.required_texts = names.into_iter().map(Into::into).collect();
        self
    }
}

/// What the push API's send list does. This depends on the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListRule {
    /// The list is stored, but has no effect.
    #[default]
    Off,
    /// A send to a number that is not on the list returns 203.
    AllowOnly,
    /// A send to a number on the list returns 203.
    Block,
}

/// Which tracking codes are valid in the push API; others return 205. The service's own rule is not
/// public.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackingRule {
    /// Up to 100 printable ASCII characters, no spaces.
    Any,
    /// Up to 8 digits, the only format seen in use.
    #[default]
    EightDigits,
    /// Every tracking code is invalid.
    Refused,
}

/// When messages arrive, by the simulator's clock.
///
/// ```
/// use std::time::Duration;
///
/// use karaden_sim::{Day, Delivery, DeliveryMode};
///
/// let delivery = Delivery::default()
///     .with_mode(DeliveryMode::Late)
///     .with_late_after(Duration::from_secs(90))
///     .with_changed_hands_on(Day::new(2026, 4, 1)?);
/// assert_eq!(delivery.sent_after, Duration::ZERO);
/// # Ok::<(), karaden_sim::InvalidDay>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The time from acceptance, or from the reserved time, until the message is sent to the carrier.
    /// Default 0.
    pub sent_after: Duration,
    /// The time from then until the carrier reports the result. Default 0.
    pub result_after: Duration,
    /// The additional delay of late messages. Default 60 s.
    pub late_after: Duration,
    /// How long a bulk send takes: half of it `waiting`, half `processing`. Default 0.
    pub bulk_after: Duration,
    /// When the numbers of [`Outcome::HistoryMismatch`](crate::Outcome::HistoryMismatch) changed hands:
    /// a `PermitDate` on this day or earlier is blocked, a later one passes. Default `None`: every
    /// `PermitDate` is blocked.
    pub changed_hands_on: Option<Day>,
    /// The delivery mode. Default [`DeliveryMode::Normal`].
    pub mode: DeliveryMode,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            sent_after: Duration::ZERO,
            result_after: Duration::ZERO,
            late_after: Duration::from_secs(60),
            bulk_after: Duration::ZERO,
            changed_hands_on: None,
            mode: DeliveryMode::Normal,
        }
    }
}

impl Delivery {
    setters! {
        with_sent_after(sent_after: Duration),
        with_result_after(result_after: Duration),
        with_late_after(late_after: Duration),
        with_bulk_after(bulk_after: Duration),
        with_changed_hands_on(changed_hands_on: some Day),
        with_mode(mode: DeliveryMode),
    }

    /// Whether the numbers that changed hands did so after consent of this day.
    pub(crate) fn changed_hands_since(&self, consent: Day) -> bool {
        self.changed_hands_on.is_none_or(|changed| consent <= changed)
    }
}

/// What happens to messages that are accepted from now on. The inbox page and `PUT /delivery` set
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryMode {
    /// Each number has its own outcome, at the normal time.
    #[default]
    Normal,
    /// Messages arrive late.
    Late,
    /// Messages wait at the carrier until [`Sim::intervene`](crate::Sim::intervene) or a button of the
    /// inbox page releases them.
    Hold,
    /// Every handset is off or out of range.
    OutOfRange,
    /// Two messages to the same number arrive in the opposite order; a single one arrives late.
    OutOfOrder,
    /// The carriers report delivery errors.
    Error,
}

/// How the SMS API writes a field without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Absent {
    /// As `null`, according to the support pages.
    #[default]
    Null,
    /// The field is omitted, according to the vendor's OpenAPI file, which marks nothing as nullable.
    Omit,
}

/// The push API's `resultstatus` for an unknown result. The two integrations seen disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum UnknownCode {
    /// 4.
    #[serde(rename = "4")]
    Four,
    /// 99.
    #[default]
    #[serde(rename = "99")]
    NinetyNine,
}

/// Deviations from the usual wire format that a client must handle. All are off by default;
/// `PUT /quirks` changes them while the simulator runs, with the names of these fields.
///
/// ```
/// use karaden_sim::Quirks;
///
/// let quirks: Quirks = serde_json::from_str(r#"{"push_numbers":true,"push_unknown":"4"}"#)?;
/// let same = Quirks::default()
///     .with_push_numbers(true)
///     .with_push_unknown(karaden_sim::UnknownCode::Four);
/// assert_eq!(quirks, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Quirks {
    /// How the SMS API writes a field without a value.
    #[serde(deserialize_with = "word")]
    pub absent: Absent,
    /// The version of a request without `Karaden-Version`; `None` rejects it. The vendor's sources
    /// disagree.
    #[serde(deserialize_with = "nullable_word")]
    pub default_version: Option<ApiVersion>,
    /// The push API writes its codes as numbers instead of strings.
    pub push_numbers: bool,
    /// The push API omits `carrier`.
    pub push_no_carrier: bool,
    /// The push API leaves `carrier` empty, instead of 5, while the carrier is being determined.
    pub push_empty_carrier: bool,
    /// The push API leaves `resultstatus` empty while there is no result.
    pub push_empty_result: bool,
    /// The push API's code of an unknown result.
    #[serde(deserialize_with = "word")]
    pub push_unknown: UnknownCode,
    /// `karadenqueue` ignores `TrackingCode`: the code is not checked, and an inquiry does not find it.
    /// Public code shows the parameter with `sepakaradenqueue` only.
    pub push_single_untracked: bool,
    /// The bulk result file is never ready: always 202.
    pub bulk_never_ready: bool,
    /// The storage rejects every upload as if its URL had expired.
    pub upload_expired: bool,
    /// The name of the bulk result file contains `../`.
    pub hostile_file_name: bool,
    /// Every callback is posted twice.
    pub callback_twice: bool,
    /// Errors of the SMS API have no `object`, so that a client cannot recognise them by it.
    pub error_without_object: bool,
}

impl Quirks {
    setters! {
        with_absent(absent: Absent),
        with_default_version(default_version: some ApiVersion),
        with_push_numbers(push_numbers: bool),
        with_push_no_carrier(push_no_carrier: bool),
        with_push_empty_carrier(push_empty_carrier: bool),
        with_push_empty_result(push_empty_result: bool),
        with_push_unknown(push_unknown: UnknownCode),
        with_push_single_untracked(push_single_untracked: bool),
        with_bulk_never_ready(bulk_never_ready: bool),
        with_upload_expired(upload_expired: bool),
        with_hostile_file_name(hostile_file_name: bool),
        with_callback_twice(callback_twice: bool),
        with_error_without_object(error_without_object: bool),
    }
}
