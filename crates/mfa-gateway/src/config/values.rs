//! The configuration as a whole.

use auth_module::Policy;
use sms_otp_plugin::SendLimits;

use super::{
    application::Application, audit::Audit, connections::Connections, disk::Disk, gateway::Gateway,
    log::Log, otp::Otp, otp_cache::OtpCache, pages::Pages, passwords::Passwords,
    sessions::Sessions, sms::Sms, texts::Catalogues, warning::Warnings,
};

/// Everything the gateway needs to know at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners, names and the main secret.
    pub gateway: Gateway,
    /// What the pages show about operator and support.
    pub pages: Pages,
    /// The catalogues that replace texts of the pages.
    pub texts: Catalogues,
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
    /// What the file says although it is seldom meant, without what it accepts.
    pub warnings: Warnings,
}
