//! The SMS API: order of checks, errors word for word, versions, filters, paging, reservations.

use std::time::Duration;

use crate::support::{Bench, NUMBER, TENANT, manual, start};
use karaden_sim::{Absent, ApiVersion, Quirks, SimConfig, SmsProject};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// Status, code and message of an error response, whose `errors` must be null.
async fn error(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["object"], "error", "{body}");
    assert!(body["errors"].is_null(), "{body}");
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (status, text("code"), text("message"))
}

fn is(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}

fn invalid_version() -> (u16, String, String) {
    is(400, "invalid_version", "不正なバージョンが指定されています")
}

fn unauthenticated() -> (u16, String, String) {
    is(401, "unauthentication", "認証に失敗しました、指定されているトークンは利用できません")
}

fn invalid_tenant() -> (u16, String, String) {
    is(400, "invalid_tenant", "不正なテナントIDが指定されています")
}

fn not_found() -> (u16, String, String) {
    is(
        404,
        "model_not_found",
        "対象となるモデルが見つかりませんでした、または指定されたトークンでは操作できない可能性があります。",
    )
}

fn can_not_cancel() -> (u16, String, String) {
    is(
        400,
        "can_not_cancel_message",
        "メッセージのキャンセルができません、予約投稿のメッセージは開始5分前までキャンセル可能です。",
    )
}

#[tokio::test]
async fn checks_run_in_order_version_bearer_tenant_object_validation() {
    let bench = start(SimConfig::default()).await;
    let other_tenant = "00000000-0000-0000-0000-000000000000";
    let post = |tenant: &str, version: Option<&str>, token: &str, service: &str| {
        let request = bench
            .request(Method::POST, &format!("/api/{tenant}/messages"))
            .bearer_auth(token)
            .form(&[("service_id", service), ("to", "not a number")]);
        match version {
            Some(version) => request.header("Karaden-Version", version),
            None => request,
        }
        .send()
    };
    let good = Some("2024-03-01");
    // Each request also fails all later checks.
    for version in [None, Some("2022-01-01"), Some("2024-03-02"), Some("")] {
        let response = post(other_tenant, version, "wrong", "2").await.unwrap();
        assert_eq!(error(response).await, invalid_version(), "{version:?}");
    }
    let response = post(other_tenant, good, "wrong", "2").await.unwrap();
    assert_eq!(error(response).await, unauthenticated());
    for tenant in [other_tenant, "nonsense"] {
        let response = post(tenant, good, "demo-token", "2").await.unwrap();
        assert_eq!(error(response).await, invalid_tenant());
    }
    let response = post(TENANT, good, "demo-token", "2").await.unwrap();
    assert_eq!(error(response).await, not_found());
    let response = post(TENANT, good, "demo-token", "1").await.unwrap();
    assert_eq!(response.status(), 422);
}

#[tokio::test]
async fn a_quirk_sets_the_version_of_requests_without_one() {
    let quirks = Quirks::default().with_default_version(ApiVersion::V20230101);
    let bench = start(SimConfig::default().with_quirks(quirks)).await;
    let response = bench
        .request(Method::GET, &format!("/api/{TENANT}/messages"))
        .bearer_auth("demo-token")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn every_request_needs_a_bearer_token() {
    let bench = start(SimConfig::default()).await;
    for header in [None, Some("demo-token"), Some("Basic demo-token"), Some("Bearer demo-toke")] {
        let mut request = bench
            .request(Method::GET, &format!("/api/{TENANT}/messages"))
            .header("Karaden-Version", "2024-03-01");
        if let Some(header) = header {
            request = request.header("Authorization", header);
        }
        assert_eq!(error(request.send().await.unwrap()).await, unauthenticated(), "{header:?}");
    }
}

#[tokio::test]
async fn all_invalid_fields_are_reported_together() {
    let bench = start(manual()).await;
    let too_far = "2026-02-01T00:00:01+09:00"; // 30 days and some hours ahead
    let response = bench
        .send_raw(&[
            ("service_id", "one"),
            ("to", "0901234567"),
            ("is_shorten", "maybe"),
            ("scheduled_at", too_far),
            ("limited_at", "soon"),
        ])
        .await;
    assert_eq!(response.status(), 422);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], "validation_error");
    assert_eq!(body["message"], "バリデーションエラーが発生しました");
    let mut fields: Vec<_> = body["errors"].as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["body", "is_shorten", "limited_at", "scheduled_at", "service_id", "to"]);
    assert!(body["errors"]["to"][0].is_string());
}

