//! Tests of the simulator over HTTP, one module per subject.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod basics;
mod bulk;
mod delivery;
mod faults;
mod guard;
mod inbox;
mod methods;
mod push_api;
mod shapes;
mod sms_api;
mod support;
mod tls;
