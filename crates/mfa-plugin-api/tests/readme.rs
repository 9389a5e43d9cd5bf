//! The plugin of the README keeps the contract: this test is compiled from the same text.
#![cfg(feature = "test-kit")]

#[path = "readme/recovery_code.rs"]
mod recovery_code;

#[test]
fn the_readme_shows_the_plugin_that_is_tested() {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("```rust\n").expect("a program");
    let (program, _) = rest.split_once("```").expect("its end");
    assert_eq!(program, include_str!("readme/recovery_code.rs"));
}
