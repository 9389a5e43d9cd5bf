//! The factor as a host sees it, over the memory store and senders that a test scripts.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod begin;
mod contract;
mod counting;
mod delivery;
mod histories;
mod karaden;
mod leaks;
mod live;
mod races;
mod reports;
mod resend;
mod submit;
mod support;
mod texts;
