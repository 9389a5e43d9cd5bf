//! The port that takes audit records: what happened, to whom and from where.

use std::{
    fmt::{Debug, Write as _},
    net::IpAddr,
    sync::Arc,
    time::SystemTime,
};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mfa_plugin_api::{AuditEvent, AuditSink};
use otp_core::PhoneNumber;
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

use crate::{error::AuthError, user::UserId};

/// One thing that happened. Holds no password, code, token or whole phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRecord {
    /// When it happened.
    pub at: SystemTime,
    /// A stable name such as `session.opened`.
    pub event: &'static str,
    /// The user it happened to; `None` if no such user exists.
    pub user_id: Option<UserId>,
    /// Who did it, such as an administrator's name; `None` for the person at the browser.
    pub actor: Option<String>,
    /// The address of the browser.
    pub client: Option<IpAddr>,
    /// The login it belongs to.
    pub flow: Option<String>,
    /// Name and value of each detail.
    pub fields: Vec<(&'static str, String)>,
}

impl AuditRecord {
    /// Makes a record of `event` at `at`, with nothing else known.
    pub fn new(event: &'static str, at: SystemTime) -> Self {
        Self { at, event, user_id: None, actor: None, client: None, flow: None, fields: Vec::new() }
    }

    /// Sets the user it happened to.
    #[must_use]
    pub fn about(mut self, user: &UserId) -> Self {
        self.user_id = Some(user.clone());
        self
    }

    /// Sets who did it.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        self.actor = Some(actor.to_owned());
        self
    }

    /// Sets the address of the browser.
    #[must_use]
    pub fn from(mut self, client: IpAddr) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets the login it belongs to.
    #[must_use]
    pub fn in_flow(mut self, flow: &str) -> Self {
        self.flow = Some(flow.to_owned());
        self
    }

    /// Adds one detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

/// Takes audit records. [`AuditReader`](crate::AuditReader) reads them.
///
/// # Contract
///
/// 1. **Append only.** Records are added in the order of the calls, and never changed or removed.
///    Calls at the same time lose no record.
/// 2. **Flushed means kept.** After [`flush`](Self::flush) succeeded, every record taken before it
///    survives a crash. The module flushes before it acknowledges a login, a logout or an
///    administrator's change.
/// 3. **A lost record is reported.** If a record could not be kept, the next `flush` fails, and so does
///    each flush that was waiting before that one returned: no login succeeds without its record.
///
/// `conformance::audit` tests each clause.
#[async_trait]
pub trait AuditTrail: Debug + Send + Sync + 'static {
    /// Takes one record. Does not block.
    fn record(&self, record: AuditRecord);

    /// Waits until every record taken so far is kept.
    async fn flush(&self) -> Result<(), AuthError>;

    /// Checks that records can be kept, by a write that leaves no record. For a readiness check.
    async fn probe(&self) -> Result<(), AuthError>;

    /// Returns how many records this handle has lost.
    fn lost(&self) -> u64;
}

const _: fn(&dyn AuditTrail) = |_| {};

/// The audit sink of one call of a plugin. It adds the user, the time, the address and the login.
#[derive(Debug)]
pub struct FlowAudit {
    pub(crate) trail: Arc<dyn AuditTrail>,
    pub(crate) template: AuditRecord,
}

impl AuditSink for FlowAudit {
    fn record(&self, event: AuditEvent) {
        let AuditEvent { name, fields, .. } = event;
        self.trail.record(AuditRecord { event: name, fields, ..self.template.clone() });
    }
}

/// The key that makes tags of phone numbers, for logs and the audit trail. The same number has the same
/// tag. Without the key, the tag does not reveal the number.
#[derive(ZeroizeOnDrop)]
pub struct PhoneTagKey([u8; 32]);

impl PhoneTagKey {
    /// Makes a key of 32 unpredictable bytes.
    pub const fn from_bytes(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Returns 16 hexadecimal digits of HMAC-SHA-256 over the number, and its last four digits:
    /// `a1b2c3d4e5f60718…5678`.
    pub fn tag(&self, number: &PhoneNumber) -> String {
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        let digest = mac.chain_update(number.as_e164()).finalize().into_bytes();
        let mut tag = String::with_capacity(24);
        for byte in &digest[..8] {
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('…');
        tag.push_str(number.last_four());
        tag
    }
}

impl Debug for PhoneTagKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhoneTagKey([redacted])")
    }
}
