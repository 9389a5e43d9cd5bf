//! Faults of the file: every call fails closed, and the store works again once the cause is gone.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

mod faults;
mod full_disk;
mod support;
