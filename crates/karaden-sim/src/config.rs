//! What a simulator is started with, and the quirks that can be switched while it runs.

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{clock::ClockMode, tls::TlsIdentity};

/// Everything a simulator is started with. [`Default`] is a simulator for tests: loopback, a free
/// port, one project and one push account with the well-known demo credentials, instant delivery.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Where to listen. Anything but loopback is refused unless
    /// [`allow_non_loopback`](Self::allow_non_loopback) is set. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Lets others on the network reach the simulator, its inbox and its switches. Default `false`.
    pub allow_non_loopback: bool,
    /// Speaks HTTPS with this certificate, and no HTTP. Default: HTTP.
    pub tls: Option<TlsIdentity>,
    /// The address others know the simulator by, for upload and download URLs; `None` takes the
    /// `Host` of the request.
    pub public_url: Option<String>,
    /// Projects of the SMS API, each with its own token. Default: one.
    pub projects: Vec<SmsProject>,
    /// Accounts of the push API. Default: one.
    pub push_accounts: Vec<PushAccount>,
    /// How many messages are kept; the oldest goes first. Default 100,000.
    pub history: usize,
    /// How time goes. Default: as the machine's.
    pub clock: ClockMode,
    /// When and how messages arrive. Default: at once.
    pub delivery: Delivery,
    /// Departures from the usual wire form, also switchable by `PUT /quirks`.
    pub quirks: Quirks,
    /// Seed of the ids, so that a run can be repeated; `None` draws one.
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
    /// The tenant, a UUID, part of every path. Default `159bfd33-b9b7-f424-4755-c119b324591d`.
    pub tenant_id: String,
    /// The bearer token. Default `demo-token`.
    pub api_token: SecretString,
    /// The service settings that exist. Default: only 1.
    pub service_ids: Vec<u64>,
    /// The project's number, told in callbacks. Default 1.
    pub project_id: u64,
    /// The billing address of every message. Default 1.
    pub billing_address_id: u64,
    /// Where delivery results are posted, `http` only. Default: nowhere.
    pub callback_url: Option<String>,
    /// The version callbacks speak, as registered in the service setting. Default `2024-03-01`.
    pub callback_version: String,
    /// The waits before each further try of a callback. Default 1 s, 10 s, 60 s.
    pub callback_retries: Vec<Duration>,
    /// Whether the plan includes bulk sending. Default `true`.
    pub bulk: bool,
    /// Whether the service settings shorten URLs where a send does not say. Default `false`.
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
    /// Whether the profile may split long texts; if not, 209. Default `true`.
    pub long_split: bool,
    /// Most UTF-16 units of a text of `karadenqueue`; the service's own limit is not public.
    /// Default 70.
    pub single_limit: usize,
    /// The text parameters `karadenqueue` insists on, by name; empty: any one will do. Default:
    /// empty.
    pub required_texts: Vec<String>,
    /// What the send list means. Default: nothing.
    pub list_rule: ListRule,
    /// Which tracking codes pass. Default: up to eight digits, the one form seen in use.
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

/// What the push API's send list does to a send. The meaning depends on the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ListRule {
    /// Kept, without effect.
    #[default]
    Off,
    /// Only numbers on it may be sent to; others get 203.
    AllowOnly,
    /// Numbers on it get 203.
    Block,
}

/// Which tracking codes the push API takes; others get 205. The service's own rule is not public.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TrackingRule {
    /// Up to 100 printable ASCII characters.
    Any,
    /// Digits only, at most 8: the one form seen in use.
    #[default]
    EightDigits,
    /// None at all.
    Refused,
}

/// When messages arrive, by the simulator's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// From acceptance (or the reserved time) until the carrier has it. Default 0.
    pub sent_after: Duration,
    /// From then until the carrier's answer. Default 0.
    pub result_after: Duration,
    /// How late a late message is. Default 60 s.
    pub late_after: Duration,
    /// How long a bulk send takes: half of it waiting, half processing. Default 0.
    pub bulk_after: Duration,
    /// What happens to messages from the start. Default: nothing special.
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

/// What happens to messages from now on, set by the inbox page or `PUT /delivery`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// Each number's own outcome, at the usual time.
    #[default]
    Normal,
    /// They arrive late.
    Late,
    /// They wait at the carrier until released by hand.
    Hold,
    /// Every handset is off or out of range.
    OutOfRange,
    /// Two messages to one number arrive in the opposite order; one alone arrives late.
    OutOfOrder,
    /// The carriers report delivery errors.
    Error,
}

/// How a value that does not exist is written in the SMS API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// As `null`, which is what the support pages say.
    #[default]
    Null,
    /// Not at all, which is what the vendor's OpenAPI file says (it marks nothing as nullable).
    Omit,
}

/// The push API's `resultstatus` for an unknown result: two integrations disagree.
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

/// Departures from the usual wire form that a client has to bear. All off by default; `PUT /quirks`
/// changes them while the simulator runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// How the SMS API writes what does not exist.
    pub absent: Absent,
    /// The version of a request without `Karaden-Version`; `None` refuses it. The vendor's sources
    /// disagree.
    pub default_version: Option<String>,
    /// The push API writes its codes as numbers instead of strings.
    pub push_numbers: bool,
    /// The push API leaves `carrier` out.
    pub push_no_carrier: bool,
    /// The push API leaves `carrier` empty while it is being determined, instead of saying 5.
    pub push_empty_carrier: bool,
    /// The push API leaves `resultstatus` empty while there is no result.
    pub push_empty_result: bool,
    /// The push API's code of an unknown result.
    pub push_unknown: UnknownCode,
    /// `karadenqueue` ignores `TrackingCode`, which public code shows with `sepakaradenqueue` only:
    /// it is neither checked nor found again.
    pub push_single_untracked: bool,
    /// The bulk result file is never ready: 202 for ever.
    pub bulk_never_ready: bool,
    /// The storage refuses every upload as if its URL had expired.
    pub upload_expired: bool,
    /// The bulk result file bears a name that leads out of its directory.
    pub hostile_file_name: bool,
    /// Every callback comes twice.
    pub callback_twice: bool,
    /// Errors of the SMS API lack their `object`, so that they are JSON but not an error of the API.
    pub error_without_object: bool,
}
