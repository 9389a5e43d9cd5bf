//! Sends per second and CPU per send against the simulator, over HTTP at concurrency 1, 16 and 64 and
//! over HTTPS at 16 and 64: this crate over reqwest, a bare client that makes the same requests, and
//! the vendor's Node and Python SDKs.
//!
//! `cargo bench -p karaden-client --bench karaden` prints a table, with `-- --json` one JSON object per
//! row. Every sender is its own process. Within a round the senders take turns, and the median of the
//! rounds counts. Ratios are taken within a round. CPU is the user and system time of the sender's
//! whole process while it sends, without its warm-up. Over HTTPS all senders trust the certificate of
//! the run, the SDKs by `NODE_EXTRA_CA_CERTS` and `REQUESTS_CA_BUNDLE`.
//!
//! The variables `KARADEN_SDK_PYTHON` (an interpreter with `karaden-prg-python`) and
//! `KARADEN_SDK_NODE_MODULES` (a folder with `karaden-prg-node`) name the SDKs. A missing SDK is
//! reported and skipped.

#![expect(clippy::unwrap_used, reason = "a benchmark against a server of its own")]
#![expect(clippy::print_stdout, reason = "a sender reports to its parent")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and variables name the SDKs")]

mod bare;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use karaden_client::{Recipient, SendOutcome, sms, transport::ReqwestTransport};
use serde::{Deserialize, Serialize};
use testkit::measure::{Goal, Report, Samples};
use tokio::io::AsyncReadExt as _;

