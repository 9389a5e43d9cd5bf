//! Tests of the program `karaden-sim`: flags, defaults, clock, signals.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::process::Stdio;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

const TENANT: &str = "159bfd33-b9b7-f424-4755-c119b324591d";
const NUMBER: &str = "09012345678";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karaden-sim"));
    command.args(arguments).kill_on_drop(true);
    command
}

/// A running program and its URL.
struct Program {
    child: Child,
    url: String,
    client: Client,
}

impl Program {
    async fn start(arguments: &[&str]) -> Self {
        let mut command = command(&["--listen", "127.0.0.1:0"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        let url = first.strip_prefix("inbox").unwrap().trim().trim_end_matches('/').to_owned();
        Self { child, url, client: Client::builder().no_proxy().build().unwrap() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    fn sms(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/api/{TENANT}{path}"))
            .bearer_auth("demo-token")
            .header("Karaden-Version", "2024-03-01")
    }

    async fn send(&self) -> Value {
        let form = [("service_id", "1"), ("to", NUMBER), ("body", "認証コード 123456")];
        json_of(self.sms(Method::POST, "/messages").form(&form)).await
    }

    async fn queue(&self, more: &[(&str, &str)]) -> Value {
        let mut form = vec![("Token", "demo-push"), ("SecurityCode", "demo-code"), ("To", NUMBER)];
        form.extend(more);
        json_of(self.request(Method::POST, "/v2/karadenqueue.json").form(&form)).await["status"]
            .clone()
    }
}

async fn json_of(request: RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_defaults_serve_both_apis_and_the_inbox() {
    let program = Program::start(&[]).await;
    assert_eq!(program.send().await["object"], "message");
    assert_eq!(program.queue(&[("DocomoMessage", "x")]).await, "100");
    let arrived = async || json_of(program.request(Method::GET, "/inbox.json?all=1")).await;
    assert_eq!(arrived().await.as_array().unwrap().len(), 2);
    let page = program.request(Method::GET, "/").send().await.unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn runs_with_a_manual_clock_are_reproducible() {
    let run = async || {
        let program = Program::start(&["--clock", "manual"]).await;
        let accepted = program.send().await;
        let path = format!("/messages/{}", accepted["id"].as_str().unwrap());
        assert_eq!(json_of(program.sms(Method::GET, &path)).await["status"], "waiting");
        let advance = json!({"advance_ms": 1_000});
        json_of(program.request(Method::POST, "/clock").json(&advance)).await;
        let arrived = json_of(program.sms(Method::GET, &path)).await;
        assert_eq!(arrived["sent_result"], "received");
        (accepted, arrived)
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test]
async fn a_manual_clock_starts_at_the_given_instant() {
    let flags = ["--clock", "manual", "--start-at", "2027-04-01T00:00:00+09:00", "--seed", "7"];
    let program = Program::start(&flags).await;
    assert_eq!(program.send().await["created_at"], "2027-04-01T00:00:00+09:00");
}

#[tokio::test]
async fn every_contract_setting_has_a_flag() {
    let program = Program::start(&[
        "--push-tracking=eight-digits",
        "--push-list-rule=allow-only",
        "--push-required-text=RakutenMessage",
        "--push-single-limit=5",
        "--push-no-long-split",
        "--no-bulk",
        "--shorten",
    ])
    .await;
    let text = [("DocomoMessage", "x"), ("RakutenMessage", "x")];
    assert_eq!(program.queue(&text).await, "203");
    let list = json!({"token": "demo-push", "securitycode": "demo-code", "type": "1",
                      "list": [{"phonenumber": NUMBER, "status": "1"}]});
    let listed = program.request(Method::POST, "/v2/karadensetfilter.json").json(&list);
    assert_eq!(json_of(listed).await["status"], "100");
    assert_eq!(program.queue(&text).await, "100");
    assert_eq!(program.queue(&[text[0]]).await, "301");
    assert_eq!(program.queue(&[("RakutenMessage", "123456")]).await, "301");
    assert_eq!(program.queue(&[text[1], ("TrackingCode", "a")]).await, "205");
    let form =
        [("Token", "demo-push"), ("SecurityCode", "demo-code"), ("To", NUMBER), ("message1", "x")];
    let long = program.request(Method::POST, "/v2/sepakaradenqueue.json").form(&form);
    assert_eq!(json_of(long).await["status"], "209");
    let bulk = program.sms(Method::POST, "/messages/bulks/files").send().await.unwrap();
    assert_eq!(bulk.status(), 403);
    assert_eq!(program.send().await["is_shorten"], true);
}

#[tokio::test]
async fn an_address_beyond_loopback_needs_a_flag() {
    let output = command(&["--listen", "0.0.0.0:0"]).output().await.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--allow-non-loopback"), "{said}");
}

#[tokio::test]
async fn a_name_needs_a_flag_too() {
    for (flags, name, status) in [
        (&[][..], "sim", 421),
        (&["--host", "sim", "--host", "other"], "sim", 200),
        (&["--host", "sim", "--host", "other"], "other:8081", 200),
    ] {
        let program = Program::start(flags).await;
        let request = program.request(Method::GET, "/healthz").header("Host", name);
        assert_eq!(request.send().await.unwrap().status(), status, "{flags:?}");
    }
    let output = command(&["--host", "sim:8081"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("--host"), "{said}");
}

#[tokio::test]
async fn sigterm_stops_it_with_success() {
    let mut program = Program::start(&[]).await;
    let id = program.child.id().unwrap().to_string();
    let told = std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(told.success());
    assert!(program.child.wait().await.unwrap().success());
}

#[tokio::test]
async fn with_a_certificate_and_a_key_it_serves_https() {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let mut program = Program::start(&["--tls-cert", certificate, "--tls-key", key]).await;
    assert!(program.url.starts_with("https://127.0.0.1:"), "{}", program.url);
    let root = reqwest::Certificate::from_pem(certified.cert.pem().as_bytes()).unwrap();
    program.client = Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
    assert_eq!(program.send().await["object"], "message");

    for alone in [["--tls-cert", certificate], ["--tls-key", key], ["--tls-cert", "/nowhere"]] {
        let output = command(&alone).stderr(Stdio::piped()).output().await.unwrap();
        assert!(!output.status.success(), "{alone:?}");
    }
    let mixed = command(&["--tls-cert", certificate, "--tls-key", certificate]);
    let output = { mixed }.stderr(Stdio::piped()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--tls-key"), "{said}");
}
