//! Tests of the client from the outside, in one binary.

mod bulk;
mod common;
mod hostile;
mod push_wire;
mod resolving;
mod round_trip;
mod simulator;
mod sms_list;
mod sms_wire;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(feature = "rustls")]
mod tls;
mod waiting;
