//! The order of service: fair queueing over client networks.

use std::collections::HashMap;

use ipnet::IpNet;

use super::requester::Requester;

/// One part in so many of the places is kept for familiar requesters.
const FAMILIAR_PART: usize = 4;

/// One account takes at most one part in so many of the places.
const ACCOUNT_PART: usize = 16;

/// Requesters that wait, each with a ticket of the type `T`.
///
/// - **Turns go round.** The networks take turns, wide networks first, then the networks within each. Only requesters
///   of one address are served in the order of their arrival.
/// - **The heaviest gives way.** When all places are taken, a newcomer takes the place of the newest requester of the
///   network that has the most. A newcomer of that network itself is refused.
/// - **Familiar requesters have a lane of their own**: every other turn while both lanes wait, and a part of the places.
///   A place that one lane does not need is free for the other.
/// - **One account has few places**, from however many networks.
///
/// A ticket is dropped when its requester loses its place.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    capacity: usize,
    familiar: Lane<T>,
    strangers: Lane<T>,
    is_familiars_turn: bool,
    next_id: u64,
}

/// Names a requester that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaiterId(u64);

impl<T> FairQueue<T> {
    /// Makes a queue with so many places, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            familiar: Lane::new(),
            strangers: Lane::new(),
            is_familiars_turn: true,
            next_id: 0,
        }
    }

    /// Gives the requester a place; `None` if there is none for it.
    pub(super) fn join(&mut self, requester: Requester, ticket: T) -> Option<WaiterId> {
        let of_account =
            self.familiar.of_account(&requester) + self.strangers.of_account(&requester);
        if of_account >= self.capacity.div_ceil(ACCOUNT_PART) {
            return None;
        }
        let id = WaiterId(self.next_id);
        self.next_id += 1;
        let lane = if requester.is_familiar { &mut self.familiar } else { &mut self.strangers };
        lane.join(Waiter { id, requester, ticket });
        if self.len() > self.capacity && self.displace() == Some(id) {
            return None;
        }
        Some(id)
    }

    /// Returns the ticket of the requester whose turn it is.
    pub(super) fn next(&mut self) -> Option<T> {
        let is_familiars =
            (self.is_familiars_turn || self.strangers.is_empty()) && !self.familiar.is_empty();
        self.is_familiars_turn = !is_familiars;
        if is_familiars { self.familiar.next() } else { self.strangers.next() }
    }

    /// Takes a requester out of the queue, if it still waits.
    pub(super) fn leave(&mut self, id: WaiterId) {
        self.familiar.leave(id);
        self.strangers.leave(id);
    }

    fn len(&self) -> usize {
        self.familiar.waiting.len() + self.strangers.waiting.len()
    }

    /// Takes the place of the newest requester of the heaviest network, in the lane that has more than its part.
    fn displace(&mut self) -> Option<WaiterId> {
        let part_of_strangers = self.capacity - self.capacity.div_ceil(FAMILIAR_PART);
        let has_too_many_strangers = self.strangers.waiting.len() > part_of_strangers;
        let lane = if has_too_many_strangers { &mut self.strangers } else { &mut self.familiar };
        let displaced = lane.newest_of_heaviest()?;
        lane.leave(displaced);
        Some(displaced)
    }
}

#[derive(Debug)]
struct Waiter<T> {
    id: WaiterId,
    requester: Requester,
    ticket: T,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: Vec<Waiter<T>>,
    /// The networks of those who wait.
    networks: HashMap<IpNet, NetworkState>,
    clock: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct NetworkState {
    waiting: usize,
    /// When the network had its last turn, or joined if it had none.
    last_turn: u64,
}

impl<T> Lane<T> {
    fn new() -> Self {
        Self { waiting: Vec::new(), networks: HashMap::new(), clock: 0 }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn of_account(&self, requester: &Requester) -> usize {
        let is_same = |waiter: &&Waiter<T>| {
            requester.account.is_some() && waiter.requester.account == requester.account
        };
        self.waiting.iter().filter(is_same).count()
    }

    fn join(&mut self, waiter: Waiter<T>) {
        self.clock += 1;
        for network in waiter.requester.networks {
            let joined = NetworkState { waiting: 0, last_turn: self.clock };
            self.networks.entry(network).or_insert(joined).waiting += 1;
        }
        self.waiting.push(waiter);
    }

    /// Serves the requester whose networks have waited longest for a turn.
    fn next(&mut self) -> Option<T> {
        let last_turns = |waiter: &Waiter<T>| {
            (waiter.requester.networks.map(|network| self.state(network).last_turn), waiter.id)
        };
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, w)| last_turns(w))?;
        let served = self.remove(at);
        self.clock += 1;
        for network in served.requester.networks {
            if let Some(state) = self.networks.get_mut(&network) {
                state.last_turn = self.clock;
            }
        }
        Some(served.ticket)
    }

    fn leave(&mut self, id: WaiterId) {
        if let Some(at) = self.waiting.iter().position(|waiter| waiter.id == id) {
            self.remove(at);
        }
    }

    fn newest_of_heaviest(&self) -> Option<WaiterId> {
        let weights = |waiter: &Waiter<T>| {
            (waiter.requester.networks.map(|network| self.state(network).waiting), waiter.id)
        };
        self.waiting.iter().max_by_key(|waiter| weights(waiter)).map(|waiter| waiter.id)
    }

    fn state(&self, network: IpNet) -> NetworkState {
        self.networks.get(&network).copied().unwrap_or_default()
    }

    fn remove(&mut self, at: usize) -> Waiter<T> {
        let removed = self.waiting.swap_remove(at);
        for network in removed.requester.networks {
            if let Some(state) = self.networks.get_mut(&network) {
                state.waiting -= 1;
                if state.waiting == 0 {
                    self.networks.remove(&network);
                }
            }
        }
        removed
    }
}

#[cfg(test)]
mod tests;
