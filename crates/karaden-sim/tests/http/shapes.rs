//! Requests to the simulator's own endpoints whose shapes differ from `openapi.yaml` are 400 and change nothing.

use karaden_sim::SimConfig;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{NUMBER, start};

/// Each endpoint with a JSON body, and a right one.
fn endpoints() -> [(Method, &'static str, Value); 6] {
    [
        (Method::PUT, "/faults", json!({"mode": "500", "count": 1})),
        (Method::POST, "/faults", json!({"mode": "500", "count": null})),
        (Method::PUT, "/quirks", json!({"absent": "null", "default_version": null})),
        (Method::PUT, "/delivery", json!({"mode": "late", "changed_hands_on": null})),
        (Method::POST, "/clock", json!({"advance_ms": 1})),
        (Method::PUT, "/clock", json!({"now": "2027-01-01T00:00:00+09:00"})),
    ]
}

async fn status(bench: &crate::support::Bench, method: &Method, path: &str, body: &str) -> u16 {
    let request = bench.request(method.clone(), path).body(body.to_owned());
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_is_no_object_is_refused() {
    let bench = start(crate::support::manual()).await;
    for (method, path, right) in endpoints() {
        let values = Value::Array(right.as_object().unwrap().values().cloned().collect());
        let is_list = (&method, path) == (&Method::PUT, "/faults");
        for wrong in [
            values.to_string(),
            format!("[{values}]"),
            "[[]]".to_owned(),
            "[null]".to_owned(),
            if is_list { "[1]" } else { "[]" }.to_owned(),
            format!("{right} {right}"),
            "null".to_owned(),
            "true".to_owned(),
            "1".to_owned(),
            "\"{}\"".to_owned(),
            String::new(),
            "{".to_owned(),
            r#"{"unknown":1}"#.to_owned(),
        ] {
            assert_eq!(status(&bench, &method, path, &wrong).await, 400, "{path} {wrong}");
        }
        assert_eq!(status(&bench, &method, path, &right.to_string()).await, 200, "{path}");
    }
}

#[tokio::test]
async fn each_field_has_its_type() {
    let bench = start(crate::support::manual()).await;
    let others =
        [json!(null), json!(true), json!(-1), json!(0.5), json!("no"), json!([]), json!({})];
    for (method, path, fields) in [
        (
            Method::PUT,
            "/faults",
            &[
                "mode",
                "count?",
                "api",
                "operation",
                "to",
                "tag",
                "retry_after",
                "delay_ms",
                "status",
                "location",
            ][..],
        ),
        (
            Method::PUT,
            "/quirks",
            &[
                "absent",
                "default_version?",
                "push_numbers",
                "push_no_carrier",
                "push_empty_carrier",
                "push_empty_result",
                "push_unknown",
                "push_single_untracked",
                "bulk_never_ready",
                "upload_expired",
                "hostile_file_name",
                "callback_twice",
                "error_without_object",
            ],
        ),
        (
            Method::PUT,
            "/delivery",
            &[
                "mode",
                "sent_after_ms",
                "result_after_ms",
                "late_after_ms",
                "bulk_after_ms",
                "changed_hands_on?",
            ],
        ),
        (Method::POST, "/clock", &["advance_ms"]),
        (Method::PUT, "/clock", &["now"]),
    ] {
        let before = bench.get_json(path).await;
        for field in fields {
            let name = field.trim_end_matches('?');
            for other in &others {
                let is_boolean = [
                    "push_n", "push_e", "push_s", "bulk_n", "upload", "hostile", "callback",
                    "error_",
                ]
                .iter()
                .any(|start| name.starts_with(start));
                let fits = match other {
                    Value::Null => field.ends_with('?'),
                    Value::Bool(_) => is_boolean,
                    Value::String(_) => ["to", "tag", "location"].contains(&name),
                    _ => false,
                };
                if fits {
                    continue;
                }
                let mut body = json!({name: other});
                if path == "/faults" && name != "mode" {
                    body["mode"] = json!("500");
                }
                let body = body.to_string();
                assert_eq!(status(&bench, &method, path, &body).await, 400, "{path} {body}");
            }
        }
        assert_eq!(bench.get_json(path).await, before, "{path}");
    }
}

#[tokio::test]
async fn a_word_is_a_string_and_a_status_is_one_that_ends_an_exchange() {
    let bench = start(SimConfig::default()).await;
    for (path, body) in [
        ("/delivery", json!({"mode": {"hold": null}})),
        ("/quirks", json!({"absent": {"omit": null}})),
        ("/quirks", json!({"push_unknown": {"4": null}})),
        ("/quirks", json!({"default_version": {"2024-03-01": null}})),
        ("/faults", json!({"mode": "500", "api": {"sms": null}})),
        ("/faults", json!({"mode": "500", "operation": {"send": null}})),
        ("/faults", json!({"mode": "slowly"})),
        ("/faults", json!({"mode": 500})),
        ("/faults", json!({"mode": "+500"})),
        ("/faults", json!({"mode": "html", "status": 100})),
        ("/faults", json!({"mode": "redirect", "status": 600})),
        ("/faults", json!({"mode": "500", "cuont": 1})),
    ] {
        let response = bench.put(path, &body).await;
        assert_eq!(response.status(), 400, "{path} {body}");
        assert!(!response.text().await.unwrap().is_empty());
    }
    let form = [("service_id", "1"), ("to", NUMBER), ("body", "x")];
    assert_eq!(bench.send_raw(&form).await.status(), 200, "no fault is in force");
}

#[tokio::test]
async fn the_query_of_the_inbox_is_checked() {
    let bench = start(SimConfig::default()).await;
    for (query, status) in [
        ("all=1", 200),
        ("all=false", 200),
        ("all=yes", 400),
        ("all=", 400),
        ("wait_ms=0", 200),
        ("wait_ms=", 400),
        ("wait_ms=-1", 400),
        ("wait_ms=+1", 400),
        ("wait_ms=1.5", 400),
        ("wait_ms=soon", 400),
    ] {
        let path = format!("/inbox.json?{}", query.replace('+', "%2B"));
        let response = bench.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), status, "{query}");
    }
}

#[tokio::test]
async fn the_send_list_of_the_push_api_is_no_array_of_values() {
    let bench = start(SimConfig::default()).await;
    for (body, status) in [
        (json!(["demo-push", "demo-code", "1", [{"phonenumber": NUMBER}]]), "999"),
        (
            json!({"token": "demo-push", "securitycode": "demo-code", "type": "1", "list": [[NUMBER]]}),
            "999",
        ),
        (
            json!({"token": "demo-push", "securitycode": "demo-code", "type": "1",
            "list": [{"phonenumber": NUMBER, "status": "1"}]}),
            "100",
        ),
    ] {
        let request = bench.request(Method::POST, "/v2/karadensetfilter.json").json(&body);
        let said = crate::support::ok(request.send().await.unwrap()).await;
        assert_eq!(said["status"], status, "{body}");
    }
}
