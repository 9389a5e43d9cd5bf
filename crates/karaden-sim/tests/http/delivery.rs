//! Delivery: stages, outcomes, delivery modes, buttons, callbacks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use karaden_sim::{DeliveryMode, Intervention, MessageState, Quirks, SimConfig, SmsProject};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use crate::support::{Bench, NUMBER, manual, start};

/// A receiver of callbacks that responds with the given statuses, then with 200.
struct Receiver {
    url: String,
    received: mpsc::UnboundedReceiver<(String, Value)>,
}

impl Receiver {
    async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/callback", listener.local_addr().unwrap());
        let statuses = Arc::new(Mutex::new(statuses.iter().copied().collect::<VecDeque<_>>()));
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (statuses, sender) = (Arc::clone(&statuses), sender.clone());
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    while let Some((head, body)) = next(&mut stream, &mut bytes).await {
                        let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
                        sender.send((head, body)).unwrap();
                        let response = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                        stream.write_all(response.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self { url, received }
    }

    async fn next(&mut self) -> (String, Value) {
        tokio::time::timeout(Duration::from_secs(10), self.received.recv()).await.unwrap().unwrap()
    }
}

/// Reads one request off a connection.
async fn next(stream: &mut tokio::net::TcpStream, bytes: &mut Vec<u8>) -> Option<(String, Value)> {
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            if bytes.len() >= end + 4 + length {
                let body = serde_json::from_slice(&bytes[end + 4..end + 4 + length]).unwrap();
                bytes.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn calling_back(config: SimConfig, url: &str) -> SimConfig {
    config.with_projects([SmsProject::default().with_callback_url(url)])
}

fn bodies(bench: &Bench) -> Vec<String> {
    bench.sim.inbox(None).into_iter().map(|message| message.body).collect()
}

async fn send(bench: &Bench, body: &str) -> String {
    let form = [("service_id", "1"), ("to", NUMBER), ("body", body)];
    let sent = crate::support::ok(bench.send_raw(&form).await).await;
    sent["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_reaches_each_stage_at_its_time() {
    let mut config = manual();
    config.delivery.sent_after = Duration::from_secs(2);
    config.delivery.result_after = Duration::from_secs(3);
    let bench = start(config).await;
    let id = send(&bench, "x").await;
    let state = async || {
        let message = bench.message(&id).await;
        ["result", "status", "sent_result"].map(|name| message[name].as_str().unwrap().to_owned())
    };
    assert_eq!(state().await, ["processing", "waiting", "none"]);
    bench.sim.advance(Duration::from_secs(2)).unwrap();
    assert_eq!(state().await, ["processing", "done", "none"]);
    assert_eq!(bodies(&bench), Vec::<String>::new());
    bench.sim.advance(Duration::from_millis(2_999)).unwrap();
    assert_eq!(state().await, ["processing", "done", "none"]);
    bench.sim.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(state().await, ["done", "done", "received"]);
    let message = bench.message(&id).await;
    assert_eq!(message["sent_at"], "2026-01-01T09:00:02+09:00");
    assert_eq!(message["received_at"], "2026-01-01T09:00:05+09:00");
    assert_eq!(message["updated_at"], "2026-01-01T09:00:05+09:00");
    assert_eq!(bodies(&bench), ["x"]);
}

#[tokio::test]
async fn magic_numbers_select_the_outcome() {
    let bench = start(manual()).await;
    for (number, expected) in [
        ("09000000001", ["done", "done", "received", "docomo"]),
        ("09000000002", ["done", "done", "unconnected", "docomo"]),
        ("09000000003", ["done", "done", "error", "docomo"]),
        ("09000000004", ["done", "done", "unknown", "docomo"]),
        ("09000000005", ["processing", "done", "none", "docomo"]),
        ("09000000006", ["done", "done", "received", "docomo"]),
        ("09000000007", ["done", "error", "none", "unknown"]),
        ("09000000008", ["done", "done", "unconnected", "docomo"]),
        ("09000000009", ["done", "done", "unknown", "docomo"]),
        ("07000000012", ["done", "done", "received", "softbank"]),
        ("08000000013", ["done", "done", "received", "au"]),
        ("06000000014", ["done", "done", "received", "rakuten"]),
        ("09000000015", ["done", "done", "received", "option"]),
        ("09000000016", ["done", "done", "received", "international"]),
    ] {
        let sent = bench.send(number, &[]).await;
        let message = bench.message(sent["id"].as_str().unwrap()).await;
        let found = ["result", "status", "sent_result", "carrier"].map(|name| &message[name]);
        assert_eq!(found, expected.map(|word| json!(word)).each_ref(), "{number}");
    }
    let refused = [("service_id", "1"), ("to", "09000000010"), ("body", "x")];
    assert_eq!(bench.send_raw(&refused).await.status(), 422);
    let late = bench.send("09000000008", &[]).await;
    bench.sim.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(bench.message(late["id"].as_str().unwrap()).await["sent_result"], "received");
}

#[tokio::test]
async fn an_unconnected_message_is_delivered_later_only_up_to_limited_at() {
    let bench = start(manual()).await;
    let ids = async |number, limit: &[(&str, &str)]| {
        bench.send(number, limit).await["id"].as_str().unwrap().to_owned()
    };
    let delivered = ids("09000000008", &[("limited_at", "2026-01-01T09:01:00+09:00")]).await;
    let too_late = ids("09000000008", &[("limited_at", "2026-01-01T09:00:59+09:00")]).await;
    let for_good = ids("09000000002", &[]).await;
    bench.sim.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(bench.message(&delivered).await["sent_result"], "received");
    bench.sim.advance(Duration::from_secs(365 * 24 * 60 * 60)).unwrap();
    for id in [too_late, for_good] {
        let message = bench.message(&id).await;
        assert_eq!((&message["status"], &message["result"]), (&json!("done"), &json!("done")));
        assert_eq!(message["sent_result"], "unconnected");
    }
}

#[tokio::test]
async fn a_message_past_limited_at_is_not_sent() {
    let bench = start(manual()).await;
    let sent = bench.send(NUMBER, &[("limited_at", "2026-01-01T08:59:59+09:00")]).await;
    let message = bench.message(sent["id"].as_str().unwrap()).await;
    assert_eq!((&message["status"], &message["sent_at"]), (&json!("error"), &Value::Null));
    let sent = bench.send(NUMBER, &[("limited_at", "2026-01-01T09:00:00+09:00")]).await;
    assert_eq!(bench.message(sent["id"].as_str().unwrap()).await["status"], "done");
}

#[tokio::test]
async fn out_of_order_swaps_two_messages() {
    let bench = start(manual()).await;
    let response = bench.put("/delivery", &json!({"mode": "out_of_order"})).await;
    assert_eq!(response.status(), 200);
    send(&bench, "first").await;
    assert_eq!(bodies(&bench), Vec::<String>::new());
    send(&bench, "second").await;
    assert_eq!(bodies(&bench), ["second"]);
    bench.sim.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(bodies(&bench), ["first", "second"], "the last to arrive is first");
    send(&bench, "alone").await;
    bench.sim.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(bodies(&bench)[0], "alone");
}

#[tokio::test]
async fn late_messages_arrive_after_the_delay() {
    let bench = start(manual()).await;
    let body = json!({"mode": "late", "late_after_ms": 5_000});
    assert_eq!(bench.put("/delivery", &body).await.status(), 200);
    assert_eq!(bench.get_json("/delivery").await["late_after_ms"], 5_000);
    send(&bench, "x").await;
    bench.sim.advance(Duration::from_millis(4_999)).unwrap();
    assert_eq!(bodies(&bench), Vec::<String>::new());
    bench.sim.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(bodies(&bench), ["x"]);
}

#[tokio::test]
async fn a_held_message_waits_for_a_button() {
    let bench = start(manual()).await;
    bench.sim.set_delivery_mode(DeliveryMode::Hold);
    let ids = [send(&bench, "a").await, send(&bench, "b").await, send(&bench, "c").await];
    bench.sim.advance(Duration::from_secs(3_600)).unwrap();
    assert_eq!(bodies(&bench), Vec::<String>::new());
    for (id, button) in ids.iter().zip(["deliver", "out_of_range", "fail"]) {
        let form = [("id", id.as_str()), ("do", button), ("back", "/?lang=en")];
        let response =
            bench.request(Method::POST, "/inbox/message").form(&form).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["location"]),
            (303, &"/?lang=en".parse::<reqwest::header::HeaderValue>().unwrap())
        );
    }
    assert_eq!(bodies(&bench), ["a"]);
    for (id, result) in ids.iter().zip(["received", "unconnected", "error"]) {
        assert_eq!(bench.message(id).await["sent_result"], result);
    }
    assert_eq!(bench.message(&ids[0]).await["received_at"], "2026-01-01T10:00:00+09:00");
}

#[tokio::test]
async fn a_held_message_is_released_from_rust_too() {
    let bench = start(manual()).await;
    bench.sim.set_delivery_mode(DeliveryMode::Hold);
    let id = send(&bench, "a").await;
    assert_eq!(bench.sim.messages(Some(NUMBER))[0].state, MessageState::Sent);
    assert!(bench.sim.inbox(Some(NUMBER)).is_empty());
    assert!(!bench.sim.intervene("nonsense", Intervention::Deliver));
    assert!(bench.sim.intervene(&id, Intervention::Deliver));
    assert!(!bench.sim.intervene(&id, Intervention::Fail), "the result is final");
    assert_eq!(bench.sim.inbox(Some(NUMBER))[0].state, MessageState::Received);
}

#[tokio::test]
async fn waiting_for_a_message_ends_when_it_arrives() {
    let mut config = manual();
    config.delivery.result_after = Duration::from_secs(3);
    let bench = start(config).await;
    let waiting = bench.sim.wait_for_message(NUMBER);
    let sending = async {
        send(&bench, "x").await;
        bench.sim.advance(Duration::from_secs(3)).unwrap();
    };
    let limit = Duration::from_secs(10);
    let (message, ()) =
        tokio::time::timeout(limit, async { tokio::join!(waiting, sending) }).await.unwrap();
    assert_eq!(message.body, "x");
    // By the system clock nothing but time moves it.
    let mut config = SimConfig::default();
    config.delivery.result_after = Duration::from_millis(30);
    let bench = start(config).await;
    send(&bench, "y").await;
    let waiting = bench.sim.wait_for_message(NUMBER);
    assert_eq!(tokio::time::timeout(limit, waiting).await.unwrap().body, "y");
}

#[tokio::test]
async fn the_methods_of_the_simulator_read_a_number_in_e164_and_with_hyphens() {
    let bench = start(SimConfig::default()).await;
    send(&bench, "x").await;
    for number in ["+819012345678", "090-1234-5678"] {
        assert_eq!(bench.sim.inbox(Some(number)).len(), 1, "{number}");
        assert_eq!(bench.sim.messages(Some(number)).len(), 1, "{number}");
        let waiting = bench.sim.wait_for_message(number);
        let arrived = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        assert_eq!(arrived.unwrap().to, NUMBER, "{number}");
    }
}

#[tokio::test]
async fn a_callback_has_the_result_but_neither_number_nor_text() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = start(calling_back(SimConfig::default(), &receiver.url)).await;
    let sent = bench.send("09000000002", &[("tags[]", "a")]).await;
    let (head, body) = receiver.next().await;
    assert!(head.starts_with("post /callback http/1.1"), "{head}");
    assert!(head.contains("karaden-version: 2024-03-01"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!((&body["id"], &body["sent_result"]), (&sent["id"], &json!("unconnected")));
    assert_eq!((&body["project_id"], &body["tags"]), (&json!(1), &json!(["a"])));
    assert!(body.get("to").is_none() && body.get("body").is_none());
}

#[tokio::test]
async fn a_rejected_callback_is_retried_and_then_dropped() {
    let mut receiver = Receiver::start(&[500, 302, 404, 500]).await;
    let bench = start(calling_back(manual(), &receiver.url)).await;
    bench.send(NUMBER, &[]).await;
    receiver.next().await;
    for wait in [1, 10, 60] {
        // The wait for the next attempt starts when the last one has failed, which the test cannot see:
        // move the clock until the attempt comes.
        bench.sim.advance(Duration::from_secs(wait)).unwrap();
        let retried = async {
            loop {
                tokio::select! {
                    retried = receiver.received.recv() => break retried,
                    () = tokio::time::sleep(Duration::from_millis(20)) => {
                        bench.sim.advance(Duration::from_secs(wait)).unwrap();
                    }
                }
            }
        };
        let retried = tokio::time::timeout(Duration::from_secs(10), retried).await.unwrap();
        assert_eq!(retried.unwrap().1["sent_result"], "received");
    }
    bench.sim.advance(Duration::from_secs(3_600)).unwrap();
    let marker = bench.send("09000000003", &[]).await;
    assert_eq!(receiver.next().await.1["id"], marker["id"], "the first was dropped");
}

#[tokio::test]
async fn callbacks_follow_changes_of_the_delivery() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = start(calling_back(manual(), &receiver.url)).await;
    let late = bench.send("09000000008", &[]).await;
    assert_eq!(receiver.next().await.1["sent_result"], "unconnected");
    bench.sim.advance(Duration::from_secs(60)).unwrap();
    let (_, body) = receiver.next().await;
    assert_eq!((&body["id"], &body["sent_result"]), (&late["id"], &json!("received")));

    bench.sim.set_delivery_mode(DeliveryMode::Hold);
    let held = bench.send(NUMBER, &[]).await;
    let form = [("id", held["id"].as_str().unwrap()), ("do", "fail")];
    bench.request(Method::POST, "/inbox/message").form(&form).send().await.unwrap();
    assert_eq!(receiver.next().await.1["sent_result"], "error");

    bench.sim.set_delivery_mode(DeliveryMode::Normal);
    let reserved = bench.send(NUMBER, &[("scheduled_at", "2026-01-01T02:00:00Z")]).await;
    let id = reserved["id"].as_str().unwrap();
    bench.sms(Method::POST, &format!("/messages/{id}/cancel")).send().await.unwrap();
    bench.sim.advance(Duration::from_secs(7_200)).unwrap();
    bench.sim.set_quirks(Quirks::default().with_callback_twice(true));
    let marker = bench.send(NUMBER, &[]).await;
    for _ in 0..2 {
        assert_eq!(
            receiver.next().await.1["id"],
            marker["id"],
            "no callback for the cancelled message"
        );
    }
}
