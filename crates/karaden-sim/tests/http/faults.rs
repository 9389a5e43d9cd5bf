//! Every fault: what the client sees, and whether the request took effect.

use std::time::Duration;

use karaden_sim::{ClockError, Delivery, Fault, FaultMode, SimConfig};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Bench, NUMBER, manual, start};

const FORM: [(&str, &str); 4] =
    [("service_id", "1"), ("to", NUMBER), ("body", "secret text"), ("tags[]", "t1")];

async fn with(fault: Value) -> Bench {
    let bench = start(SimConfig::default()).await;
    bench.fault(fault).await;
    bench
}

async fn send(bench: &Bench) -> Result<reqwest::Response, reqwest::Error> {
    bench.sms(Method::POST, "/messages").form(&FORM).send().await
}

fn accepted(bench: &Bench) -> usize {
    bench.sim.inbox(None).len()
}

#[tokio::test]
async fn drop_has_no_effect_and_accept_then_drop_has() {
    for (mode, effect) in [("drop", 0), ("accept_then_drop", 1)] {
        let bench = with(json!({"mode": mode, "count": 1})).await;
        let error = send(&bench).await.unwrap_err();
        assert!(!error.is_timeout() && !error.is_connect(), "{error:?}");
        assert_eq!(accepted(&bench), effect, "{mode}");
        assert_eq!(send(&bench).await.unwrap().status(), 200, "{mode}");
    }
}

#[tokio::test]
async fn drop_closes_the_socket() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let bench = with(json!({"mode": "drop"})).await;
    let mut stream = tokio::net::TcpStream::connect(bench.sim.addr()).await.unwrap();
    stream
        .write_all(b"GET /v2/karadeninquiry.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    assert_eq!(response, b"");
}

#[tokio::test]
async fn drop_mid_body_fails_in_the_body() {
    let bench = with(json!({"mode": "drop_mid_body"})).await;
    let response = send(&bench).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err());
    assert_eq!(accepted(&bench), 1);
}

#[tokio::test]
async fn the_first_half_of_the_body_always_arrives() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let bench = with(json!({"mode": "drop_mid_body"})).await;
    for _ in 0..200 {
        let mut stream = tokio::net::TcpStream::connect(bench.sim.addr()).await.unwrap();
        let ask = b"GET /v2/karadeninquiry.json?Token=x HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        // One chunk of the right response, and not the chunk that ends a body.
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        assert_eq!(body, "8\r\n{\"status\r\n");
    }
}

#[tokio::test]
async fn the_first_half_of_the_body_arrives_over_http_2_too() {
    let bench = with(json!({"mode": "drop_mid_body"})).await;
    for _ in 0..50 {
        let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
        let path = "/v2/karadeninquiry.json?Token=x";
        let mut response = client.get(format!("{}{path}", bench.sim.url())).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.chunk().await.unwrap().unwrap(), r#"{"status"#);
        assert!(response.chunk().await.is_err());
    }
}

