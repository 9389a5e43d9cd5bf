//! Following one request: its id, and its line in the log.

use std::time::Duration;

use mfa_demo::Browser;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    harness::{ALICE, Demo, Process, configure, free_port, log_in, run, until_listening},
    refusals::{Gateway, send},
};

const ALICE_HERE: (&str, &str, &str) = ("alice", "a-long-password", ALICE.2);

/// A gateway in front of the demo's application, with a user.
struct World {
    demo: Demo,
    process: Process,
    origin: String,
    file: String,
    folder: tempfile::TempDir,
}

impl World {
    async fn start(changes: &[(&str, &str)], more: &str) -> Self {
        let (demo, folder, port) =
            (Demo::start(), tempfile::tempdir().expect("a folder"), free_port());
        let file = configure(folder.path(), &demo, port, more);
        let text = std::fs::read_to_string(&file).expect("a file");
        let text = changes.iter().fold(text, |text, (from, to)| text.replace(from, to));
        std::fs::write(&file, text).expect("a file");
        let (name, password, phone) = ALICE_HERE;
        let add = ["user", "add", "--config", &file, name, "--phone", phone];
        let added = run(&add, &format!("{password}\n"));
        assert!(added.status.success(), "{added:?}");
        let process = Process::start(&["serve", "--config", &file]);
        until_listening(port).await;
        Self { demo, process, origin: format!("http://localhost:{port}"), file, folder }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.origin).expect("a client")
    }
}

fn lines<'l>(log: &'l str, event: &str) -> Vec<Value> {
    let lines = log.lines().map(|line: &'l str| serde_json::from_str(line).expect("JSON"));
    lines.filter(|line: &Value| line["event"] == event).collect()
}

/// Returns the id of the request that a line is about.
fn request_id(line: &Value) -> &str {
    line["spans"][0]["request_id"].as_str().unwrap_or_else(|| panic!("no id in {line}"))
}

/// Returns the header `name` of the request that reached the application.
fn reached(echo: &str, name: &str) -> Vec<String> {
    let told: Value = serde_json::from_str(echo).expect("JSON");
    let headers = told["headers"].as_array().expect("a list").iter();
    let values = headers.filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str());
    values.map(str::to_owned).collect()
}

const PUBLIC: &str = "[[rule]]\npath = \"/\"\naccess = \"public\"\n\
                      without_second_factor = true\n";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_request_has_one_id_for_client_application_and_log() {
    let listed = ("data_dir = \".\"", "data_dir = \".\"\ntrusted_proxies = [\"127.0.0.1\"]");
    for is_listed in [true, false] {
        let changes: &[_] = if is_listed { &[listed] } else { &[] };
        let world = World::start(changes, PUBLIC).await;
        let mut ids = Vec::new();
        for given in ["front-1:a/b+c=d@e._", "", "two words", "quote\"", &"a".repeat(129)] {
            let mut browser = world.browser();
            let headers = [("x-request-id", given), ("traceparent", TRACE), ("tracestate", "a=b")];
            let seen = browser.get_with("/echo/a", &headers).await.expect("an answer");
            let id = seen.header("x-request-id").to_owned();
            assert_eq!(id == given, is_listed && given.starts_with("front-1"), "{given}: {id}");
            assert_eq!(seen.headers.get_all("x-request-id").iter().count(), 1);
            assert_eq!(reached(&seen.body, "x-request-id"), [id.as_str()]);
            assert_eq!(reached(&seen.body, "traceparent"), [TRACE]);
            assert_eq!(reached(&seen.body, "tracestate"), ["a=b"]);
            ids.push(id);
        }
        let mut browser = world.browser();
        let refused = [("x-request-id", "front-2"), ("accept", "application/json")];
        let seen = browser.get_with("/_mfa/nothing", &refused).await.expect("an answer");
        assert_eq!(seen.status, 404);
        let refused_id = seen.header("x-request-id").to_owned();
        let foreign = browser.get_with("/%", &[("x-request-id", "front-3")]).await.expect("one");
        let (_, log) = world.process.terminate();
        let served = lines(&log, "http.request");
        let logged: Vec<&str> = served.iter().map(request_id).collect();
        for id in ids.iter().chain([&refused_id]) {
            assert!(logged.contains(&id.as_str()), "{id} is not among {logged:?}");
        }
        let line = served.iter().find(|line| request_id(line) == refused_id).expect("a line");
        let reference = line["reference"].as_str().expect("a number that a page shows");
        assert_eq!(refused_id.starts_with(reference), !is_listed, "{line}");
        let warned = lines(&log, "http.refused");
        assert_eq!(request_id(&warned[0]), foreign.header("x-request-id"), "{log}");
    }
}

