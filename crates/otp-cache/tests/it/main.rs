//! Every backend and every wrapper runs the whole conformance suite.

mod memory;
mod sqlite;
