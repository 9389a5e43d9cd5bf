//! The factor as a host sees it, over the memory store and senders that a test scripts.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod begin;
mod changed_hands;
mod contract;
mod counting;
mod delivery;
mod histories;
#[cfg(feature = "karaden")]
mod karaden;
#[cfg(feature = "karaden")]
mod karaden_contract;
#[cfg(feature = "tracing")]
mod leaks;
mod live;
mod races;
mod reports;
mod resend;
mod submit;
mod support;
mod texts;
mod tries;
