//! Everything that a plugin gets from its host.

use std::{collections::BTreeMap, fmt, net::IpAddr, time::SystemTime};

use crate::{credential::Credential, factor::FactorId, names::text_name, services::Services};

/// The user who logs in, as the authentication module knows them.
///
/// `Debug` shows the names of the attributes, never their values.
#[derive(Clone)]
pub struct Subject {
    tenant: String,
    id: String,
    attributes: BTreeMap<String, String>,
    credentials: Vec<Credential>,
}

impl Subject {
    /// The attribute with the phone number, in E.164 or in the national form.
    pub const PHONE_NUMBER: &'static str = "phone_number";

    /// The attribute with the day since when the phone number is the subject's, as `YYYY-MM-DD` in Japan: the day
    /// on which they proved or stated it. A provider can then check that the number was not reassigned to
    /// another person since. Optional. An invalid date is an error: the plugin sends no message.
    pub const PHONE_SINCE: &'static str = "phone_since";

    /// Returns the subject `id` of `tenant`, without attributes and credentials.
    ///
    /// The id must be the canonical one: plugins count attempts per id.
    pub fn new(tenant: impl Into<String>, id: impl Into<String>) -> Self {
        let (attributes, credentials) = (BTreeMap::new(), Vec::new());
        Self { tenant: tenant.into(), id: id.into(), attributes, credentials }
    }

    /// Sets the attribute `name`.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Adds a credential that the user has enrolled for the factor of this call (see [`Enrol`](crate::Enrol)).
    #[must_use]
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// Returns the tenant that the user belongs to.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Returns the canonical user id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the value of the attribute `name`, if the directory has one.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Returns what the user has enrolled for the factor of this call, in the order of enrolment.
    pub fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    /// Returns another user with the same attributes, without credentials.
    #[cfg(feature = "test-kit")]
    pub(crate) fn namesake(&self, tenant: String, id: String) -> Self {
        Self { tenant, id, attributes: self.attributes.clone(), credentials: Vec::new() }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .field("credentials", &self.credentials)
            .finish()
    }
}

/// What the host knows about the browser.
///
/// The host decides which address is the client's. A plugin never reads headers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientFacts {
    /// The client's address: the peer's, or the one that a trusted proxy reported.
    pub address: IpAddr,
    /// The `User-Agent` as sent, truncated by the host.
    pub user_agent: Option<String>,
    /// The language of the pages as a BCP 47 tag, for texts sent by another channel.
    pub locale: String,
}

impl ClientFacts {
    /// Returns a client at `address` whose language is `locale` (a BCP 47 tag such as `ja`).
    pub fn new(address: IpAddr, locale: impl Into<String>) -> Self {
        Self { address, user_agent: None, locale: locale.into() }
    }

    /// Sets the `User-Agent`.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Returns the network that counts as one client, for limits on requests.
    ///
    /// That is an IPv4 address, or the /64 of an IPv6 address, because a provider usually gives one
    /// customer a whole /64. An IPv4 address mapped to IPv6 counts as the IPv4 address.
    ///
    /// ```
    /// use mfa_plugin_api::ClientFacts;
    ///
    /// let client = ClientFacts::new("2001:db8:1:2::1".parse()?, "ja");
    /// assert_eq!(client.network(), "2001:db8:1:2::/64");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn network(&self) -> String {
        match self.address.to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }

    /// Returns the larger network around [`network`](Self::network): the /24 of an IPv4 address, or the /48 of
    /// an IPv6 address. One customer may hold all of it, so a second limit with a higher number counts it.
    ///
    /// ```
    /// use mfa_plugin_api::ClientFacts;
    ///
    /// let client = ClientFacts::new("2001:db8:1:2::1".parse()?, "ja");
    /// assert_eq!(client.wider_network(), "2001:db8:1::/48");
    /// let client = ClientFacts::new("192.0.2.7".parse()?, "ja");
    /// assert_eq!(client.wider_network(), "192.0.2.0/24");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn wider_network(&self) -> String {
        match self.address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        }
    }
}

/// The name of a login: opaque, the same in all calls of one login, not secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct FlowId(String);

