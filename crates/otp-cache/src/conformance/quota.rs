//! The clauses of [`Quota`], one function each.

mod charging;
mod failing;
mod histories;
mod keeping;

pub use charging::{
    clause_1_never_more, clause_2_all_or_none, clause_4_the_callers_clock_decides,
    clause_5_a_refund_gives_back_what_was_charged, decides_as_the_pure_rule,
};
pub use failing::{clause_3_fails_closed, clause_8_every_call_ends_in_time};
pub use histories::histories_are_linearizable;
pub use keeping::{
    clause_4_own_expiry_only_sweeps, clause_6_full_means_refuse, clause_7_acknowledged_means_kept,
};

use super::clause::{Clause, clauses};
use crate::Quota;

/// Returns the clauses that need only a handle, in order.
///
/// The five others need help from the backend: [`clause_3_fails_closed`] makes it fail,
/// [`clause_4_own_expiry_only_sweeps`] lets time pass in it, [`clause_6_full_means_refuse`] needs a small one,
/// [`clause_7_acknowledged_means_kept`] opens it twice, and [`clause_8_every_call_ends_in_time`] stalls it.
pub fn clauses<S: Quota>() -> Vec<Clause<S>> {
    clauses![
        clause_1_never_more,
        clause_2_all_or_none,
        clause_4_the_callers_clock_decides,
        clause_5_a_refund_gives_back_what_was_charged,
        decides_as_the_pure_rule,
        histories_are_linearizable,
    ]
}
