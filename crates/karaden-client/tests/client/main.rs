//! Tests of the client from the outside, in one binary.

mod common;
mod push_wire;
mod resolving;
mod sms_wire;
