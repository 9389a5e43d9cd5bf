//! `cargo xtask api`: the public API of each published crate, one item per line, in docs/api.
//!
//! A change of the API shows in the diff of these files. The command also finds types of other crates in the API,
//! because their next major version would be one of ours.

mod foreign;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    machine,
    metadata::{self, Metadata, Package},
    process,
    rustdoc::Rustdoc,
};

/// The arguments of `cargo xtask api`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Write the files instead of comparing them
    #[arg(long)]
    write: bool,
}

/// The folder of the files.
const FOLDER: &str = "docs/api";

/// The limit for the documentation of one crate. Its dependencies may have to be built first.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Compares or writes the files.
///
/// # Errors
///
/// If a crate does not compile, if a file differs from the API, or if the API has a type that it must not have.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let metadata = metadata::load()?;
    if !arguments.write {
        return check(&metadata);
    }
    let root = machine::workspace_root();
    fs::create_dir_all(root.join(FOLDER))?;
    let published = published_names(&metadata);
    let mut findings = Vec::new();
    for (package, items) in read(&metadata)? {
        fs::write(root.join(file(&package)), text(&items))?;
        findings.extend(foreign::check(&package, &items, &published));
    }
    report(&findings)
}

/// Compares each file with the API of its crate.
///
/// # Errors
///
/// If a crate does not compile, if a file differs from the API, or if the API has a type that it must not have.
pub(crate) fn check(metadata: &Metadata) -> Result<()> {
    let root = machine::workspace_root();
    let published = published_names(metadata);
    let mut findings = Vec::new();
    for (package, items) in read(metadata)? {
        let path = file(&package);
        let written = fs::read_to_string(root.join(&path)).unwrap_or_default();
        findings.extend(changes(&path, &written, &items));
        findings.extend(foreign::check(&package, &items, &published));
    }
    report(&findings)
}

fn report(findings: &[String]) -> Result<()> {
    for finding in findings {
        println!("api: {finding}");
    }
    if findings.is_empty() { Ok(()) } else { bail!("{} findings", findings.len()) }
}

fn published_names(metadata: &Metadata) -> BTreeSet<String> {
    metadata::published(metadata).map(|package| package.name.replace('-', "_")).collect()
}

fn file(package: &str) -> String {
    format!("{FOLDER}/{package}.txt")
}

fn text(items: &[String]) -> String {
    items.iter().flat_map(|item| [item.as_str(), "\n"]).collect()
}

/// Finds the lines in which the file at `path` differs from the API.
fn changes(path: &str, written: &str, items: &[String]) -> Vec<String> {
    let before: BTreeSet<&str> = written.lines().collect();
    let now: BTreeSet<&str> = items.iter().map(String::as_str).collect();
    let line = |mark: char, item: &&str| format!("{path}: {mark} {item}");
    let removed = before.difference(&now).map(|item| line('-', item));
    let added = now.difference(&before).map(|item| line('+', item));
    let mut changes: Vec<String> = removed.chain(added).collect();
    if !changes.is_empty() {
        changes.push(format!("{path} is out of date; run `cargo xtask api --write`"));
    }
    changes
}

/// Returns the items of each published crate, with every feature that can be combined with others.
fn read(metadata: &Metadata) -> Result<Vec<(String, Vec<String>)>> {
    let rustdoc = Rustdoc::unlocked(metadata)?;
    let of =
        |package: &Package| Ok((package.name.to_string(), items(&rustdoc, metadata, package)?));
    metadata::published(metadata).map(of).collect()
}

/// Returns the items of one crate. Implementations that the compiler or another crate writes for every type are left
/// out.
fn items(rustdoc: &Rustdoc, metadata: &Metadata, package: &Package) -> Result<Vec<String>> {
    let features = metadata::features_together([package]);
    let mut command = rustdoc.cargo("rustdoc");
    command.current_dir(machine::workspace_root());
    command.args(["--quiet", "--locked", "--lib", "--package", package.name.as_str()]);
    command.args(["--features", &features, "--", "-Z", "unstable-options"]);
    command.args(["--output-format", "json", "--cap-lints", "allow"]);
    process::run(&mut command, LIMIT, &mut |_| {})?;
    let file = json_file(metadata.target_directory.as_std_path(), package);
    let api = public_api::Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .with_context(|| format!("the public API of {}", package.name))?;
    Ok(api.items().map(ToString::to_string).collect())
}

fn json_file(target: &Path, package: &Package) -> PathBuf {
    target.join("doc").join(format!("{}.json", package.name.replace('-', "_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_names_each_line_and_the_remedy() {
        let now = ["pub mod x".to_owned(), "pub fn x::new()".to_owned()];
        assert!(changes("x.txt", "pub mod x\npub fn x::new()\n", &now).is_empty());
        assert_eq!(
            changes("x.txt", "pub mod x\npub fn x::old()\n", &now),
            [
                "x.txt: - pub fn x::old()",
                "x.txt: + pub fn x::new()",
                "x.txt is out of date; run `cargo xtask api --write`"
            ]
        );
    }
}
