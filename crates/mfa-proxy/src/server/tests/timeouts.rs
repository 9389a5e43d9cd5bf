//! Each way to keep a connection waiting ends in its own time.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};

use super::{
    super::{ConnectionEvent, ConnectionSettings, TimeoutKind},
    Client, GET, World, seconds,
};

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";

fn world() -> World {
    World::new(ConnectionSettings::default())
}

fn timed_out(world: &World, kind: TimeoutKind) -> usize {
    world.events.count(ConnectionEvent::TimedOut(kind))
}

/// Sends `bytes` one by one with `pause` between them until the server closes.
async fn drip(client: &mut Client, bytes: &str, pause: u64) {
    for byte in bytes.bytes().cycle() {
        if client.stream.write_all(&[byte]).await.is_err() {
            return;
        }
        sleep(seconds(pause)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_after_ten_seconds() {
    let world = world();
    assert_eq!(world.connect_once().closed().await, (10, String::new()));
    assert_eq!(timed_out(&world, TimeoutKind::Silent), 1);
    assert_eq!(world.events.count(ConnectionEvent::Closed), 1);
}

#[tokio::test(start_paused = true)]
async fn the_preface_of_http2_is_answered_by_a_closed_connection() {
    let world = world();
    let mut client = world.connect_once();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(client.closed().await, (0, String::new()));
    // Its first byte alone is the beginning of a head like any other.
    let mut client = world.connect_once();
    client.send("P").await;
    assert_eq!(client.closed().await, (10, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_head_is_complete_ten_seconds_after_its_first_byte() {
    let world = world();
    let mut client = world.connect_once();
    sleep(seconds(9)).await;
    client.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(client.closed().await.0, 19);
    let mut client = world.connect_once();
    drip(&mut client, "GET / HTTP/1.1\r\nA: b", 9).await;
    assert_eq!(client.closed().await.0, 10);
    // A further head has the same time, however long the connection was idle.
    let mut client = world.connect_once();
    client.send(GET).await;
    client.response().await;
    sleep(seconds(70)).await;
    client.send("GET /").await;
    assert_eq!(client.closed().await.0, 80);
    assert_eq!(timed_out(&world, TimeoutKind::Head), 3);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_outlives_the_minute_of_front_proxies() {
    let world = world();
    let mut client = world.connect_once();
    for _ in 0..3 {
        client.send(GET).await;
        assert!(client.response().await.starts_with("HTTP/1.1 200 "));
        sleep(seconds(74)).await;
    }
    client.send(GET).await;
    client.response().await;
    assert_eq!(client.closed().await.0, 3 * 74 + 75);
    assert_eq!(timed_out(&world, TimeoutKind::Idle), 1);
}

#[tokio::test(start_paused = true)]
async fn a_running_request_has_no_timeout_of_the_listener() {
    let world = world();
    let mut client = world.connect_once();
    client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    timeout(seconds(3600), client.closed()).await.expect_err("it is still open");
}

#[tokio::test(start_paused = true)]
async fn a_body_without_progress_ends_after_thirty_seconds() {
    let world = world();
    let mut client = world.connect_once();
    client.send(POST).await;
    let (after, answer) = client.closed().await;
    assert_eq!(after, 30);
    assert!(answer.ends_with("the client's body did not arrive in time: end"), "{answer}");
    let mut client = world.connect_once();
    client.send(POST).await;
    drip(&mut client, "x", 29).await;
    assert_eq!(client.closed().await.0, 30);
    assert_eq!(timed_out(&world, TimeoutKind::Body), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_body_arrives() {
    let world = world();
    let mut client = world.connect_once();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n").await;
    for _ in 0..25 {
        sleep(seconds(4)).await;
        client.send(&"x".repeat(1200)).await;
    }
    assert!(client.response().await.ends_with("30000 bytes: end"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_after_thirty_seconds() {
    let world = world();
    let mut client = world.connect_once();
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.cut().await, 30);
    // Pipelined requests whose responses are not read.
    let mut client = world.connect_once();
    let many = GET.repeat(3000);
    // It blocks when both buffers are full.
    timeout(seconds(1), client.stream.write_all(many.as_bytes())).await.expect_err("blocked");
    assert_eq!(client.cut().await, 30);
    assert_eq!(timed_out(&world, TimeoutKind::Write), 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_byte_now_and_then_is_cut_off_and_a_steady_one_is_not() {
    let world = world();
    let read = async |chunk: usize, pause: u64| {
        let mut client = world.connect_once();
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let (mut total, mut buffer) = (0, vec![0; chunk]);
        while let Ok(count @ 1..) = client.stream.read(&mut buffer).await {
            total += count;
            if total > 1024 * 1024 {
                break;
            }
            sleep(seconds(pause)).await;
        }
        total
    };
    // What the buffers hold arrives in any case.
    assert!(read(1, 29).await < 64 * 1024);
    assert!(read(1000, 1).await > 1024 * 1024);
}

#[tokio::test(start_paused = true)]
async fn a_stop_closes_what_waits_and_lets_requests_end() {
    let world = world();
    let (silent, mut half, mut idle, mut busy) =
        (world.connect_once(), world.connect_once(), world.connect_once(), world.connect_once());
    half.send("GET / HTTP").await;
    idle.send(GET).await;
    idle.response().await;
    busy.send(POST).await;
    sleep(seconds(1)).await;
    world.stop.cancel();
    for client in [silent, half, idle] {
        assert_eq!(client.closed().await, (1, String::new()));
    }
    busy.send(&"x".repeat(1000)).await;
    let (after, answer) = busy.closed().await;
    assert!(after == 1 && answer.ends_with("1000 bytes: end"), "{answer}");
}
