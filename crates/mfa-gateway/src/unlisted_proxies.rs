//! Proxies that name a client but are not listed in `gateway.trusted_proxies`.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use mfa_proxy::client_networks;
use tokio::time::Instant;

/// How often the log has a record of one network.
const LOG_INTERVAL: Duration = Duration::from_hours(1);
/// A client without a proxy can send the header too. So only so many networks are logged in an hour.
const MAX_NETWORKS: usize = 32;

/// The networks that the log had a record of, and when.
#[derive(Debug, Default)]
pub(crate) struct UnlistedProxies(Mutex<HashMap<IpNet, Instant>>);

impl UnlistedProxies {
    /// Logs `peer`, unless its network was logged within the hour.
    pub(crate) fn note(&self, peer: IpAddr, now: Instant) {
        if self.is_due(peer, now) {
            tracing::warn!(
                event = "client_address.ignored", peer = %peer.to_canonical(),
                "a peer names a client and is not believed; if it is your proxy, list it in \
                 gateway.trusted_proxies and set gateway.client_address_header to the header that it uses: \
                 until then all clients behind it count as one"
            );
        }
    }

    fn is_due(&self, peer: IpAddr, now: Instant) -> bool {
        let (_, network) = client_networks(peer);
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_past = |at: &Instant| now.duration_since(*at) >= LOG_INTERVAL;
        if logged.len() >= MAX_NETWORKS || logged.get(&network).is_some_and(is_past) {
            logged.retain(|_, at| !is_past(at));
        }
        let is_due = !logged.contains_key(&network) && logged.len() < MAX_NETWORKS;
        if is_due {
            logged.insert(network, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_is_logged_once_an_hour() {
        let (proxies, start) = (UnlistedProxies::default(), Instant::now());
        assert!(proxies.is_due(address("192.0.2.1"), start));
        assert!(!proxies.is_due(address("192.0.2.200"), start));
        assert!(proxies.is_due(address("198.51.100.1"), start + LOG_INTERVAL / 2));
        let almost = start + LOG_INTERVAL - Duration::from_nanos(1);
        assert!(!proxies.is_due(address("192.0.2.1"), almost));
        assert!(proxies.is_due(address("192.0.2.1"), start + LOG_INTERVAL));
        assert!(!proxies.is_due(address("198.51.100.1"), start + LOG_INTERVAL));
    }

    #[test]
    fn many_networks_are_logged_up_to_a_number() {
        let (proxies, start) = (UnlistedProxies::default(), Instant::now());
        let many = |at: Instant| {
            let networks = (0..=255).map(|n| address(&format!("2001:db8:{n:x}::1")));
            networks.filter(|peer| proxies.is_due(*peer, at)).count()
        };
        assert_eq!(many(start), MAX_NETWORKS);
        assert_eq!(many(start + Duration::from_secs(1)), 0);
        assert_eq!(many(start + LOG_INTERVAL), MAX_NETWORKS);
    }
}
