//! Writes the files that are made from the declarations of the settings: the sample files, the page of
//! the configuration, and the columns *default* and *allowed* of the page of reasons.
//!
//! `cargo xtask settings` runs this program.

use std::{error::Error, fs, path::Path};

use mfa_gateway::config::Config;
use mfa_pages::Language;

fn main() -> Result<(), Box<dyn Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = package.join("../../docs");
    let reference = Config::reference();
    fs::write(package.join("config.sample.toml"), reference.sample(Language::En))?;
    fs::write(package.join("config.sample.ja.toml"), reference.sample(Language::Ja))?;
    fs::write(docs.join("configuration.md"), reference.page())?;
    let reasons = docs.join("defaults.md");
    let filled_in = reference.fill_in(&fs::read_to_string(&reasons)?)?;
    fs::write(reasons, filled_in)?;
    Ok(())
}
