//! The clauses of [`ChallengeStore`], one function each.

mod failing;
mod histories;
mod keeping;
mod life;
mod limits;
mod model;
mod rules;

pub use failing::{
    clause_9_failed_means_refused, clause_11_dropped_means_once_or_not_at_all,
    clause_12_every_call_ends_in_time,
};
pub use histories::histories_are_linearizable;
pub use keeping::{
    clause_4_own_expiry_only_sweeps, clause_7_acknowledged_means_kept, clause_8_full_means_refuse,
};
pub use life::{
    clause_4_the_callers_clock_decides, clause_5_a_resend_is_the_same_challenge,
    clause_6_the_newest_replaces, clause_10_subjects_are_apart,
};
pub use limits::{clause_1_counted_first, clause_2_one_winner, clause_3_nothing_forgets};
pub use rules::decides_as_the_pure_rules;

use super::clause::{Clause, clauses};
use crate::ChallengeStore;

/// Returns the clauses that need only a handle, in order.
///
/// The five others need help from the backend: [`clause_4_own_expiry_only_sweeps`] lets time pass in it,
/// [`clause_7_acknowledged_means_kept`] opens it twice, [`clause_8_full_means_refuse`] needs a small one,
/// [`clause_9_failed_means_refused`] makes it fail, and [`clause_12_every_call_ends_in_time`] stalls it.
pub fn clauses<S: ChallengeStore>() -> Vec<Clause<S>> {
    clauses![
        clause_1_counted_first,
        clause_2_one_winner,
        clause_3_nothing_forgets,
        clause_4_the_callers_clock_decides,
        clause_5_a_resend_is_the_same_challenge,
        clause_6_the_newest_replaces,
        clause_10_subjects_are_apart,
        clause_11_dropped_means_once_or_not_at_all,
        decides_as_the_pure_rules,
        histories_are_linearizable,
    ]
}
