//! Runs the code of the guides: the pages in `docs` and in the root of the repository.
//!
//! `cargo test --doc -p guides` compiles and runs each Rust block as rustdoc does. A block with the mark `continues`
//! after the language goes on with the program of the blocks before it. The tests in `tests` read the other blocks.

#[cfg(test)]
mod joined;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));
