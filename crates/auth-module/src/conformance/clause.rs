//! A clause as a value.

use std::{fmt, future::Future, pin::Pin};

// Not `Send`: async closures that borrow are not general enough for it. A test blocks on it anyway.
type Checking<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One clause of a contract, for harnesses that run and name each on its own. `K` is the kit it needs.
pub struct Clause<K> {
    name: &'static str,
    check: for<'a> fn(&'a K) -> Checking<'a>,
}

impl<K> Clause<K> {
    pub(super) fn new(name: &'static str, check: for<'a> fn(&'a K) -> Checking<'a>) -> Self {
        Self { name, check }
    }

    /// Returns the name of its function.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it.
    ///
    /// # Panics
    ///
    /// If the clause is broken, or the implementation fails.
    pub async fn check(&self, kit: &K) {
        (self.check)(kit).await;
    }
}

impl<K> fmt::Debug for Clause<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clause").field(&self.name).finish()
    }
}

/// Runs all of `clauses`.
///
/// # Panics
///
/// If a clause is broken, or the implementation fails.
pub async fn run<K>(clauses: &[Clause<K>], kit: &K) {
    for clause in clauses {
        clause.check(kit).await;
    }
}

/// The functions of these names as [`Clause`]s.
macro_rules! clauses {
    ($($clause:ident),+ $(,)?) => {
        vec![$($crate::conformance::Clause::new(
            stringify!($clause),
            |kit| Box::pin($clause(kit)),
        )),+]
    };
}
pub(super) use clauses;
