//! `cargo xtask deps`: how many crates each published crate brings along, for each choice of its features.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    machine,
    metadata::{self, Metadata, Package},
    process,
};

/// The arguments of `cargo xtask deps`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Write the page instead of printing it
    #[arg(long)]
    write: bool,
}

/// The page with the numbers.
const PAGE: &str = "docs/dependencies.md";

const HEAD: &str = "# Dependencies of the published crates

How many other crates a program compiles for one of ours, on x86-64 Linux: its dependencies and theirs, without those of tests and build
scripts. The numbers are those of `Cargo.lock`. `cargo xtask deps --write` writes this page, and `cargo xtask tidy` compares it.

| crate | features | crates |
|---|---|---:|
";

/// Prints or writes the page.
///
/// # Errors
///
/// If cargo fails, or if the page cannot be written.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let page = page(&metadata::load()?)?;
    if arguments.write {
        return fs::write(machine::workspace_root().join(PAGE), page).context(PAGE);
    }
    print!("{page}");
    Ok(())
}

/// Compares the page at `root` with what cargo reports.
///
/// # Errors
///
/// If cargo fails.
pub(crate) fn check(metadata: &Metadata, root: &Path) -> Result<Option<String>> {
    let written = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    Ok(difference(&written, &page(metadata)?))
}

fn difference(written: &str, now: &str) -> Option<String> {
    let mut lines = now.lines().chain(std::iter::repeat_n("", written.lines().count()));
    let changed = written.lines().chain(std::iter::once("")).zip(&mut lines).find(|(a, b)| a != b);
    let (before, now) = changed?;
    Some(format!("{PAGE} has `{before}` instead of `{now}`; run `cargo xtask deps --write`"))
}

fn page(metadata: &Metadata) -> Result<String> {
    let mut page = HEAD.to_owned();
    for package in metadata::published(metadata) {
        for choice in choices(package) {
            let crates = count(metadata, package, &choice.arguments)?;
            writeln!(page, "| `{}` | {} | {crates} |", package.name, choice.name)?;
        }
    }
    Ok(page)
}

/// A choice of features.
#[derive(Debug)]
struct Choice {
    name: String,
    arguments: Vec<String>,
}

impl Choice {
    fn new(name: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { name: name.to_owned(), arguments }
    }
}

/// Returns the choices of features that the page lists: the default, none, each one alone, and all.
fn choices(package: &Package) -> Vec<Choice> {
    let default = package.features.get("default").map_or(&[][..], Vec::as_slice);
    let named = package.features.keys().filter(|feature| *feature != "default");
    let mut choices = vec![if default.is_empty() {
        Choice::new("none, the default", &["--no-default-features"])
    } else {
        Choice::new(&format!("default: `{}`", default.join("`, `")), &[])
    }];
    if !default.is_empty() {
        choices.push(Choice::new("none", &["--no-default-features"]));
    }
    choices.extend(named.map(|feature| {
        Choice::new(&format!("`{feature}`"), &["--no-default-features", "--features", feature])
    }));
    if choices.len() > 2 {
        choices.push(Choice::new("all", &["--all-features"]));
    }
    choices
}

/// Counts the crates that one choice of features of `package` brings along.
fn count(metadata: &Metadata, package: &Package, features: &[String]) -> Result<usize> {
    let mut command = Command::new(machine::cargo());
    command.current_dir(&metadata.workspace_root);
    command.args(["tree", "--quiet", "--locked", "--edges", "normal", "--prefix", "none"]);
    command.args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}"]);
    command.args(["--package", package.name.as_str()]).args(features);
    Ok(crates(&process::output(&mut command)?) - 1)
}

/// Counts the different crates in a listing of `cargo tree`. Two versions of one crate are two.
fn crates(listing: &str) -> usize {
    let crates = listing.lines().map(|line| line.trim_end_matches(" (*)"));
    crates.filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metadata::made_up::graph;

    #[test]
    fn crates_counts_each_version_once() {
        let listing = "a v0.1.0 (/x/a)\nsyn v2.0.1\nsyn v3.0.0 (proc-macro)\nsyn v2.0.1 (*)\n\n";
        assert_eq!(crates(listing), 3);
    }

    #[test]
    fn choices_are_the_default_none_each_and_all() {
        let names = |features| {
            let metadata = graph(&[json!({"name": "x", "features": features})]);
            let choices = choices(&metadata.packages[0]);
            choices.into_iter().map(|choice| choice.name).collect::<Vec<_>>()
        };
        assert_eq!(names(json!({})), ["none, the default"]);
        assert_eq!(
            names(json!({"default": ["a"], "a": [], "b": []})),
            ["default: `a`", "none", "`a`", "`b`", "all"]
        );
    }

    #[test]
    fn difference_names_the_first_line_that_changed() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        for (written, now, expected) in [
            ("a\nb\n", "a\nc\n", "`b` instead of `c`"),
            ("", "a\n", "`` instead of `a`"),
            ("a\nb\n", "a\n", "`b` instead of ``"),
        ] {
            assert!(
                difference(written, now).is_some_and(|text| text.contains(expected)),
                "{written}"
            );
        }
    }
}
