//! The conformance suites: the implementations in memory pass them, and each implementation with a flaw
//! is caught by the clause that it breaks and by no other.

#![expect(clippy::unwrap_used, reason = "what fails in the flawed implementations fails the test")]

mod audit;
mod passwords;
mod sessions;
mod stored_users;
mod users;

use std::{panic::AssertUnwindSafe, time::Duration};

use auth_module::{HashParameters, HasherLimits, PasswordHasher, conformance::Clause};
use tokio::runtime::Runtime;

/// Runs the calls of a race on four threads.
fn threads() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Runs everything on one thread under paused time. Time moves on when every task waits, so a flaw that
/// sleeps between reading and writing always lets the other calls of a race begin.
fn paused() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

/// The clauses that an implementation does not pass on both runtimes, each with a kit of its own.
fn caught<K>(clauses: &[Clause<K>], kit: impl Fn() -> K) -> Vec<&'static str> {
    let fails = |runtime: Runtime, clause: &Clause<K>| {
        let kit = kit();
        panics_on(&runtime, async || clause.check(&kit).await)
    };
    let broken =
        clauses.iter().filter(|clause| fails(paused(), clause) || fails(threads(), clause));
    broken.map(Clause::name).collect()
}

/// Whether a function of the suite panics under paused time.
fn panics(check: impl AsyncFnOnce()) -> bool {
    panics_on(&paused(), check)
}

fn panics_on(runtime: &Runtime, check: impl AsyncFnOnce()) -> bool {
    std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(check()))).is_err()
}

/// Waits until the other calls of a race have begun, under [`paused`] time: what a flawed
/// store does between reading and writing.
async fn others_come_first() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// The cheapest hash that is allowed.
fn hasher() -> PasswordHasher {
    let parameters = HashParameters::new(4096, 1, 1).expect("within the bounds");
    PasswordHasher::new(parameters, HasherLimits::default())
}
