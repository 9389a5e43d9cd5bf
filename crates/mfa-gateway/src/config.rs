//! The configuration file: one TOML file, parsed into domain types at start.
//!
//! Each file of this module reads one section. A key is declared where it is read, with its name, its
//! default, its range and a sentence. The sample file, the reference in the documentation and
//! `check-config --explain` are made from these declarations.

mod application;
mod audit;
mod connections;
mod declaration;
mod disk;
mod document;
mod duration;
mod gateway;
mod key;
mod limits;
mod log;
mod nearest;
mod otp;
mod otp_cache;
mod passwords;
mod problem;
mod reference;
mod rules;
mod sessions;
mod sms;
#[cfg(test)]
mod tests;
mod text;

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use auth_module::Policy;
use otp_core::message::TemplateProblem;
use sms_otp_plugin::{InvalidConfig, PseudonymKey, SendLimits, SmsOtpConfig, SmsTexts};

pub use self::{
    application::{AcceptedPaths, Application},
    audit::Audit,
    connections::Connections,
    disk::Disk,
    gateway::Gateway,
    log::{Log, LogFormat},
    otp::Otp,
    otp_cache::OtpCache,
    passwords::Passwords,
    problem::{Problem, Problems},
    reference::{Reference, UnknownKey},
    sessions::Sessions,
    sms::{Sender, Sms},
};
use self::{
    document::{Reported, Section},
    problem::Refusal,
};

/// Everything the gateway needs to know at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners, names and the main secret.
    pub gateway: Gateway,
    /// The application behind the gateway.
    pub application: Application,
    /// Which request needs which factors.
    pub policy: Policy,
    /// Keys that are mixed into password hashes.
    pub passwords: Passwords,
    /// Sessions and pending logins.
    pub sessions: Sessions,
    /// The one-time code.
    pub otp: Otp,
    /// Where challenges and quotas are stored.
    pub otp_cache: OtpCache,
    /// The text message and its sender.
    pub sms: Sms,
    /// Timeouts and caps of client connections.
    pub connections: Connections,
    /// How many messages may be sent.
    pub limits: SendLimits,
    /// The audit trail.
    pub audit: Audit,
    /// How much space the databases need.
    pub disk: Disk,
    /// Log output.
    pub log: Log,
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

    /// Reads `text` as the content of `file`. Its paths are relative to the folder of `file`.
    ///
    /// # Errors
    ///
    /// [`Problems`] with everything that is wrong.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Problems> {
        document::read(file, text, read)
    }

    /// Returns the reference of all settings.
    pub fn reference() -> Reference {
        Reference::new(document::describe(read))
    }

    /// Returns the settings of the SMS factor.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] when a setting is out of range. Reading a file rules this out.
    pub fn sms_otp(&self, key: PseudonymKey) -> Result<SmsOtpConfig, InvalidConfig> {
        let texts = SmsTexts::new(self.sms.product_name.as_str(), self.sms.host.clone());
        Ok(SmsOtpConfig::new(texts, key)
            .with_digits(self.otp.digits)?
            .with_lifetime(self.otp.lifetime)?
            .with_policy(self.otp.policy.clone())
            .with_limits(self.limits.clone())
            .with_prefixes(self.sms.allowed_prefixes))
    }
}

fn read(root: &Section<'_>) -> Result<Config, Reported> {
    let gateway = root.table("gateway", "Listeners, names and the main secret.", gateway::read);
    let application =
        root.table("application", "The web application behind the gateway.", application::read);
    let policy = rules::read(root);
    let passwords = root.table("passwords", "The hashes of the users' passwords.", passwords::read);
    let sessions = root.table("sessions", "Sessions and pending logins.", sessions::read);
    let otp = root.table("otp", "The one-time code and the limits on attempts.", otp::read);
    let otp_cache = root.table("otp_cache", "Challenges, attempts and quotas.", otp_cache::read);
    let sms = root.table("sms", "The text message.", |section| {
        sms::read(section, gateway.as_ref().map_err(|reported| *reported))
    });
    let limits = root.table(
        "limits",
        "How many messages may be sent. Each limit is a burst that refills evenly over its period.",
        limits::read,
    );
    let connections =
        root.table("connections", "Timeouts and caps of client connections.", connections::read);
    let audit = root.table("audit", "The audit trail.", audit::read);
    let disk = root.table("disk", "The space that the databases need.", disk::read);
    let log = root.table("log", "Log output, on the standard error stream.", log::read);
    let config = Config {
        gateway: gateway?,
        application: application?,
        policy: policy?,
        passwords: passwords?,
        sessions: sessions?,
        otp: otp?,
        otp_cache: otp_cache?,
        sms: sms?,
        connections: connections?,
        limits: limits?,
        audit: audit?,
        disk: disk?,
        log: log?,
    };
    // The key does not change the length of a message.
    let any_key = PseudonymKey::from_bytes(&[0; 32]).expect("a key of 32 bytes");
    let refused = |error: &dyn Error, remedy| {
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        root.problem("sms", Refusal::new(format!("{error}{cause}"), remedy))
    };
    let sms_otp = config.sms_otp(any_key);
    let sms_otp = sms_otp.map_err(|error| refused(&error, "change otp.digits or otp.lifetime"))?;
    match sms_otp.check_texts(config.sms.sender.text_limit()) {
        Ok(()) => Ok(config),
        Err(error) => {
            let is_length =
                |problem: &TemplateProblem| matches!(problem, TemplateProblem::TooLong(_));
            let remedy = if error.template().problems().iter().any(is_length) {
                "shorten sms.product_name or sms.host"
            } else {
                "change sms.product_name"
            };
            Err(refused(&error, remedy))
        }
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
        /// The cause.
        source: std::io::Error,
    },
}
