//! The open connections: caps, and which connection makes room for a new one.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::{sync::Notify, time::Instant};

use super::{
    settings::{Cap, ConnectionEvent, ConnectionObserver, ConnectionSettings},
    signal::Signal,
};
use crate::address::client_networks;

/// A client that keeps us waiting for a body, or to read, makes room for others after this time.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// Evicted connections that are not closed yet. At this number no further connection is accepted until one
/// of them is closed.
const MAX_CLOSING: usize = 64;

/// What a connection waits for that can be closed without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The head of its first request. Evicted first.
    First = 0,
    /// The head of a further request.
    Next = 1,
}

/// All connections of one listener.
#[derive(Debug)]
pub(crate) struct Registry {
    /// For connections from now on. One that is open keeps the timeouts that it began with.
    settings: ArcSwap<ConnectionSettings>,
    observer: Option<Arc<dyn ConnectionObserver>>,
    open: Mutex<Open>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next_id: u64,
    /// Numbers the waits in the order in which they begin.
    next_wait: u64,
    connections: HashMap<u64, Entry>,
    groups: HashMap<IpNet, Group>,
    /// For each kind of wait, the networks in the order in which they give up a connection, the last first.
    victims: [BTreeSet<Rank>; 2],
    /// Evicted, but not closed yet.
    closing: usize,
}

#[derive(Debug)]
struct Entry {
    signal: Arc<Signal>,
    address: IpNet,
    network: IpNet,
    waiting: Option<(Waiting, u64)>,
}

/// The connections of one address or network.
#[derive(Debug, Default)]
struct Group {
    open: usize,
    is_trusted: bool,
    /// For each kind of wait, the connections, the oldest first.
    waiting: [BTreeSet<(u64, u64)>; 2],
}

/// Listed proxies come first, so last to be evicted. Then the networks with the fewest waiting connections, and
/// among equals those whose oldest wait is the youngest.
type Rank = (bool, usize, Reverse<u64>, IpNet);

/// A place among the open connections. It is free again on drop.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Arc<Registry>,
    id: u64,
    is_trusted: bool,
    signal: Arc<Signal>,
}

impl Registry {
    pub(crate) fn new(
        settings: ConnectionSettings,
        observer: Option<Arc<dyn ConnectionObserver>>,
    ) -> Arc<Self> {
        let settings = ArcSwap::from_pointee(settings);
        Arc::new(Self { settings, observer, open: Mutex::default(), closed: Notify::new() })
    }

    pub(crate) fn settings(&self) -> Arc<ConnectionSettings> {
        self.settings.load_full()
    }

    pub(crate) fn set(&self, settings: ConnectionSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// Gives a new connection a place. Evicts a connection that waits if a cap is reached. `None` if a cap is
    /// reached and nothing can be evicted.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut open = self.lock();
        if let Err(cap) = self.make_room(&mut open, peer) {
            self.note(ConnectionEvent::Refused(cap));
            return None;
        }
        let id = open.next_id;
        open.next_id += 1;
        let signal = Arc::new(Signal::new());
        let (address, network) = client_networks(peer);
        let entry = Entry { signal: Arc::clone(&signal), address, network, waiting: None };
        let is_trusted = self.is_trusted(peer);
        open.insert(id, entry, is_trusted);
        open.set_waiting(id, Some(Waiting::First));
        self.note(ConnectionEvent::Opened);
        Some(Place { registry: Arc::clone(self), id, is_trusted, signal })
    }

    /// Evicts one connection that waits. Returns `false` if there is none.
    pub(crate) fn evict_one(&self) -> bool {
        let mut open = self.lock();
        match open.victim() {
            Some(id) => self.evict(&mut open, id),
            None => return false,
        }
        true
    }

    /// Waits until most of the evicted connections are closed.
    pub(crate) async fn until_closed(&self) {
        loop {
            let closed = self.closed.notified();
            if self.lock().closing < MAX_CLOSING {
                return;
            }
            closed.await;
        }
    }

    /// Tells the observer what happened to a connection.
    pub(crate) fn note(&self, event: ConnectionEvent) {
        if let Some(observer) = &self.observer {
            observer.note(event);
        }
    }

    /// Notes what a connection waits for; `None` while a request is served.
    pub(crate) fn set_waiting(&self, id: u64, waiting: Option<Waiting>) {
        self.lock().set_waiting(id, waiting);
    }

