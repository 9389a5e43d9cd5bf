//! The conformance suites: the implementations in memory pass them. Each planted fault is found by the
//! clause that it breaks and by no other.
//!
//! `PLANTED` in each module is the table of one port or two. `check_table` shows that it is complete.

#![expect(clippy::unwrap_used, reason = "what fails in the flawed implementations fails the test")]

mod audit;
mod audit_archive;
mod passwords;
mod sessions;
mod stored_users;
mod users;

use std::{collections::BTreeSet, fmt::Debug, panic::AssertUnwindSafe, time::Duration};

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

/// Declares the faults that are planted into the implementations of a port, as `Fault`, and the table
/// `PLANTED`: each with the clause that has to find it.
macro_rules! planted {
    ($($(#[doc = $doc:literal])+ $fault:ident => $clause:ident,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Fault {
            None,
            $($(#[doc = $doc])+ $fault,)+
        }

        const PLANTED: &[(Fault, &str)] = &[$((Fault::$fault, stringify!($clause)),)+];
    };
}
use planted;

/// A clause that was run, and whether the implementation passed it.
type Passed = (&'static str, bool);

/// Shows that the table of an implementation is complete:
///
/// - each number of a contract in the docs has one function, and each function was run,
/// - the implementation without a fault passes,
/// - each function finds a planted fault,
/// - each fault is found by its clause and by no other, of all its ports.
fn check_table<F: Copy + Debug>(
    suites: &[Suite],
    sound: F,
    planted: &[(F, &str)],
    run: impl Fn(F) -> Vec<Passed>,
) {
    let results = run(sound);
    let failed: Vec<_> = results.iter().filter(|(_, passed)| !passed).collect();
    assert!(failed.is_empty(), "the sound implementation fails {failed:?}");
    let was_run: BTreeSet<&str> = results.iter().map(|(name, _)| *name).collect();
    let functions: BTreeSet<&str> = suites.iter().flat_map(Suite::functions).collect();
    assert_eq!(was_run, functions, "each public function was run");
    for suite in suites {
        suite.check_numbers();
    }
    for function in functions {
        let is_planted = planted.iter().any(|(_, clause)| *clause == function);
        assert!(is_planted, "no fault is planted for {function}");
    }
    let found = planted.iter().map(|(fault, clause)| {
        let failed = run(*fault).into_iter().filter(|(_, passed)| !passed);
        (fault, *clause, failed.map(|(name, _)| name).collect::<Vec<_>>())
    });
    let wrong: Vec<_> = found.filter(|(_, clause, found_by)| *found_by != [*clause]).collect();
    assert!(wrong.is_empty(), "faults that another clause finds, or none: {wrong:#?}");
}

/// The texts of a port's contract and of its suite.
#[derive(Clone, Copy)]
struct Suite {
    /// The source of the port.
    port: &'static str,
    /// Its name there.
    name: &'static str,
    /// The sources of its suite.
    sources: &'static [&'static str],
    /// How its functions begin.
    prefix: &'static str,
}

impl Suite {
    /// Checks that the numbers of the functions are those of the contract in the docs of the port.
    fn check_numbers(&self) {
        let declaration = format!("pub trait {}:", self.name);
        let (before, _) = self.port.split_once(&declaration).expect("the port is there");
        let (_, contract) = before.rsplit_once("# Contract").expect("the port has a contract");
        let lines =
            contract.lines().filter_map(|line| line.strip_prefix("/// ")?.split_once(". **"));
        let mut numbers: Vec<&str> = lines.map(|(number, _)| number).collect();
        assert!(!numbers.is_empty(), "{} has clauses", self.name);
        let functions = self.functions();
        let names = functions.iter().filter_map(|name| name.strip_prefix(self.prefix));
        let mut tested: Vec<&str> = names.filter_map(|name| name.split('_').next()).collect();
        numbers.sort_unstable();
        tested.sort_unstable();
        assert_eq!(tested, numbers, "the clauses of {}", self.name);
    }

    /// The names of the public functions of the suite.
    fn functions(&self) -> BTreeSet<&'static str> {
        let lines = self.sources.iter().flat_map(|source| source.lines());
        let functions = lines.filter_map(|line| line.strip_prefix("pub async fn "));
        let names = functions.filter_map(|rest| rest.split(['(', '<']).next());
        names.filter(|name| name.starts_with(self.prefix)).collect()
    }
}

/// Runs each clause on both runtimes, each with a kit of its own.
fn passed<K>(clauses: &[Clause<K>], kit: impl Fn() -> K) -> Vec<Passed> {
    let passes = |runtime: Runtime, clause: &Clause<K>| {
        let kit = kit();
        !panics_on(&runtime, async || clause.check(&kit).await)
    };
    let both = |clause: &Clause<K>| passes(paused(), clause) && passes(threads(), clause);
    clauses.iter().map(|clause| (clause.name(), both(clause))).collect()
}

/// Runs a function that is not in `clauses()` under paused time.
fn passes(name: &'static str, check: impl AsyncFnOnce()) -> Passed {
    (name, !panics_on(&paused(), check))
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
