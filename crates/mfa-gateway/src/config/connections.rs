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
            (
                "The longest time to the first byte of a connection, and from the first \
                 byte of a request to the end of its head.",
                "接続から最初の1バイトまで、またリクエストの最初の1バイトからヘッダーの終\
                 わりまでの最長時間です。",
            ),
        )
        .duration(defaults.head_timeout, second..=minutes(1));
    let idle_timeout = section
        .key(
            "idle_timeout",
            (
                "The longest silence between two requests of a connection. Longer than \
                 the idle time of the proxy in front.",
                "同じ接続で、次のリクエストまで何も届かない時間の上限です。手前のプロキシ\
                 の時間より長くしてください。",
            ),
        )
        .duration(defaults.idle_timeout, second..=minutes(60));
    let progress_timeout = section
        .key(
            "progress_timeout",
            (
                "How long a client may keep the gateway waiting while it sends a body or \
                 reads a response. Less than 240 bytes per second do not count.",
                "本文の送信中、またはレスポンスの受信中に、クライアントがゲートウェイを待\
                 たせられる時間です。毎秒240バイト未満は、進んでいないとみなします。",
            ),
        )
        .duration(defaults.progress_timeout, second..=minutes(10));
    let websocket_idle_timeout = section
        .key(
            "websocket_idle_timeout",
            (
                "The longest silence of a WebSocket connection, in both directions.",
                "WebSocket接続で、両方向とも何も届かない時間の上限です。",
            ),
        )
        .duration(minutes(10), second..=minutes(24 * 60));
    let max_total = section
        .key(
            "max_total",
            (
                "Open connections in total. Fewer if the limit of open files does not \
                 allow as many.",
                "接続の総数です。開けるファイル数の上限が足りないときは、それより少なくな\
                 ります。",
            ),
        )
        .number(number(defaults.max_connections), 64..=1_000_000);
    let max_per_address = section
        .key(
            "max_per_address",
            (
                "Open connections of one IPv4 address or IPv6 /64, and at most half of the total. \
                 gateway.trusted_proxies have no such limit.",
                "1つのIPv4アドレス、または1つのIPv6の/64からの接続数です。総数の半分を超\
                 えません。gateway.trusted_proxiesには、この上限がありません。",
            ),
        )
        .number(number(defaults.max_per_address), 8..=1_000_000);
    let max_per_network = section
        .key(
            "max_per_network",
            (
                "Open connections of one IPv4 /24 or IPv6 /48, and at most half of the total. \
                 gateway.trusted_proxies have no such limit.",
                "1つのIPv4の/24、または1つのIPv6の/48からの接続数です。総数の半分を超えま\
                 せん。gateway.trusted_proxiesには、この上限がありません。",
            ),
        )
        .number(number(defaults.max_per_network), 8..=1_000_000);
    let max_websockets = section
        .key(
            "max_websockets",
            (
                "WebSocket connections of one user; of one client address where a rule is public.",
                "1人のユーザーのWebSocket接続の数です。publicの規則では、1つのクライアン\
                 トのアドレスの数です。",
            ),
        )
        .number(64, 1..=1_000_000);
    let (max_per_address, max_per_network) = (max_per_address?, max_per_network?);
    section.ensure_at_most(
        ("max_per_address", max_per_address),
        ("max_per_network", max_per_network),
    )?;
    Ok(Connections {
        head_timeout: head_timeout?,
        idle_timeout: idle_timeout?,
        progress_timeout: progress_timeout?,
        websocket_idle_timeout: websocket_idle_timeout?,
        max_total: count(max_total?),
        max_per_address: count(max_per_address),
        max_per_network: count(max_per_network),
        max_websockets: count(max_websockets?),
    })
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::problems_in;

    #[test]
    fn an_address_has_no_more_connections_than_its_network() {
        assert_eq!(
            problems_in("max_per_network = 255\n", read),
            ["1:1: max_per_address: is more than max_per_network; make it the smaller one"]
        );
        assert!(problems_in("max_per_network = 256\n", read).is_empty());
    }
}
