//! What the authentication module promises, through its public door.
#![expect(
    clippy::unwrap_used,
    clippy::unchecked_time_subtraction,
    reason = "what fails in the helpers fails the test"
)]

mod audit;
mod common;
mod crash;
mod destination;
mod imports;
mod leaks;
mod login;
mod passwords;
mod policy;
mod properties;
mod sessions;
mod stores;
