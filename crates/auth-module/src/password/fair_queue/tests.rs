use std::{cell::RefCell, net::IpAddr, rc::Rc};

use otp_cache::QuotaKey;
use proptest::prelude::*;

use super::*;

fn requester(address: &str, account: u8) -> Requester {
    Requester::new(address.parse().unwrap(), QuotaKey::from_bytes([account; 16]))
}

/// Lets `address` join, each time for another account.
fn join(queue: &mut FairQueue<String>, address: &str) -> Option<WaiterId> {
    let account = u8::try_from(queue.next_id % 251).unwrap();
    queue.join(requester(address, account), address.to_owned())
}

fn order(queue: &mut FairQueue<String>) -> Vec<String> {
    std::iter::from_fn(|| queue.next()).collect()
}

#[test]
fn networks_take_turns_at_each_level() {
    let mut queue = FairQueue::new(64);
    for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.3.1", "198.51.100.1"] {
        join(&mut queue, address).unwrap();
    }
    assert_eq!(
        order(&mut queue),
        ["192.0.2.1", "198.51.100.1", "192.0.3.1", "192.0.2.2", "192.0.2.1"]
    );
}

#[test]
fn with_the_queue_full_from_one_network_another_is_next_but_one() {
    let mut queue = FairQueue::new(64);
    for n in 0..130 {
        join(&mut queue, &format!("2001:db8:7:{n:x}::1"));
    }
    assert_eq!(queue.len(), 64);
    join(&mut queue, "198.51.100.1").unwrap();
    assert_eq!(queue.len(), 64, "it took a place of the full network");
    let order = order(&mut queue);
    assert_eq!(order.iter().position(|address| address == "198.51.100.1"), Some(1));
}

/// As many sites as a provider has to give away.
#[test]
fn a_provider_that_fills_the_queue_from_many_sites_gives_way_too() {
    let mut queue = FairQueue::new(64);
    for n in 0..200 {
        join(&mut queue, &format!("2001:db8:{n:x}::1"));
        join(&mut queue, &format!("10.20.{n}.1"));
    }
    join(&mut queue, "198.51.100.1").unwrap();
    let order = order(&mut queue);
    assert_eq!(order.iter().position(|address| address == "198.51.100.1"), Some(2));
}

/// Otherwise a client that comes back after each turn would always be served as if it were new.
#[test]
fn a_network_that_comes_back_waits_for_the_others() {
    let mut queue = FairQueue::new(64);
    join(&mut queue, "192.0.2.1").unwrap();
    join(&mut queue, "198.51.100.1").unwrap();
    join(&mut queue, "198.51.100.1").unwrap();
    for served in ["192.0.2.1", "198.51.100.1", "192.0.2.1", "198.51.100.1"] {
        assert_eq!(queue.next().unwrap(), served);
        if served == "192.0.2.1" {
            join(&mut queue, served).unwrap();
        }
    }
}

