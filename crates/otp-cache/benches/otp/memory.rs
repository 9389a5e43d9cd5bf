//! The memory backend: speed on two threads, and how it grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use otp_cache::ChallengeStore;
use otp_cache::memory::MemoryStore;
use otp_core::{Policy, SubjectKey};

use crate::report::{Goal, Report, median};
use crate::setup::{Login, bytes, challenge, logins, now, per_second, timed};

const BATCH: u64 = 50_000;
const THREADS: u64 = 2;

static NEXT: AtomicU64 = AtomicU64::new(1 << 40);

pub(crate) fn run(report: &mut Report, is_quick: bool) {
    let rounds = if is_quick { 3 } else { 9 };
    let store = Arc::new(MemoryStore::with_capacity(100_000_000));
    let (mut ours, mut dash, mut moka) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(cycles_per_second(&store));
        dash.push(dashmap_per_second());
        moka.push(moka_per_second());
    }
    let million = 1e6;
    report.row(
        "memory: open + begin_attempt + consume, 2 threads",
        median(ours) / million,
        "M/s",
        Goal::AtLeast(2.0),
    );
    let (name, unit) = ("dashmap: insert + compare-remove, 2 threads", "M/s");
    report.row(name, median(dash) / million, unit, Goal::None);
    let (name, unit) = ("moka: insert + compare-remove, 2 threads", "M/s");
    report.row(name, median(moka) / million, unit, Goal::None);
    growth(report, is_quick);
}

/// Whole cycles per second over all threads; preparing them is not timed.
fn cycles_per_second(store: &Arc<MemoryStore>) -> f64 {
    on_threads(|first| logins(first, BATCH), {
        let store = Arc::clone(store);
        move |logins| cycle(&store, logins)
    })
}

fn on_threads<W: Send + 'static>(
    prepare: impl Fn(u64) -> W,
    work: impl Fn(W) + Clone + Send + 'static,
) -> f64 {
    let barrier = Arc::new(std::sync::Barrier::new(usize::try_from(THREADS).expect("two")));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let prepared = prepare(NEXT.fetch_add(BATCH, Ordering::Relaxed));
            let (work, barrier) = (work.clone(), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                timed(|| work(prepared)).1
            })
        })
        .collect();
    let slowest = threads.into_iter().map(|thread| thread.join().expect("no panic")).max();
    per_second(THREADS * BATCH, slowest.expect("there are threads"))
}

fn cycle(store: &MemoryStore, logins: Vec<Login>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let policy = Policy::default();
    runtime.block_on(async {
        for login in logins {
            let Login { subject, new, proof } = login;
            let opened = store.open(subject, new, &policy, now()).await;
            assert!(opened.is_ok_and(|opened| opened.is_ok()));
            let attempt = store.begin_attempt(subject, new.id, &policy, now()).await;
            assert!(attempt.is_ok_and(|attempt| attempt.is_ok()));
            assert!(store.consume(proof, now()).await.is_ok_and(|consumed| consumed.is_ok()));
        }
    });
}

fn pairs(first: u64) -> Vec<([u8; 16], [u8; 80])> {
    (first..first + BATCH).map(|number| (bytes(number), [number.to_le_bytes()[0]; 80])).collect()
}

fn dashmap_per_second() -> f64 {
    let map = Arc::new(dashmap::DashMap::<[u8; 16], [u8; 80]>::new());
    on_threads(pairs, move |pairs| {
        for (key, value) in pairs {
            map.insert(key, value);
            assert!(map.remove_if(&key, |_, stored| *stored == value).is_some());
        }
    })
}

fn moka_per_second() -> f64 {
    let cache = moka::sync::Cache::<[u8; 16], [u8; 80]>::new(1_000_000);
    on_threads(pairs, move |pairs| {
        for (key, value) in pairs {
            cache.insert(key, value);
            assert!(cache.get(&key).is_some_and(|stored| stored == value));
            assert!(cache.remove(&key).is_some());
        }
    })
}

/// Time of a cycle and memory per challenge while more and more challenges are open.
fn growth(report: &mut Report, is_quick: bool) {
    let sizes: &[(u64, &str)] = if is_quick {
        &[(1_000, "1 k"), (100_000, "100 k"), (1_000_000, "1 M")]
    } else {
        &[
            (1_000, "1 k"),
            (10_000, "10 k"),
            (100_000, "100 k"),
            (1_000_000, "1 M"),
            (10_000_000, "10 M"),
        ]
    };
    let store = MemoryStore::with_capacity(100_000_000);
    let before = resident_bytes();
    let (mut open, mut first, mut last) = (0, None, 0.0);
    for (size, label) in sizes {
        fill(&store, open, *size);
        open = *size;
        let bytes_each = (resident_bytes() - before) / u32_of(*size);
        let samples = (0..5).map(|_| {
            let logins = logins(NEXT.fetch_add(BATCH, Ordering::Relaxed), BATCH);
            1e9 / per_second(BATCH, timed(|| cycle(&store, logins)).1)
        });
        last = median(samples.collect());
        first.get_or_insert(last);
        let name = format!("memory: one cycle beside {label} open challenges");
        report.row(&name, last, "ns", Goal::None);
        if *size >= 1_000_000 {
            let name = format!("memory: bytes each of {label} open challenges");
            report.row(&name, bytes_each, "bytes", Goal::AtMost(300.0));
        }
    }
    let name = "memory: a cycle beside the most challenges, to one beside 1 k";
    report.row(name, last / first.unwrap_or(last), "times", Goal::AtMost(2.0));
}

fn u32_of(number: u64) -> f64 {
    f64::from(u32::try_from(number).expect("below four billion"))
}

fn fill(store: &MemoryStore, from: u64, to: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let policy = Policy::default();
    runtime.block_on(async {
        for number in from..to {
            let subject = SubjectKey::from_bytes(bytes(number));
            let opened = store.open(subject, challenge(number), &policy, now()).await;
            assert!(opened.is_ok_and(|opened| opened.is_ok()));
        }
    });
}

/// The resident memory of this process (Linux).
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(f64::NAN) * 1024.0
}