#[tokio::test]
async fn the_access_log_says_what_happened_and_nothing_about_the_person() {
    for has_paths in [false, true] {
        let more = if has_paths { "[log]\npaths = true\n" } else { "" };
        let world = World::start(&[], more).await;
        let mut browser = world.browser();
        log_in(&world.demo, &mut browser, ALICE_HERE).await;
        let path = "/echo/yamada%40example.jp?token=hunter2";
        let seen = browser.get(path).await.expect("an answer");
        assert_eq!(seen.status, 200);
        let session = browser.cookie("__Host-mfa_session").expect("a session").to_owned();
        let stranger = world.browser().get("/echo/x?q=hunter2").await.expect("an answer");
        assert_eq!(stranger.status, 303);
        let (_, log) = world.process.terminate();
        let served = lines(&log, "http.request");
        let line = served.iter().find(|line| request_id(line) == seen.header("x-request-id"));
        let line = line.unwrap_or_else(|| panic!("no line in {log}"));
        for (name, expected) in [
            ("method", json!("GET")),
            ("route", json!("application")),
            ("app", json!("default")),
            ("rule", json!("default")),
            ("status", json!(200)),
            ("bytes", json!(seen.body.len())),
            ("client", json!("127.0.0.1")),
            ("reference", Value::Null),
            ("path", if has_paths { json!("/echo/yamada%40example.jp") } else { Value::Null }),
        ] {
            assert_eq!(line[name], expected, "{name} in {line}");
        }
        assert!(line["duration_us"].as_u64().is_some_and(|length| length > 0), "{line}");
        let name = line["user"].as_str().expect("the name of the user in the log");
        let show = ["user", "show", "--config", &world.file, ALICE_HERE.0, "--json"];
        let shown: Value = serde_json::from_slice(&run(&show, "").stdout).expect("JSON");
        assert_eq!(shown["log_name"], name);
        // The request that completed the login is the user's too.
        assert!(served.iter().any(|l| l["route"] == "factor" && l["user"] == name), "{log}");
        let unknown = |line: &&Value| request_id(line) == stranger.header("x-request-id");
        assert_eq!(served.iter().find(unknown).expect("a line")["user"], Value::Null);
        assert!(served.iter().all(|line| line["route"] == "application" || line["path"].is_null()));
        let written: String = served.iter().map(ToString::to_string).collect();
        for secret in ["hunter2", "alice", ALICE_HERE.1, "09012345678", "5678\"", &session] {
            assert!(!written.contains(secret), "{secret} is in {written}");
        }
        assert_eq!(written.contains("yamada"), has_paths);
    }
}

/// A client that goes away has a line too, without a status if there was none.
#[tokio::test]
async fn a_request_that_is_given_up_is_in_the_log() {
    let gateway = Gateway::start(&[("timeout = \"1s\"", "timeout = \"1m\"")]).await;
    let (port, host) = (gateway.port, gateway.host());
    let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let request = format!("GET /slow HTTP/1.1\r\n{host}\r\n");
    std::io::Write::write_all(&mut client, request.as_bytes()).expect("it reads");
    // A second connection: its request is read after the first one.
    assert_eq!(send(port, "GET /a", &host, "").status, 200);
    drop(client);
    let (_, log) = gateway.process.terminate();
    let served = lines(&log, "http.request");
    let given_up = served.iter().filter(|line| line["status"].is_null()).count();
    assert_eq!((served.len(), given_up), (2, 1), "{log}");
}

#[tokio::test]
async fn a_store_that_fails_with_every_request_does_not_fill_the_log() {
    let world = World::start(&[], "[sessions]\nuser_refresh = \"0s\"\n").await;
    let mut browser = world.browser();
    log_in(&world.demo, &mut browser, ALICE_HERE).await;
    let database = rusqlite::Connection::open(world.folder.path().join("auth.db")).expect("a file");
    database.busy_timeout(Duration::from_secs(10)).expect("a connection");
    database.execute("ALTER TABLE users RENAME TO moved", []).expect("the table is there");
    let began = Instant::now();
    for _ in 0..200 {
        let seen = browser.get("/echo/a").await.expect("an answer");
        assert_eq!(seen.status, 503, "{}", seen.body);
    }
    let seconds = began.elapsed().as_secs() + 2;
    let (_, log) = world.process.terminate();
    let said = lines(&log, "internal_error");
    let logged = u64::try_from(said.len()).expect("a number");
    assert!((1..=seconds).contains(&logged), "{logged} lines in {seconds} s");
    assert_eq!(said[0]["suppressed"], 0);
}
