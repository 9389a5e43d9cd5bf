//! Tests of the simulator over HTTP, one module per subject.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod basics;
mod bulk;
mod delivery;
mod faults;
mod inbox;
mod push_api;
mod sms_api;
mod support;
mod tls;