impl FlowId {
    /// Names a login.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_name!(FlowId);

/// What a plugin stores between two calls of one login, in a format of its own.
///
/// It must hold no secret: a host may store it readable. `Debug` shows only its length.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct PluginState(#[cfg_attr(feature = "serde", serde(with = "crate::wire::bytes"))] Vec<u8>);

impl PluginState {
    /// Wraps the plugin's bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the plugin's bytes.
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
    /// Fills `out` with unpredictable bytes.
    ///
    /// # Errors
    ///
    /// [`RandomnessUnavailable`] if the system's generator fails. Do not use `out` then.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomnessUnavailable>;
}

/// The system's random generator failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator is unavailable")]
pub struct RandomnessUnavailable;

/// An event for the audit trail.
///
/// The plugin chooses the fields: never a code, never a whole phone number.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuditEvent {
    /// A stable name such as `otp.sent`.
    pub name: &'static str,
    /// Name and value of each detail, in the order in which they were added.
    pub fields: Vec<(&'static str, String)>,
}

impl AuditEvent {
    /// Returns an event without details.
    pub fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }
}

/// Takes the events of plugins. The host adds user, time, client address and login.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Records one event. Must not block.
    fn record(&self, event: AuditEvent);
}

/// Everything that a plugin may know and use in one call.
///
/// A host makes it with [`new`](Self::new) from [`FlowParts`].
#[derive(Debug)]
#[non_exhaustive]
pub struct FlowContext<'a> {
    /// The factor of this call, as the host registered it.
    pub factor: &'a FactorId,
    /// The login of this call, or the enrolment.
    pub flow: &'a FlowId,
    /// The user. Every earlier factor was verified.
    pub subject: &'a Subject,
    /// The browser.
    pub client: &'a ClientFacts,
    /// The instant of this call. A plugin has no other clock.
    pub now: SystemTime,
    /// The source of randomness. A plugin has no other.
    pub randomness: &'a dyn Randomness,
    /// The state of this plugin's last [`Reply`](crate::Reply) in this login.
    pub state: Option<&'a PluginState>,
    /// The services of the host, such as the OTP cache.
    pub services: &'a Services,
    /// The audit trail.
    pub audit: &'a dyn AuditSink,
}

/// What every [`FlowContext`] is made of. The README shows a host that makes one.
///
/// All parts are required. Optional ones are set on the context.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a host names each part that a plugin needs")]
pub struct FlowParts<'a> {
    /// The factor that the host calls, from the plugin's [`Descriptor`](crate::Descriptor).
    pub factor: &'a FactorId,
    /// The name of the login: the same in all its calls, and no other login has it.
    pub flow: &'a FlowId,
    /// The user who logs in.
    pub subject: &'a Subject,
    /// What the host knows about the browser.
    pub client: &'a ClientFacts,
    /// The current instant.
    pub now: SystemTime,
    /// A cryptographic random generator.
    pub randomness: &'a dyn Randomness,
    /// The services that the host offers to plugins.
    pub services: &'a Services,
    /// Where the plugin's audit events go.
    pub audit: &'a dyn AuditSink,
}

impl<'a> FlowContext<'a> {
    /// Returns a context without plugin state.
    pub fn new(parts: FlowParts<'a>) -> Self {
        let FlowParts { factor, flow, subject, client, now, randomness, services, audit } = parts;
        Self { factor, flow, subject, client, now, randomness, state: None, services, audit }
    }

    /// Sets the plugin's state: that of its last [`Reply`](crate::Reply) in this login.
    #[must_use]
    pub fn with_state(mut self, state: Option<&'a PluginState>) -> Self {
        self.state = state;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_is_its_64_and_a_mapped_one_its_ipv4_address() {
        let check = |address: &str, expected: &str| {
            let client = ClientFacts::new(address.parse().unwrap(), "ja");
            assert_eq!(client.network(), expected, "{address}");
        };
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
        check("2001:db8:1:2::1", "2001:db8:1:2::/64");
        check("2001:db8:1:3::1", "2001:db8:1:3::/64");
    }
}
