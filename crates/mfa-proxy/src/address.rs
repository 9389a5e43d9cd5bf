//! The address of a client (OWASP ASVS 4.1.3, 15.3.4).

mod forwarded;

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName,
    header::{FORWARDED, HeaderValue},
};
use ipnet::IpNet;

use self::forwarded::{address_of_element, address_of_entry, entries_from_right};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Reads the address in an entry of a header.
type ReadEntry = fn(&[u8]) -> Option<IpAddr>;

/// The proxies in front, and how they say which address a request came from.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: AddressHeader,
}

/// The header in which a proxy names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "each is a value of one setting")]
pub enum AddressHeader {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
}

impl TrustedProxies {
    /// Makes the list of the proxies with an address in `networks`.
    pub fn new(networks: Vec<IpNet>, header: AddressHeader) -> Self {
        Self { networks, header }
    }

    /// Returns the address of the client.
    ///
    /// If the peer is not listed, the peer is the client. Otherwise the client is the last address in the header
    /// that is not listed. An entry that is no address, such as `unknown`, ends the search: then the proxy that
    /// added it is the client. Empty entries do not count.
    pub fn client_address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.ip().to_canonical();
        if !self.contains(client) {
            return client;
        }
        let (name, read) = self.header();
        let lines = headers.get_all(name).iter().rev().map(HeaderValue::as_bytes);
        for entry in lines.flat_map(|line| entries_from_right(line, b',')) {
            let Some(address) = read(entry) else { return client };
            client = address;
            if !self.contains(client) {
                break;
            }
        }
        client
    }

    /// Whether a request names a client and is not believed: its peer is not listed, or uses the other header. Then
    /// all clients behind the peer count as one.
    pub fn ignores(&self, peer: SocketAddr, headers: &HeaderMap) -> bool {
        let (read, other) = match self.header {
            AddressHeader::Forwarded => (FORWARDED, X_FORWARDED_FOR),
            AddressHeader::XForwardedFor => (X_FORWARDED_FOR, FORWARDED),
        };
        let (has_read, has_other) = (headers.contains_key(read), headers.contains_key(other));
        let is_listed = self.contains(peer.ip());
        if is_listed { has_other && !has_read } else { has_other || has_read }
    }

    /// Whether a proxy has this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Returns the header that counts, and how its entries are read.
    const fn header(&self) -> (HeaderName, ReadEntry) {
        match self.header {
            AddressHeader::Forwarded => (FORWARDED, address_of_element),
            AddressHeader::XForwardedFor => (X_FORWARDED_FOR, address_of_entry),
        }
    }
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

    const LISTED: [&str; 2] = ["10.0.0.0/8", "::1/128"];

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let line = |(name, value): &(HeaderName, &str)| {
            (name.clone(), HeaderValue::from_bytes(value.as_bytes()).expect("a value"))
        };
        lines.iter().map(line).collect()
    }

    fn client(header: AddressHeader, peer: &str, headers: &HeaderMap) -> String {
        let networks = LISTED.iter().map(|text| text.parse().expect("a network")).collect();
        let peer = SocketAddr::new(peer.parse().expect("an address"), 1);
        TrustedProxies::new(networks, header).client_address(peer, headers).to_string()
    }

    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let lines: Vec<_> = forwarded.iter().map(|line| (X_FORWARDED_FOR, *line)).collect();
        let found = client(AddressHeader::XForwardedFor, peer, &headers(&lines));
        assert_eq!(found, expected, "{peer} {forwarded:?}");
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

    #[test]
    fn addresses_are_read_in_each_form_that_proxies_write() {
        for form in [
            "198.51.100.9:5678",
            "\"198.51.100.9\"",
            "\"198.51.100.9:5678\"",
            " 198.51.100.9\t",
            "[::ffff:198.51.100.9]:1",
        ] {
            check("10.0.0.1", &[form], "198.51.100.9");
            check("10.0.0.1", &[&format!("203.0.113.5, {form}, 10.0.0.2:80")], "198.51.100.9");
        }
        for form in [
            "[2001:db8::1]",
            "[2001:db8::1]:443",
            "\"[2001:db8::1]:443\"",
            "2001:DB8:0::1",
            "2001:db8::1%eth0",
            "[2001:db8::1%25eth0]:1",
        ] {
            check("10.0.0.1", &[form], "2001:db8::1");
        }
        check("10.0.0.1", &["198.51.100.9, , ,", "", " , 10.0.0.2,"], "198.51.100.9");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        for entry in [
            "unknown",
            "_hidden",
            "unix:",
            "\"_x:1\"",
            "198.51.100.9:x",
            "198.51.100",
            "[2001:db8::1",
            "[::1]x",
            "\"198.51.100.9",
            "host.example",
        ] {
            check("10.0.0.1", &[&format!("203.0.113.5, {entry}, 10.0.0.2")], "10.0.0.2");
        }
    }

    /// A client writes the left part of a line, the proxy adds to it.
    #[test]
    fn a_client_cannot_hide_what_the_proxy_adds() {
        for left in ["\"", "a\"b, \"", "for=\"", "\\", "\"\\", "=;,\"", "é"] {
            check("10.0.0.1", &[&format!("{left}, 198.51.100.9")], "198.51.100.9");
            let line = format!("{left}, for=198.51.100.9;proto=https");
            let headers = headers(&[(FORWARDED, &line)]);
            assert_eq!(
                client(AddressHeader::Forwarded, "10.0.0.1", &headers),
                "198.51.100.9",
                "{left}"
            );
        }
    }

    #[test]
    fn the_header_of_rfc_7239_is_read() {
        for (line, expected) in [
            ("for=198.51.100.9", "198.51.100.9"),
            ("For=\"198.51.100.9:80\";by=10.0.0.1", "198.51.100.9"),
            ("by=10.0.0.1 ; host=a ; FOR=198.51.100.9", "198.51.100.9"),
            (
                "for=203.0.113.5, for=\"[2001:db8:cafe::17]:4711\";host=\"a;b,c\", for=10.0.0.2",
                "2001:db8:cafe::17",
            ),
            ("for=198.51.100.9, for=unknown", "10.0.0.1"),
            ("for=198.51.100.9, for=_gazonk", "10.0.0.1"),
            ("for=198.51.100.9, proto=https", "10.0.0.1"),
            ("for=198.51.100.9, for=203.0.113.5;for=203.0.113.6", "10.0.0.1"),
            ("198.51.100.9", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            let headers = headers(&[(FORWARDED, line)]);
            assert_eq!(client(AddressHeader::Forwarded, "10.0.0.1", &headers), expected, "{line}");
            assert_eq!(client(AddressHeader::XForwardedFor, "10.0.0.1", &headers), "10.0.0.1");
        }
    }

    #[test]
    fn the_two_headers_are_never_mixed() {
        let both = headers(&[(FORWARDED, "for=203.0.113.5"), (X_FORWARDED_FOR, "198.51.100.9")]);
        for (header, expected) in [
            (AddressHeader::XForwardedFor, "198.51.100.9"),
            (AddressHeader::Forwarded, "203.0.113.5"),
        ] {
            assert_eq!(client(header, "10.0.0.1", &both), expected);
        }
        let without_address =
            headers(&[(FORWARDED, "for=203.0.113.5"), (X_FORWARDED_FOR, "unknown")]);
        assert_eq!(client(AddressHeader::XForwardedFor, "10.0.0.1", &without_address), "10.0.0.1");
    }

    #[test]
    fn a_proxy_that_names_a_client_in_vain_is_noticed() {
        let peer = |text: &str| SocketAddr::new(text.parse().expect("an address"), 1);
        for (read, other, header) in [
            (X_FORWARDED_FOR, FORWARDED, AddressHeader::XForwardedFor),
            (FORWARDED, X_FORWARDED_FOR, AddressHeader::Forwarded),
        ] {
            let networks = vec!["10.0.0.0/8".parse().expect("a network")];
            let proxies = TrustedProxies::new(networks, header);
            let (in_read, in_other) =
                (headers(&[(read.clone(), "a")]), headers(&[(other.clone(), "a")]));
            let in_both = headers(&[(read, "a"), (other, "a")]);
            for listed in ["10.0.0.1", "::ffff:10.0.0.1"].map(peer) {
                assert!(!proxies.ignores(listed, &in_read) && !proxies.ignores(listed, &in_both));
                assert!(proxies.ignores(listed, &in_other), "it uses the other header");
            }
            for named in [&in_read, &in_other, &in_both] {
                assert!(proxies.ignores(peer("192.0.2.1"), named));
            }
            assert!(!proxies.ignores(peer("192.0.2.1"), &HeaderMap::new()));
        }
    }
}
