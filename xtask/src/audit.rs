//! `cargo xtask audit`: the components of the program, and what is known against them.

pub(crate) mod advisories;
mod bill;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use self::advisories::{Findings, Ignored};
use crate::{
    machine,
    metadata::{self, Metadata},
};

/// The lock files of the repository.
const LOCKS: [&str; 2] = ["Cargo.lock", "fuzz/Cargo.lock"];

/// The arguments of `cargo xtask audit`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// A copy of the RustSec database, instead of one that is fetched
    #[arg(long, value_name = "FOLDER")]
    database: Option<PathBuf>,
}

/// The part of deny.toml that this command reads.
#[derive(Debug, Deserialize)]
struct Policy {
    advisories: Advisories,
}

#[derive(Debug, Deserialize)]
struct Advisories {
    #[serde(default)]
    ignore: Vec<Ignored>,
}

/// Writes the bill of materials, then compares the lock files with the RustSec database.
///
/// # Errors
///
/// If a crate has an advisory that deny.toml does not ignore, or if there is no database.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let metadata = metadata::load()?;
    write_bill(&metadata)?;
    let root = machine::workspace_root();
    let policy = fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
    let policy: Policy = toml::from_str(&policy).context("deny.toml")?;
    let database = match &arguments.database {
        Some(folder) => folder.clone(),
        None => advisories::fetch(&metadata::scratch(&metadata)?)?,
    };
    let locks = LOCKS.map(|lock| root.join(lock));
    let findings = advisories::check(&database, &locks, &policy.advisories.ignore)?;
    report(&findings)
}

/// Writes the bill of materials of the packaged program next to the builds.
///
/// # Errors
///
/// If a component has no licence or no checksum, or if the bill is not valid.
pub(crate) fn write_bill(metadata: &Metadata) -> Result<()> {
    let root = machine::workspace_root();
    let file = metadata::scratch(metadata)?.join("mfa-gateway.cdx.json");
    let packaged = metadata::load_without_features(&root)?;
    let json = bill::write(&packaged, &root.join("Cargo.lock"))?;
    fs::write(&file, json).with_context(|| file.display().to_string())?;
    println!("bill of materials: {}", file.display());
    Ok(())
}

fn report(findings: &Findings) -> Result<()> {
    for note in &findings.notes {
        println!("note: {note}");
    }
    for problem in &findings.problems {
        println!("audit: {problem}");
    }
    println!(
        "{} advisories, {} of them about versions in use",
        findings.known,
        findings.problems.len()
    );
    if findings.problems.is_empty() { Ok(()) } else { bail!("update what is named above") }
}