#[tokio::test]
async fn fields_are_accepted_up_to_their_limits() {
    let bench = start(manual()).await;
    let status = async |more: &[(&str, &str)]| {
        let mut form = vec![("service_id", "1"), ("to", NUMBER), ("body", "x")];
        for (name, value) in more {
            form.retain(|(known, _)| known != name);
            form.push((name, value));
        }
        bench.send_raw(&form).await.status().as_u16()
    };
    let (fits, too_long) = ("あ".repeat(660), "あ".repeat(661));
    // The service's unit is not public; characters are the most tolerant one.
    let (fits_in_pairs, too_long_in_pairs) = ("😀".repeat(660), "😀".repeat(661));
    for (field, good, bad) in [
        ("to", "09012345678", "090123456789"),
        ("to", "02012345678", "090-1234-567"),
        ("body", fits.as_str(), too_long.as_str()),
        ("body", &fits_in_pairs, &too_long_in_pairs),
        ("body", "x", ""),
        ("service_id", "1", "0"),
        ("service_id", "1", "-1"),
        ("is_shorten", "true", "yes"),
        ("is_shorten", "0", "TRUE"),
        ("scheduled_at", "2026-01-31T09:00:00+09:00", "2026-01-31T09:00:01+09:00"),
        ("scheduled_at", "2026-01-02T00:00:00Z", "2026-01-02"),
        ("limited_at", "2026-01-02T00:00:00.5+09:00", "later"),
    ] {
        assert_eq!(status(&[(field, good)]).await, 200, "{field}={good}");
        assert_eq!(status(&[(field, bad)]).await, 422, "{field}={bad}");
    }
}

#[tokio::test]
async fn each_version_has_its_own_fields() {
    let bench = start(SimConfig::default()).await;
    let sent = bench.send(NUMBER, &[]).await;
    let path = format!("/api/{TENANT}/messages/{}", sent["id"].as_str().unwrap());
    for (version, clicked, error) in
        [("2023-01-01", false, false), ("2023-12-01", true, false), ("2024-03-01", true, true)]
    {
        let request = bench.request(Method::GET, &path).bearer_auth("demo-token");
        let message =
            crate::support::ok(request.header("Karaden-Version", version).send().await.unwrap())
                .await;
        assert_eq!(message.get("is_shorten_clicked").is_some(), clicked, "{version}");
        assert_eq!(message.get("error").is_some(), error, "{version}");
    }
}

#[tokio::test]
async fn fields_without_a_value_are_null_or_omitted() {
    let bench = start(manual()).await;
    let sent = bench.send("09000000002", &[]).await;
    let id = sent["id"].as_str().unwrap();
    let names = ["scheduled_at", "limited_at", "received_at", "is_shorten_clicked", "error"];
    let message = bench.message(id).await;
    assert!(names.iter().all(|name| message.get(name) == Some(&Value::Null)), "{message}");
    bench.sim.set_quirks(Quirks::default().with_absent(Absent::Omit));
    let message = bench.message(id).await;
    assert!(names.iter().all(|name| message.get(name).is_none()), "{message}");
}

#[tokio::test]
async fn a_message_has_the_fields_that_were_sent() {
    let bench = start(manual()).await;
    for tags in [["tags[]", "tags[]"], ["tags[0]", "tags[1]"]] {
        let sent = bench
            .send(
                NUMBER,
                &[
                    (tags[0], "a"),
                    (tags[1], "b c"),
                    ("scheduled_at", "2026-01-01T01:00:00Z"),
                    ("limited_at", "2026-01-01T11:00:00+09:00"),
                ],
            )
            .await;
        assert_eq!(sent["tags"], json!(["a", "b c"]));
        assert_eq!(sent["scheduled_at"], "2026-01-01T10:00:00+09:00");
        assert_eq!(sent["limited_at"], "2026-01-01T11:00:00+09:00");
        assert_eq!(sent["created_at"], "2026-01-01T09:00:00+09:00");
        assert_eq!((&sent["service_id"], &sent["billing_address_id"]), (&json!(1), &json!(1)));
        assert_eq!((&sent["result"], &sent["sent_result"]), (&json!("processing"), &json!("none")));
        assert_eq!(sent["carrier"], "checking");
    }
}

