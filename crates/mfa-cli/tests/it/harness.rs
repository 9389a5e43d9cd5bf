//! Starting the binary and talking to it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use auth_module::{AuditQuery, AuditReader as _};
use mfa_demo::{Browser, Seen};
use mfa_gateway::assemble::open_database;
use serde_json::{Value, json};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_mfa-gateway");
pub(crate) const LOGIN: &str = "/_mfa/login";
pub(crate) const FACTOR: &str = "/_mfa/factor";
pub(crate) const ACTION: &str = "/_mfa/factor/action";
pub(crate) const ALICE: (&str, &str, &str) = ("alice", "alice-demo-pass", "09012345678");
pub(crate) const BOB: (&str, &str, &str) = ("bob", "bob-demo-pass", "08087654321");

const ANYWHERE: [&str; 6] =
    ["--listen", "127.0.0.1:0", "--sim-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];

/// A running program. It is killed on drop.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Reads the log, so that a full pipe never stops the program.
    log: Option<JoinHandle<String>>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut pipe = child.stderr.take().expect("a pipe");
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            pipe.read_to_string(&mut log).expect("text");
            log
        });
        Self { child, log: Some(log) }
    }

    /// Returns the log of a process that has ended, or is about to.
    fn log(&mut self) -> String {
        self.log.take().expect("it is read once").join().expect("a log")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the first line on standard output. Panics with standard error if there is none.
    pub(crate) fn first_line(&mut self) -> String {
        let mut line = String::new();
        let out = self.child.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("readable output");
        assert!(!line.is_empty(), "the process ended: {}", self.log());
        line
    }

    /// Sends SIGTERM and waits. Returns exit status and log.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(asked.success());
        let log = self.log();
        (self.child.wait().expect("a child").code(), log)
    }

    /// Sends SIGKILL and waits.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if a test has waited for the process already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running demo.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) process: Process,
    pub(crate) gateway: String,
    pub(crate) simulator: String,
    pub(crate) application: String,
    pub(crate) ops: String,
    pub(crate) data_dir: String,
    client: reqwest::Client,
}

impl Demo {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(more: &[&str]) -> Self {
        let arguments: Vec<&str> =
            ["demo", "--json"].iter().chain(&ANYWHERE).chain(more).copied().collect();
        let mut process = Process::start(&arguments);
        let facts: Value = serde_json::from_str(&process.first_line()).expect("one line of JSON");
        let text = |key: &str| facts[key].as_str().unwrap_or_else(|| panic!("no {key}")).to_owned();
        Self {
            gateway: text("gateway_url"),
            simulator: text("simulator_url"),
            application: text("application_url"),
            ops: text("ops_url"),
            data_dir: text("data_dir"),
            process,
            client: plain_client(),
        }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.gateway).expect("a client")
    }

    pub(crate) async fn inbox(&self, phone: &str) -> Vec<Value> {
        let url = format!("{}/inbox.json?to={phone}", self.simulator);
        let answer = self.client.get(url).send().await.expect("the simulator answers");
        answer.json().await.expect("a list")
    }

    pub(crate) async fn newest_code(&self, phone: &str) -> String {
        let inbox = self.inbox(phone).await;
        let body = inbox[0]["body"].as_str().expect("a text");
        body.rsplit_once('#').expect("a last line for browsers").1.trim().to_owned()
    }

    pub(crate) async fn fault(&self, fault: Value) {
        let put = self.client.put(format!("{}/faults", self.simulator)).json(&fault).send().await;
        let status = put.expect("the simulator answers").status();
        assert!(status.is_success(), "{fault} was answered with {status}");
    }

    pub(crate) async fn fault_once(&self, mode: &str) {
        self.fault(json!({ "mode": mode, "count": 1 })).await;
    }

    /// Returns how often `event` is in the audit trail.
    pub(crate) async fn audited(&self, event: &str) -> usize {
        let database = open_database(Path::new(&self.data_dir)).await.expect("the database");
        let mut query = AuditQuery::new(10_000);
        query.event = Some(event.to_owned());
        database.audit_reader().search(&query).await.expect("the trail").len()
    }

    pub(crate) async fn ops(&self, path: &str) -> (u16, String) {
        let answer =
            self.client.get(format!("{}{path}", self.ops)).send().await.expect("it answers");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }
}

