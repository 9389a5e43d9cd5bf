//! Bulk sending, step by step.

use std::time::Duration;

use karaden_sim::{Quirks, SimConfig, SmsProject};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Bench, TENANT, manual, ok, start};

const CSV: &str = "service_id,to,body,tags,limited_at\r\n\
    1,09012345678,\"こんにちは, 世界\",a,\r\n\
    1,090,bad,,\r\n\
    1,09000000002,second,,\r\n";

async fn file(bench: &Bench) -> Value {
    ok(bench.sms(Method::POST, "/messages/bulks/files").send().await.unwrap()).await
}

async fn upload(bench: &Bench, url: &Value, content: &'static str) -> Response {
    let request = bench.client.put(url.as_str().unwrap()).header("Content-Type", "text/csv");
    request.body(content).send().await.unwrap()
}

async fn begin(bench: &Bench, file_id: &str) -> Response {
    let request = bench.sms(Method::POST, "/messages/bulks");
    request.form(&[("bulk_file_id", file_id)]).send().await.unwrap()
}

async fn get(bench: &Bench, path: &str) -> Response {
    bench.sms(Method::GET, path).send().await.unwrap()
}

/// Uploads, starts, and returns the id of the bulk send.
async fn run(bench: &Bench, content: &'static str) -> String {
    let file = file(bench).await;
    assert_eq!(upload(bench, &file["url"], content).await.status(), 200);
    let bulk = ok(begin(bench, file["id"].as_str().unwrap()).await).await;
    assert_eq!((&bulk["object"], &bulk["status"]), (&json!("bulk_message"), &json!("waiting")));
    bulk["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_bulk_send_goes_from_upload_to_result_file() {
    let mut config = manual();
    config.delivery.bulk_after = Duration::from_secs(20);
    let bench = start(config).await;
    let id = run(&bench, CSV).await;
    let state = async || ok(get(&bench, &format!("/messages/bulks/{id}")).await).await;
    let result = async || get(&bench, &format!("/messages/bulks/{id}/messages")).await;
    for (seconds, status, ready) in
        [(0, "waiting", 202), (10, "processing", 202), (10, "done", 302)]
    {
        bench.sim.advance(Duration::from_secs(seconds)).unwrap();
        assert_eq!(state().await["status"], status);
        assert_eq!(result().await.status(), ready, "{status}");
    }
    assert_eq!(state().await["updated_at"], "2026-01-01T09:00:20+09:00");

    let location = result().await.headers()["location"].to_str().unwrap().to_owned();
    let file = bench.client.get(&location).send().await.unwrap();
    assert_eq!(
        file.headers()["content-disposition"],
        "attachment;filename=\"messages_bulk-20260101090020.json\";\
         filename*=UTF-8''messages_bulk-20260101090020.json"
    );
    let text = file.text().await.unwrap();
    assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
    let rows: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!((&rows[0]["body"], &rows[0]["tags"]), (&json!("こんにちは, 世界"), &json!(["a"])));
    assert_eq!((&rows[1]["status"], &rows[1]["to"]), (&json!("processing_error"), &json!("090")));
    assert_eq!(
        rows[1]["error"],
        json!({
            "object": "error",
            "code": "validation_error",
            "message": "バリデーションエラーが発生しました",
            "errors": {"to": ["toには11桁の数字を指定してください。"]},
        })
    );
    assert_eq!(rows[2]["sent_result"], "unconnected");

    let message = bench.message(rows[0]["id"].as_str().unwrap()).await;
    assert_eq!(message["sent_at"], "2026-01-01T09:00:20+09:00");
    assert_eq!(bench.sim.inbox(None).len(), 1);
}

#[tokio::test]
async fn a_file_is_good_for_one_bulk_send() {
    let bench = start(SimConfig::default()).await;
    let file = file(&bench).await;
    upload(&bench, &file["url"], CSV).await;
    let id = file["id"].as_str().unwrap();
    assert_eq!(begin(&bench, id).await.status(), 200);
    let again = begin(&bench, id).await;
    assert_eq!(again.status(), 409);
    let body: Value = again.json().await.unwrap();
    assert_eq!(body["object"], "error");
    assert_eq!(upload(&bench, &file["url"], CSV).await.status(), 404);
}

#[tokio::test]
async fn an_invalid_file_ends_as_error_without_a_result() {
    let bench = start(SimConfig::default()).await;
    for content in
        ["", "to,body\r\n1,2\r\n", "service_id,to,body\r\n", "service_id,to,body\r\n1\r\n"]
    {
        let id = run(&bench, content).await;
        let state = ok(get(&bench, &format!("/messages/bulks/{id}")).await).await;
        assert_eq!(
            (&state["status"], &state["error"]["object"]),
            (&json!("error"), &json!("error"))
        );
        assert_eq!(get(&bench, &format!("/messages/bulks/{id}/messages")).await.status(), 202);
    }
    let empty = file(&bench).await;
    let bulk = ok(begin(&bench, empty["id"].as_str().unwrap()).await).await;
    let state = get(&bench, &format!("/messages/bulks/{}", bulk["id"].as_str().unwrap())).await;
    assert_eq!(ok(state).await["status"], "error");
}

#[tokio::test]
async fn an_unknown_id_is_404_and_a_missing_one_422() {
    let bench = start(SimConfig::default()).await;
    assert_eq!(begin(&bench, TENANT).await.status(), 404);
    assert_eq!(begin(&bench, "nonsense").await.status(), 404);
    assert_eq!(begin(&bench, "").await.status(), 422);
    for path in ["", "/messages"] {
        let response = get(&bench, &format!("/messages/bulks/{TENANT}{path}")).await;
        assert_eq!(response.status(), 404);
    }
}

#[tokio::test]
async fn the_storage_accepts_only_signed_urls() {
    let bench = start(manual()).await;
    let made = file(&bench).await;
    assert_eq!(made["expires_at"], "2026-01-01T09:15:00+09:00");
    let url = made["url"].as_str().unwrap();
    let put = async |url: &str, content_type: &str, token: Option<&str>| {
        let mut request = bench.client.put(url).header("Content-Type", content_type).body(CSV);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(put(url, "text/csv", Some("demo-token")).await, 400);
    assert_eq!(put(url, "application/json", None).await, 403);
    assert_eq!(put(&url.replace("expires=1", "expires=2"), "text/csv", None).await, 403);
    assert_eq!(put(url.split('?').next().unwrap(), "text/csv", None).await, 403);
    assert_eq!(put(&format!("{url}0"), "text/csv", None).await, 403);
    bench.sim.advance(Duration::from_millis(15 * 60 * 1_000 - 1)).unwrap();
    assert_eq!(put(url, "text/csv", None).await, 200);
    bench.sim.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(put(url, "text/csv", None).await, 403);
}

#[tokio::test]
async fn downloads_expire_and_need_no_token() {
    let bench = start(manual()).await;
    let id = run(&bench, CSV).await;
    let result = get(&bench, &format!("/messages/bulks/{id}/messages")).await;
    let location = result.headers()["location"].to_str().unwrap().to_owned();
    let fetch = |token: bool| {
        let request = bench.client.get(&location);
        if token { request.bearer_auth("demo-token") } else { request }.send()
    };
    assert_eq!(fetch(true).await.unwrap().status(), 400);
    assert_eq!(fetch(false).await.unwrap().status(), 200);
    bench.sim.advance(Duration::from_secs(15 * 60)).unwrap();
    assert_eq!(fetch(false).await.unwrap().status(), 403);
}

#[tokio::test]
async fn quirks_make_bulk_sends_fail() {
    let quirks = Quirks::default().with_bulk_never_ready(true).with_hostile_file_name(true);
    let bench = start(SimConfig::default().with_quirks(quirks)).await;
    let id = run(&bench, CSV).await;
    let path = format!("/messages/bulks/{id}/messages");
    assert_eq!(get(&bench, &path).await.status(), 202);
    bench.sim.set_quirks(Quirks::default().with_hostile_file_name(true));
    let location = get(&bench, &path).await.headers()["location"].to_str().unwrap().to_owned();
    let file = bench.client.get(location).send().await.unwrap();
    assert!(file.headers()["content-disposition"].to_str().unwrap().contains("../"));
    bench.sim.set_quirks(Quirks::default().with_upload_expired(true));
    let made = crate::bulk::file(&bench).await;
    assert_eq!(upload(&bench, &made["url"], CSV).await.status(), 403);
}

#[tokio::test]
async fn bulk_sending_needs_its_version_and_plan() {
    let bench = start(SimConfig::default()).await;
    let old = bench
        .request(Method::POST, &format!("/api/{TENANT}/messages/bulks/files"))
        .bearer_auth("demo-token")
        .header("Karaden-Version", "2023-12-01");
    assert_eq!(old.send().await.unwrap().status(), 404);
    let project = SmsProject::default().with_bulk(false);
    let bench = start(SimConfig::default().with_projects([project])).await;
    let response = bench.sms(Method::POST, "/messages/bulks/files").send().await.unwrap();
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn urls_start_with_the_public_url() {
    let config = SimConfig::default().with_public_url("http://sim.example:1/");
    let bench = start(config).await;
    let url = file(&bench).await["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://sim.example:1/storage/uploads/"), "{url}");
}

#[tokio::test]
async fn a_refused_row_has_its_fields_and_the_error_of_a_send() {
    const LINES: &str = "service_id,to,body,tags,is_shorten,limited_at\r\n\
                         2,09012345678,x,a,true,2026-02-01T00:00:00+09:00\r\n";
    let bench = start(manual()).await;
    let id = run(&bench, LINES).await;
    let found = get(&bench, &format!("/messages/bulks/{id}/messages")).await;
    let url = found.headers()["location"].to_str().unwrap();
    let rows = ok(bench.client.get(url).send().await.unwrap()).await;
    assert_eq!(rows[0]["status"], "processing_error");
    assert_eq!((&rows[0]["tags"], &rows[0]["is_shorten"]), (&json!(["a"]), &json!(true)));
    assert_eq!(rows[0]["limited_at"], "2026-02-01T00:00:00+09:00");
    assert_eq!(rows[0]["error"]["code"], "model_not_found");
    assert_eq!(rows[0]["error"]["errors"], Value::Null);
}
