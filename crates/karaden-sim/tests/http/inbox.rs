//! The inbox: JSON for programs, the page, its buttons, live updates.

use std::time::Duration;

use karaden_sim::{DeliveryMode, SimConfig};
use reqwest::{Method, Response};
use serde_json::json;

use crate::support::{Bench, NUMBER, manual, start};

async fn page(bench: &Bench, path: &str) -> String {
    let response = bench.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

async fn press(bench: &Bench, path: &str, form: &[(&str, &str)]) -> Response {
    bench.request(Method::POST, path).form(form).send().await.unwrap()
}

#[tokio::test]
async fn the_newest_message_is_first_and_a_number_can_be_selected() {
    let bench = start(manual()).await;
    bench.send(NUMBER, &[("tags[]", "t")]).await;
    bench.sim.advance(Duration::from_secs(1)).unwrap();
    bench.push("karadenqueue", &[("To", NUMBER), ("AuMessage", "push")]).await;
    bench.send("08011112222", &[]).await;
    bench.send("09000000002", &[]).await;

    let all = bench.get_json("/inbox.json").await;
    let numbers: Vec<_> = all.as_array().unwrap().iter().map(|one| one["to"].clone()).collect();
    assert_eq!(numbers, [json!("08011112222"), json!(NUMBER), json!(NUMBER)]);
    let own = bench.get_json(&format!("/inbox.json?to={NUMBER}")).await;
    assert_eq!((&own[0]["api"], &own[1]["api"]), (&json!("push"), &json!("sms")));
    assert_eq!(own[1]["received_at"], "2026-01-01T09:00:00+09:00");
    assert_eq!((&own[1]["parts"], &own[1]["tags"]), (&json!(1), &json!(["t"])));
    assert_eq!(bench.get_json("/inbox.json?to=nonsense").await, json!([]));
    for spelling in ["090-1234-5678", "+819012345678", "%2B819012345678"] {
        assert_eq!(bench.get_json(&format!("/inbox.json?to={spelling}")).await, own, "{spelling}");
    }

    let everything = bench.get_json("/inbox.json?all=1").await;
    assert_eq!(everything.as_array().unwrap().len(), 4);
    assert_eq!(everything[0]["state"], "out_of_range");
    assert!(everything[0]["received_at"].is_null());
}

#[tokio::test]
async fn the_page_shows_each_message_with_its_code() {
    let bench = start(SimConfig::default()).await;
    bench.send(NUMBER, &[]).await;
    let form = [("service_id", "1"), ("to", NUMBER), ("body", "<script>alert(1)</script> & 42")];
    bench.send_raw(&form).await;
    bench.send("09000000002", &[]).await;
    let page = page(&bench, "/").await;
    assert!(page.contains("シミュレーター：実際のSMSは送信されません"));
    assert!(page.contains(r#"data-code="123456""#));
    assert!(page.contains("&#60;script&#62;") && !page.contains("<script>alert"));
    assert_eq!(page.matches(r#"data-testid="message""#).count(), 2);
    assert_eq!(page.matches(r#"data-testid="pending""#).count(), 1);
    assert!(page.contains("圏外"));
    for id in ["banner", "phone", "messages", "message-state", "message-parts", "tabs", "clear"] {
        assert!(page.contains(&format!(r#"data-testid="{id}""#)), "{id}");
    }
}

#[tokio::test]
async fn the_page_has_two_languages_and_can_show_one_number() {
    let bench = start(SimConfig::default()).await;
    bench.send(NUMBER, &[]).await;
    bench.send("08011112222", &[]).await;
    let english = page(&bench, &format!("/?to={NUMBER}&lang=en")).await;
    assert!(english.contains(r#"<html lang="en">"#));
    assert!(english.contains("Simulator: no SMS is really sent"));
    assert!(english.contains("090-1234-5678"));
    assert_eq!(english.matches(r#"data-testid="message""#).count(), 1);
    let request = bench.request(Method::GET, "/").header("Accept-Language", "en-GB,en");
    let response = request.send().await.unwrap().text().await.unwrap();
    assert!(response.contains(r#"<html lang="en">"#));
}

#[tokio::test]
async fn the_page_works_without_scripts_and_allows_only_its_own() {
    let bench = start(SimConfig::default()).await;
    let response = bench.request(Method::GET, "/").send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let html = response.text().await.unwrap();
    assert!(html.contains(r#"<noscript><meta http-equiv="refresh" content="5"></noscript>"#));
    assert!(!html.contains("style=") && !html.contains(" onclick"));
    assert!(!page(&bench, "/?refresh=off").await.contains("http-equiv=\"refresh\""));
    for (asset, kind) in [
        ("/assets/inbox.css", "text/css"),
        ("/assets/inbox.js", "text/javascript"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let response = bench.request(Method::GET, asset).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind));
    }
    let missing = bench.request(Method::GET, "/assets/../Cargo.toml").send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn every_button_works() {
    let bench = start(manual()).await;
    for mode in ["late", "hold", "out_of_range", "out_of_order", "error", "normal"] {
        assert_eq!(press(&bench, "/inbox/delivery", &[("mode", mode)]).await.status(), 303);
        assert_eq!(bench.get_json("/delivery").await["mode"], mode);
    }
    press(&bench, "/inbox/fault", &[("mode", "500")]).await;
    let form = [("service_id", "1"), ("to", NUMBER), ("body", "x")];
    assert_eq!(bench.send_raw(&form).await.status(), 500);
    assert_eq!(bench.send_raw(&form).await.status(), 200);
    press(&bench, "/inbox/fault", &[("mode", "none")]).await;
    assert_eq!(bench.get_json("/faults").await["faults"], json!([]));

    press(&bench, "/inbox/clock", &[("seconds", "60")]).await;
    assert_eq!(bench.get_json("/clock").await["now"], "2026-01-01T09:01:00+09:00");
    press(&bench, "/inbox/clear", &[]).await;
    assert_eq!(bench.get_json("/inbox.json?all=1").await, json!([]));

    let sent = bench.send(NUMBER, &[]).await;
    assert_eq!(bench.message(sent["id"].as_str().unwrap()).await["status"], "done");
    for (path, form) in [
        ("/inbox/delivery", &[("mode", "nonsense")][..]),
        ("/inbox/message", &[("do", "deliver")]),
        ("/inbox/clock", &[("seconds", "-1")]),
        ("/inbox/fault", &[]),
    ] {
        assert_eq!(press(&bench, path, form).await.status(), 400, "{path}");
    }
    let get = bench.request(Method::GET, "/inbox/clear").send().await.unwrap();
    assert_eq!(get.status(), 405);
}

#[tokio::test]
async fn a_button_redirects_only_to_the_page() {
    let bench = start(SimConfig::default()).await;
    for (back, expected) in [
        ("/?to=09012345678", "/?to=09012345678"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/?\r\nX: y", "/"),
        ("", "/"),
    ] {
        let response =
            press(&bench, "/inbox/delivery", &[("mode", "normal"), ("back", back)]).await;
        assert_eq!(response.headers()["location"], expected, "{back:?}");
    }
}

#[tokio::test]
async fn arrivals_and_passing_time_cause_events() {
    let mut config = SimConfig::default();
    config.delivery.result_after = Duration::from_millis(400);
    let bench = start(config).await;
    let mut events = bench.request(Method::GET, "/inbox/events").send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut next = async || {
        let event = tokio::time::timeout(Duration::from_secs(10), events.chunk()).await;
        String::from_utf8(event.unwrap().unwrap().unwrap().to_vec()).unwrap()
    };
    assert_eq!(next().await, "event: change\ndata: 1\n\n", "the initial event");
    bench.send(NUMBER, &[]).await;
    assert!(next().await.starts_with("event: change"));
    while bench.sim.inbox(None).is_empty() {
        assert!(next().await.starts_with("event: change"), "an event when the message arrives");
    }
}

#[tokio::test]
async fn live_pages_are_limited_and_end_with_the_simulator() {
    let bench = start(SimConfig::default()).await;
    let mut watchers = Vec::new();
    for _ in 0..64 {
        watchers.push(bench.request(Method::GET, "/inbox/events").send().await.unwrap());
    }
    let one_too_many = bench.request(Method::GET, "/inbox/events").send().await.unwrap();
    assert_eq!(one_too_many.status(), 503);
    tokio::time::timeout(Duration::from_secs(5), bench.sim.shutdown()).await.unwrap();
}

#[tokio::test]
async fn the_live_part_can_be_requested_alone() {
    let bench = start(SimConfig::default()).await;
    bench.sim.set_delivery_mode(DeliveryMode::Hold);
    bench.send(NUMBER, &[]).await;
    let live = page(&bench, "/?part=live").await;
    assert!(!live.contains("<html") && live.contains(r#"data-testid="phone""#));
    assert!(live.contains(r#"data-testid="deliver""#));
}

#[tokio::test]
async fn the_messages_can_be_deleted() {
    let bench = start(SimConfig::default()).await;
    bench.send(NUMBER, &[]).await;
    let deleted = bench.request(Method::DELETE, "/inbox.json").send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    assert_eq!(bench.get_json("/inbox.json?all=1").await, json!([]));
    assert_eq!(bench.request(Method::POST, "/inbox.json").send().await.unwrap().status(), 405);
    bench.send(NUMBER, &[]).await;
    bench.sim.delete_messages();
    assert!(bench.sim.messages(None).is_empty());
}

#[tokio::test]
async fn inbox_json_waits_for_a_message_if_asked_to() {
    let mut config = manual();
    config.delivery.result_after = Duration::from_secs(3);
    let bench = start(config).await;
    let waiting = bench.get_json("/inbox.json?to=09012345678&wait_ms=60000");
    let sending = async {
        bench.send(NUMBER, &[]).await;
        bench.sim.advance(Duration::from_secs(3)).unwrap();
    };
    let (arrived, ()) = tokio::join!(waiting, sending);
    assert_eq!(arrived[0]["to"], NUMBER);
    let other = bench.get_json("/inbox.json?to=08012345678&wait_ms=1").await;
    assert_eq!(other, json!([]), "after the wait");
}