const TENANT: &str = "159bfd33-b9b7-f424-4755-c119b324591d";
const ROUNDS: usize = 7;
const SECONDS: f64 = 1.2;
const WARM_UP_SECONDS: f64 = 0.4;
const TEXT: &str = "認証コード 123456";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let role = arguments.iter().position(|argument| argument == "--role");
    match role.map(|at| &arguments[at + 1..]) {
        Some([role, folder]) if role == "simulator" => simulator(folder.as_ref()),
        Some([role, target, concurrency]) => {
            let target: Target = serde_json::from_str(target).unwrap();
            let concurrency = concurrency.parse().unwrap();
            let taken = runtime().block_on(sender(role, &target, concurrency));
            println!("{}", serde_json::to_string(&taken).unwrap());
        }
        _ => measure(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The simulator that receives the messages.
#[derive(Clone, Deserialize, Serialize)]
struct Target {
    addr: SocketAddr,
    /// The file with the certificate to trust. `None` is plain HTTP.
    certificate: Option<PathBuf>,
}

impl Target {
    fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    fn certificate_pem(&self) -> Option<String> {
        self.certificate.as_ref().map(|file| std::fs::read_to_string(file).unwrap())
    }
}

/// Runs until its standard input ends, and so no longer than the process that started it. Over HTTPS
/// if `folder` has a certificate.
fn simulator(folder: &Path) {
    let tls = std::fs::read_to_string(folder.join("cert.pem")).ok().map(|certificates_pem| {
        let key = std::fs::read_to_string(folder.join("key.pem")).unwrap();
        karaden_sim::TlsIdentity::new(&certificates_pem, &key).unwrap()
    });
    runtime().block_on(async {
        let config = karaden_sim::SimConfig::default().with_history(10_000);
        let config = match tls {
            Some(tls) => config.with_tls(tls),
            None => config,
        };
        let sim = karaden_sim::Sim::start(config).await.unwrap();
        println!("{}", sim.addr());
        let mut end = Vec::new();
        tokio::io::stdin().read_to_end(&mut end).await.unwrap();
    });
}

/// The result of sending for some time.
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

/// Returns the CPU time of all threads of this process so far.
fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = threads.map(|thread| {
        let file = thread.unwrap().path().join("schedstat");
        let stat = std::fs::read_to_string(file).unwrap();
        stat.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    });
    nanos.sum::<f64>() / 1e9
}

async fn sender(role: &str, target: &Target, concurrency: usize) -> Taken {
    // The warm-up also opens the connections, which stay open for the measurement.
    let senders: Vec<_> = if role == "bare" {
        let connections = (0..concurrency).map(|_| bare::Connection::open(target));
        let connections = futures_util::future::join_all(connections).await;
        connections.into_iter().map(Sender::Bare).collect()
    } else {
        let client = client(target);
        (0..concurrency).map(|_| Sender::Ours(client.clone())).collect()
    };
    let (_warm, senders) = phase(senders, WARM_UP_SECONDS).await;
    phase(senders, SECONDS).await.0
}

enum Sender {
    Ours(sms::Client),
    Bare(bare::Connection),
}

async fn phase(senders: Vec<Sender>, seconds: f64) -> (Taken, Vec<Sender>) {
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let until = began + Duration::from_secs_f64(seconds);
    let sending = senders.into_iter().enumerate().map(|(at, sender)| {
        tokio::spawn(async move {
            match sender {
                Sender::Ours(client) => {
                    let sent = send_ours(&client, at, until).await;
                    (sent, Sender::Ours(client))
                }
                Sender::Bare(mut connection) => {
                    let sent = connection.send(at, until).await;
                    (sent, Sender::Bare(connection))
                }
            }
        })
    });
    let (mut sent, mut senders) = (0, Vec::new());
    for done in futures_util::future::join_all(sending).await {
        let (by_one, sender) = done.unwrap();
        sent += by_one;
        senders.push(sender);
    }
    let seconds = began.elapsed().as_secs_f64();
    (Taken { sent, seconds, cpu_seconds: cpu_seconds() - cpu }, senders)
}

fn client(target: &Target) -> sms::Client {
    let mut transport = ReqwestTransport::builder();
    if let Some(pem) = target.certificate_pem() {
        transport = transport.with_root_certificates_pem(pem).with_only_given_roots();
    }
    sms::Client::builder(TENANT, "demo-token", sms::ServiceId::new(1).unwrap())
        .with_base_url(target.url() + "/api")
        .with_transport(transport.build().unwrap())
        .build()
        .unwrap()
}

async fn send_ours(client: &sms::Client, at: usize, until: Instant) -> u64 {
    let to = Recipient::new("09012345678").unwrap();
    let mut sent = 0;
    while Instant::now() < until {
        let tag = sms::Tag::new(&format!("t-{at}-{sent}")).unwrap();
        let message = sms::NewMessage::new(to.clone(), TEXT).unwrap().with_tag(tag);
        assert!(matches!(client.send(message).await, Ok(SendOutcome::Accepted(_))));
        sent += 1;
    }
    sent
}

/// Makes the command of a contender, from target and concurrency.
type Start = dyn Fn(&Target, usize) -> Command;

/// One of the clients that are compared.
struct Contender {
    name: &'static str,
    command: Box<Start>,
}

fn contenders() -> Vec<Contender> {
    let this = |role: &'static str| {
        move |target: &Target, concurrency: usize| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let target = serde_json::to_string(target).unwrap();
            command.args(["--role", role, &target, &concurrency.to_string()]);
            command
        }
    };
    let mut contenders = vec![
        Contender { name: "karaden-client", command: Box::new(this("ours")) },
        Contender { name: "bare client", command: Box::new(this("bare")) },
    ];
    let script =
        |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/karaden/sdk").join(name);
    let times = [SECONDS.to_string(), WARM_UP_SECONDS.to_string()];
    let finish = move |command: &mut Command, target: &Target, concurrency: usize, trust: &str| {
        command.arg(target.url()).arg(concurrency.to_string()).args(&times);
        if let Some(certificate) = &target.certificate {
            command.env(trust, certificate);
        }
    };
    match std::env::var("KARADEN_SDK_NODE_MODULES") {
        Ok(modules) => {
            let (script, finish) = (script("send.mjs"), finish.clone());
            let command = move |target: &Target, concurrency: usize| {
                let mut command = Command::new("node");
                command.arg(&script).arg(&modules);
                finish(&mut command, target, concurrency, "NODE_EXTRA_CA_CERTS");
                command
            };
            contenders.push(Contender { name: "Node SDK", command: Box::new(command) });
        }
        Err(_) => eprintln!("not measured: the Node SDK (KARADEN_SDK_NODE_MODULES is not set)"),
    }
    match std::env::var("KARADEN_SDK_PYTHON") {
        Ok(python) => {
            let script = script("send.py");
            let command = move |target: &Target, concurrency: usize| {
                let mut command = Command::new(&python);
                command.arg(&script);
                finish(&mut command, target, concurrency, "REQUESTS_CA_BUNDLE");
                command
            };
            contenders.push(Contender { name: "Python SDK", command: Box::new(command) });
        }
        Err(_) => eprintln!("not measured: the Python SDK (KARADEN_SDK_PYTHON is not set)"),
    }
    contenders
}

