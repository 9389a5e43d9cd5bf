//! The database through its public interface: shared commits, failures and layouts.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

mod faults;
mod layouts;
mod reading;
mod support;
mod writing;
