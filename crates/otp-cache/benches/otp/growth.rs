//! How the memory backend grows: the time of a cycle and the bytes of a challenge while more and more
//! of them are open, beside maps that do nothing but insert and remove.

use std::sync::atomic::Ordering;

use otp_cache::{ChallengeStore, memory::MemoryStore};
use otp_core::{Policy, SubjectKey};

use crate::{
    memory::{BATCH, Dashmap, Moka, NEXT, cycle, in_and_out_of_dashmap, in_and_out_of_moka, pairs},
    setup::{bytes, challenge, logins, now, per_second, timed},
};
use testkit::measure::{Goal, Report, Samples};

const SIZES: [(u64, &str); 5] = [
    (1_000, "1 k"),
    (10_000, "10 k"),
    (100_000, "100 k"),
    (1_000_000, "1 M"),
    (10_000_000, "10 M"),
];

const ROUNDS: usize = 11;

pub(crate) fn run(report: Report, is_quick: bool) {
    let sizes = if is_quick { &SIZES[..4] } else { &SIZES[..] };
    of_the_store(report, sizes);
    let name = "memory itself: a read at random of 128 MiB, after the one before it";
    report.row(name, &random_reads(), "ns", Goal::None);
    let map = Dashmap::new();
    of_a_map(report, sizes, "dashmap: insert + compare-remove", |from, to| {
        for number in from..to {
            map.insert(bytes(number), [0; 80]);
        }
        samples(pairs, |pairs| in_and_out_of_dashmap(&map, pairs))
    });
    drop(map);
    let cache = Moka::new(100_000_000);
    // Ten million would take it longer than all the rest.
    let sizes = &sizes[..sizes.len().min(4)];
    of_a_map(report, sizes, "moka: insert + compare-remove", |from, to| {
        (from..to).for_each(|number| cache.insert(bytes(number), [0; 80]));
        samples(pairs, |pairs| in_and_out_of_moka(&cache, pairs))
    });
}

fn of_the_store(report: Report, sizes: &[(u64, &str)]) {
    let store = MemoryStore::with_capacity(100_000_000);
    let before = resident_bytes();
    let (mut open, mut first, mut last) = (0, None, Samples::default());
    for (size, label) in sizes {
        fill(&store, open, *size);
        open = *size;
        let bytes_each = (resident_bytes() - before) / u32_of(*size);
        last = samples(|first| logins(first, BATCH), |logins| cycle(&store, logins));
        report.row(&beside("memory: one cycle", label), &last, "ns", Goal::None);
        if *size >= 1_000_000 {
            let name = format!("memory: bytes each of {label} open challenges");
            let bytes_each = [bytes_each].into_iter().collect();
            report.row(&name, &bytes_each, "bytes", Goal::AtMost(300.0));
        }
        first.get_or_insert(last.median());
    }
    let ratio = last.scaled(1.0 / first.unwrap_or(f64::NAN));
    report.row(&most_to_least("memory: a cycle", sizes), &ratio, "times", Goal::None);
}

/// Nanoseconds of a read that no cache foresees: what a look-up among millions cannot do without.
fn random_reads() -> Samples {
    const READS: u64 = 1_000_000;
    // One circle through all places, shuffled as Sattolo did.
    let mut next: Vec<u32> = (0..32 * 1024 * 1024).collect();
    for last in (1..next.len()).rev() {
        let random = u128::from_le_bytes(bytes(last as u64)) % last as u128;
        next.swap(last, usize::try_from(random).expect("a place"));
    }
    let mut at = 0;
    let mut read = || (0..READS).for_each(|_| at = next[at as usize]);
    read();
    let rounds = (0..ROUNDS).map(|_| 1e9 / per_second(READS, timed(&mut read).1)).collect();
    std::hint::black_box(at);
    rounds
}

/// The same of something to compare with; `grow` fills it from one size to the next and measures.
fn of_a_map(report: Report, sizes: &[(u64, &str)], what: &str, grow: impl Fn(u64, u64) -> Samples) {
    let (mut size, mut first, mut last) = (0, None, Samples::default());
    for (next, label) in sizes {
        last = grow(size, *next);
        size = *next;
        report.row(&beside(what, label), &last, "ns", Goal::None);
        first.get_or_insert(last.median());
    }
    let ratio = last.scaled(1.0 / first.unwrap_or(f64::NAN));
    report.row(&most_to_least(what, sizes), &ratio, "times", Goal::None);
}

fn beside(what: &str, label: &str) -> String {
    format!("{what} beside {label}")
}

fn most_to_least(what: &str, sizes: &[(u64, &str)]) -> String {
    let label = |size: Option<&(u64, &str)>| size.map_or(String::new(), |(_, at)| (*at).to_owned());
    format!("{what} beside {} to beside {}", label(sizes.last()), label(sizes.first()))
}

/// Nanoseconds of one piece of work, from several rounds after one to warm up; preparing it is not
/// timed.
fn samples<W>(prepare: impl Fn(u64) -> W, work: impl Fn(W)) -> Samples {
    work(prepare(NEXT.fetch_add(BATCH, Ordering::Relaxed)));
    (0..ROUNDS)
        .map(|_| {
            let prepared = prepare(NEXT.fetch_add(BATCH, Ordering::Relaxed));
            1e9 / per_second(BATCH, timed(|| work(prepared)).1)
        })
        .collect()
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

fn u32_of(number: u64) -> f64 {
    f64::from(u32::try_from(number).expect("below four billion"))
}

/// The resident memory of this process (Linux).
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(f64::NAN) * 1024.0
}
