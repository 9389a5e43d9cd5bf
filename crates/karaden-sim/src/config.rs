//! The configuration of a simulator, and the settings that can change while it runs.

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{clock::ClockMode, tls::TlsIdentity};

/// The configuration of a simulator. [`Default`] is for tests: loopback, a free port, one project and
/// one push account with the demo credentials, immediate delivery.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// The address to listen on: a loopback address, unless
    /// [`allow_non_loopback`](Self::allow_non_loopback) is set. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Allows an address that other machines can reach. They can then read the inbox and use the
    /// control endpoints. Default `false`.
    pub allow_non_loopback: bool,
    /// Serves HTTPS only, with this certificate. Default `None`: HTTP only.
    pub tls: Option<TlsIdentity>,
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
    /// Deviations from the usual wire format. `PUT /quirks` changes them too.
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
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// One project of the SMS API.
#[derive(Clone, Debug)]
pub struct SmsProject {
    /// The tenant id, a UUID, which is part of every path. Default `159bfd33-b9b7-f424-4755-c119b324591d`.
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
    pub callback_version: String,
    /// The waits before each further attempt to post a callback. Default 1 s, 10 s, 60 s.
    pub callback_retries: Vec<Duration>,
    /// Whether the plan includes bulk sending. Default `true`.
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
            callback_version: "2024-03-01".to_owned(),
            callback_retries: [1, 10, 60].map(Duration::from_secs).to_vec(),
            bulk: true,
            is_shorten: false,
        }
    }
}

/// One account of the push API.
#[derive(Clone, Debug)]
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
            required_texts: Vec::new(),
            list_rule: ListRule::Off,
            tracking: TrackingRule::EightDigits,
        }
    }
}

/// What the push API's send list does. This depends on the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The delivery mode at the start. Default [`DeliveryMode::Normal`].
    pub mode: DeliveryMode,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            sent_after: Duration::ZERO,
            result_after: Duration::ZERO,
            late_after: Duration::from_secs(60),
            bulk_after: Duration::ZERO,
            mode: DeliveryMode::Normal,
        }
    }
}

/// What happens to messages that are accepted from now on. The inbox page and `PUT /delivery` set
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// Each number has its own outcome, at the normal time.
    #[default]
    Normal,
    /// Messages arrive late.
    Late,
    /// Messages wait at the carrier until a button of the inbox page releases them.
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
pub enum Absent {
    /// As `null`, according to the support pages.
    #[default]
    Null,
    /// The field is omitted, according to the vendor's OpenAPI file, which marks nothing as nullable.
    Omit,
}

/// The push API's `resultstatus` for an unknown result. The two integrations seen disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
/// `PUT /quirks` changes them while the simulator runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// How the SMS API writes a field without a value.
    pub absent: Absent,
    /// The version of a request without `Karaden-Version`; `None` rejects it. The vendor's sources
    /// disagree.
    pub default_version: Option<String>,
    /// The push API writes its codes as numbers instead of strings.
    pub push_numbers: bool,
    /// The push API omits `carrier`.
    pub push_no_carrier: bool,
    /// The push API leaves `carrier` empty, instead of 5, while the carrier is being determined.
    pub push_empty_carrier: bool,
    /// The push API leaves `resultstatus` empty while there is no result.
    pub push_empty_result: bool,
    /// The push API's code of an unknown result.
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
