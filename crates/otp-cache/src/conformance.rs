//! The suite that every backend must pass: one function per clause of the contracts, including races.
//!
//! If you write a [`ChallengeStore`], a [`Quota`], [`DeliveryNotes`], a [`Notifier`] or a wrapper of one, run the
//! same functions as the backends of this crate. [`run`] runs all clauses of the first two that need only a
//! handle:
//!
//! ```
//! use std::sync::Arc;
//!
//! use otp_cache::{ChallengeStore, conformance, memory::MemoryStore}; // or your store
//!
//! #[tokio::main]
//! async fn main() {
//!     conformance::run(|| async { MemoryStore::new() }).await;
//!     conformance::full_means_refuse(|| async { MemoryStore::with_capacity(9) }, 9).await;
//!     conformance::run_delivery_notes(|| async { vec![MemoryStore::new()] }).await;
//!
//!     // A store behind one trait only, and a single clause.
//!     let store: Arc<dyn ChallengeStore> = Arc::new(MemoryStore::new());
//!     conformance::run_challenge_store(|| async { Arc::clone(&store) }).await;
//!     let kit = conformance::Kit::new(store);
//!     conformance::challenge_store::clause_2_one_winner(&kit).await;
//! }
//! ```
//!
//! The factory is called once per clause. It may return a new store each time, or the same one again, because
//! the suite uses new subjects in every call.
//!
//! Some clauses need help from the backend, so they are separate functions:
//!
//! | a backend that | also runs |
//! |---|---|
//! | is shared by processes or nodes | [`run_shared`], with one handle per node |
//! | deletes by a clock of its own: a time to live, a job | [`run_with_time`], and moves that clock for it |
//! | is durable | [`survives_reopening`] |
//! | has a bound | [`full_means_refuse`] |
//! | can fail: a file, a server, a network | [`failed_means_refused`], with an [`Outage`] |
//! | can leave a call without a reply | [`every_call_ends_in_time`], with an [`Outage`] that stalls it |
//!
//! [`run_delivery_notes`] and [`run_notifier`] run the clauses of the other two contracts over one handle or
//! several. The clauses that need a backend's help are functions of [`notes`] and [`notifier`].
//!
//! Each function panics with the number of the broken clause. It needs a Tokio runtime with all drivers. More
//! threads make the races harder. To test a host, use the wrapper [`Faulty`].
//!
//! Not covered by semver: a patch release may add a clause.
//!
//! # What no check can see
//!
//! * What a killed process or server, or a power cut, leaves behind: [`survives_reopening`] only opens a second handle.
//! * What a failover to a replica loses, and what an administrator can set so that the server evicts or forgets.
//! * An expiry of the backend that `pass_time` of [`run_with_time`] does not reach, and one after more than a year.
//! * A race that needs more callers, more nodes or more time than the suite has: it runs each a few times only.
//! * What happens with more data than the suite writes, such as a sweep that deletes too much of a large table.
//! * A notification that is lost among more than some thousands for other subjects.
//! * Whether a backup or a log holds what the store must not keep.

mod amounts;
pub mod challenge_store;
mod clause;
mod dice;
mod faulty;
mod history;
mod kit;
pub mod linear;
pub mod notes;
pub mod notifier;
mod outage;
pub mod quota;

use std::{future::Future, sync::Arc, time::Duration};

pub use clause::Clause;
pub use faulty::{Fault, Faulty};
pub use kit::{CALLERS, Kit, Person};
pub use outage::Outage;

use crate::{ChallengeStore, DeliveryNotes, Notifier, Quota};

/// Runs all clauses of both contracts that need only a handle.
///
/// # Panics
///
/// If a clause is broken or the store fails.
pub async fn run<S, F>(factory: impl Fn() -> F)
where
    S: ChallengeStore + Quota,
    F: Future<Output = S>,
{
    run_challenge_store(&factory).await;
    run_quota(&factory).await;
}

/// Runs the clauses of [`ChallengeStore`] alone.
///
/// # Panics
///
/// If a clause is broken or the store fails.
pub async fn run_challenge_store<S, F>(factory: impl Fn() -> F)
where
    S: ChallengeStore,
    F: Future<Output = S>,
{
    for clause in challenge_store::clauses() {
        clause.check(Kit::new(factory().await)).await;
    }
}

/// Runs the clauses of [`Quota`] alone.
///
/// # Panics
///
/// If a clause is broken or the store fails.
pub async fn run_quota<S, F>(factory: impl Fn() -> F)
where
    S: Quota,
    F: Future<Output = S>,
{
    for clause in quota::clauses() {
        clause.check(Kit::new(factory().await)).await;
    }
}

/// Like [`run`], with the calls spread over several handles on the same data, as from processes or nodes that
/// share a backend.
///
/// # Panics
///
/// If a clause is broken, a store fails, or the factory returns no handle.
pub async fn run_shared<S, F>(factory: impl Fn() -> F)
where
    S: ChallengeStore + Quota,
    F: Future<Output = Vec<S>>,
{
    for clause in challenge_store::clauses() {
        clause.check(Kit::over(factory().await)).await;
    }
    for clause in quota::clauses() {
        clause.check(Kit::over(factory().await)).await;
    }
}

