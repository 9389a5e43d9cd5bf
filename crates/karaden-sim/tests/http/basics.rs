//! The shortest way through each API, over real HTTP.

use crate::support::{NUMBER, start};
use karaden_sim::{Sim, SimConfig, SimError};
use serde_json::json;

#[tokio::test]
async fn a_message_sent_by_the_sms_api_is_found_and_on_the_phone() {
    let bench = start(SimConfig::default()).await;
    let sent = bench.send(NUMBER, &[("tags[]", "login-1")]).await;
    assert_eq!((&sent["object"], &sent["status"]), (&json!("message"), &json!("waiting")));

    let id = sent["id"].as_str().unwrap();
    assert_eq!(bench.message(id).await["sent_result"], "received");
    let list = bench.list(&[("tag", "login-1")]).await;
    assert_eq!((&list["data"][0]["id"], &list["has_more"]), (&sent["id"], &json!(false)));

    let inbox = bench.get_json(&format!("/inbox.json?to={NUMBER}")).await;
    assert_eq!(inbox[0]["body"], "認証コード 123456");
    assert_eq!((&inbox[0]["api"], &inbox[0]["to"]), (&json!("sms"), &json!(NUMBER)));
    assert!(inbox[0]["received_at"].is_string());
    assert_eq!(bench.sim.inbox(Some(NUMBER)).len(), 1);
    bench.sim.shutdown().await;
}

#[tokio::test]
async fn a_message_queued_by_the_push_api_is_found_both_ways() {
    let bench = start(SimConfig::default()).await;
    let queued = bench
        .push(
            "karadenqueue",
            &[("To", NUMBER), ("AuMessage", "コード"), ("TrackingCode", "20260101")],
        )
        .await;
    assert_eq!(queued["status"], "100");

    let id = queued["messageId"].as_str().unwrap();
    let found = bench.push("karadeninquiry", &[("messageId", id)]).await;
    assert_eq!((&found["messagestatus"], &found["resultstatus"]), (&json!("1"), &json!("1")));
    let found =
        bench.push("karadeninquiry_tr", &[("TrackingCode", "20260101"), ("Startcount", "1")]).await;
    assert_eq!((&found["maxrecord"], &found["list"][0]["messageId"]), (&json!("1"), &json!(id)));
    assert_eq!(bench.sim.inbox(None)[0].id, id);
}

#[tokio::test]
async fn it_keeps_to_loopback_unless_told_otherwise() {
    let everywhere = SimConfig { listen: ([0, 0, 0, 0], 0).into(), ..SimConfig::default() };
    assert!(matches!(Sim::start(everywhere.clone()).await, Err(SimError::NotLoopback)));
    let allowed = SimConfig { allow_non_loopback: true, ..everywhere };
    Sim::start(allowed).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_fault_hits_once_and_is_gone() {
    let bench = start(SimConfig::default()).await;
    bench.fault(json!({"mode": "500", "count": 1})).await;
    let form = [("service_id", "1"), ("to", NUMBER), ("body", "x")];
    let refused = bench.send_raw(&form).await;
    assert_eq!(refused.status(), 500);
    let error: serde_json::Value = refused.json().await.unwrap();
    assert_eq!((&error["object"], &error["code"]), (&json!("error"), &json!("unknown")));
    assert_eq!(bench.sim.inbox(None).len(), 0);
    assert_eq!(bench.send_raw(&form).await.status(), 200);
}
