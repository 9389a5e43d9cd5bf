//! The CPU time of a request: the simulator must not be the bottleneck of a benchmark on the same
//! machine.
//!
//! `cargo xtask bench sim`, or `cargo bench -p karaden-sim --bench sim -- --json`. The simulator
//! runs on one thread, whose CPU time (Linux, `/proc/thread-self/schedstat`) is divided by the
//! number of requests, so load on other cores does not change the result. Requests come over eight
//! kept-alive connections, one at a time on each.

#![expect(clippy::unwrap_used, reason = "a program for developers")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::Instant,
};

use karaden_sim::{Sim, SimConfig};
use testkit::measure::{Goal, Report, Samples};

const CONNECTIONS: usize = 8;
const GOAL_PER_SECOND: f64 = 20_000.0;
/// More than the history keeps, so that the steady state is measured.
const HISTORY: usize = 50_000;
const WARM_UP: usize = HISTORY + 10_000;
const MEASURED: usize = 80_000;
const ROUNDS: usize = 7;

fn main() {
    let report = Report::of_this_program();
    let server = Server::start();
    run(server.addr, WARM_UP, send);
    for (name, request) in [
        ("sim: sends of the SMS API on one core", send as fn(usize) -> String),
        ("sim: sends of the push API on one core", queue),
        ("sim: look-ups by tag on one core", list),
    ] {
        let costs: Samples = (0..ROUNDS).map(|_| server.micros(request)).collect();
        let one_second: Samples = [1e6; ROUNDS].into_iter().collect();
        let rates = one_second.to(&costs);
        report.row(name, &rates, "requests/s", Goal::AtLeast(GOAL_PER_SECOND));
        report.row(&format!("{name}: CPU each"), &costs, "µs", Goal::None);
    }
}

/// A simulator in its own thread, which reports the CPU time it has used.
struct Server {
    addr: SocketAddr,
    ask: tokio::sync::mpsc::UnboundedSender<mpsc::Sender<u64>>,
}

impl Server {
    fn start() -> Self {
        let (ask, mut asked) = tokio::sync::mpsc::unbounded_channel::<mpsc::Sender<u64>>();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let config = SimConfig::default().with_history(HISTORY);
                let sim = Sim::start(config).await.unwrap();
                tell.send(sim.addr()).unwrap();
                while let Some(reply) = asked.recv().await {
                    reply.send(cpu_nanoseconds()).unwrap();
                }
            });
        });
        Self { addr: told.recv().unwrap(), ask }
    }

    fn cpu(&self) -> u64 {
        let (tell, told) = mpsc::channel();
        self.ask.send(tell).unwrap();
        told.recv().unwrap()
    }

    /// Returns the CPU time of a request in microseconds.
    fn micros(&self, request: fn(usize) -> String) -> f64 {
        let before = self.cpu();
        run(self.addr, MEASURED, request);
        let taken = std::time::Duration::from_nanos(self.cpu() - before).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let count = MEASURED as f64;
        1e6 * taken / count
    }
}

/// Returns the CPU time of the calling thread.
fn cpu_nanoseconds() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    schedstat.split(' ').next().unwrap().parse().unwrap()
}

/// Sends the requests. Each response must be 200, otherwise the result would be wrong.
#[expect(clippy::disallowed_methods, reason = "reports how long the load took")]
fn run(addr: SocketAddr, count: usize, request: fn(usize) -> String) {
    let started = Instant::now();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|lane| thread::spawn(move || drive(addr, lane, count / CONNECTIONS, request)))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    eprintln!("{count} requests in {:.2?}", started.elapsed());
}

fn drive(addr: SocketAddr, lane: usize, count: usize, request: fn(usize) -> String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    let mut body = Vec::new();
    for index in 0..count {
        stream.write_all(request(lane * count + index).as_bytes()).unwrap();
        let mut length = 0;
        for number in 0.. {
            line.clear();
            reader.read_line(&mut line).unwrap();
            assert!(number > 0 || line.starts_with("HTTP/1.1 200"), "{line}");
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).unwrap();
    }
}

const HEAD: &str = "Host: sim\r\nAuthorization: Bearer demo-token\r\nKaraden-Version: 2024-03-01\r\n\
    Content-Type: application/x-www-form-urlencoded\r\n";
const API: &str = "/api/159bfd33-b9b7-f424-4755-c119b324591d/messages";
/// 「認証コード … 他人に教えないでください」 as a form sends it.
const TEXT: &str = "%E8%AA%8D%E8%A8%BC%E3%82%B3%E3%83%BC%E3%83%89+123456%E3%80%81%E4%BB%96%E4%BA%BA\
    %E3%81%AB%E6%95%99%E3%81%88%E3%81%AA%E3%81%84%E3%81%A7%E3%81%8F%E3%81%A0%E3%81%95%E3%81%84";

fn number(index: usize) -> String {
    format!("090{:08}", 10_000_000 + index % 10_000_000)
}

fn send(index: usize) -> String {
    let to = number(index);
    let form = format!(
        "service_id=1&to={to}&body={TEXT}&tags%5B%5D=bench-{index}\
         &limited_at=2036-01-31T23%3A59%3A59%2B09%3A00"
    );
    format!("POST {API} HTTP/1.1\r\n{HEAD}Content-Length: {}\r\n\r\n{form}", form.len())
}

fn queue(index: usize) -> String {
    let to = number(index);
    let form = format!(
        "Token=demo-push&SecurityCode=demo-code&To={to}&DocomoMessage={TEXT}\
         &SoftbankMessage={TEXT}&AuMessage={TEXT}&OptionMessage={TEXT}&TrackingCode={index:08}"
    );
    format!(
        "POST /v2/karadenqueue.json HTTP/1.1\r\n{HEAD}Content-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

fn list(index: usize) -> String {
    format!("GET {API}?tag=bench-{index} HTTP/1.1\r\n{HEAD}\r\n")
}
