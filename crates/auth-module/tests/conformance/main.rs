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

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// The clauses that an implementation does not pass, each with a kit of its own.
fn caught<K>(clauses: &[Clause<K>], kit: impl Fn() -> K) -> Vec<&'static str> {
    let broken = clauses.iter().filter(|clause| {
        let kit = kit();
        panics(async || clause.check(&kit).await)
    });
    broken.map(Clause::name).collect()
}

/// Whether a function of the suite panics.
fn panics(check: impl AsyncFnOnce()) -> bool {
    let runtime = runtime();
    std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(check()))).is_err()
}

/// Long enough for the other calls of a race to begin: what a flawed store does between reading and
/// writing.
async fn others_come_first() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// The cheapest hash that is allowed.
fn hasher() -> PasswordHasher {
    let parameters = HashParameters::new(4096, 1, 1).expect("within the bounds");
    PasswordHasher::new(parameters, HasherLimits::default())
}
