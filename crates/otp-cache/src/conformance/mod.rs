//! What every backend has to pass: one function per clause of the contracts, races included.
//!
//! Not covered by semver: a patch release may add a clause. Each function panics with the number of
//! the clause that is broken.
//!
//! ```
//! use otp_cache::{conformance, memory::MemoryStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! tokio::runtime::Builder::new_multi_thread().build()?.block_on(async {
//!     conformance::run(|| async { MemoryStore::with_capacity(100_000) }).await;
//! });
//! # Ok(())
//! # }
//! ```
//!
//! [`run`] calls the factory once per clause; it may give a new and empty store each time, or the same
//! one again, for every call of the suite names its subjects anew. A durable backend runs
//! [`survives_reopening`] too, and one that several processes or nodes share runs [`run_shared`] with
//! one handle per node.

mod challenges;
mod histories;
mod kit;
pub mod linear;
mod quotas;
mod races;
mod rules;

use std::future::Future;
use std::sync::Arc;

pub use histories::histories_are_linearizable;
pub use kit::Kit;

use crate::{ChallengeStore, Quota};

/// Runs all clauses that need one handle.
///
/// # Panics
///
/// When a clause is broken, or the store fails.
pub async fn run<S, F>(factory: impl Fn() -> F)
where
    S: ChallengeStore + Quota,
    F: Future<Output = S>,
{
    let nodes = async || {
        let store = Arc::new(factory().await);
        vec![Arc::clone(&store), store]
    };
    run_over(nodes).await;
}

/// Runs all clauses with the calls spread over several handles on the same data: what processes or
/// nodes that share a backend do to each other.
///
/// # Panics
///
/// When a clause is broken, a store fails, or the factory gives no handle.
pub async fn run_shared<S, F>(factory: impl Fn() -> F)
where
    S: ChallengeStore + Quota,
    F: Future<Output = Vec<S>>,
{
    let nodes = async || {
        let stores = factory().await;
        assert!(!stores.is_empty(), "run_shared needs a handle at least");
        stores.into_iter().map(Arc::new).collect()
    };
    run_over(nodes).await;
}

async fn run_over<S: ChallengeStore + Quota>(nodes: impl AsyncFn() -> Vec<Arc<S>>) {
    macro_rules! clauses {
        ($($module:ident :: $clause:ident),+ $(,)?) => {
            $( $module::$clause(&Kit::new(stringify!($clause), nodes().await)).await; )+
        };
    }
    clauses!(
        challenges::clause_1_attempts_are_counted_first,
        challenges::clause_1_limits_hold_over_many_challenges,
        challenges::clause_2_a_challenge_is_consumed_once,
        challenges::clause_3_nothing_but_success_forgets,
        challenges::clause_3_success_forgets,
        challenges::clause_3_an_administrator_can_unlock,
        challenges::clause_4_the_callers_clock_decides,
        challenges::clause_4_fractions_of_a_millisecond_are_cut_off,
        challenges::clause_5_a_resend_is_the_same_challenge,
        challenges::clause_5_failed_delivery_shortens_the_wait,
        challenges::clause_6_the_newest_replaces,
        challenges::clause_9_what_is_gone_stays_gone,
        challenges::clause_10_subjects_are_apart,
        challenges::hard_stop_needs_an_administrator,
        challenges::every_delivery_is_kept,
        races::clause_1_parallel_attempts_on_one_challenge,
        races::clause_1_parallel_attempts_over_many_challenges,
        races::clause_2_parallel_right_codes,
        races::clause_5_parallel_resends,
        races::clause_6_parallel_opens,
        races::clause_3_attempts_race_resends_and_opens,
        rules::the_store_decides_as_the_pure_rules,
        quotas::clause_1_never_more_than_the_rate,
        quotas::clause_1_parallel_charges,
        quotas::clause_2_all_or_none,
        quotas::clause_2_parallel_charges_of_several_keys,
        quotas::clause_4_the_callers_clock_decides,
        quotas::clause_5_a_refund_gives_back,
        quotas::too_large_is_refused_for_good,
        quotas::the_store_decides_as_the_pure_rule,
        histories::histories_are_linearizable,
    );
}

/// Counters, locks, challenges and marks outlive the handle: `open` is called twice and must give the
/// same data again.
///
/// # Panics
///
/// When something was forgotten, or a store fails.
pub async fn survives_reopening<S, F>(open: impl Fn() -> F)
where
    S: ChallengeStore + Quota,
    F: Future<Output = S>,
{
    let kit = Kit::new("survives_reopening", vec![Arc::new(open().await)]);
    let before = challenges::prepare_for_reopening(&kit).await;
    let marks = quotas::prepare_for_reopening(&kit).await;
    drop(kit);
    let kit = Kit::new("survives_reopening", vec![Arc::new(open().await)]);
    challenges::clause_3_a_restart_forgets_nothing(&kit, before).await;
    quotas::clause_4_a_restart_forgets_nothing(&kit, &marks).await;
}

/// A store made for `capacity` subjects and as many quota keys refuses what is new when full, keeps
/// what it has, and takes new ones again once something has expired.
///
/// # Panics
///
/// When the store takes more, drops something live, or never takes anything again.
pub async fn clause_8_full_means_refuse<S: ChallengeStore + Quota>(store: S, capacity: u32) {
    let kit = Kit::new("clause_8_full_means_refuse", vec![Arc::new(store)]);
    challenges::clause_8_full_means_refuse(&kit, capacity).await;
    quotas::clause_6_full_means_refuse(&kit, capacity).await;
}
