//! The login state machine over the real authentication module and factors made up for the tests.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod alternatives;
mod approval;
mod contended;
mod dummy;
mod factors;
mod faults;
mod leaks;
mod live;
mod login;
mod races;
mod redirects;
mod support;
