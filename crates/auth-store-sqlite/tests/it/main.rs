//! The stores of one SQLite file: the contracts of their ports, and what is particular to a file.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

mod audit;
mod common;
mod conformance;
mod crash;
mod file;
mod migrations;