fn plain_client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.timeout(Duration::from_secs(30)).build().expect("a client")
}

/// Sends the login form and returns the response.
pub(crate) async fn send_password(browser: &mut Browser, username: &str, password: &str) -> Seen {
    let page = browser.get(LOGIN).await.expect("a page");
    assert_eq!(page.status, 200);
    let fields = [("username", username), ("password", password)];
    browser.post(&page, LOGIN, &fields).await.expect("an answer")
}

/// Logs in up to the page for the code.
pub(crate) async fn reach_code(browser: &mut Browser, user: (&str, &str, &str)) -> Seen {
    let sent = send_password(browser, user.0, user.1).await;
    assert_eq!(
        (sent.status.as_u16(), sent.location.as_deref()),
        (303, Some(FACTOR)),
        "{}",
        sent.body
    );
    let page = browser.get(FACTOR).await.expect("a page");
    assert_eq!(page.status, 200, "{}", page.body);
    page
}

pub(crate) async fn type_code(browser: &mut Browser, page: &Seen, code: &str) -> Seen {
    browser.post(page, FACTOR, &[("code", code)]).await.expect("an answer")
}

/// Types a code that is refused, and returns the page that says so.
pub(crate) async fn type_refused_code(browser: &mut Browser, page: &Seen, code: &str) -> Seen {
    let posted = type_code(browser, page, code).await;
    assert_eq!((posted.status.as_u16(), posted.location.as_deref()), (303, Some(FACTOR)));
    browser.get(FACTOR).await.expect("a page")
}

/// Logs in all the way.
pub(crate) async fn log_in(demo: &Demo, browser: &mut Browser, user: (&str, &str, &str)) {
    let page = reach_code(browser, user).await;
    let code = demo.newest_code(user.2).await;
    let done = type_code(browser, &page, &code).await;
    assert_eq!(done.status, 303, "{}", done.body);
}

/// Returns another code of the same form.
pub(crate) fn another(code: &str) -> String {
    code.chars().map(|c| if c == '9' { '0' } else { char::from(c as u8 + 1) }).collect()
}

/// Sends bytes unchanged and returns the head of the first response.
pub(crate) fn raw(origin: &str, request: &str) -> String {
    let address = origin.trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        let count = reader.read_line(&mut line).unwrap_or(0);
        if count == 0 || line == "\r\n" {
            return head;
        }
        head.push_str(&line);
    }
}

/// Runs a command to its end, with `input` on its standard input.
pub(crate) fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(BINARY)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // A command that does not read its input may have closed it.
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    child.wait_with_output().expect("a child")
}

pub(crate) fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Writes a configuration for `serve` that uses simulator and application of a running demo.
pub(crate) fn configure(folder: &Path, demo: &Demo, port: u16, more: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    for name in ["master.key", "otp.key", "karaden.token"] {
        let file = folder.join(name);
        let secret =
            if name == "karaden.token" { "demo-token" } else { "0123456789abcdef0123456789abcdef" };
        std::fs::write(&file, secret).expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))
            .expect("permissions");
    }
    let text = format!(
        r#"[gateway]
public_url = "http://localhost:{port}"
insecure_http = true
listen = "127.0.0.1:{port}"
ops_listen = "127.0.0.1:0"
data_dir = "."
service_name = "Test"
secret_file = "master.key"
[application]
url = "{}"
[[otp.key]]
id = 1
secret_file = "otp.key"
[sms]
insecure_http = true
[sms.karaden_sms]
base_url = "{}/api"
tenant_id = "159bfd33-b9b7-f424-4755-c119b324591d"
service_id = 1
token_file = "karaden.token"
{more}"#,
        demo.application, demo.simulator,
    );
    let file = folder.join("gateway.toml");
    std::fs::write(&file, text).expect("a file");
    file.display().to_string()
}

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Waits until something listens on `port`.
pub(crate) async fn until_listening(port: u16) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "nothing listens on {port}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns the reference number that an English page shows.
pub(crate) fn reference_number(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("Reference number: ")?;
    rest.get(..14)
}
