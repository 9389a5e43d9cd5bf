//! Tests of the client from the outside, in one binary.

mod common;
mod resolving;
mod round_trip;
mod waiting;

#[cfg(feature = "reqwest")]
mod bulk;
#[cfg(feature = "reqwest")]
mod hostile;
#[cfg(feature = "reqwest")]
mod push_wire;
#[cfg(feature = "reqwest")]
mod simulator;
#[cfg(feature = "reqwest")]
mod sms_list;
#[cfg(feature = "reqwest")]
mod sms_wire;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(feature = "rustls")]
mod tls;