    fn make_room(&self, open: &mut Open, peer: IpAddr) -> Result<(), Cap> {
        let (address, network) = client_networks(peer);
        let settings = self.settings.load();
        let caps = [
            (address, settings.max_per_address, Cap::Address),
            (network, settings.max_per_network, Cap::Network),
        ];
        if !self.is_trusted(peer) {
            for (group, max, cap) in caps {
                if open.groups.get(&group).is_some_and(|group| group.open >= max) {
                    let victim = open.victim_in(group).ok_or(cap)?;
                    self.evict(open, victim);
                }
            }
        }
        if open.connections.len() >= settings.max_connections {
            let victim = open.victim().ok_or(Cap::Total)?;
            self.evict(open, victim);
        }
        Ok(())
    }

    fn evict(&self, open: &mut Open, id: u64) {
        if let Some(entry) = open.remove(id) {
            open.closing += 1;
            entry.signal.evict();
            self.note(ConnectionEvent::Evicted);
        }
    }

    fn is_trusted(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.settings.load().trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn insert(&mut self, id: u64, entry: Entry, is_trusted: bool) {
        for group in [entry.address, entry.network] {
            let group = self.groups.entry(group).or_default();
            group.open += 1;
            group.is_trusted |= is_trusted;
        }
        self.connections.insert(id, entry);
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        self.set_waiting(id, None);
        let entry = self.connections.remove(&id)?;
        for net in [entry.address, entry.network] {
            if let Some(group) = self.groups.get_mut(&net) {
                group.open -= 1;
                if group.open == 0 {
                    self.groups.remove(&net);
                }
            }
        }
        Some(entry)
    }

    fn set_waiting(&mut self, id: u64, waiting: Option<Waiting>) {
        let Some(entry) = self.connections.get_mut(&id) else { return };
        let now = waiting.map(|waiting| (waiting, self.next_wait));
        self.next_wait += 1;
        let before = std::mem::replace(&mut entry.waiting, now);
        let (address, network) = (entry.address, entry.network);
        for kind in [Waiting::First, Waiting::Next] {
            let before = before.filter(|(waiting, _)| *waiting == kind);
            let now = now.filter(|(waiting, _)| *waiting == kind);
            if before.is_none() && now.is_none() {
                continue;
            }
            let old_rank = self.rank(network, kind);
            for net in [address, network] {
                let Some(group) = self.groups.get_mut(&net) else { continue };
                let waiting = &mut group.waiting[kind as usize];
                if let Some((_, order)) = before {
                    waiting.remove(&(order, id));
                }
                if let Some((_, order)) = now {
                    waiting.insert((order, id));
                }
            }
            let new_rank = self.rank(network, kind);
            let victims = &mut self.victims[kind as usize];
            old_rank.map(|rank| victims.remove(&rank));
            new_rank.map(|rank| victims.insert(rank));
        }
    }

    fn rank(&self, network: IpNet, kind: Waiting) -> Option<Rank> {
        let group = self.groups.get(&network)?;
        let waiting = &group.waiting[kind as usize];
        let (oldest, _) = waiting.first()?;
        Some((!group.is_trusted, waiting.len(), Reverse(*oldest), network))
    }

    /// Returns the connection that makes room for another: the oldest that has not sent a head yet, then the
    /// oldest between two requests, both from the network with the most of them. If there is none: the one
    /// whose client has kept us waiting the longest for a body, or to read.
    fn victim(&self) -> Option<u64> {
        let network = self.victims.iter().find_map(|victims| victims.last());
        match network {
            Some((_, _, _, network)) => self.waiting_in(*network),
            None => self.stalled(|_| true),
        }
    }

    fn victim_in(&self, group: IpNet) -> Option<u64> {
        let is_member = |entry: &Entry| entry.address == group || entry.network == group;
        self.waiting_in(group).or_else(|| self.stalled(is_member))
    }

    fn waiting_in(&self, group: IpNet) -> Option<u64> {
        let group = self.groups.get(&group)?;
        group.waiting.iter().find_map(|waiting| waiting.first()).map(|(_, id)| *id)
    }

    fn stalled(&self, is_candidate: impl Fn(&Entry) -> bool) -> Option<u64> {
        let now = Instant::now();
        let candidates = self.connections.iter().filter(|(_, entry)| is_candidate(entry));
        let stalled =
            candidates.filter_map(|(id, entry)| Some((entry.signal.stalled_for(now)?, *id)));
        stalled.filter(|(length, _)| *length >= STALLED_AFTER).max().map(|(_, id)| id)
    }
}

impl Place {
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Whether the peer is a listed proxy.
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.registry.lock();
        if open.remove(self.id).is_none() {
            open.closing -= 1;
        }
        drop(open);
        self.registry.closed.notify_one();
        self.registry.note(ConnectionEvent::Closed);
    }
}
