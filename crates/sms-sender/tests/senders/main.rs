//! Messages, failover and the circuit breaker.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod breaker;
mod common;
mod failover;
mod message;
