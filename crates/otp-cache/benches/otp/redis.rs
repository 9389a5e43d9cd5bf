//! The Redis backend, compared with a bare client that runs the same script with the same arguments.

// The constants that the store puts before its scripts.
#[path = "../../src/redis/prelude.rs"]
mod prelude;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use otp_cache::{
    ChallengeStore,
    redis::{RedisConfig, RedisStore},
};
use otp_core::{Policy, SubjectKey, SubjectRecord, layout};
use redis::aio::MultiplexedConnection;
use tokio::runtime::Runtime;

use crate::{
    redis_server::Server,
    setup::{bytes, challenge, now, per_second, timed},
};
use testkit::measure::{Goal, Report, Samples};

static NEXT: AtomicU64 = AtomicU64::new(1 << 56);

pub(crate) fn run(report: Report, is_quick: bool) {
    let rounds = if is_quick { 5 } else { 15 };
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let config = RedisConfig::standalone(server.url());
    let store = Arc::new(runtime.block_on(RedisStore::connect(config)).expect("it has started"));
    let (bare, digest) = runtime.block_on(bare_client(&server.url()));
    for in_flight in [1, 16, 64] {
        let calls = if in_flight == 1 { 2_500 } else { 20_000 } / if is_quick { 5 } else { 1 };
        let (mut ours, mut theirs) = (Samples::default(), Samples::default());
        for _ in 0..rounds {
            theirs.push(at_once(&runtime, in_flight, calls, |numbers| {
                run_bare(bare.clone(), digest.clone(), numbers)
            }));
            ours.push(at_once(&runtime, in_flight, calls, |numbers| {
                run_store(Arc::clone(&store), numbers)
            }));
        }
        let name = format!("redis: bare client, open, {in_flight} in flight");
        report.row(&name, &theirs.scaled(1e-3), "k/s", Goal::None);
        let name = format!("redis: store, open, {in_flight} in flight");
        report.row(&name, &ours.scaled(1e-3), "k/s", Goal::None);
        let name = format!("redis: store to bare client, {in_flight} in flight");
        report.row(&name, &ours.to(&theirs), "times", Goal::AtLeast(0.9));
    }
}

async fn bare_client(url: &str) -> (MultiplexedConnection, String) {
    let client = redis::Client::open(url).expect("a loopback address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("it has started");
    let script = [
        &prelude::as_lua(),
        include_str!("../../src/redis/lua/record.lua"),
        include_str!("../../src/redis/lua/open.lua"),
    ]
    .concat();
    let digest = redis::cmd("SCRIPT")
        .arg("LOAD")
        .arg(script)
        .query_async(&mut connection)
        .await
        .expect("the script is valid");
    (connection, digest)
}

/// Calls per second of so many tasks at once.
fn at_once<F>(runtime: &Runtime, in_flight: u64, calls: u64, work: impl Fn(Vec<u64>) -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let each = calls / in_flight;
    let prepared: Vec<_> = (0..in_flight)
        .map(|_| {
            let first = NEXT.fetch_add(each, Ordering::Relaxed);
            (first..first + each).collect()
        })
        .collect();
    let took = timed(|| {
        runtime.block_on(async {
            let tasks: Vec<_> =
                prepared.into_iter().map(|numbers| tokio::spawn(work(numbers))).collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    });
    per_second(each * in_flight, took.1)
}

/// Subjects are used again, so that the server does not grow while it is measured.
fn subject(number: u64) -> SubjectKey {
    SubjectKey::from_bytes(bytes(number % 10_000))
}

async fn run_store(store: Arc<RedisStore>, numbers: Vec<u64>) {
    let policy = Policy::default();
    for number in numbers {
        let opened = store.open(subject(number), challenge(number), &policy, now()).await;
        assert!(opened.is_ok_and(|opened| opened.is_ok()));
    }
}

async fn run_bare(mut connection: MultiplexedConnection, digest: String, numbers: Vec<u64>) {
    let policy = Policy::default();
    for number in numbers {
        let mut record = SubjectRecord::new();
        let _ = record.open(challenge(number), &policy, now()).expect("an empty record");
        let answer: Vec<u8> = redis::cmd("EVALSHA")
            .arg(&digest)
            .arg(1)
            .arg(format!("otp:{{{}}}:s", subject(number)))
            .arg(1_800_000_000_000_u64)
            .arg(policy.max_consecutive_failures())
            .arg(&record.to_bytes()[layout::HEADER_LEN..])
            .query_async(&mut connection)
            .await
            .expect("the script runs");
        assert_eq!(answer.first(), Some(&prelude::status::OK));
    }
}
