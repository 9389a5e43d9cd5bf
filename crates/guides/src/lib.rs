//! Runs the code of the guides: the pages in `docs` and in the root of the repository.
//!
//! `cargo test --doc -p guides` compiles and runs each Rust block as rustdoc does. The tests in `tests` read the other
//! blocks.

include!(concat!(env!("OUT_DIR"), "/pages.rs"));
