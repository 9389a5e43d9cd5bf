//! The memory backend: speed on two threads.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use otp_cache::{ChallengeStore, memory::MemoryStore};
use otp_core::Policy;

use crate::{
    growth,
    setup::{Login, bytes, logins, now, per_second, timed},
};
use testkit::measure::{Goal, Report, Samples};

pub(crate) const BATCH: u64 = 50_000;
const THREADS: u64 = 2;

pub(crate) static NEXT: AtomicU64 = AtomicU64::new(1 << 40);

pub(crate) fn run(report: Report, is_quick: bool) {
    let rounds = if is_quick { 5 } else { 15 };
    let (mut ours, mut dash, mut moka) =
        (Samples::default(), Samples::default(), Samples::default());
    {
        let store = Arc::new(MemoryStore::with_capacity(100_000_000));
        for _ in 0..rounds {
            ours.push(cycles_per_second(&store));
            dash.push(dashmap_per_second());
            moka.push(moka_per_second());
        }
    }
    let name = "memory: open + begin_attempt + consume, 2 threads";
    report.row(name, &ours.scaled(1e-6), "M/s", Goal::AtLeast(2.0));
    let name = "dashmap: insert + compare-remove, 2 threads";
    report.row(name, &dash.scaled(1e-6), "M/s", Goal::None);
    let name = "moka: insert + compare-remove, 2 threads";
    report.row(name, &moka.scaled(1e-6), "M/s", Goal::None);
    growth::run(report, is_quick);
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

pub(crate) fn cycle(store: &MemoryStore, logins: Vec<Login>) {
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

pub(crate) fn pairs(first: u64) -> Vec<([u8; 16], [u8; 80])> {
    (first..first + BATCH).map(|number| (bytes(number), [number.to_le_bytes()[0]; 80])).collect()
}

fn dashmap_per_second() -> f64 {
    let map = Arc::new(Dashmap::new());
    on_threads(pairs, move |pairs| in_and_out_of_dashmap(&map, pairs))
}

pub(crate) type Dashmap = dashmap::DashMap<[u8; 16], [u8; 80]>;
pub(crate) type Moka = moka::sync::Cache<[u8; 16], [u8; 80]>;

pub(crate) fn in_and_out_of_dashmap(map: &Dashmap, pairs: Vec<([u8; 16], [u8; 80])>) {
    for (key, value) in pairs {
        map.insert(key, value);
        assert!(map.remove_if(&key, |_, stored| *stored == value).is_some());
    }
}

pub(crate) fn in_and_out_of_moka(cache: &Moka, pairs: Vec<([u8; 16], [u8; 80])>) {
    for (key, value) in pairs {
        cache.insert(key, value);
        assert!(cache.get(&key).is_some_and(|stored| stored == value));
        assert!(cache.remove(&key).is_some());
    }
}

fn moka_per_second() -> f64 {
    let cache = Moka::new(1_000_000);
    on_threads(pairs, move |pairs| in_and_out_of_moka(&cache, pairs))
}
