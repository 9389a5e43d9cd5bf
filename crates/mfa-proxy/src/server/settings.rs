//! The limits of connections, and what is told about them.

use std::{fmt::Debug, time::Duration};

use ipnet::IpNet;

/// The timeouts and caps of a listener. The defaults are those of the public listener.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a struct of settings; the crate is not published")]
pub struct ConnectionSettings {
    /// The longest time to the first byte of the first request, and from the first byte of a request to the end
    /// of its head. 10 s by default.
    pub head_timeout: Duration,
    /// The longest silence between two requests of one connection. 75 s by default: front proxies keep idle
    /// connections for 60 s, and the side that sends requests has to close first.
    pub idle_timeout: Duration,
    /// How long a client may keep us waiting while it sends a body or reads a response. 30 s by default. Less than
    /// 240 bytes per second does not count as progress.
    pub progress_timeout: Duration,
    /// How long running requests may take after a stop. 5 s by default.
    pub drain_timeout: Duration,
    /// The largest number of open connections. 8192 by default.
    pub max_connections: usize,
    /// The largest number of open connections of one IPv4 address or IPv6 /64. 256 by default.
    pub max_per_address: usize,
    /// The largest number of open connections of one IPv4 /24 or IPv6 /48. 1024 by default.
    pub max_per_network: usize,
    /// Peers without a cap of their own: the proxies in front.
    pub trusted_proxies: Vec<IpNet>,
    /// Keeps how clients spell the names of headers, for an application with
    /// [`HeaderCase::Preserve`](crate::HeaderCase::Preserve). Off by default.
    pub keeps_header_case: bool,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            progress_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
            max_connections: 8192,
            max_per_address: 256,
            max_per_network: 1024,
            trusted_proxies: Vec::new(),
            keeps_header_case: false,
        }
    }
}

/// What a connection waited for when its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "metrics have a label for each")]
pub enum TimeoutKind {
    /// The first byte of the first request.
    Silent,
    /// The rest of a head.
    Head,
    /// The next request.
    Idle,
    /// The body of a request.
    Body,
    /// The client, which has to read a response.
    Write,
}

/// A cap on the number of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "metrics have a label for each")]
pub enum Cap {
    /// All connections.
    Total,
    /// Those of one IPv4 address or IPv6 /64.
    Address,
    /// Those of one IPv4 /24 or IPv6 /48.
    Network,
}

/// Something that happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "metrics count each")]
pub enum ConnectionEvent {
    /// Accepted.
    Opened,
    /// Closed, for whatever reason.
    Closed,
    /// Closed to make room for another one.
    Evicted,
    /// Closed without a response, because the cap is reached and nothing could be evicted.
    Refused(Cap),
    /// Closed because it kept us waiting.
    TimedOut(TimeoutKind),
}

/// Is told what happens to connections, for metrics. Calls must not block.
pub trait ConnectionObserver: Debug + Send + Sync {
    /// Notes one event.
    fn note(&self, event: ConnectionEvent);
}