/// A simulator in its own process.
struct Simulator {
    child: Child,
    target: Target,
}

impl Simulator {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--role", "simulator"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let certificate = Some(folder.join("cert.pem")).filter(|file| file.exists());
        let target = Target { addr: line.trim().parse().unwrap(), certificate };
        Self { child, target }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn measure() {
    let (contenders, report) = (contenders(), Report::of_this_program());
    let folder = tempfile::tempdir().unwrap();
    compare(&contenders, &Simulator::start(folder.path()), "", &[1, 16, 64], report);
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.path().join("cert.pem"), certified.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    compare(&contenders, &Simulator::start(folder.path()), "TLS ", &[16, 64], report);
}

fn compare(
    contenders: &[Contender],
    simulator: &Simulator,
    over: &str,
    concurrencies: &[usize],
    report: Report,
) {
    let at_of = |name: &str| contenders.iter().position(|contender| contender.name == name);
    for concurrency in concurrencies.iter().copied() {
        let take = |contender: &Contender| take(contender, &simulator.target, concurrency);
        // rounds[round][contender]
        let rounds: Vec<Vec<Taken>> =
            (0..ROUNDS).map(|_| contenders.iter().map(take).collect()).collect();
        let each = |figure: &dyn Fn(&[Taken]) -> f64| -> Samples {
            rounds.iter().map(|round| figure(round)).collect()
        };
        let row = |name: String, samples: &Samples, unit: &str, goal: Goal| {
            report.row(&format!("karaden-client: {name}"), samples, unit, goal);
        };
        for (at, contender) in contenders.iter().enumerate() {
            let name = format!("{} at {over}{concurrency}", contender.name);
            let (rates, costs) = (each(&|r| r[at].rate()), each(&|r| r[at].cpu_micros()));
            row(format!("{name}: sends"), &rates, "1/s", Goal::None);
            row(format!("{name}: CPU per send"), &costs, "us", Goal::None);
        }
        if concurrency != 64 {
            continue;
        }
        let is_tls = !over.is_empty();
        if let Some(node) = at_of("Node SDK") {
            let cpu = each(&|round| round[node].cpu_micros() / round[0].cpu_micros());
            let goal = Goal::AtLeast(if is_tls { 15.0 } else { 20.0 });
            row(format!("Node SDK / ours, CPU per send at {over}64"), &cpu, "x", goal);
            let rate = each(&|round| round[0].rate() / round[node].rate());
            let goal = if is_tls { Goal::None } else { Goal::AtLeast(15.0) };
            row(format!("ours / Node SDK, sends at {over}64"), &rate, "x", goal);
        }
    }
}

fn take(contender: &Contender, target: &Target, concurrency: usize) -> Taken {
    let mut command = (contender.command)(target, concurrency);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed", contender.name);
    serde_json::from_slice(&output.stdout).unwrap()
}
