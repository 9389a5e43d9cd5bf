//! A clause of a contract as a value.

use std::{fmt, future::Future, pin::Pin};

use super::kit::Kit;

type Checking = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One clause of a contract, for harnesses that run and report each one separately.
pub struct Clause<S> {
    name: &'static str,
    check: fn(Kit<S>) -> Checking,
}

impl<S> Clause<S> {
    pub(super) fn new(name: &'static str, check: fn(Kit<S>) -> Checking) -> Self {
        Self { name, check }
    }

    /// Returns the name of its function.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the clause.
    ///
    /// # Panics
    ///
    /// If the clause is broken or the store fails.
    pub async fn check(&self, kit: Kit<S>) {
        (self.check)(kit).await;
    }
}

impl<S> fmt::Debug for Clause<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clause").field(&self.name).finish()
    }
}

/// Turns the functions with these names into [`Clause`]s.
macro_rules! clauses {
    ($($clause:ident),+ $(,)?) => {
        vec![$($crate::conformance::clause::Clause::new(stringify!($clause), |kit| {
            Box::pin(async move { $clause(&kit).await })
        })),+]
    };
}
pub(super) use clauses;
