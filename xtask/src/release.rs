//! `cargo xtask release --dry-run`: tests each published crate as its users get it.
//!
//! Each crate is packed, unpacked in a temporary folder outside the workspace, and tested there. Crates of this
//! workspace come from the other packages, all others from the registry, in the versions of the workspace's lock
//! file. So a package that needs an unpublished crate, a file that is not packed or a path outside fails.

mod order;
mod unpacked;

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use self::unpacked::Unpacked;
use crate::{
    machine::{self, Stopwatch},
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

/// The result of one package.
struct Tested {
    name: String,
    files: usize,
    bytes: u64,
    tally: Tally,
    examples: usize,
    elapsed: Duration,
    problem: Option<String>,
}

/// Tests every package and prints how to publish them.
///
/// # Errors
///
/// If a package cannot be made, or if its tests fail.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    debug_assert!(arguments.dry_run, "the parser requires it");
    let metadata = metadata::load()?;
    rehearse(&metadata, &mut Tally::default())?;
    let packages = order::of(&metadata)?;
    let chosen: String = packages.iter().map(|package| format!(" -p {}", package.name)).collect();
    println!("\nto publish: cargo publish{chosen}");
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
    let mut tested = Vec::new();
    for package in packages {
        tested.push(test(&unpacked, metadata, package)?);
    }
    print(&tested);
    let failed: Vec<String> = tested
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.name, one.problem.as_ref()?)))
        .collect();
    for one in tested {
        tally.add(one.tally);
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("; ")) }
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

/// Runs the unit tests, documentation tests and examples of one package: with its default features, as its users
/// get it, and with all features that can be combined.
fn test(unpacked: &Unpacked, metadata: &Metadata, package: &Package) -> Result<Tested> {
    let folder = unpacked.folder(package);
    let stopwatch = Stopwatch::start();
    let mut tally = Tally::default();
    let together = metadata::features_together([package]);
    let mut builds = vec![String::new()];
    if !together.is_empty() {
        builds.push(together);
    }
    let mut problem = None;
    for features in builds {
        let set = if features.is_empty() { "default features" } else { "all features" };
        println!("{} with {set}", package.name);
        let mut command = cargo(&folder, "test");
        // The builds of other crates are shared with the workspace's.
        command.env("CARGO_TARGET_DIR", &metadata.target_directory).env("INSTA_UPDATE", "no");
        command.args(["--quiet", "--no-fail-fast", "--features", &features]);
        if let Err(error) = process::run(&mut command, LIMIT, &mut |line| tally.add_line(line)) {
            problem.get_or_insert(format!("with {set}: {error:#}"));
        }
    }
    let (files, bytes) = unpacked.size(package)?;
    Ok(Tested {
        name: package.name.to_string(),
        files,
        bytes,
        tally,
        examples: metadata::targets(package, TargetKind::Example).count(),
        elapsed: stopwatch.elapsed(),
        problem,
    })
}

/// Returns a command for cargo in `folder`.
fn cargo(folder: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(machine::cargo());
    command.current_dir(folder).arg(subcommand);
    command
}

fn print(tested: &[Tested]) {
    println!(
        "\n{:<20} {:>5} {:>5} {:>6} {:>8} {:>7}  result",
        "package", "files", "KiB", "tests", "examples", "seconds"
    );
    for one in tested {
        println!(
            "{:<20} {:>5} {:>5} {:>6} {:>8} {:>7.1}  {}",
            one.name,
            one.files,
            one.bytes.div_ceil(1024),
            one.tally.passed,
            one.examples,
            one.elapsed.as_secs_f64(),
            one.problem.as_deref().unwrap_or("ok")
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes a workspace of tiny crates, each with the given lines in its manifest and its library.
    fn workspace(folder: &Path, crates: &[(&str, &str, &str)]) -> Metadata {
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n");
        for (name, manifest, library) in crates {
            write(
                &format!("crates/{name}/Cargo.toml"),
                &format!(
                    "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\ndescription = \"x\"\n\
                     license = \"MIT\"\nrepository = \"x\"\ninclude = [\"src/**\"]\n{manifest}"
                ),
            );
            write(&format!("crates/{name}/src/lib.rs"), library);
        }
        write("crates/good/notes.txt", "beside the sources");
        let mut lock = cargo(folder, "generate-lockfile");
        process::run(lock.arg("--quiet").arg("--offline"), LIMIT, &mut |_| {}).unwrap();
        metadata::load_from(folder).unwrap()
    }

    #[test]
    fn only_packages_that_work_without_the_workspace_pass() {
        let folder = tempfile::tempdir().unwrap();
        let metadata = workspace(
            folder.path(),
            &[
                ("kit", "publish = false\n", "pub fn two() -> u8 { 2 }\n"),
                (
                    "good",
                    "",
                    "/// ```\n/// assert_eq!(good::one(), 1);\n/// ```\npub fn one() -> u8 { 1 }\n",
                ),
                (
                    "user",
                    "[dependencies]\ngood = { path = \"../good\", version = \"0.1.0\" }\n",
                    "#[test]\nfn one() { assert_eq!(good::one(), 1); }\n",
                ),
                (
                    "unpublished",
                    "[dev-dependencies]\nkit = { path = \"../kit\" }\n",
                    "#[test]\nfn two() { assert_eq!(kit::two(), 2); }\n",
                ),
                ("unpacked", "", "#![doc = include_str!(\"../notes.md\")]\n"),
                (
                    "outside",
                    "",
                    "#[test]\nfn notes() { std::fs::read(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../good/notes.txt\")).unwrap(); }\n",
                ),
            ],
        );
        fs::write(folder.path().join("crates/unpacked/notes.md"), "Beside the sources.").unwrap();
        let mut tally = Tally::default();
        let error = rehearse(&metadata, &mut tally).unwrap_err().to_string();
        let failed: Vec<&str> =
            error.split("; ").filter_map(|problem| problem.split(": ").next()).collect();
        assert_eq!(failed, ["outside", "unpacked", "unpublished"], "{error}");
        assert_eq!((tally.passed, tally.failed), (2, 1));
    }
}
