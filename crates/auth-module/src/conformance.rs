//! What every implementation of a port has to pass: one function for each clause of its contract.
//!
//! An implementation of a port, or a wrapper of one, runs the same functions as the ones of this
//! workspace:
//!
//! ```
//! use std::sync::Arc;
//!
//! use auth_module::{MemorySessions, conformance::{self, SessionsKit}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//!     let store = Arc::new(MemorySessions::new(1000));
//!     conformance::run(&conformance::sessions::clauses(), &SessionsKit::new(store)).await;
//! });
//! # Ok(())
//! # }
//! ```
//!
//! A kit may be used for all clauses: each call uses names, tokens and ids of its own, so the store may
//! be empty or not. Some clauses need something more and are not in `clauses()`:
//!
//! | the implementation | also runs |
//! |---|---|
//! | is durable | the functions `…_acknowledged_means_kept` and `audit::clause_2_flushed_means_kept` |
//! | has a bound | [`sessions::clause_11_full_means_refused`] |
//! | can lose audit records | [`audit::clause_3_a_lost_record_is_reported`] |
//! | checks hashes | [`password_check::clause_5_a_wrong_name_costs_the_same`] |
//!
//! Each function panics with the number of the clause that is broken. It needs a Tokio runtime with all
//! drivers; several threads make the races tougher.
//!
//! Not covered by semver: any release may add a clause.

pub mod audit;
mod clause;
pub mod hash_source;
mod kit;
pub mod password_check;
pub mod sessions;
pub mod user_administration;
pub mod users;

pub use self::{
    clause::{Clause, run},
    kit::{AuditKit, PasswordCheckKit, Seed, SessionsKit, StoreSeed, StoredUsersKit, UsersKit},
};
