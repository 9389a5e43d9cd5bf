//! One message through each API, and starting the simulator.

use crate::support::{NUMBER, TENANT, start};
use karaden_sim::{PushAccount, Sim, SimConfig, SimError, SmsProject};
use serde_json::json;

#[tokio::test]
async fn a_message_sent_by_the_sms_api_can_be_read_and_is_in_the_inbox() {
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
async fn both_inquiries_find_a_message_of_the_push_api() {
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
async fn other_addresses_than_loopback_need_permission() {
    let everywhere = SimConfig::default().with_listen(([0, 0, 0, 0], 0));
    assert!(matches!(Sim::start(everywhere.clone()).await, Err(SimError::NotLoopback)));
    let allowed = everywhere.with_allow_non_loopback(true);
    Sim::start(allowed).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_fault_with_count_one_applies_once() {
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

#[tokio::test]
async fn http_2_works_and_its_connections_can_be_dropped() {
    let bench = start(SimConfig::default()).await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .unwrap();
    let send = || {
        let form = [("service_id", "1"), ("to", NUMBER), ("body", "x")];
        client
            .post(format!("{}/api/{TENANT}/messages", bench.sim.url()))
            .bearer_auth("demo-token")
            .header("Karaden-Version", "2024-03-01")
            .form(&form)
            .send()
    };
    let response = send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_2));
    bench.fault(json!({"mode": "accept_then_drop", "count": 1})).await;
    assert!(send().await.is_err());
    assert_eq!(bench.sim.inbox(None).len(), 2);
    assert_eq!(send().await.unwrap().status(), 200);

    let file = client
        .post(format!("{}/api/{TENANT}/messages/bulks/files", bench.sim.url()))
        .bearer_auth("demo-token")
        .header("Karaden-Version", "2024-03-01");
    let file = crate::support::ok(file.send().await.unwrap()).await;
    assert!(file["url"].as_str().unwrap().starts_with(&bench.sim.url()), "{file}");
}

#[tokio::test]
async fn debug_shows_no_secret_number_or_text() {
    let config = SimConfig::default();
    let shown_config = format!("{config:?}");
    let bench = start(config).await;
    bench.send(NUMBER, &[("tags[]", "secret-tag")]).await;
    let inbox = bench.sim.inbox(None);
    let fault = karaden_sim::Fault::new(karaden_sim::FaultMode::Drop)
        .with_to(NUMBER)
        .with_tag("secret-tag");
    let shown = format!("{shown_config} {:?} {inbox:?} {fault:?}", bench.sim);
    for secret in ["demo-token", "demo-push", "demo-code", NUMBER, "123456", "secret-tag"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn an_impossible_setting_is_rejected_by_its_name() {
    let project = |project| SimConfig::default().with_projects([project]);
    let account = PushAccount::default().with_required_texts(["docomoMessage"]);
    for (config, expected) in [
        (project(SmsProject::default().with_tenant_id("demo")), "tenant_id"),
        (project(SmsProject::default().with_api_token("a\nb")), "api_token"),
        (project(SmsProject::default().with_callback_url("https://localhost/")), "callback_url"),
        (project(SmsProject::default().with_callback_url("/callback")), "callback_url"),
        (SimConfig::default().with_public_url("localhost:8081"), "public_url"),
        (SimConfig::default().with_push_accounts([account]), "required_texts"),
    ] {
        match Sim::start(config).await {
            Err(error @ SimError::InvalidSetting { setting, .. }) => {
                assert_eq!(setting, expected);
                assert!(error.to_string().starts_with(expected), "{error}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn equal_seeds_produce_equal_ids() {
    let config = SimConfig::default().with_seed(7);
    let (one, two) = (start(config.clone()).await, start(config).await);
    let id = async |bench: &crate::support::Bench| bench.send(NUMBER, &[]).await["id"].clone();
    assert_eq!(id(&one).await, id(&two).await);
    assert_ne!(id(&one).await, id(&start(SimConfig::default()).await).await);
}
