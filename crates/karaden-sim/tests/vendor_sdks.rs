//! The simulator against tools that know nothing of it: the vendor's own SDKs, Prism validating every request and
//! response against an OpenAPI file, and Schemathesis making requests from one.
//!
//! Run only when named (`--test vendor_sdks`), and then it fails without what it needs:
//!
//! | variable | what |
//! |---|---|
//! | `KARADEN_SDK_PYTHON` | a Python with `karaden-prg-python` and `schemathesis` (PyPI) |
//! | `KARADEN_SDK_NODE_MODULES` | a `node_modules` with `karaden-prg-node` and `@stoplight/prism-cli` (npm) |
//! | `KARADEN_OPENAPI` | the vendor's OpenAPI file of version 2024-03-01; without it that one check says by name that it was not made |

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use karaden_sim::{Absent, Quirks, Sim, SimConfig};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::Prism;

const TENANT: &str = "159bfd33-b9b7-f424-4755-c119b324591d";
const NUMBER: &str = "09012345678";

#[expect(clippy::disallowed_methods, reason = "where the tools are is told by the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn needed(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("{name} must be set; see the top of this file"))
}

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Runs a script against a fresh simulator and shows what it says if it fails.
async fn drive(mut command: Command) {
    let sim = Sim::start(SimConfig::default()).await.unwrap();
    command.arg(sim.url());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches("ok: ").count(), 5);
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vendors_python_sdk_works_unchanged() {
    let mut command = Command::new(needed("KARADEN_SDK_PYTHON"));
    command.arg(here("tests/sdk/drive.py"));
    drive(command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vendors_node_sdk_works_unchanged() {
    let mut command = Command::new("node");
    command.arg(here("tests/sdk/drive.mjs")).arg(needed("KARADEN_SDK_NODE_MODULES"));
    drive(command).await;
}

/// Runs the example of this language in the guide against a fresh simulator.
async fn run_example(language: &str, command: impl FnOnce(&str) -> Command + Send + 'static) {
    let guide = here("../../docs/testing-against-the-simulator.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, block) = guide.split_once(&format!("```{language}\n")).unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let sim = Sim::start(SimConfig::default()).await.unwrap();
    let program = block.replace("http://127.0.0.1:8090", &sim.url());
    assert_ne!(program, block, "the address of the guide");
    let run = move || command(&program).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    let sent = sim.inbox(Some(NUMBER)).remove(0);
    assert_eq!(said.trim(), format!("{} waiting", sent.id));
    assert_eq!(sent.body, "認証コード 123456");
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_example_of_the_guide_sends_a_message() {
    let python = needed("KARADEN_SDK_PYTHON");
    run_example("python", move |program| {
        let mut command = Command::new(python);
        command.args(["-c", program]);
        command
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_javascript_example_of_the_guide_sends_a_message() {
    let modules = needed("KARADEN_SDK_NODE_MODULES");
    run_example("javascript", move |program| {
        let mut command = Command::new("node");
        command.args(["-e", program]).env("NODE_PATH", modules);
        command
    })
    .await;
}

/// Lets Schemathesis make right and wrong requests from our file, for the operations with these tags, and checks
/// statuses, headers and bodies of the responses.
async fn generate_requests(tags: &[&'static str]) {
    let whole = std::fs::read_to_string(here("openapi.yaml")).unwrap();
    // No fault is in force, so the file has to list each status by name.
    let by_name: String =
        whole.split_inclusive('\n').filter(|line| !line.starts_with("        default: ")).collect();
    assert_ne!(by_name, whole);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.yaml");
    std::fs::write(&file, by_name).unwrap();
    let sim = Sim::start(SimConfig::deterministic()).await.unwrap();
    let mut command = Command::new(needed("KARADEN_SDK_PYTHON"));
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(here("tests/schemathesis.toml"));
    command.arg("run").arg(&file).args(["--url", &sim.url(), "--seed", "1", "--no-color"]);
    command.args([
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        "20",
        "--request-timeout",
        "20",
    ]);
    command.args(tags.iter().flat_map(|tag| ["--include-tag", tag])).current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_the_apis_as_our_own_file_says() {
    generate_requests(&["sms", "push"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_the_storage_as_our_own_file_says() {
    generate_requests(&["storage"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_inbox_and_controls_as_our_own_file_says() {
    generate_requests(&["inbox", "control"]).await;
}

/// A simulator behind Prism, which marks every violation of the file it was given.
struct Proxied {
    sim: Sim,
    prism: Prism,
    client: Client,
}

impl Proxied {
    /// Prism forwards what it gets under `/` to `upstream_path` of the simulator.
    async fn start(openapi: &Path, upstream_path: &str, absent: Absent) -> Self {
        let quirks = Quirks::default().with_absent(absent);
        let sim = Sim::start(SimConfig::default().with_quirks(quirks)).await.unwrap();
        let modules = PathBuf::from(needed("KARADEN_SDK_NODE_MODULES"));
        let (openapi, upstream) = (openapi.to_owned(), format!("{}{upstream_path}", sim.url()));
        let start = move || Prism::proxy(&modules, &openapi, &upstream);
        let prism = tokio::task::spawn_blocking(start).await.unwrap();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self { sim, prism, client }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.prism.address()))
    }

    /// A request to the SMS API; `root` is where Prism's file has it.
    fn sms(&self, method: Method, root: &str, path: &str) -> RequestBuilder {
        self.request(method, &format!("{root}/{TENANT}{path}"))
            .bearer_auth("demo-token")
            .header("Karaden-Version", "2024-03-01")
    }
}

/// The response, which must have this status and break no rule of the file.
async fn clean(request: RequestBuilder, status: u16) -> Response {
    let shown = format!("{request:?}");
    let response = request.send().await.unwrap();
    assert_eq!(violations(&response), json!([]), "{shown}");
    assert_eq!(response.status(), status, "{shown}");
    response
}

fn violations(response: &Response) -> Value {
    let header = response.headers().get("sl-violations");
    header.map_or(json!([]), |header| serde_json::from_slice(header.as_bytes()).unwrap())
}

async fn json_of(request: RequestBuilder) -> Value {
    clean(request, 200).await.json().await.unwrap()
}

/// A day from now, as the API writes it.
#[expect(
    clippy::disallowed_methods,
    reason = "Prism passes requests on to a simulator in real time"
)]
fn tomorrow() -> String {
    let at = std::time::SystemTime::now() + Duration::from_secs(24 * 60 * 60);
    let seconds = at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap().to_string()
}

/// Every call of the SMS API, in both its right and its wrong outcomes.
async fn every_sms_call(proxied: &Proxied, root: &str) {
    let sms = |method, path: &str| proxied.sms(method, root, path);
    let form = [
        ("service_id", "1"),
        ("to", NUMBER),
        ("body", "認証コード 123456"),
        ("tags[]", "a"),
        ("tags[]", "b"),
        ("is_shorten", "false"),
        ("limited_at", "2036-01-31T23:59:59+09:00"),
    ];
    let sent = json_of(sms(Method::POST, "/messages").form(&form)).await;
    let id = sent["id"].as_str().unwrap();
    for number in 1..=9 {
        let to = format!("0900000000{number}");
        let form = [("service_id", "1"), ("to", to.as_str()), ("body", "x")];
        let sent = json_of(sms(Method::POST, "/messages").form(&form)).await;
        json_of(sms(Method::GET, &format!("/messages/{}", sent["id"].as_str().unwrap()))).await;
    }
    let query = [
        ("service_id", "1"),
        ("to", NUMBER),
        ("status", "done"),
        ("result", "done"),
        ("sent_result", "received"),
        ("tag", "b"),
        ("start_at", "2020-01-31T23:59:59+09:00"),
        ("end_at", "2036-01-31T23:59:59+09:00"),
        ("page", "1"),
        ("per_page", "100"),
    ];
    let list = json_of(sms(Method::GET, "/messages").query(&query)).await;
    assert_eq!(list["data"][0]["id"], sent["id"]);
    json_of(sms(Method::GET, &format!("/messages/{id}"))).await;
    clean(sms(Method::POST, &format!("/messages/{id}/cancel")), 400).await;
    let reserved =
        [("service_id", "1"), ("to", NUMBER), ("body", "x"), ("scheduled_at", &tomorrow())];
    let reserved = json_of(sms(Method::POST, "/messages").form(&reserved)).await;
    let reserved = format!("/messages/{}", reserved["id"].as_str().unwrap());
    assert_eq!(json_of(sms(Method::GET, &reserved)).await["status"], "waiting");
    let cancelled = json_of(sms(Method::POST, &format!("{reserved}/cancel"))).await;
    assert_eq!(cancelled["status"], "canceled");

    let file = json_of(sms(Method::POST, "/messages/bulks/files")).await;
    let csv = "service_id,to,body\r\n1,09012345678,x\r\n";
    let put = proxied.client.put(file["url"].as_str().unwrap()).header("Content-Type", "text/csv");
    assert_eq!(put.body(csv).send().await.unwrap().status(), 200);
    let start = [("bulk_file_id", file["id"].as_str().unwrap())];
    let bulk = json_of(sms(Method::POST, "/messages/bulks").form(&start)).await;
    clean(sms(Method::POST, "/messages/bulks").form(&start), 409).await;
    let bulk = format!("/messages/bulks/{}", bulk["id"].as_str().unwrap());
    assert_eq!(json_of(sms(Method::GET, &bulk)).await["status"], "done");
    // Prism follows redirects itself, so this one response is looked at without it.
    let result = proxied
        .client
        .get(format!("{}/api/{TENANT}{bulk}/messages", proxied.sim.url()))
        .bearer_auth("demo-token")
        .header("Karaden-Version", "2024-03-01");
    assert_eq!(result.send().await.unwrap().status(), 302);
    let empty = json_of(sms(Method::POST, "/messages/bulks/files")).await;
    let start = [("bulk_file_id", empty["id"].as_str().unwrap())];
    let failed = json_of(sms(Method::POST, "/messages/bulks").form(&start)).await;
    let failed = format!("/messages/bulks/{}", failed["id"].as_str().unwrap());
    assert_eq!(json_of(sms(Method::GET, &failed)).await["status"], "error");
    clean(sms(Method::GET, &format!("{failed}/messages")), 202).await;

    let form = |service: &'static str| [("service_id", service), ("to", NUMBER), ("body", "x")];
    let send = |service| sms(Method::POST, "/messages").form(&form(service));
    clean(send("2"), 404).await;
    clean(sms(Method::GET, &format!("/messages/bulks/{TENANT}")), 404).await;
    let wrong_token = proxied
        .request(Method::POST, &format!("{root}/{TENANT}/messages"))
        .bearer_auth("wrong")
        .header("Karaden-Version", "2024-03-01");
    clean(wrong_token.form(&form("1")), 401).await;
    let wrong_tenant = proxied
        .request(Method::POST, &format!("{root}/00000000-0000-0000-0000-000000000000/messages"))
        .bearer_auth("demo-token")
        .header("Karaden-Version", "2024-03-01");
    clean(wrong_tenant.form(&form("1")), 400).await;
    let too_far = [
        ("service_id", "1"),
        ("to", NUMBER),
        ("body", "x"),
        ("scheduled_at", "2036-01-01T00:00:00Z"),
    ];
    clean(sms(Method::POST, "/messages").form(&too_far), 422).await;
    proxied
        .sim
        .set_faults(vec![karaden_sim::Fault::new(karaden_sim::FaultMode::Status(500)).times(1)]);
    clean(send("1"), 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prism_finds_no_violation_of_the_vendors_file() {
    let Some(openapi) = variable("KARADEN_OPENAPI") else {
        eprintln!("NOT CHECKED: the vendor's OpenAPI file, for KARADEN_OPENAPI is not set");
        return;
    };
    let proxied = Proxied::start(Path::new(&openapi), "/api", Absent::Omit).await;
    every_sms_call(&proxied, "").await;

    // Prism does notice: the vendor's own file lacks this code in its enumeration.
    let wrong_version = proxied
        .request(Method::POST, &format!("/{TENANT}/messages"))
        .bearer_auth("demo-token")
        .header("Karaden-Version", "2022-01-01")
        .form(&[("service_id", "1"), ("to", NUMBER), ("body", "x")]);
    let found = violations(&wrong_version.send().await.unwrap());
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found[0]["location"], json!(["response", "body", "code"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prism_finds_no_violation_of_our_own_file() {
    let proxied = Proxied::start(&here("openapi.yaml"), "", Absent::Null).await;
    every_sms_call(&proxied, "/api").await;

    let secrets = [("Token", "demo-push"), ("SecurityCode", "demo-code")];
    let push = |operation: &str, fields: &[(&str, &str)]| {
        let fields: Vec<_> = secrets.iter().chain(fields).copied().collect();
        let path = format!("/v2/{operation}.json");
        if operation.contains("inquiry") {
            proxied.request(Method::GET, &path).query(&fields)
        } else {
            proxied.request(Method::POST, &path).form(&fields)
        }
    };
    let tracked = [("To", NUMBER), ("AuMessage", "x"), ("TrackingCode", "20260101")];
    let queued = json_of(push("karadenqueue", &tracked)).await;
    json_of(push("sepakaradenqueue", &[("To", NUMBER), ("message1", "x")])).await;
    json_of(push("karadenqueue", &[("To", "bad")])).await;
    json_of(push("karadeninquiry", &[("messageId", queued["messageId"].as_str().unwrap())])).await;
    json_of(push("karadeninquiry", &[("messageId", "unknown")])).await;
    json_of(push("karadeninquiry_tr", &[("TrackingCode", "20260101"), ("Startcount", "1")])).await;
    let list = json!({"token": "demo-push", "securitycode": "demo-code", "type": "1",
        "list": [{"phonenumber": NUMBER, "status": "1"}, {"phonenumber": "bad", "status": "1"}]});
    json_of(proxied.request(Method::POST, "/v2/karadensetfilter.json").json(&list)).await;

    for path in ["/inbox.json", "/inbox.json?all=1", "/faults", "/quirks", "/delivery", "/clock"] {
        json_of(proxied.request(Method::GET, path)).await;
    }
    for (path, body) in [
        ("/faults", json!({"mode": "429", "count": 1, "api": "push", "retry_after": 1})),
        ("/faults", json!([{"mode": "drop", "operation": "send", "to": NUMBER, "tag": "x"}])),
        ("/quirks", json!({"push_numbers": true})),
        ("/delivery", json!({"mode": "hold", "late_after_ms": 5_000})),
    ] {
        json_of(proxied.request(Method::PUT, path).json(&body)).await;
    }
    json_of(proxied.request(Method::DELETE, "/faults")).await;
    json_of(push("karadeninquiry_tr", &[("TrackingCode", "20260101")])).await;
    let advance = proxied.request(Method::POST, "/clock").json(&json!({"advance_ms": 1}));
    clean(advance, 409).await;
    clean(proxied.request(Method::GET, "/healthz"), 200).await;

    // And Prism does notice: an unknown mode breaks the file before the simulator sees it.
    let wrong = proxied.request(Method::PUT, "/faults").json(&json!({"mode": "slowly"}));
    assert_ne!(violations(&wrong.send().await.unwrap()), json!([]));
}
