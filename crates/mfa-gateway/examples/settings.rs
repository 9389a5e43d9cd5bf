//! Writes the files that are made from the declarations of the settings: the sample file, the page of
//! the configuration, and the columns *default* and *allowed* of the page of reasons.
//!
//! `cargo xtask settings` runs this program.

use std::{error::Error, fs, path::Path};

use mfa_gateway::config::Config;

fn main() -> Result<(), Box<dyn Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = package.join("../../docs");
    let reference = Config::reference();
    fs::write(package.join("config.sample.toml"), reference.sample())?;
    fs::write(docs.join("configuration.md"), reference.page())?;
    let reasons = docs.join("defaults.md");
    let filled_in = reference.fill_in(&fs::read_to_string(&reasons)?)?;
    fs::write(reasons, filled_in)?;
    Ok(())
}
