//! Shared by all tests: a running simulator with an HTTP client.

use std::time::Duration;

use karaden_sim::{ClockMode, Sim, SimConfig};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// The tenant of the default configuration.
pub(crate) const TENANT: &str = "159bfd33-b9b7-f424-4755-c119b324591d";
/// An ordinary number, not a magic one.
pub(crate) const NUMBER: &str = "09012345678";

/// A simulator and a client that follows no redirects.
pub(crate) struct Bench {
    pub(crate) sim: Sim,
    pub(crate) client: Client,
}

pub(crate) async fn start(config: SimConfig) -> Bench {
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(Duration::from_secs(20))
        .no_proxy()
        .build()
        .unwrap();
    Bench { sim: Sim::start(config).await.unwrap(), client }
}

/// A configuration with a manual clock that starts at 2026-01-01T09:00:00+09:00, and random ids.
pub(crate) fn manual() -> SimConfig {
    SimConfig::default().with_clock(ClockMode::manual())
}

impl Bench {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.sim.url()))
    }

    /// Makes a request to the SMS API that passes all common checks.
    pub(crate) fn sms(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/api/{TENANT}{path}"))
            .bearer_auth("demo-token")
            .header("Karaden-Version", "2024-03-01")
    }

    pub(crate) async fn send_raw(&self, fields: &[(&str, &str)]) -> Response {
        self.sms(Method::POST, "/messages").form(fields).send().await.unwrap()
    }

    /// Sends one message and returns it.
    pub(crate) async fn send(&self, to: &str, more: &[(&str, &str)]) -> Value {
        let mut fields = vec![("service_id", "1"), ("to", to), ("body", "認証コード 123456")];
        fields.extend(more);
        ok(self.send_raw(&fields).await).await
    }

    pub(crate) async fn message(&self, id: &str) -> Value {
        ok(self.sms(Method::GET, &format!("/messages/{id}")).send().await.unwrap()).await
    }

    pub(crate) async fn list(&self, query: &[(&str, &str)]) -> Value {
        ok(self.sms(Method::GET, "/messages").query(query).send().await.unwrap()).await
    }

    /// Makes a push call with both secrets and returns its response.
    pub(crate) async fn push(&self, operation: &str, fields: &[(&str, &str)]) -> Value {
        let mut all = vec![("Token", "demo-push"), ("SecurityCode", "demo-code")];
        all.extend(fields);
        let path = format!("/v2/{operation}.json");
        let request = if operation.contains("inquiry") {
            self.request(Method::GET, &path).query(&all)
        } else {
            self.request(Method::POST, &path).form(&all)
        };
        ok(request.send().await.unwrap()).await
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        ok(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Response {
        self.request(Method::PUT, path).json(body).send().await.unwrap()
    }

    pub(crate) async fn fault(&self, fault: Value) {
        let response = self.put("/faults", &fault).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }
}

/// Returns the JSON of a response, whose status must be 200.
pub(crate) async fn ok(response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}
