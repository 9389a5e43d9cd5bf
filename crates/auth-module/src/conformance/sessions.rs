//! The clauses of [`Sessions`](crate::Sessions), one function each.

mod ending;
mod keeping;
mod logins;

pub use self::{
    ending::{
        clause_3_ended_is_ended, clause_4_the_callers_clock_decides,
        clause_9_a_sweep_removes_what_is_over,
    },
    keeping::{
        clause_6_a_use_moves_forward, clause_7_lists_are_of_one_user, clause_8_kept_as_it_was,
        clause_10_acknowledged_means_kept, clause_11_full_means_refused,
    },
    logins::{clause_1_one_winner, clause_2_no_lost_update, clause_5_replaced_or_nothing},
};
use super::{Clause, SessionsKit, clause::clauses};

/// The clauses that need nothing but a handle, in order.
pub fn clauses() -> Vec<Clause<SessionsKit>> {
    clauses![
        clause_1_one_winner,
        clause_2_no_lost_update,
        clause_3_ended_is_ended,
        clause_4_the_callers_clock_decides,
        clause_5_replaced_or_nothing,
        clause_6_a_use_moves_forward,
        clause_7_lists_are_of_one_user,
        clause_8_kept_as_it_was,
        clause_9_a_sweep_removes_what_is_over,
    ]
}
