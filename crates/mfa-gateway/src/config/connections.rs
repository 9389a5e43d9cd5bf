//! `[connections]`: timeouts and caps of client connections.

use std::time::Duration;

use mfa_proxy::ConnectionSettings;

use super::{
    document::{Reported, Section},
    duration::minutes,
};

/// `[connections]`
#[derive(Debug, Clone)]
pub struct Connections {
    /// The longest time to the head of a request.
    pub head_timeout: Duration,
    /// The longest silence between two requests.
    pub idle_timeout: Duration,
    /// The longest time without progress of a body or a response.
    pub progress_timeout: Duration,
    /// The longest silence of a WebSocket connection.
    pub websocket_idle_timeout: Duration,
    /// The largest number of connections.
    pub max_total: usize,
    /// The largest number of connections of one address.
    pub max_per_address: usize,
    /// The largest number of connections of one network.
    pub max_per_network: usize,
    /// The largest number of WebSocket connections of one user.
    pub max_websockets: usize,
}

pub(super) fn read(section: &Section<'_>) -> Result<Connections, Reported> {
    let defaults = ConnectionSettings::default();
    let second = Duration::from_secs(1);
    let head_timeout = section
        .key(
            "head_timeout",
            "The longest time to the first byte of a connection, and from the first byte of a request to \
             the end of its head.",
        )
        .duration(defaults.head_timeout, second..=minutes(1));
    let idle_timeout = section
        .key(
            "idle_timeout",
            "The longest silence between two requests of a connection. Longer than the idle time of the \
             proxy in front.",
        )
        .duration(defaults.idle_timeout, second..=minutes(60));
    let progress_timeout = section
        .key(
            "progress_timeout",
            "How long a client may keep the gateway waiting while it sends a body or reads a response. Less \
             than 240 bytes per second do not count.",
        )
        .duration(defaults.progress_timeout, second..=minutes(10));
    let websocket_idle_timeout = section
        .key(
            "websocket_idle_timeout",
            "The longest silence of a WebSocket connection, in both directions.",
        )
        .duration(minutes(10), second..=minutes(24 * 60));
    let max_total = section
        .key(
            "max_total",
            "Open connections in total. Fewer if the limit of open files does not allow as many.",
        )
        .number(number(defaults.max_connections), 64..=1_000_000);
    let max_per_address = section
        .key(
            "max_per_address",
            "Open connections of one IPv4 address or IPv6 /64, and at most half of the total. \
             gateway.trusted_proxies have no such limit.",
        )
        .number(number(defaults.max_per_address), 8..=1_000_000);
    let max_per_network = section
        .key(
            "max_per_network",
            "Open connections of one IPv4 /24 or IPv6 /48, and at most half of the total. \
             gateway.trusted_proxies have no such limit.",
        )
        .number(number(defaults.max_per_network), 8..=1_000_000);
    let max_websockets = section
        .key(
            "max_websockets",
            "WebSocket connections of one user; of one client address where a rule is public.",
        )
        .number(64, 1..=1_000_000);
    Ok(Connections {
        head_timeout: head_timeout?,
        idle_timeout: idle_timeout?,
        progress_timeout: progress_timeout?,
        websocket_idle_timeout: websocket_idle_timeout?,
        max_total: count(max_total?),
        max_per_address: count(max_per_address?),
        max_per_network: count(max_per_network?),
        max_websockets: count(max_websockets?),
    })
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