#[test]
fn the_newest_of_the_heaviest_network_loses_its_place() {
    let mut queue = FairQueue::new(4);
    for address in ["192.0.2.1", "198.51.100.1", "198.51.100.2", "198.51.100.1"] {
        join(&mut queue, address).unwrap();
    }
    join(&mut queue, "198.51.100.3").expect("the place of the second requester of 198.51.100.1");
    join(&mut queue, "203.0.113.1").expect("the place that was just given");
    assert_eq!(join(&mut queue, "198.51.100.1"), None, "it is the newest of the heaviest itself");
    assert_eq!(order(&mut queue), ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.51.100.2"]);
}

#[test]
fn strangers_leave_places_and_turns_for_familiar_requesters() {
    let mut queue = FairQueue::new(16);
    for n in 0..16 {
        join(&mut queue, &format!("10.{n}.0.1")).unwrap();
    }
    for n in 0..4 {
        let familiar = requester("198.51.100.1", 100 + n).familiar();
        assert!(queue.join(familiar, "familiar".to_owned()).is_some(), "{n}");
    }
    assert_eq!(queue.len(), 16);
    let order = order(&mut queue);
    let of_familiar: Vec<_> =
        (0..16).filter(|&at| order.get(at).is_some_and(|ticket| ticket == "familiar")).collect();
    assert_eq!(of_familiar, [0, 2, 4, 6], "every other turn");
}

#[test]
fn familiar_requesters_leave_places_for_strangers() {
    let mut queue = FairQueue::new(16);
    for n in 0..16 {
        let familiar = requester(&format!("10.{n}.0.1"), n).familiar();
        queue.join(familiar, "familiar".to_owned()).unwrap();
    }
    for n in 0..12 {
        join(&mut queue, &format!("10.{n}.0.1")).unwrap();
    }
    assert_eq!((queue.familiar.waiting.len(), queue.strangers.waiting.len()), (4, 12));
}

#[test]
fn one_account_has_a_sixteenth_of_the_places_from_however_many_networks() {
    let mut queue = FairQueue::new(64);
    let joined = (0..90)
        .filter(|n| {
            let from = requester(&format!("10.{n}.0.1"), 1);
            queue.join(from, "one account".to_owned()).is_some()
        })
        .count();
    assert_eq!(joined, 4);
    assert!(queue.join(requester("10.0.0.1", 2), "another".to_owned()).is_some());
}

/// A ticket that notes its number when it is dropped.
struct Noted(u64, Rc<RefCell<Vec<u64>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

#[test]
fn a_ticket_is_dropped_with_its_place() {
    let dropped = Rc::default();
    let mut queue = FairQueue::new(2);
    let ticket = |n| Noted(n, Rc::clone(&dropped));
    queue.join(requester("192.0.2.1", 1), ticket(1)).unwrap();
    let second = queue.join(requester("192.0.2.1", 2), ticket(2)).unwrap();
    queue.join(requester("198.51.100.1", 3), ticket(3)).unwrap();
    assert_eq!(*dropped.borrow(), [2]);
    queue.leave(second);
    assert_eq!(queue.len(), 2);
}

#[derive(Debug, Clone)]
enum Step {
    Join { network: u8, host: u8, account: u8, is_familiar: bool },
    Leave(usize),
    Next,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let join = (0..6_u8, 0..4_u8, 0..8_u8, any::<bool>()).prop_map(
        |(network, host, account, is_familiar)| Step::Join { network, host, account, is_familiar },
    );
    let step =
        prop_oneof![6 => join, 1 => any::<usize>().prop_map(Step::Leave), 2 => Just(Step::Next)];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// Work-conserving, within its places, and with exact counts, whatever happens.
    #[test]
    fn the_queue_serves_whenever_somebody_waits(steps in steps(), capacity in 1..20_usize) {
        let mut queue = FairQueue::new(capacity);
        let mut ids = Vec::new();
        for step in steps {
            match step {
                Step::Join { network, host, account, is_familiar } => {
                    let address = IpAddr::from([10, network, 0, host]);
                    let mut from = Requester::new(address, QuotaKey::from_bytes([account; 16]));
                    from.is_familiar = is_familiar;
                    ids.extend(queue.join(from, ()));
                }
                Step::Leave(which) if !ids.is_empty() => {
                    let id = ids.swap_remove(which % ids.len());
                    queue.leave(id);
                }
                Step::Leave(_) => {}
                Step::Next => {
                    let waited = queue.len();
                    prop_assert_eq!(queue.next().is_some(), waited > 0);
                    prop_assert_eq!(queue.len(), waited.saturating_sub(1));
                }
            }
            prop_assert!(queue.len() <= capacity);
            for lane in [&queue.familiar, &queue.strangers] {
                let counted: usize = lane.networks.values().map(|state| state.waiting).sum();
                prop_assert_eq!(counted, 3 * lane.waiting.len(), "no network without a requester");
            }
        }
    }

    /// While a network waits, no other network has two turns.
    #[test]
    fn no_network_has_two_turns_while_another_waits(
        waiting in proptest::collection::vec((0..5_u8, 0..4_u8), 1..60),
    ) {
        let mut queue = FairQueue::new(64);
        for (n, (network, host)) in (0_u8..).zip(&waiting) {
            let address = IpAddr::from([10, *network, 0, *host]);
            queue.join(Requester::new(address, QuotaKey::from_bytes([n; 16])), *network);
        }
        let served: Vec<u8> = std::iter::from_fn(|| queue.next()).collect();
        prop_assert_eq!(served.len(), waiting.len());
        for (at, network) in served.iter().enumerate() {
            let Some(again) = served[at + 1..].iter().position(|later| later == network) else {
                continue;
            };
            let between = &served[at + 1..at + 1 + again];
            for other in &served[at + 1 + again..] {
                prop_assert!(other == network || between.contains(other), "{:?}", served);
            }
        }
    }

    /// A newcomer of a network with fewer places than the heaviest is never refused.
    #[test]
    fn a_lighter_network_gets_a_place(
        waiting in proptest::collection::vec((0..5_u8, 0..4_u8), 20..60),
    ) {
        let mut queue = FairQueue::new(16);
        for (n, (network, host)) in (0_u8..).zip(&waiting) {
            let address = IpAddr::from([10, *network, 0, *host]);
            queue.join(Requester::new(address, QuotaKey::from_bytes([n; 16])), ());
        }
        let newcomer = Requester::new(IpAddr::from([172, 16, 0, 1]), QuotaKey::from_bytes([99; 16]));
        prop_assert!(queue.join(newcomer, ()).is_some());
    }
}