#[tokio::test]
async fn parts_are_charged_when_the_message_is_sent() {
    let bench = start(SimConfig::default()).await;
    for (length, expected) in [(70, 1), (71, 2), (660, 10)] {
        let sent = bench
            .send_raw(&[("service_id", "1"), ("to", NUMBER), ("body", &"あ".repeat(length))])
            .await;
        let sent = crate::support::ok(sent).await;
        assert_eq!(sent["charged_count_per_sent"], 0);
        let message = bench.message(sent["id"].as_str().unwrap()).await;
        assert_eq!(message["charged_count_per_sent"], expected, "{length}");
        assert!(message["charged_at"].is_string());
    }
}

async fn ids(bench: &Bench, query: &[(&str, &str)]) -> Vec<String> {
    let list = bench.list(query).await;
    assert_eq!(list["object"], "list");
    let id = |message: &Value| message["id"].as_str().unwrap().to_owned();
    list["data"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn pages_contain_each_message_once_newest_first() {
    let bench = start(SimConfig::default()).await;
    let mut sent = Vec::new();
    for _ in 0..45 {
        sent.push(bench.send(NUMBER, &[]).await["id"].as_str().unwrap().to_owned());
    }
    sent.reverse();
    let mut seen = Vec::new();
    for page in ["1", "2", "3"] {
        let list = bench.list(&[("page", page)]).await;
        assert_eq!(list["has_more"], json!(page != "3"));
        seen.extend(ids(&bench, &[("page", page)]).await);
    }
    assert_eq!(seen, sent);
    assert_eq!(ids(&bench, &[("page", "4")]).await, Vec::<String>::new());
    assert_eq!(ids(&bench, &[("per_page", "100")]).await, sent);
    let exact = bench.list(&[("per_page", "45")]).await;
    assert_eq!(exact["has_more"], json!(false));
    for bad in [("per_page", "101"), ("per_page", "0"), ("page", "0"), ("page", "x")] {
        let response = bench.sms(Method::GET, "/messages").query(&[bad]).send().await.unwrap();
        assert_eq!(response.status(), 422, "{bad:?}");
    }
}

#[tokio::test]
async fn every_filter_selects_its_messages() {
    let services = SmsProject::default().with_service_ids([1, 7]);
    let bench = start(manual().with_projects([services])).await;
    let id = |message: Value| message["id"].as_str().unwrap().to_owned();
    let plain = id(bench.send(NUMBER, &[]).await);
    bench.sim.advance(Duration::from_secs(60)).unwrap();
    let tagged = id(bench.send("08011112222", &[("tags[]", "x"), ("tags[]", "y")]).await);
    let lost = id(bench.send("09000000002", &[]).await);
    let failed = id(bench.send("09000000007", &[]).await);
    let reserved = id(bench.send(NUMBER, &[("scheduled_at", "2026-01-05T00:00:00Z")]).await);
    let other = bench.send_raw(&[("service_id", "7"), ("to", "07011112222"), ("body", "x")]).await;
    let other = id(crate::support::ok(other).await);

    for (query, expected) in [
        (&[("tag", "y")][..], vec![&tagged]),
        (&[("tag", "z")], vec![]),
        (&[("to", NUMBER)], vec![&reserved, &plain]),
        (&[("to", NUMBER), ("tag", "x")], vec![]),
        (&[("to", "nonsense")], vec![]),
        (&[("service_id", "7")], vec![&other]),
        (&[("status", "waiting")], vec![&reserved]),
        (&[("status", "error")], vec![&failed]),
        (&[("status", "done")], vec![&other, &lost, &tagged, &plain]),
        (&[("result", "processing")], vec![&reserved]),
        (&[("sent_result", "unconnected")], vec![&lost]),
        (&[("sent_result", "none")], vec![&reserved, &failed]),
        (&[("end_at", "2026-01-01T09:00:00+09:00")], vec![&plain]),
        // As the vendor's Python SDK writes it.
        (&[("end_at", "2026-01-01 09:00:00")], vec![&plain]),
        (
            &[("start_at", "2026-01-01T09:00:01+09:00"), ("sent_result", "received")],
            vec![&other, &tagged],
        ),
    ] {
        let found = ids(&bench, query).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query:?}");
    }
    for bad in [("status", "processing_error"), ("result", "x"), ("start_at", "x")] {
        let response = bench.sms(Method::GET, "/messages").query(&[bad]).send().await.unwrap();
        assert_eq!(response.status(), 422, "{bad:?}");
    }
}

#[tokio::test]
async fn a_reservation_can_be_cancelled_until_five_minutes_before() {
    let bench = start(manual()).await;
    let cancel = async |id: &str| {
        bench.sms(Method::POST, &format!("/messages/{id}/cancel")).send().await.unwrap()
    };
    let id = async |at: &str| {
        let sent = bench.send(NUMBER, &[("scheduled_at", at)]).await;
        sent["id"].as_str().unwrap().to_owned()
    };
    let (early, late) =
        (id("2026-01-01T09:10:00+09:00").await, id("2026-01-01T09:09:59+09:00").await);
    bench.sim.advance(Duration::from_secs(5 * 60)).unwrap();
    let canceled = crate::support::ok(cancel(&early).await).await;
    assert_eq!((&canceled["status"], &canceled["result"]), (&json!("canceled"), &json!("done")));
    assert_eq!(canceled["updated_at"], "2026-01-01T09:05:00+09:00");
    assert_eq!(error(cancel(&early).await).await, can_not_cancel());
    assert_eq!(error(cancel(&late).await).await, can_not_cancel());

    let immediate = bench.send(NUMBER, &[]).await;
    let immediate = immediate["id"].as_str().unwrap();
    assert_eq!(error(cancel(immediate).await).await, can_not_cancel());
    assert_eq!(error(cancel(TENANT).await).await, not_found());

    bench.sim.advance(Duration::from_secs(60 * 60)).unwrap();
    assert_eq!(bench.message(&early).await["sent_result"], "none");
    assert_eq!(bench.message(&late).await["sent_result"], "received");
    assert_eq!(bench.sim.inbox(None).len(), 2);
}

#[tokio::test]
async fn a_message_of_another_project_is_not_found() {
    let second = SmsProject::default().with_api_token("second");
    let projects = vec![SmsProject::default(), second];
    let bench = start(SimConfig::default().with_projects(projects)).await;
    let sent = bench.send(NUMBER, &[("tags[]", "x")]).await;
    let get = |path: String| {
        bench
            .request(Method::GET, &format!("/api/{TENANT}{path}"))
            .bearer_auth("second")
            .header("Karaden-Version", "2024-03-01")
            .send()
    };
    let response = get(format!("/messages/{}", sent["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(error(response).await, not_found());
    let list = crate::support::ok(get("/messages?tag=x".to_owned()).await.unwrap()).await;
    assert_eq!(list["data"], json!([]));
    for unknown in ["nonsense", TENANT] {
        let response =
            bench.sms(Method::GET, &format!("/messages/{unknown}")).send().await.unwrap();
        assert_eq!(error(response).await, not_found());
    }
}

#[tokio::test]
async fn short_urls_replace_links_and_count_clicks() {
    let bench = start(SimConfig::default()).await;
    let form = [
        ("service_id", "1"),
        ("to", NUMBER),
        ("body", "https://example.jp/long/path をご覧ください"),
        ("is_shorten", "true"),
    ];
    let sent = crate::support::ok(bench.send_raw(&form).await).await;
    assert_eq!((&sent["is_shorten"], &sent["is_shorten_clicked"]), (&json!(true), &json!(false)));
    let body = sent["body"].as_str().unwrap().to_owned();
    let key = body.strip_prefix("https://kps.ms/").unwrap().split(' ').next().unwrap().to_owned();
    assert_eq!(key.len(), 7, "{body}");
    let click = bench.request(Method::GET, &format!("/s/{key}")).send().await.unwrap();
    assert_eq!(click.status(), 200);
    let message = bench.message(sent["id"].as_str().unwrap()).await;
    assert_eq!(message["is_shorten_clicked"], json!(true));
    let unknown = bench.request(Method::GET, "/s/AAAAAAA").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn the_history_is_limited_and_drops_the_oldest() {
    let bench = start(SimConfig::default().with_history(3)).await;
    let mut sent = Vec::new();
    for tag in ["a", "b", "c", "d", "e"] {
        sent.push(bench.send(NUMBER, &[("tags[]", tag)]).await["id"].as_str().unwrap().to_owned());
    }
    for gone in &sent[..2] {
        let response = bench.sms(Method::GET, &format!("/messages/{gone}")).send().await.unwrap();
        assert_eq!(error(response).await, not_found());
    }
    let kept: Vec<_> = sent[2..].iter().rev().cloned().collect();
    assert_eq!(ids(&bench, &[]).await, kept);
    assert_eq!(ids(&bench, &[("to", NUMBER)]).await, kept);
    assert_eq!(ids(&bench, &[("tag", "a")]).await, Vec::<String>::new());
    assert_eq!(ids(&bench, &[("tag", "c")]).await, kept[2..]);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_errors_in_json() {
    let bench = start(SimConfig::default()).await;
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::DELETE, "/messages", 405),
        (Method::PUT, "/messages/bulks/files", 405),
    ] {
        let response = bench.sms(method, path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.json::<Value>().await.unwrap()["object"], "error");
    }
    let huge = "x".repeat(300 * 1024);
    assert_eq!(bench.send_raw(&[("body", &huge)]).await.status(), 413);
}

#[tokio::test]
async fn only_the_formats_of_the_vendors_sdks_are_read() {
    let bench = start(SimConfig::default()).await;
    let message = bench.send(NUMBER, &[("tags", "a"), ("tags[]", "b"), ("tags[1]", "c")]).await;
    assert_eq!(message["tags"], json!(["b", "c"]));
    let slash = bench.sms(Method::GET, "/messages/").send().await.unwrap();
    assert_eq!(slash.status(), 404);
    let form = format!("service_id=1&to={NUMBER}&body=x");
    let request = bench.sms(Method::POST, "/messages").body(form);
    let untyped = request.header("Content-Type", "text/plain").send().await.unwrap();
    assert_eq!(untyped.status(), 422);
}

#[tokio::test]
async fn a_service_setting_can_shorten_by_default() {
    let project = SmsProject::default().with_is_shorten(true);
    let bench = start(SimConfig::default().with_projects([project])).await;
    assert_eq!(bench.send(NUMBER, &[]).await["is_shorten"], true);
    assert_eq!(bench.send(NUMBER, &[("is_shorten", "false")]).await["is_shorten"], false);
}

#[tokio::test]
async fn a_quirk_removes_object_from_errors() {
    let bench = start(SimConfig::default()).await;
    bench.sim.set_quirks(Quirks::default().with_error_without_object(true));
    let response = bench.send_raw(&[("service_id", "1")]).await;
    assert_eq!(response.status(), 422);
    let error: Value = response.json().await.unwrap();
    assert_eq!((error.get("object"), &error["code"]), (None, &json!("validation_error")));
}

#[tokio::test]
async fn a_422_fault_names_a_field() {
    let bench = start(SimConfig::default()).await;
    bench.fault(json!({"mode": "422", "count": 1})).await;
    let error: Value = bench.send_raw(&[]).await.json().await.unwrap();
    assert!(error["errors"]["body"].is_array(), "{error}");
}

#[tokio::test]
async fn the_size_of_one_message_is_limited() {
    let bench = start(SimConfig::default()).await;
    let tag = "x".repeat(40_000);
    let form = [("service_id", "1"), ("to", NUMBER), ("body", "x"), ("tags[]", &tag)];
    assert_eq!(bench.send_raw(&form).await.status(), 413);
}

#[tokio::test]
async fn the_fields_of_a_message_come_in_the_documented_order() {
    let bench = start(manual()).await;
    let sent = bench.send("09000000001", &[("tags[]", "a")]).await;
    let id = sent["id"].as_str().unwrap();
    let get = bench.sms(Method::GET, &format!("/messages/{id}")).send().await.unwrap();
    let date = "2026-01-01T09:00:00+09:00";
    let expected = format!(
        r#"{{"id":"{id}","object":"message","service_id":1,"billing_address_id":1,"#
    ) + r#""to":"09000000001","body":"認証コード 123456","tags":["a"],"is_shorten":false,"#
        + r#""is_shorten_clicked":null,"result":"done","status":"done","sent_result":"received","#
        + r#""carrier":"docomo","charged_count_per_sent":1,"error":null,"scheduled_at":null,"#
        + &format!(r#""limited_at":null,"sent_at":"{date}","received_at":"{date}","#)
        + &format!(r#""charged_at":"{date}","created_at":"{date}","updated_at":"{date}"}}"#);
    assert_eq!(get.text().await.unwrap(), expected);
}

#[tokio::test]
async fn the_last_days_of_the_calendar_can_be_a_deadline() {
    let bench = start(manual()).await;
    let last = "9999-12-31T00:00:00+09:00";
    assert_eq!(bench.send(NUMBER, &[("limited_at", last)]).await["limited_at"], last);
}
