//! What the authentication module promises, tested through its public interface.
#![expect(
    clippy::unwrap_used,
    clippy::unchecked_time_subtraction,
    reason = "what fails in the helpers fails the test"
)]

mod administration;
mod audit;
mod audit_bound;
mod audit_chain;
mod common;
mod destination;
mod foreign_hashes;
mod imports;
mod leaks;
mod login;
mod oracle;
mod password_limits;
mod passwords;
mod policy;
mod properties;
mod races;
mod read_only;
mod readings;
mod refusal_costs;
mod servers;
mod session_cache;
mod sessions;
