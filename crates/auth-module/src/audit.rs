//! The audit trail: what happened, to whom, from where, kept for good.

use std::{
    fmt::{Debug, Write as _},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
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
    /// When.
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
    /// `event` at `at`, with nothing else known.
    pub fn new(event: &'static str, at: SystemTime) -> Self {
        Self { at, event, user_id: None, actor: None, client: None, flow: None, fields: Vec::new() }
    }

    /// The same, about `user`.
    #[must_use]
    pub fn about(mut self, user: &UserId) -> Self {
        self.user_id = Some(user.clone());
        self
    }

    /// The same, done by `actor`.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        self.actor = Some(actor.to_owned());
        self
    }

    /// The same, from the browser at `client`.
    #[must_use]
    pub fn from(mut self, client: IpAddr) -> Self {
        self.client = Some(client);
        self
    }

    /// The same, in the login `flow`.
    #[must_use]
    pub fn in_flow(mut self, flow: &str) -> Self {
        self.flow = Some(flow.to_owned());
        self
    }

    /// The same, with one more detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

/// Where audit records are kept.
///
/// # Contract
///
/// 1. Records are only ever added, in the order of the calls.
/// 2. After [`flush`](Self::flush) succeeded, every record taken before it survives a crash. The
///    module flushes before it acknowledges a login, a logout or an administrator's change.
/// 3. A record that could not be kept makes the next `flush` fail: nobody logs in without a trail.
#[async_trait]
pub trait AuditTrail: Debug + Send + Sync + 'static {
    /// Takes one record; does not block.
    fn record(&self, record: AuditRecord);

    /// Waits until everything taken so far is kept.
    async fn flush(&self) -> Result<(), AuthError>;
}

const _: fn(&dyn AuditTrail) = |_| {};

/// Keeps records in memory: for tests and demonstrations.
#[derive(Debug, Clone, Default)]
pub struct MemoryAuditTrail(Arc<Mutex<Vec<AuditRecord>>>);

impl MemoryAuditTrail {
    /// An empty trail.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every record so far, oldest first.
    pub fn records(&self) -> Vec<AuditRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl AuditTrail for MemoryAuditTrail {
    fn record(&self, record: AuditRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    async fn flush(&self) -> Result<(), AuthError> {
        Ok(())
    }
}

/// The audit sink of one call of a plugin: adds who, when, from where and in which login.
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

/// Names phone numbers in logs and in the audit trail: the same number has the same name, and the
/// name does not tell the number to anybody without the key.
#[derive(ZeroizeOnDrop)]
pub struct PhoneTagKey([u8; 32]);

impl PhoneTagKey {
    /// A key of 32 bytes that nobody can predict.
    pub const fn from_bytes(key: [u8; 32]) -> Self {
        Self(key)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 16 hexadecimal digits of HMAC-SHA-256 over the number, and its last four digits:
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
