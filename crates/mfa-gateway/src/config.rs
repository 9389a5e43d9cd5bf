//! The configuration file: one TOML file, parsed into domain types at start.

mod parse;
mod read;
pub(crate) mod reader;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use auth_module::Policy as AccessPolicy;
use ipnet::IpNet;
use karaden_client::push::CarrierField;
use otp_core::{AllowedPrefixes, Policy, message::Host};
use secrecy::SecretString;
use sms_otp_plugin::{InvalidConfig, PseudonymKey, SendLimits, SmsOtpConfig, SmsTexts};
use url::Url;

use self::reader::Document;
pub use self::reader::{Problem, Problems};

/// Everything the gateway needs to know at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners, names and the master secret.
    pub gateway: Gateway,
    /// The application behind the gateway.
    pub application: Application,
    /// Which request needs which factors.
    pub policy: AccessPolicy,
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
        /// The parameters that a text goes out in.
        carrier_fields: Vec<CarrierField>,
        /// Whether a single message that is not found was not sent.
        tracks_single_messages: bool,
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
        Document::new(file, text).read(read::config)
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
