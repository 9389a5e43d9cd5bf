//! Which connection makes room for a new one.

use std::net::Ipv4Addr;

use tokio::{task::yield_now, time::sleep};

use super::{
    super::{Cap, ConnectionEvent, ConnectionSettings},
    Client, GET, World, seconds,
};

const HANG: &str = "GET /hang HTTP/1.1\r\nHost: a\r\n\r\n";

fn settings(total: usize, address: usize, network: usize) -> ConnectionSettings {
    ConnectionSettings {
        max_connections: total,
        max_per_address: address,
        max_per_network: network,
        trusted_proxies: vec!["198.51.100.1/32".parse().expect("a network")],
        ..ConnectionSettings::default()
    }
}

/// Lets the tasks of the connections run.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

async fn busy(world: &World, peer: &str) -> Client {
    let mut client = world.connect(peer).expect("a place");
    client.send(HANG).await;
    settle().await;
    client
}

async fn idle(world: &World, peer: &str) -> Client {
    let mut client = world.connect(peer).expect("a place");
    client.send(GET).await;
    client.response().await;
    settle().await;
    client
}

fn is_open(client: &Client) -> bool {
    !client.served.is_finished()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_silent_connections_never_keep_a_client_out() {
    for from_many in [false, true] {
        let world = World::new(settings(400, 100, 200));
        let mut silent = Vec::new();
        for n in 0..10_000_u32 {
            let peer = if from_many {
                Ipv4Addr::from(0x0a00_0000 + n * 256)
            } else {
                [10, 0, 0, 1].into()
            };
            silent.push(world.connect(&peer.to_string()).expect("a place"));
            if n % 50 == 0 {
                settle().await;
                let mut honest = world.connect("10.0.0.1").expect("a place");
                honest.send(GET).await;
                assert!(honest.response().await.starts_with("HTTP/1.1 200 "));
            }
        }
        settle().await;
        let open = silent.iter().filter(|client| is_open(client)).count();
        assert!(open <= 400, "{open} are open");
        assert!(world.events.count(ConnectionEvent::Evicted) >= 9600);
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_silent_connection_goes_first_and_a_running_request_never() {
    let world = World::new(settings(4, 4, 4));
    let busy = busy(&world, "192.0.2.1").await;
    let idle = idle(&world, "192.0.2.1").await;
    let first = world.connect("192.0.2.1").expect("a place");
    let second = world.connect("192.0.2.1").expect("a place");
    let third = world.connect("192.0.2.1").expect("a place");
    settle().await;
    assert!(!is_open(&first), "the oldest that was silent");
    assert!([&busy, &idle, &second, &third].into_iter().all(is_open));
    drop((second, third));
    settle().await;
    let busy_too = super::caps::busy(&world, "192.0.2.1").await;
    let busy_three = super::caps::busy(&world, "192.0.2.1").await;
    let newest = super::caps::busy(&world, "192.0.2.1").await;
    assert!(!is_open(&idle), "an idle connection, when none is silent");
    assert!([&busy, &busy_too, &busy_three, &newest].into_iter().all(is_open));
    assert!(world.connect("192.0.2.1").is_none(), "requests are running everywhere");
    assert_eq!(world.events.count(ConnectionEvent::Refused(Cap::Address)), 1);
}

#[tokio::test(start_paused = true)]
async fn the_network_with_the_most_silent_connections_gives_way() {
    let world = World::new(settings(5, 5, 5));
    let alone = world.connect("192.0.2.1").expect("a place");
    let flood: Vec<Client> =
        (1..=4).map(|n| world.connect(&format!("203.0.113.{n}")).expect("a place")).collect();
    let newcomer = world.connect("192.0.2.77").expect("a place");
    settle().await;
    assert!(is_open(&alone) && is_open(&newcomer) && !is_open(&flood[0]));
    assert_eq!(flood.iter().filter(|client| is_open(client)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn addresses_and_networks_have_caps_and_listed_proxies_have_none() {
    let world = World::new(settings(100, 2, 3));
    let cases = [
        (["192.0.2.1", "192.0.2.1", "192.0.2.2"], "192.0.2.1", Some(Cap::Address)),
        (["203.0.113.1", "203.0.113.2", "203.0.113.3"], "203.0.113.4", Some(Cap::Network)),
        (
            ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1"],
            "2001:db8:0:1::3",
            Some(Cap::Address),
        ),
        (
            ["2001:db8:1:1::1", "2001:db8:1:2::2", "2001:db8:1:3::1"],
            "2001:db8:1:4::3",
            Some(Cap::Network),
        ),
        // A mapped address is the IPv4 address.
        (["::ffff:192.0.3.1", "192.0.3.1", "192.0.3.2"], "::ffff:192.0.3.1", Some(Cap::Address)),
        (["198.51.100.1", "198.51.100.1", "198.51.100.1"], "198.51.100.1", None),
    ];
    let mut open = Vec::new();
    for (peers, next, cap) in cases {
        for peer in peers {
            open.push(busy(&world, peer).await);
        }
        let refused = cap.map(|cap| world.events.count(ConnectionEvent::Refused(cap)));
        assert_eq!(world.connect(next).is_none(), cap.is_some(), "{next}");
        if let (Some(cap), Some(before)) = (cap, refused) {
            assert_eq!(world.events.count(ConnectionEvent::Refused(cap)), before + 1, "{next}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_makes_room_when_nothing_else_can() {
    let world = World::new(settings(2, 2, 2));
    let mut slow = world.connect("192.0.2.1").expect("a place");
    slow.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
    let busy = busy(&world, "192.0.2.1").await;
    assert!(world.connect("192.0.2.1").is_none(), "it may still come");
    sleep(seconds(2)).await;
    let newcomer = world.connect("192.0.2.1").expect("a place");
    settle().await;
    assert!(!is_open(&slow) && is_open(&busy) && is_open(&newcomer));
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_gives_its_place_back() {
    let world = World::new(settings(1, 1, 1));
    for _ in 0..3 {
        let client = busy(&world, "192.0.2.1").await;
        assert!(world.connect("192.0.2.1").is_none());
        drop(client);
        settle().await;
    }
    assert_eq!(world.events.count(ConnectionEvent::Closed), 3);
}

#[tokio::test(start_paused = true)]
async fn changed_settings_hold_for_connections_from_then_on() {
    let world = World::new(settings(100, 1, 100));
    let before = world.connect("198.51.100.1").expect("a place");
    // It begins to be served.
    tokio::task::yield_now().await;
    world.registry.set(ConnectionSettings { head_timeout: seconds(3), ..settings(100, 2, 100) });
    let (first, second) = (world.connect("198.51.100.1"), before.closed());
    let first = first.expect("a place beside the other").closed();
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.0, second.0), (3, 10));
}
