//! The address of a client (OWASP ASVS 4.1.3, 15.3.4).

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Returns the address of the client.
///
/// If the peer is not in `trusted`, the peer is the client. Otherwise the client is the last address in
/// `X-Forwarded-For` that is not in `trusted`. An entry that is no address ends the search: the entry
/// after it is the client.
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer.ip().to_canonical();
    if !is_trusted(&client) {
        return client;
    }
    let lines: Vec<&str> =
        // An unreadable line must end the search like any other bad entry. `?` is no address.
        headers.get_all("x-forwarded-for").iter().map(|v| v.to_str().unwrap_or("?")).collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// Returns the two networks that stand for a client where things are counted: the IPv4 address and its /24, or
/// the IPv6 /64 and its /48. A client can choose any address of its own /64, and many have a whole /48.
pub fn client_networks(client: IpAddr) -> (IpNet, IpNet) {
    let client = client.to_canonical();
    let (address, network) = if client.is_ipv4() { (32, 24) } else { (64, 48) };
    let of_length = |length| IpNet::new_assert(client, length).trunc();
    (of_length(address), of_length(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let headers: HeaderMap = forwarded
            .iter()
            .map(|v| {
                (http::HeaderName::from_static("x-forwarded-for"), v.parse().expect("a value"))
            })
            .collect();
        let trusted = ["10.0.0.0/8".parse().expect("a net"), "::1/128".parse().expect("a net")];
        let address = client_address(
            SocketAddr::new(peer.parse().expect("an address"), 1),
            &headers,
            &trusted,
        );
        assert_eq!(address.to_string(), expected, "{peer} {forwarded:?}");
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        check("192.0.2.1", &["198.51.100.9"], "192.0.2.1");
        check("10.0.0.1", &["198.51.100.9"], "198.51.100.9");
        check("10.0.0.1", &["203.0.113.5, 198.51.100.9, 10.0.0.2"], "198.51.100.9");
        check("10.0.0.1", &["203.0.113.5", "198.51.100.9"], "198.51.100.9");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.9, nonsense"], "10.0.0.1");
        check("10.0.0.1", &["nonsense, 198.51.100.9"], "198.51.100.9");
        check("::ffff:10.0.0.1", &["::ffff:198.51.100.9"], "198.51.100.9");
        check("::1", &["2001:db8::1"], "2001:db8::1");
    }
}