#[tokio::test]
async fn a_timeout_fault_sends_no_response() {
    for (mode, effect) in [("timeout", 0), ("accept_then_timeout", 1)] {
        let bench = with(json!({"mode": mode})).await;
        let request = bench.sms(Method::POST, "/messages").form(&FORM);
        let error = request.timeout(Duration::from_millis(300)).send().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(accepted(&bench), effect, "{mode}");
        // A request without a response does not delay the shutdown.
        let waiting = bench.sms(Method::POST, "/messages").form(&FORM).send();
        let waiting = tokio::spawn(waiting);
        tokio::task::yield_now().await;
        tokio::time::timeout(Duration::from_secs(5), bench.sim.shutdown()).await.unwrap();
        assert!(waiting.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_slow_response_is_normal_but_late() {
    let bench = with(json!({"mode": "slow", "delay_ms": 300, "count": 1})).await;
    let request = bench.sms(Method::POST, "/messages").form(&FORM);
    let impatient = request.try_clone().unwrap().timeout(Duration::from_millis(100));
    assert!(impatient.send().await.unwrap_err().is_timeout());
    assert_eq!(accepted(&bench), 1);
    bench.fault(json!({"mode": "slow", "delay_ms": 300, "count": 1})).await;
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_malformed_or_empty_response_hides_an_accepted_message() {
    for mode in ["malformed", "empty"] {
        let bench = with(json!({"mode": mode})).await;
        let response = send(&bench).await.unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
        assert_eq!(accepted(&bench), 1, "{mode}");
    }
}

#[tokio::test]
async fn html_pages_and_redirects_have_no_effect() {
    let bench = with(json!({"mode": "html"})).await;
    let response = send(&bench).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(response.text().await.unwrap().starts_with("<!DOCTYPE html>"));

    bench.fault(json!({"mode": "html", "status": 200})).await;
    assert_eq!(send(&bench).await.unwrap().status(), 200);

    bench.fault(json!({"mode": "redirect", "count": 1})).await;
    let response = send(&bench).await.unwrap();
    assert_eq!(response.status(), 307);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    bench.request(Method::POST, &location).send().await.unwrap();
    assert_eq!(bench.get_json("/faults").await["redirects_followed"], 1);

    bench.fault(json!({"mode": "redirect", "status": 302, "location": "http://x.example/"})).await;
    let response = send(&bench).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["location"]),
        (StatusCode::FOUND, &"http://x.example/".parse::<reqwest::header::HeaderValue>().unwrap())
    );
    assert_eq!(accepted(&bench), 0);
}

#[tokio::test]
async fn a_huge_response_is_streamed() {
    let bench = with(json!({"mode": "huge"})).await;
    let mut response = send(&bench).await.unwrap();
    let mut read = 0;
    while read < 16 * 1024 * 1024 {
        read += response.chunk().await.unwrap().expect("the body ended early").len();
    }
    assert_eq!(accepted(&bench), 1);
}

#[tokio::test]
async fn a_gzip_bomb_is_small_on_the_wire() {
    let bench = with(json!({"mode": "gzip_bomb"})).await;
    let response = send(&bench).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let packed = response.bytes().await.unwrap();
    assert!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() < 2 * 1024 * 1024);
    let unpacked = u32::from_le_bytes(packed[packed.len() - 4..].try_into().unwrap());
    assert!(unpacked > 256 * 1024 * 1024);
}

#[tokio::test]
async fn an_echo_error_quotes_the_request() {
    let bench = with(json!({"mode": "echo_error"})).await;
    let response = send(&bench).await.unwrap();
    assert_eq!(response.status(), 422);
    let text = response.text().await.unwrap();
    for secret in ["demo-token", NUMBER] {
        assert!(text.contains(secret), "{text}");
    }
    let response = bench.push("karadeninquiry", &[("messageId", "x")]).await;
    assert_eq!(response["status"], "999");
    assert!(response["message"].as_str().unwrap().contains("demo-code"));
    assert_eq!(accepted(&bench), 0);
}

#[tokio::test]
async fn each_status_has_its_error_body() {
    let bench = start(SimConfig::default()).await;
    for (status, code) in [
        (401, "unauthentication"),
        (403, "forbidden"),
        (404, "model_not_found"),
        (409, "unknown"),
        (429, "too_many_requests"),
        (500, "unknown"),
        (503, "unknown"),
    ] {
        bench.fault(json!({"mode": status.to_string()})).await;
        let response = send(&bench).await.unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("retry-after"));
        let body: Value = response.json().await.unwrap();
        assert_eq!((&body["object"], &body["code"]), (&json!("error"), &json!(code)));
        let push = bench.request(Method::GET, "/v2/karadeninquiry.json").send().await.unwrap();
        assert_eq!(push.status(), status);
    }
    bench.fault(json!({"mode": "429", "retry_after": 7})).await;
    assert_eq!(send(&bench).await.unwrap().headers()["retry-after"], "7");
    assert_eq!(accepted(&bench), 0);
}

#[tokio::test]
async fn faults_apply_only_to_requests_that_match() {
    let bench = start(SimConfig::default()).await;
    let faults = [
        json!({"mode": "403", "api": "push"}),
        json!({"mode": "500", "operation": "list"}),
        json!({"mode": "409", "to": "08011112222"}),
        json!({"mode": "418", "tag": "t2", "count": 1}),
    ];
    bench.fault(json!(faults)).await;
    assert_eq!(send(&bench).await.unwrap().status(), 200);
    let list = async || bench.sms(Method::GET, "/messages").send().await.unwrap().status();
    assert_eq!(list().await, 500);
    let push = bench.request(Method::GET, "/v2/karadeninquiry.json").send().await.unwrap();
    assert_eq!(push.status(), 403);
    let other = [("service_id", "1"), ("to", "08011112222"), ("body", "x")];
    assert_eq!(bench.send_raw(&other).await.status(), 409);
    let tagged = [("service_id", "1"), ("to", NUMBER), ("body", "x"), ("tags[]", "t2")];
    assert_eq!(bench.send_raw(&tagged).await.status(), 418);
    assert_eq!(bench.send_raw(&tagged).await.status(), 200);

    let shown = bench.get_json("/faults").await;
    assert_eq!(shown["faults"].as_array().unwrap().len(), 3);
    assert_eq!(shown["hits"], 4);
    bench.fault(json!({"mode": "none"})).await;
    assert_eq!(bench.get_json("/faults").await["faults"], json!([]));
    assert_eq!(list().await, 200);
}

