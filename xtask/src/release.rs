//! `cargo xtask release --dry-run`: tests the published crates as their users get them.
//!
//! Each crate is packed, unpacked in a temporary folder outside the workspace, and tested there. Crates of this
//! workspace come from the other packages, all others from the registry, in the versions of the workspace's lock
//! file. So a package that needs an unpublished crate, a file that is not packed or a path outside fails.
//!
//! The packages are built together, because dependencies with the features of one package at a time would be built
//! once per package. The step `features` checks each crate with its own features alone.

mod order;
mod outcomes;
mod unpacked;

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};

use self::{outcomes::Outcomes, unpacked::Unpacked};
use crate::{
    machine,
    metadata::{self, Metadata, Package, TargetKind},
    process,
    tally::Tally,
};

/// The arguments of `cargo xtask release`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Test the packages and publish nothing. Required: publishing is left to `cargo publish`
    #[arg(long, required = true)]
    dry_run: bool,
}

/// The limit of a single call of cargo.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Tests every package and prints how to publish them.
///
/// # Errors
///
/// If a package cannot be made, or if its tests fail.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    debug_assert!(arguments.dry_run, "the parser requires it");
    let metadata = metadata::load()?;
    rehearse(&metadata, &mut Tally::default())?;
    let names: Vec<&str> =
        order::of(&metadata)?.iter().map(|package| package.name.as_str()).collect();
    println!("\nto publish: cargo publish -p {}", names.join(" -p "));
    Ok(())
}

/// Packs, unpacks and tests every published crate, prints a table, and adds the tests to `tally`.
///
/// # Errors
///
/// If a package cannot be made, or if its tests fail.
pub(crate) fn rehearse(metadata: &Metadata, tally: &mut Tally) -> Result<()> {
    let packages = order::of(metadata)?;
    pack(metadata, &packages)?;
    let unpacked = Unpacked::new(metadata, &packages)?;
    let together = metadata::features_together(packages.iter().copied());
    let mut outcomes = Outcomes::new(&packages);
    // The default features are what users get, and all features have all tests.
    for (set, features) in [("default features", ""), ("all features", together.as_str())] {
        println!("packages with {set}");
        let mut command = cargo(unpacked.folder(), "test");
        command.env("CARGO_TARGET_DIR", &metadata.target_directory).env("INSTA_UPDATE", "no");
        command.args(["--workspace", "--no-fail-fast", "--features", features]);
        let outcome = process::run(&mut command, LIMIT, &mut |line| {
            tally.add_line(line);
            outcomes.add_line(line);
        });
        outcomes.end(set, outcome);
    }
    println!(
        "\n{:<20} {:>5} {:>5} {:>6} {:>8}  result",
        "package", "files", "KiB", "tests", "examples"
    );
    for package in &packages {
        let (files, bytes) = unpacked.size(package)?;
        println!(
            "{:<20} {files:>5} {:>5} {:>6} {:>8}  {}",
            package.name,
            bytes.div_ceil(1024),
            outcomes.passed(package),
            metadata::targets(package, TargetKind::Example).count(),
            outcomes.problem(package).unwrap_or("ok")
        );
    }
    outcomes.verdict()
}

/// Makes all packages in one call, so that cargo knows which versions are about to be published.
///
/// Uncommitted changes are packed too: this tests what the next commit would publish. `cargo publish` refuses them.
fn pack(metadata: &Metadata, packages: &[&Package]) -> Result<()> {
    let mut command = cargo(metadata.workspace_root.as_std_path(), "package");
    command.args(["--quiet", "--locked", "--no-verify", "--allow-dirty"]);
    command.env("CARGO_TARGET_DIR", &metadata.target_directory);
    for package in packages {
        command.args(["--package", &package.name]);
    }
    process::run(&mut command, LIMIT, &mut |_| {}).context("cannot make the packages")
}

/// Returns a command for cargo in `folder`.
fn cargo(folder: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(machine::cargo());
    command.current_dir(folder).arg(subcommand);
    command
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A tiny crate.
    struct Tiny {
        name: &'static str,
        /// Lines at the end of its manifest.
        manifest: &'static str,
        library: &'static str,
    }

    const GOOD: Tiny = Tiny {
        name: "good",
        manifest: "",
        library: "/// ```\n/// assert_eq!(good::one(), 1);\n/// ```\npub fn one() -> u8 { 1 }\n",
    };

    const USER: Tiny = Tiny {
        name: "user",
        manifest: "[dependencies]\ngood = { path = \"../good\", version = \"0.1.0\" }\n",
        library: "#[test]\nfn one() { assert_eq!(good::one(), 1); }\n",
    };

    const KIT: Tiny =
        Tiny { name: "kit", manifest: "publish = false\n", library: "pub fn two() -> u8 { 2 }\n" };

    /// Rehearses the release of a workspace with these crates and a file beside the sources of the first one.
    fn rehearse_tiny(crates: &[Tiny]) -> (Result<()>, Tally) {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n");
        for tiny in crates {
            write(
                &format!("crates/{}/Cargo.toml", tiny.name),
                &format!(
                    "[package]\nname = \"{}\"\nversion = \"0.1.0\"\nedition = \"2024\"\ndescription = \"x\"\n\
                     license = \"MIT\"\nrepository = \"x\"\ninclude = [\"src/**\"]\n{}",
                    tiny.name, tiny.manifest
                ),
            );
            write(&format!("crates/{}/src/lib.rs", tiny.name), tiny.library);
        }
        write(&format!("crates/{}/notes.md", crates[0].name), "Beside the sources.");
        let mut lock = cargo(folder.path(), "generate-lockfile");
        process::run(lock.arg("--quiet").arg("--offline"), LIMIT, &mut |_| {}).unwrap();
        let mut metadata = metadata::load_from(folder.path()).unwrap();
        metadata.target_directory = metadata.workspace_root.join("target");
        let mut tally = Tally::default();
        let outcome = rehearse(&metadata, &mut tally);
        (outcome, tally)
    }

    fn problem(bad: Tiny) -> String {
        rehearse_tiny(&[bad, GOOD, KIT]).0.unwrap_err().to_string()
    }

    #[test]
    fn packages_that_need_published_crates_only_pass() {
        let (outcome, tally) = rehearse_tiny(&[GOOD, USER, KIT]);
        outcome.unwrap();
        // Once with the default features and once with all.
        assert_eq!((tally.passed, tally.failed), (4, 0));
    }

    #[test]
    fn a_package_that_needs_an_unpublished_crate_fails() {
        let problem = problem(Tiny {
            name: "unpublished",
            manifest: "[dev-dependencies]\nkit = { path = \"../kit\" }\n",
            library: "#[test]\nfn two() { assert_eq!(kit::two(), 2); }\n",
        });
        assert!(problem.starts_with("unpublished: "), "{problem}");
    }

    #[test]
    fn a_package_without_a_file_that_it_includes_fails() {
        let problem = problem(Tiny {
            name: "unpacked",
            manifest: "",
            library: "#![doc = include_str!(\"../notes.md\")]\n",
        });
        assert!(problem.starts_with("unpacked: "), "{problem}");
    }

    #[test]
    fn a_package_whose_test_reads_outside_of_it_fails() {
        let problem = problem(Tiny {
            name: "outside",
            manifest: "",
            library: "#[test]\nfn good() { std::fs::read(\"../good/src/lib.rs\").unwrap(); }\n",
        });
        assert!(problem.starts_with("outside: "), "{problem}");
    }
}
