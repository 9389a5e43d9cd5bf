//! Which methods a path has: the others are 405 with `Allow`, HEAD is GET without the body, and OPTIONS lists them.

use karaden_sim::SimConfig;
use reqwest::Method;
use serde_json::Value;

use crate::support::{Bench, TENANT, start};

const ID: &str = "82bdf9de-a532-4bf5-86bc-c9a1366e5f4a";
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"];

/// Each path and its `Allow`.
fn paths() -> Vec<(String, &'static str)> {
    let api = |path: &str| format!("/api/{TENANT}/messages{path}");
    let mut paths = vec![
        (api(""), "POST, GET, HEAD, OPTIONS"),
        (api(&format!("/{ID}")), "GET, HEAD, OPTIONS"),
        (api(&format!("/{ID}/cancel")), "POST, OPTIONS"),
        (api("/bulks"), "POST, OPTIONS"),
        (api("/bulks/files"), "POST, OPTIONS"),
        (api(&format!("/bulks/{ID}")), "GET, HEAD, OPTIONS"),
        (api(&format!("/bulks/{ID}/messages")), "GET, HEAD, OPTIONS"),
        (format!("/storage/uploads/{ID}"), "PUT, OPTIONS"),
        (format!("/storage/results/{ID}"), "GET, HEAD, OPTIONS"),
    ];
    for (path, allow) in [
        ("/v2/karadenqueue.json", "POST, OPTIONS"),
        ("/v2//sepakaradenqueue.json", "POST, OPTIONS"),
        ("/v2/karadeninquiry.json", "GET, HEAD, OPTIONS"),
        ("/v2/karadeninquiry_tr.json", "GET, HEAD, OPTIONS"),
        ("/v2/karadensetfilter.json", "POST, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/assets/inbox.css", "GET, HEAD, OPTIONS"),
        ("/s/abcdefg", "GET, HEAD, OPTIONS"),
        ("/inbox.json", "GET, HEAD, DELETE, OPTIONS"),
        ("/inbox/events", "GET, HEAD, OPTIONS"),
        ("/inbox/message", "POST, OPTIONS"),
        ("/inbox/delivery", "POST, OPTIONS"),
        ("/inbox/fault", "POST, OPTIONS"),
        ("/inbox/clock", "POST, OPTIONS"),
        ("/inbox/clear", "POST, OPTIONS"),
        ("/faults", "GET, HEAD, PUT, POST, DELETE, OPTIONS"),
        ("/quirks", "GET, HEAD, PUT, OPTIONS"),
        ("/delivery", "GET, HEAD, PUT, OPTIONS"),
        ("/clock", "GET, HEAD, POST, PUT, OPTIONS"),
        ("/reset", "POST, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
    ] {
        paths.push((path.to_owned(), allow));
    }
    paths
}

fn allow(response: &reqwest::Response) -> Option<&str> {
    response.headers().get("allow").map(|allow| allow.to_str().unwrap())
}

async fn request(bench: &Bench, method: &str, path: &str) -> reqwest::Response {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    bench.request(method, path).send().await.unwrap()
}

#[tokio::test]
async fn another_method_is_405_and_says_which_there_are() {
    let bench = start(SimConfig::default()).await;
    for (path, expected) in paths() {
        for method in
            METHODS.into_iter().filter(|method| !expected.split(", ").any(|m| m == *method))
        {
            let response = request(&bench, method, &path).await;
            assert_eq!(response.status(), 405, "{method} {path}");
            assert_eq!(allow(&response), Some(expected), "{method} {path}");
        }
    }
    let response = request(&bench, "DELETE", &format!("/api/{TENANT}/messages")).await;
    assert_eq!(response.json::<Value>().await.unwrap()["object"], "error");
}

#[tokio::test]
async fn options_lists_the_methods_and_changes_nothing() {
    let bench = start(SimConfig::default()).await;
    for (path, expected) in paths() {
        let response = request(&bench, "OPTIONS", &path).await;
        assert_eq!((response.status().as_u16(), allow(&response)), (204, Some(expected)), "{path}");
    }
    assert_eq!(request(&bench, "OPTIONS", "/nothing").await.status(), 404);
    assert_eq!(bench.get_json("/faults").await["hits"], 0);
}

#[tokio::test]
async fn head_is_get_without_the_body_over_both_versions_of_http() {
    let bench = start(SimConfig::default()).await;
    let http2 = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    for path in
        ["/", "/inbox.json", "/assets/inbox.js", "/faults", "/quirks", "/healthz", "/nothing"]
    {
        let got = request(&bench, "GET", path).await;
        let (status, length) = (got.status(), got.content_length());
        assert!(length.is_some_and(|length| length > 0), "{path}");
        for client in [&bench.client, &http2] {
            let url = format!("{}{path}", bench.sim.url());
            let head = client.head(url).send().await.unwrap();
            assert_eq!(head.status(), status, "{path}");
            let stated = head.headers()["content-length"].to_str().unwrap().parse().ok();
            assert_eq!(stated, length, "{path}");
            assert_eq!(head.bytes().await.unwrap(), "", "{path}");
        }
    }
    let list = bench.sms(Method::HEAD, "/messages").send().await.unwrap();
    assert_eq!(list.status(), 200);
}
