//! The networks around a client's address.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The prefix lengths of [`networks_of`], for IPv4 and for IPv6.
///
/// One customer usually has one IPv4 address or an IPv6 /64, a site at most a /24 or a /48, and a provider more than
/// that.
const PREFIX_LENGTHS: [(u8, u8); 3] = [(16, 32), (24, 48), (32, 64)];

/// Returns the networks of an address, the widest first: of a provider, of a site, of one customer.
///
/// An IPv4 address mapped to IPv6 counts as the IPv4 address.
pub(crate) fn networks_of(address: IpAddr) -> [IpNet; 3] {
    PREFIX_LENGTHS.map(|(v4_length, v6_length)| match address.to_canonical() {
        IpAddr::V4(v4) => IpNet::V4(Ipv4Net::new_assert(v4, v4_length).trunc()),
        IpAddr::V6(v6) => IpNet::V6(Ipv6Net::new_assert(v6, v6_length).trunc()),
    })
}

/// Returns the network of a whole site: the /24 of an IPv4 address, the /48 of an IPv6 address.
pub(crate) fn site_of(address: IpAddr) -> IpNet {
    let [_, site, _] = networks_of(address);
    site
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_three_networks() {
        for (address, expected) in [
            ("198.51.100.7", ["198.51.0.0/16", "198.51.100.0/24", "198.51.100.7/32"]),
            ("::ffff:198.51.100.7", ["198.51.0.0/16", "198.51.100.0/24", "198.51.100.7/32"]),
            ("2001:db8:1:2:3::4", ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64"]),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(networks_of(address).map(|network| network.to_string()), expected);
            assert_eq!(site_of(address).to_string(), expected[1]);
        }
    }
}