/// Runs the clauses of [`DeliveryNotes`] that need only handles on the same data, one per node.
///
/// # Panics
///
/// When a clause is broken, a store fails, or the factory gives no handle.
pub async fn run_delivery_notes<S, F>(factory: impl Fn() -> F)
where
    S: DeliveryNotes,
    F: Future<Output = Vec<S>>,
{
    for clause in notes::clauses() {
        clause.check(Kit::over(factory().await)).await;
    }
}

/// Runs the clauses of [`Notifier`] that need only handles on the same subscriptions, one per node.
///
/// # Panics
///
/// When a clause is broken, a notifier fails, or the factory gives no handle.
pub async fn run_notifier<S, F>(factory: impl Fn() -> F)
where
    S: Notifier,
    F: Future<Output = Vec<S>>,
{
    for clause in notifier::clauses() {
        clause.check(Kit::over(factory().await)).await;
    }
}

/// Runs the part of clause 4 of both contracts that needs time to pass in the backend: its own expiry only sweeps.
///
/// The clauses pass a `now` that is later each time, and call `pass_time` before. It moves the clock by which the
/// backend deletes, so that no test has to wait:
///
/// | a backend that deletes | `pass_time` |
/// |---|---|
/// | by the caller's `now` only | does nothing: `async \|_\| {}` |
/// | by a time to live, as Redis does | shortens that of each key, and deletes the keys that have none left |
/// | by a column and the database's clock | moves the column of each row back, and runs the job that deletes |
///
/// It moves every key of the backend, so no other test may use the same data meanwhile.
///
/// ```
/// use otp_cache::{conformance, memory::MemoryStore};
///
/// #[tokio::main]
/// async fn main() {
///     conformance::run_with_time(|| async { MemoryStore::new() }, async |_| {}).await;
/// }
/// ```
///
/// # Panics
///
/// If a clause is broken or the store fails.
pub async fn run_with_time<S, F>(factory: impl Fn() -> F, pass_time: impl AsyncFn(Duration))
where
    S: ChallengeStore + Quota,
    F: Future<Output = S>,
{
    let kit = Kit::new(factory().await);
    challenge_store::clause_4_own_expiry_only_sweeps(&kit, &pass_time).await;
    quota::clause_4_own_expiry_only_sweeps(&Kit::new(factory().await), &pass_time).await;
}

/// Runs clause 7 of both contracts, *acknowledged means kept*. `open` is called twice for each and must return
/// the same data again.
///
/// # Panics
///
/// If something was lost or a store fails.
pub async fn survives_reopening<S, F>(open: impl Fn() -> F)
where
    S: ChallengeStore + Quota,
    F: Future<Output = S>,
{
    challenge_store::clause_7_acknowledged_means_kept(&open).await;
    quota::clause_7_acknowledged_means_kept(&open).await;
}

/// Runs clause 8 of [`ChallengeStore`] and 6 of [`Quota`], *full means refuse*. `fresh` returns an empty store
/// with room for at most `at_most` subjects and `at_most` quota keys.
///
/// # Panics
///
/// If the store accepts more, drops something live, or never accepts anything again.
pub async fn full_means_refuse<S, F>(fresh: impl Fn() -> F, at_most: u32)
where
    S: ChallengeStore + Quota,
    F: Future<Output = S>,
{
    challenge_store::clause_8_full_means_refuse(&Kit::new(fresh().await), at_most).await;
    quota::clause_6_full_means_refuse(&Kit::new(fresh().await), at_most).await;
}

/// Runs clause 9 of [`ChallengeStore`], *failed means refused*, and 3 of [`Quota`], over one outage each.
///
/// # Panics
///
/// If a clause is broken, or the store does not recover within ten seconds.
pub async fn failed_means_refused<S>(store: S, outage: &dyn Outage)
where
    S: ChallengeStore + Quota,
{
    let store = Arc::new(store);
    let kit = Kit::new(Arc::clone(&store));
    challenge_store::clause_9_failed_means_refused(&kit, outage).await;
    quota::clause_3_fails_closed(&Kit::new(store), outage).await;
}

/// Runs clause 12 of [`ChallengeStore`], *in time*, and 8 of [`Quota`], over one stall each: while it lasts, the backend
/// neither replies nor refuses. `limit` is the longest time that the backend states for one call, with some time for
/// a busy machine.
///
/// A backend without waiting has no stall. Show instead that each of its calls returns when it is first polled.
///
/// # Panics
///
/// If a call does not end within `limit`, or the store does not recover within ten seconds.
pub async fn every_call_ends_in_time<S>(store: S, stall: &dyn Outage, limit: Duration)
where
    S: ChallengeStore + Quota,
{
    let store = Arc::new(store);
    let kit = Kit::new(Arc::clone(&store));
    challenge_store::clause_12_every_call_ends_in_time(&kit, stall, limit).await;
    quota::clause_8_every_call_ends_in_time(&Kit::new(store), stall, limit).await;
}