#[tokio::test]
async fn faults_can_be_added_and_deleted() {
    let bench = start(SimConfig::default()).await;
    for mode in ["500", "429"] {
        let request =
            bench.request(Method::POST, "/faults").json(&json!({"mode": mode, "count": 1}));
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    assert_eq!(send(&bench).await.unwrap().status(), 500);
    let response = bench.request(Method::DELETE, "/faults").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(send(&bench).await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_library_sets_faults_too() {
    let bench = start(SimConfig::default()).await;
    bench.sim.set_faults(vec![Fault::new(FaultMode::Status(500)).times(1)]);
    assert_eq!(send(&bench).await.unwrap().status(), 500);
    assert_eq!(send(&bench).await.unwrap().status(), 200);
}

#[tokio::test]
async fn only_a_manual_clock_can_be_moved() {
    let bench = start(manual()).await;
    let advance = async |bench: &Bench| {
        let request = bench.request(Method::POST, "/clock").json(&json!({"advance_ms": 90_000}));
        request.send().await.unwrap()
    };
    assert_eq!(bench.get_json("/clock").await["now"], "2026-01-01T09:00:00+09:00");
    assert_eq!(advance(&bench).await.status(), 200);
    let clock = bench.get_json("/clock").await;
    assert_eq!(clock, json!({"mode": "manual", "now": "2026-01-01T09:01:30+09:00"}));
    let set = async |bench: &Bench, now: &str| bench.put("/clock", &json!({"now": now})).await;
    assert_eq!(set(&bench, "2026-01-02T00:00:00Z").await.status(), 200);
    assert_eq!(bench.get_json("/clock").await["now"], "2026-01-02T09:00:00+09:00");
    assert_eq!(set(&bench, "2026-01-01T23:59:59Z").await.status(), 409, "not back");
    assert_eq!(set(&bench, "tomorrow").await.status(), 400);
    let real = start(SimConfig::default()).await;
    assert_eq!(advance(&real).await.status(), 409);
    assert_eq!(set(&real, "2099-01-01T00:00:00Z").await.status(), 409);
    assert_eq!(real.sim.advance(Duration::from_secs(1)), Err(ClockError::Real));
}

#[tokio::test]
async fn a_reset_makes_everything_as_at_the_start() {
    let delivery = Delivery::default().with_late_after(Duration::from_secs(5));
    let bench = start(SimConfig::deterministic().with_delivery(delivery)).await;
    let first = bench.send(NUMBER, &[]).await;
    bench.fault(json!({"mode": "500", "operation": "list"})).await;
    bench.put("/quirks", &json!({"push_numbers": true})).await;
    bench.put("/delivery", &json!({"mode": "hold", "late_after_ms": 1})).await;
    bench.sim.advance(Duration::from_secs(60)).unwrap();
    let reset = bench.request(Method::POST, "/reset").send().await.unwrap();
    assert_eq!(reset.status(), 200);
    assert_eq!(bench.list(&[]).await["data"], json!([]), "neither fault nor message");
    assert_eq!(bench.get_json("/quirks").await["push_numbers"], false);
    assert_eq!(bench.sim.delivery(), delivery);
    assert_eq!(bench.get_json("/clock").await["now"], "2026-01-01T09:00:00+09:00");
    assert_eq!(bench.send(NUMBER, &[]).await, first, "the same response, id and times included");
}

#[tokio::test]
async fn after_a_reset_without_a_seed_old_ids_are_unknown() {
    let bench = start(SimConfig::default()).await;
    let old = bench.send(NUMBER, &[]).await;
    bench.sim.reset();
    assert_ne!(bench.send(NUMBER, &[]).await["id"], old["id"]);
    let path = format!("/messages/{}", old["id"].as_str().unwrap());
    assert_eq!(bench.sms(Method::GET, &path).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn part_of_the_delivery_can_be_changed() {
    let bench = start(SimConfig::default()).await;
    let change = json!({"late_after_ms": 7, "changed_hands_on": "20260401"});
    assert_eq!(bench.put("/delivery", &change).await.status(), 200);
    assert_eq!(bench.put("/delivery", &json!({"mode": "late"})).await.status(), 200);
    let expected = json!({"mode": "late", "sent_after_ms": 0, "result_after_ms": 0,
        "late_after_ms": 7, "bulk_after_ms": 0, "changed_hands_on": "20260401"});
    assert_eq!(bench.get_json("/delivery").await, expected);
    let wrong = json!({"changed_hands_on": "2026-04-01"});
    assert_eq!(bench.put("/delivery", &wrong).await.status(), 400);
}

#[tokio::test]
async fn faults_are_added_and_counted_from_rust_too() {
    let bench = start(SimConfig::default()).await;
    bench.sim.add_fault(Fault::new(FaultMode::Status(503)).with_to(NUMBER).times(1));
    bench.sim.add_fault(Fault::new(FaultMode::Status(403)));
    let form = |to| [("service_id", "1"), ("to", to), ("body", "x")];
    assert_eq!(bench.send_raw(&form(NUMBER)).await.status(), 503);
    assert_eq!(bench.send_raw(&form(NUMBER)).await.status(), 403);
    assert_eq!(bench.sim.fault_hits(), 2);
    bench.sim.set_faults(Vec::new());
    assert_eq!(bench.send_raw(&form(NUMBER)).await.status(), 200);
}
