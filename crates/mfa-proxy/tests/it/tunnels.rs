//! WebSocket tunnels: their place, their idle time and their end.

use std::{sync::atomic::Ordering, time::Duration};

use mfa_proxy::ConnectionSettings;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::harness::{Application, Gateway, LIMITS, read_head, read_to_end};

const UPGRADE: &str =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// An application that accepts an upgrade and sends every byte back.
async fn echo() -> Application {
    Application::start(async |mut stream, _| {
        let head = read_head(&mut stream).await;
        if !head.to_ascii_lowercase().contains("upgrade: websocket") {
            let refusal = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(refusal.as_bytes()).await;
            return;
        }
        let agreed =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(agreed.as_bytes()).await.expect("the proxy reads");
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    })
    .await
}

async fn gateway(application: &Application, idle_timeout: Option<Duration>) -> Gateway {
    let settings = ConnectionSettings { max_per_address: 3, ..Default::default() };
    Gateway::start(application.address, LIMITS, settings, idle_timeout).await
}

async fn open(gateway: &Gateway) -> TcpStream {
    let mut client = gateway.connect().await;
    client.write_all(UPGRADE.as_bytes()).await.expect("it reads");
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client
}

async fn echoes(client: &mut TcpStream) {
    client.write_all(b"?").await.expect("an open tunnel");
    assert_eq!(client.read_u8().await.expect("an open tunnel"), b'?');
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_and_notes_those_of_the_client() {
    let application = echo().await;
    let gateway = gateway(&application, Some(Duration::from_secs(60))).await;
    let mut client = open(&gateway).await;
    assert!(!gateway.use_by_client.take());
    echoes(&mut client).await;
    assert!(gateway.use_by_client.take());
    assert!(!gateway.use_by_client.take());
}

#[tokio::test]
async fn without_terms_the_application_is_not_asked_to_change() {
    let application = echo().await;
    let gateway = gateway(&application, None).await;
    let response = gateway.ask(&UPGRADE.replace("Upgrade\r\n", "Upgrade, close\r\n")).await;
    assert!(response.starts_with("HTTP/1.1 426 "), "{response}");
}

#[tokio::test]
async fn a_tunnel_ends_when_its_terms_say_so() {
    let application = echo().await;
    let gateway = gateway(&application, Some(Duration::from_secs(60))).await;
    let mut client = open(&gateway).await;
    echoes(&mut client).await;
    gateway.cut.notify_one();
    let end = timeout(Duration::from_secs(10), read_to_end(&mut client)).await;
    assert_eq!(end.expect("the tunnel is cut"), "");
}

#[tokio::test]
async fn an_idle_tunnel_ends_and_a_used_one_does_not() {
    let application = echo().await;
    let idle_timeout = Duration::from_secs(1);
    let gateway = gateway(&application, Some(idle_timeout)).await;
    let (mut idle, mut used) = (open(&gateway).await, open(&gateway).await);
    let began = Instant::now();
    let ends = tokio::spawn(async move { read_to_end(&mut idle).await });
    while began.elapsed() < 3 * idle_timeout {
        echoes(&mut used).await;
        sleep(Duration::from_millis(100)).await;
    }
    let ended = timeout(Duration::from_secs(10), ends).await;
    ended.expect("the idle tunnel is open").expect("no panic");
    echoes(&mut used).await;
}

#[tokio::test]
async fn a_tunnel_keeps_its_place_until_it_ends() {
    let application = echo().await;
    let gateway = gateway(&application, Some(Duration::from_secs(60))).await;
    let mut tunnels = [open(&gateway).await, open(&gateway).await, open(&gateway).await];
    for tunnel in &mut tunnels {
        echoes(tunnel).await;
    }
    assert_eq!(gateway.counts.open.load(Ordering::SeqCst), 3);
    assert_eq!(gateway.ask(UPGRADE).await, "", "a fourth connection of this address");
    for tunnel in &mut tunnels {
        echoes(tunnel).await;
    }
    assert_eq!(gateway.counts.evicted.load(Ordering::SeqCst), 0);
    drop(tunnels);
    let all_closed = async {
        while gateway.counts.open.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), all_closed).await.expect("the places are free");
    open(&gateway).await;
}
