//! What a plugin is given, and nothing else.

use std::{collections::BTreeMap, fmt, net::IpAddr, time::SystemTime};

use crate::{factor::FactorId, services::Services};

/// The user whose factor is being asked for, as the authentication module knows them.
///
/// `Debug` shows the names of the attributes, never their values.
#[derive(Clone)]
pub struct Subject {
    tenant: String,
    id: String,
    attributes: BTreeMap<String, String>,
}

impl Subject {
    /// The attribute that holds the phone number, in E.164 or in the national form.
    pub const PHONE_NUMBER: &'static str = "phone_number";

    /// A subject by its canonical `id` within `tenant`, without attributes.
    ///
    /// The id must be the one canonical spelling of this user: counters hang on it.
    pub fn new(tenant: impl Into<String>, id: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), id: id.into(), attributes: BTreeMap::new() }
    }

    /// The same subject with the attribute `name` set to `value`.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// The tenant that the user belongs to.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The canonical user id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The value of the attribute `name`, if the directory holds one.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// What is known of the browser on the other side.
///
/// The host has already decided which address is the client's; a plugin never reads headers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientFacts {
    /// The client's address: the socket's, or the one a listed proxy vouched for.
    pub address: IpAddr,
    /// The `User-Agent` as sent, cut by the host to a bounded length.
    pub user_agent: Option<String>,
    /// The language of the pages as a BCP 47 tag, for texts that leave by another channel.
    pub locale: String,
}

impl ClientFacts {
    /// The facts of a client at `address` that reads `locale` (a BCP 47 tag such as `ja`).
    pub fn new(address: IpAddr, locale: impl Into<String>) -> Self {
        Self { address, user_agent: None, locale: locale.into() }
    }

    /// The same client with the `User-Agent` it sent.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }
}

/// The login that a plugin works for: opaque, the same for all calls of one login, not secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct FlowId(String);

impl FlowId {
    /// A flow by the host's name for it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a plugin remembers between two calls of one login, kept by the controller.
///
/// Put no secret in it: a host may store it readable. `Debug` shows only its length.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct PluginState(#[cfg_attr(feature = "serde", serde(with = "crate::wire::bytes"))] Vec<u8>);

impl PluginState {
    /// State from bytes in a form of the plugin's own.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as the plugin wrote them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginState({} bytes)", self.0.len())
    }
}

/// The host's source of cryptographic randomness.
pub trait Randomness: fmt::Debug + Send + Sync {
    /// Fills `out` with bytes nobody can predict.
    ///
    /// # Errors
    ///
    /// [`RandomnessUnavailable`] when the system's generator fails; the caller has to give up.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomnessUnavailable>;
}

/// The system's random generator did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator is unavailable")]
pub struct RandomnessUnavailable;

/// Something worth keeping in the audit trail.
///
/// `fields` are allow-listed by the plugin: never a code, never a whole phone number.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuditEvent {
    /// A stable name such as `otp.sent`.
    pub name: &'static str,
    /// Name and value of each detail, in the order given.
    pub fields: Vec<(&'static str, String)>,
}

impl AuditEvent {
    /// An event without details.
    pub fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    /// The same event with one more detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }
}

/// Where plugins report what happened. The host adds who, when, from where and in which flow.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Takes one event; must not block.
    fn record(&self, event: AuditEvent);
}

/// Everything a plugin may know and use during one call.
#[derive(Debug)]
#[non_exhaustive]
pub struct FlowContext<'a> {
    /// The factor this call is for, as the host registered it.
    pub factor: &'a FactorId,
    /// The login this call belongs to.
    pub flow: &'a FlowId,
    /// The user, whose earlier factors have been verified.
    pub subject: &'a Subject,
    /// The browser.
    pub client: &'a ClientFacts,
    /// The instant of this call: the only clock a plugin has.
    pub now: SystemTime,
    /// The only source of randomness a plugin has.
    pub randomness: &'a dyn Randomness,
    /// What this plugin returned with its last [`Reply`](crate::Reply) in this login.
    pub state: Option<&'a PluginState>,
    /// What the authentication module hands out, such as the OTP cache.
    pub services: &'a Services,
    /// The audit trail.
    pub audit: &'a dyn AuditSink,
}

impl<'a> FlowContext<'a> {
    /// A context of all its parts; `state` starts empty.
    #[expect(
        clippy::too_many_arguments,
        reason = "a plugin gets exactly these, and the host names each once"
    )]
    pub fn new(
        factor: &'a FactorId,
        flow: &'a FlowId,
        subject: &'a Subject,
        client: &'a ClientFacts,
        now: SystemTime,
        randomness: &'a dyn Randomness,
        services: &'a Services,
        audit: &'a dyn AuditSink,
    ) -> Self {
        Self { factor, flow, subject, client, now, randomness, state: None, services, audit }
    }

    /// The same context with the state the plugin left behind.
    #[must_use]
    pub fn with_state(mut self, state: Option<&'a PluginState>) -> Self {
        self.state = state;
        self
    }
}
