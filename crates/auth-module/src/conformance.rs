//! What every implementation of a port has to pass: one function for each clause of its contract.
//!
//! A test of your implementation, or of a wrapper of one, runs the functions that the implementations of
//! this workspace run. `docs/write-a-directory.md` in the repository is the guide, with a whole directory
//! and a whole session store.
//!
//! ```
//! use std::sync::Arc;
//!
//! use auth_module::{
//!     MemorySessions,
//!     conformance::{SessionsKit, run, sessions},
//! };
//!
//! fn main() -> std::io::Result<()> {
//!     tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//!         let store = Arc::new(MemorySessions::new(1000));
//!         run(&sessions::clauses(), &SessionsKit::new(store)).await;
//!     });
//!     Ok(())
//! }
//! ```
//!
//! # Which functions to run
//!
//! | what you wrote | the kit | always | and if it |
//! |---|---|---|---|
//! | [`Users`](crate::Users) | [`UsersKit`] | [`users::clauses`] | |
//! | [`PasswordCheck`](crate::PasswordCheck) | [`PasswordCheckKit`] | [`password_check::clauses`] | checks hashes: [`password_check::clause_5_a_wrong_name_costs_the_same`] |
//! | [`HashSource`](crate::HashSource) and [`UserAdministration`](crate::UserAdministration) | [`StoredUsersKit`] | [`hash_source::clauses`], [`user_administration::clauses`] | is durable: [`user_administration::clause_5_acknowledged_means_kept`] |
//! | [`Sessions`](crate::Sessions) | [`SessionsKit`] | [`sessions::clauses`] | is durable: [`sessions::clause_10_acknowledged_means_kept`]; has a bound: [`sessions::clause_11_full_means_refused`] |
//! | [`AuditTrail`](crate::AuditTrail) and [`AuditReader`](crate::AuditReader) | [`AuditKit`] | [`audit::clauses`] | is durable: [`audit::clause_2_flushed_means_kept`]; can lose records: [`audit::clause_3_a_lost_record_is_reported`] |
//! | [`AuditArchive`](crate::AuditArchive) | [`ArchiveKit`] | [`audit_archive::clauses`] | |
//!
//! A directory is tested with users whom a [`Seed`] adds, behind its back if it is read-only.
//!
//! # What a run needs
//!
//! - **A Tokio runtime** with all drivers. The races have 32 callers, so use several threads. On one
//!   thread, the calls of a store that never waits follow each other.
//! - **Any data.** Each call uses names, tokens and ids of its own, so the store may be empty or not, and one
//!   kit may be used for all clauses. What a clause has added stays there, and the clauses of an archive remove
//!   what they find: use a database for tests.
//! - **No clock.** The clauses pass instants of the year 2100 and later. A store must not compare them with
//!   its own clock, except to sweep what has expired.
//!
//! # Panics
//!
//! Each function panics with the number of the clause that is broken. [`run`] ends at the first one; to see
//! each, call [`Clause::check`] in a test of its own.
//!
//! # Stability
//!
//! This module is not covered by semver: any release may add a clause, or make one stricter.

pub mod audit;
pub mod audit_archive;
mod clause;
pub mod hash_source;
mod kit;
pub mod password_check;
pub mod sessions;
pub mod user_administration;
pub mod users;

pub use self::{
    clause::{Clause, run},
    kit::{
        ArchiveKit, AuditKit, PasswordCheckKit, Seed, SessionsKit, StoreSeed, StoredUsersKit,
        UsersKit,
    },
};
