//! `cargo xtask tidy`: rules on the source tree that no compiler checks.

mod arrows;
mod codemap;
mod document;
mod files;
mod imports;
mod keys;
mod licences;
mod light;
mod limits;
mod proofs;
mod published;
mod toolchain;
mod unused;

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{deps, machine, metadata};

/// The exceptions in xtask/tidy.toml, each with its reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(default)]
    long_files: files::LongFiles,
}

/// Runs every check and prints every finding.
///
/// # Errors
///
/// If there is a finding, or if the tree cannot be read.
pub(crate) fn main() -> Result<()> {
    let root = machine::workspace_root();
    let findings = examine(&root)?;
    for finding in &findings {
        println!("tidy: {finding}");
    }
    if findings.is_empty() {
        println!("tidy: no findings");
        return Ok(());
    }
    bail!("tidy has {} findings", findings.len())
}

fn examine(root: &Path) -> Result<Vec<String>> {
    let metadata = metadata::load()?;
    let architecture = read(root, "ARCHITECTURE.md")?;
    let rules = codemap::parse(&architecture).context("ARCHITECTURE.md")?;
    let exceptions: Exceptions =
        toml::from_str(&read(root, "xtask/tidy.toml")?).context("xtask/tidy.toml")?;
    let policy: licences::Policy =
        toml::from_str(&read(root, "deny.toml")?).context("deny.toml")?;
    let manifest: unused::Manifest =
        toml::from_str(&read(root, "Cargo.toml")?).context("Cargo.toml")?;
    let toolchain: toolchain::Toolchain =
        toml::from_str(&read(root, "rust-toolchain.toml")?).context("rust-toolchain.toml")?;
    let tracked = files::tracked(root)?;
    let folders: BTreeSet<String> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| metadata::folder(package, root).display().to_string())
        .collect();

    let mut findings = codemap::check(&rules, &architecture, &folders, root);
    findings.extend(arrows::check(&rules, &metadata, root));
    findings.extend(light::check(root)?);
    findings.extend(licences::check(&policy, &metadata));
    findings.extend(published::check(&metadata, root));
    findings.extend(toolchain::check(&toolchain, &metadata));
    findings.extend(files::check(root, &tracked, &exceptions.long_files)?);
    findings.extend(imports::check(root, &tracked, &folders)?);
    let tree = proofs::Tree::read(root, &tracked)?;
    findings.extend(proofs::check(&tree));
    findings.extend(limits::check(&tree));
    findings.extend(keys::check(&tree));
    findings.extend(unused::check(&manifest, &metadata));
    findings.extend(deps::check(&metadata, root)?);
    Ok(findings)
}

fn read(root: &Path, name: &str) -> Result<String> {
    fs::read_to_string(root.join(name)).with_context(|| name.to_owned())
}
