//! Sends per second and CPU per send at concurrency 1, 16 and 64 against the simulator: this crate,
//! a bare hand-written client that does the same requests, and the vendor's Node and Python SDKs.
//!
//! `cargo bench -p karaden-client --bench karaden` prints a table, with `-- --json` one JSON object a
//! row: `{"name","value","unit","goal","met"}`. Every sender is a process of its own, in turns within
//! a round, and the median of the rounds counts; CPU is that of the sender's process alone. The SDKs
//! are found by `KARADEN_SDK_PYTHON` (an interpreter with `karaden-prg-python`) and
//! `KARADEN_SDK_NODE_MODULES` (a folder with `karaden-prg-node`); what is missing is said by name.

#![expect(clippy::unwrap_used, reason = "a benchmark against a server of its own")]
#![expect(clippy::print_stdout, reason = "its report")]
#![expect(clippy::disallowed_methods, reason = "it measures time and finds the SDKs by variables")]

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use karaden_client::{PhoneNumber, SendOutcome, sms};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const TENANT: &str = "159bfd33-b9b7-f424-4755-c119b324591d";
const CONCURRENCY: [usize; 3] = [1, 16, 64];
const ROUNDS: usize = 3;
const SECONDS: f64 = 2.0;
const TEXT: &str = "認証コード 123456";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let role = arguments.iter().position(|argument| argument == "--role");
    match role.map(|at| &arguments[at + 1..]) {
        Some([role, ..]) if role == "simulator" => simulator(),
        Some([role, addr, concurrency, ..]) => {
            let addr = addr.parse().unwrap();
            let concurrency = concurrency.parse().unwrap();
            let taken = runtime().block_on(sender(role, addr, concurrency));
            println!("{}", serde_json::to_string(&taken).unwrap());
        }
        _ => measure(arguments.iter().any(|argument| argument == "--json")),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs until its standard input ends, so that it goes with the process that started it.
fn simulator() {
    runtime().block_on(async {
        let config = karaden_sim::SimConfig { history: 10_000, ..Default::default() };
        let sim = karaden_sim::Sim::start(config).await.unwrap();
        println!("{}", sim.addr());
        let mut end = Vec::new();
        tokio::io::stdin().read_to_end(&mut end).await.unwrap();
    });
}

/// What some seconds of sending took.
#[derive(Clone, Copy, Deserialize, Serialize)]
struct Taken {
    sent: u64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Taken {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn rate(self) -> f64 {
        self.sent as f64 / self.seconds
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn cpu_micros(self) -> f64 {
        self.cpu_seconds * 1e6 / self.sent as f64
    }
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in brackets may hold spaces; utime and stime are the 14th and 15th field.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

async fn sender(role: &str, addr: SocketAddr, concurrency: usize) -> Taken {
    // A warm-up, which also opens the connections.
    phase(role, addr, concurrency, 0.5).await;
    phase(role, addr, concurrency, SECONDS).await
}

async fn phase(role: &str, addr: SocketAddr, concurrency: usize, seconds: f64) -> Taken {
    let client = client(addr);
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let until = began + Duration::from_secs_f64(seconds);
    let senders = (0..concurrency).map(|at| {
        let (client, bare) = (client.clone(), role == "bare");
        tokio::spawn(async move {
            if bare { send_bare(addr, at, until).await } else { send_ours(client, at, until).await }
        })
    });
    let mut sent = 0;
    for sender in futures_util::future::join_all(senders).await {
        sent += sender.unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    Taken { sent, seconds, cpu_seconds: cpu_seconds() - cpu }
}

fn client(addr: SocketAddr) -> sms::Client {
    sms::Client::builder(TENANT, "demo-token", sms::ServiceId::new(1).unwrap())
        .with_base_url(format!("http://{addr}/api"))
        .build()
        .unwrap()
}

async fn send_ours(client: sms::Client, at: usize, until: Instant) -> u64 {
    let to = PhoneNumber::new("09012345678").unwrap();
    let mut sent = 0;
    while Instant::now() < until {
        let tag = sms::Tag::new(&format!("t-{at}-{sent}")).unwrap();
        let message = sms::NewMessage::new(to.clone(), TEXT, tag).unwrap();
        assert!(matches!(client.send(message).await, Ok(SendOutcome::Accepted(_))));
        sent += 1;
    }
    sent
}

/// The least a client can do: encode the form, write one request, read one answer, parse its id.
async fn send_bare(addr: SocketAddr, at: usize, until: Instant) -> u64 {
    #[derive(Deserialize)]
    struct Id {
        id: String,
    }
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = Vec::with_capacity(4096);
    let mut sent = 0;
    while Instant::now() < until {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("service_id", "1")
            .append_pair("to", "09012345678")
            .append_pair("body", TEXT)
            .append_pair("tags[]", &format!("t-{at}-{sent}"))
            .finish();
        let request = format!(
            "POST /api/{TENANT}/messages HTTP/1.1\r\nhost: {addr}\r\n\
             authorization: Bearer demo-token\r\nkaraden-version: 2024-03-01\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        answer.clear();
        let body = loop {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
            if let Some(body) = body_of(&answer) {
                break body;
            }
        };
        assert!(!serde_json::from_slice::<Id>(body).unwrap().id.is_empty());
        sent += 1;
    }
    sent
}

/// The body, once it is complete.
fn body_of(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    answer[end..].get(..length.trim().parse().unwrap())
}

/// One of those that are compared.
struct Sender {
    name: &'static str,
    command: Box<dyn Fn(SocketAddr, usize) -> Command>,
}

fn senders() -> Vec<Sender> {
    let this = |role: &'static str| {
        move |addr: SocketAddr, concurrency: usize| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--role", role, &addr.to_string(), &concurrency.to_string()]);
            command
        }
    };
    let mut senders = vec![
        Sender { name: "karaden-client", command: Box::new(this("ours")) },
        Sender { name: "bare client", command: Box::new(this("bare")) },
    ];
    let script = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/sdk").join(name);
    let seconds = SECONDS.to_string();
    match std::env::var("KARADEN_SDK_NODE_MODULES") {
        Ok(modules) => {
            let (script, seconds) = (script("send.mjs"), seconds.clone());
            let command = move |addr: SocketAddr, concurrency: usize| {
                let mut command = Command::new("node");
                command.arg(&script).arg(&modules).arg(format!("http://{addr}"));
                command.args([&concurrency.to_string(), &seconds]);
                command
            };
            senders.push(Sender { name: "Node SDK", command: Box::new(command) });
        }
        Err(_) => eprintln!("not measured: the Node SDK (KARADEN_SDK_NODE_MODULES is not set)"),
    }
    match std::env::var("KARADEN_SDK_PYTHON") {
        Ok(python) => {
            let script = script("send.py");
            let command = move |addr: SocketAddr, concurrency: usize| {
                let mut command = Command::new(&python);
                command.arg(&script).arg(format!("http://{addr}"));
                command.args([&concurrency.to_string(), &seconds]);
                command
            };
            senders.push(Sender { name: "Python SDK", command: Box::new(command) });
        }
        Err(_) => eprintln!("not measured: the Python SDK (KARADEN_SDK_PYTHON is not set)"),
    }
    senders
}

fn start_simulator() -> (Child, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--role", "simulator"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

fn measure(json: bool) {
    let senders = senders();
    let (mut simulator, addr) = start_simulator();
    let report = Report { json };
    for concurrency in CONCURRENCY {
        // rounds[round][sender]
        let rounds: Vec<Vec<Taken>> = (0..ROUNDS)
            .map(|_| senders.iter().map(|sender| take(sender, addr, concurrency)).collect())
            .collect();
        let of = |name: &str| senders.iter().position(|sender| sender.name == name);
        let median_of = |at: usize, figure: fn(Taken) -> f64| {
            median(rounds.iter().map(|round| figure(round[at])))
        };
        for (at, sender) in senders.iter().enumerate() {
            let name = format!("{} at {concurrency}", sender.name);
            report.row(&format!("{name}: sends"), median_of(at, Taken::rate), "1/s", None);
            report.row(
                &format!("{name}: CPU a send"),
                median_of(at, Taken::cpu_micros),
                "us",
                None,
            );
        }
        // Ratios within a round, so that a noisy machine moves both sides.
        let ratio = |a: usize, b: usize, figure: fn(Taken) -> f64| {
            median(rounds.iter().map(|round| figure(round[a]) / figure(round[b])))
        };
        if concurrency != 64 {
            continue;
        }
        let floor = ratio(0, 1, Taken::cpu_micros);
        report.row("CPU a send / bare client at 64", floor, "x", Some(Goal::AtMost(1.3)));
        if let Some(node) = of("Node SDK") {
            let cpu = ratio(node, 0, Taken::cpu_micros);
            report.row("Node SDK / ours, CPU a send at 64", cpu, "x", Some(Goal::AtLeast(35.0)));
            let rate = ratio(0, node, Taken::rate);
            report.row("ours / Node SDK, sends at 64", rate, "x", Some(Goal::AtLeast(25.0)));
        }
    }
    simulator.kill().unwrap();
    simulator.wait().unwrap();
}

fn take(sender: &Sender, addr: SocketAddr, concurrency: usize) -> Taken {
    let output = (sender.command)(addr, concurrency).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed", sender.name);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[derive(Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

struct Report {
    json: bool,
}

impl Report {
    fn row(&self, name: &str, value: f64, unit: &str, goal: Option<Goal>) {
        let (text, met) = match goal {
            None => (None, None),
            Some(Goal::AtLeast(goal)) => (Some(format!(">= {goal} {unit}")), Some(value >= goal)),
            Some(Goal::AtMost(goal)) => (Some(format!("<= {goal} {unit}")), Some(value <= goal)),
        };
        if self.json {
            let name = format!("karaden-client: {name}");
            let row = serde_json::json!({
                "name": name, "value": value, "unit": unit, "goal": text, "met": met,
            });
            println!("{row}");
        } else {
            let goal = text.map_or_else(String::new, |text| format!("  (goal {text})"));
            println!("{name:<44} {value:>12.1} {unit}{goal}");
        }
    }
}
