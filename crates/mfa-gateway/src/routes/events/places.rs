//! How many event streams are open at once.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use auth_module::TokenDigest;
use ipnet::IpNet;
use mfa_proxy::client_networks;
use tokio_util::sync::CancellationToken;

use crate::slots::{Slot, Slots};

/// Streams of one login. Two, for a person with two tabs.
const MAX_PER_LOGIN: usize = 2;
/// Streams of one IPv4 /24 or IPv6 /48.
const MAX_PER_NETWORK: usize = 128;
const MAX_TOTAL: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    All,
    Network(IpNet),
}

type Logins = Arc<Mutex<HashMap<TokenDigest, VecDeque<CancellationToken>>>>;

/// The open event streams.
#[derive(Debug)]
pub(crate) struct EventStreams {
    open: Slots<Scope>,
    /// The streams of each login, the oldest first.
    logins: Logins,
}

/// The place of one stream. It is free again on drop.
#[derive(Debug)]
pub(super) struct StreamPlace {
    /// Cancelled when a newer stream of the same login takes this place.
    pub(super) is_replaced: CancellationToken,
    logins: Logins,
    login: TokenDigest,
    _slot: Slot<Scope>,
}

impl EventStreams {
    pub(crate) fn new() -> Self {
        Self { open: Slots::new(), logins: Logins::default() }
    }

    /// Takes a place for a stream of `login`. The oldest stream of a login with too many ends: the newest tab is
    /// the one that its user looks at. `None` if there are too many streams of the client's network, or in all.
    pub(super) fn take(&self, login: TokenDigest, client: IpAddr) -> Option<StreamPlace> {
        let (_, network) = client_networks(client);
        let slot = self
            .open
            .take(&[(Scope::Network(network), MAX_PER_NETWORK), (Scope::All, MAX_TOTAL)])?;
        let is_replaced = CancellationToken::new();
        let mut logins = lock(&self.logins);
        let streams = logins.entry(login).or_default();
        streams.push_back(is_replaced.clone());
        if streams.len() > MAX_PER_LOGIN
            && let Some(oldest) = streams.pop_front()
        {
            oldest.cancel();
        }
        drop(logins);
        Some(StreamPlace { is_replaced, logins: Arc::clone(&self.logins), login, _slot: slot })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        // A stream that was replaced is no longer in the list.
        if self.is_replaced.is_cancelled() {
            return;
        }
        self.is_replaced.cancel();
        let mut logins = lock(&self.logins);
        if let Some(streams) = logins.get_mut(&self.login) {
            streams.retain(|stream| !stream.is_cancelled());
            if streams.is_empty() {
                logins.remove(&self.login);
            }
        }
    }
}

fn lock(logins: &Logins) -> MutexGuard<'_, HashMap<TokenDigest, VecDeque<CancellationToken>>> {
    logins.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(number: u8) -> TokenDigest {
        TokenDigest::from_bytes([number; 32])
    }

    #[test]
    fn the_newest_two_streams_of_a_login_stay() {
        let streams = EventStreams::new();
        let client = IpAddr::from([192, 0, 2, 1]);
        let take = || streams.take(login(1), client).expect("a place");
        let (first, second) = (take(), take());
        assert!(!first.is_replaced.is_cancelled());
        let third = take();
        assert!(first.is_replaced.is_cancelled() && !second.is_replaced.is_cancelled());
        drop(first);
        drop(second);
        let fourth = take();
        assert!(!third.is_replaced.is_cancelled() && !fourth.is_replaced.is_cancelled());
        drop((third, fourth));
        assert!(lock(&streams.logins).is_empty());
    }

    #[test]
    fn one_network_cannot_take_every_place() {
        let streams = EventStreams::new();
        let places: Vec<StreamPlace> = (0..=u8::MAX)
            .filter_map(|n| streams.take(login(n), IpAddr::from([192, 0, 2, n])))
            .collect();
        assert_eq!(places.len(), MAX_PER_NETWORK);
        assert!(streams.take(login(1), IpAddr::from([198, 51, 100, 1])).is_some());
        drop(places);
        assert!(streams.take(login(1), IpAddr::from([192, 0, 2, 1])).is_some());
    }
}
