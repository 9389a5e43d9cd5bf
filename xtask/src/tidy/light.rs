//! Builds that have to stay light: crates that must not be in their dependency graph.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::Result;

use crate::{machine, process};

/// One build of one crate, and the crates that it must not contain.
struct Light {
    package: &'static str,
    /// The feature arguments for `cargo tree`.
    arguments: &'static [&'static str],
    forbidden: &'static [&'static str],
}

const RUNTIME: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "hyper",
    "axum",
    "reqwest",
    "rustls",
    "rand",
    "redis",
    "rusqlite",
];

const LIGHT: [Light; 9] = [
    // Pure: no I/O, no clock, no async. Randomness is a feature of its own.
    Light {
        package: "otp-core",
        arguments: &["--no-default-features", "--features", "serde"],
        forbidden: RUNTIME,
    },
    // The default is the memory backend alone.
    Light {
        package: "otp-cache",
        arguments: &[],
        forbidden: &["redis", "rusqlite", "libsqlite3-sys", "hyper", "reqwest", "rustls"],
    },
    // A trait crate: every plugin compiles its dependencies.
    Light { package: "mfa-plugin-api", arguments: &["--all-features"], forbidden: RUNTIME },
    // A custom sender compiles the port, and no provider's client.
    Light {
        package: "sms-sender",
        arguments: &[],
        forbidden: &["tracing", "hyper", "reqwest", "rustls", "karaden-client"],
    },
    // Without Karaden the plugin is for any provider.
    Light {
        package: "sms-otp-plugin",
        arguments: &["--no-default-features"],
        forbidden: &["karaden-client", "reqwest", "hyper", "rustls", "tracing"],
    },
    // Without its transport the client is data and rules.
    Light {
        package: "karaden-client",
        arguments: &["--no-default-features"],
        forbidden: &["reqwest", "hyper", "rustls", "aws-lc-sys", "native-tls", "openssl-sys"],
    },
    // Tests compile the simulator without its program.
    Light {
        package: "karaden-sim",
        arguments: &["--no-default-features"],
        forbidden: &["anyhow", "clap", "rustls", "tracing-subscriber", "url"],
    },
    // One crypto provider in the process, and no OpenSSL.
    Light {
        package: "mfa-cli",
        arguments: &["--all-features"],
        forbidden: &["ring", "openssl-sys", "native-tls"],
    },
    // The program that is packaged: no printed passwords, no simulator.
    Light {
        package: "mfa-cli",
        arguments: &["--no-default-features"],
        forbidden: &["mfa-demo", "karaden-sim", "tempfile"],
    },
];

/// A dependency that one build may have through one crate only.
struct Only {
    package: &'static str,
    arguments: &'static [&'static str],
    dependency: &'static str,
    through: &'static str,
}

/// The only HTTP client of the packaged program is the one that sends messages.
const ONLY: [Only; 1] = [Only {
    package: "mfa-cli",
    arguments: &["--no-default-features"],
    dependency: "reqwest",
    through: "karaden-client",
}];

/// Asks cargo for the graph of each build and finds forbidden crates.
///
/// # Errors
///
/// If cargo fails.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for light in &LIGHT {
        let listing = process::output(tree(root, light.package).args(light.arguments))?;
        findings.extend(heavy(light, &listing));
    }
    for only in &ONLY {
        let mut command = tree(root, only.package);
        command.args(only.arguments).args(["--invert", only.dependency, "--depth", "1"]);
        findings.extend(other_ways(only, &process::output(&mut command)?));
    }
    Ok(findings)
}

/// Returns the command that prints the graph of one build, with a crate's name at the start of each line.
fn tree(root: &Path, package: &str) -> Command {
    let mut command = Command::new(machine::cargo());
    command.current_dir(root).args(["tree", "--quiet", "--locked", "--edges", "normal,build"]);
    command.args(["--prefix", "none", "--format", "{p}", "--package", package]);
    command
}

/// Names a build by its feature arguments.
fn build(arguments: &[&str]) -> String {
    if arguments.is_empty() { "default features".to_owned() } else { arguments.join(" ") }
}

/// Finds direct users of a dependency that may not use it. `listing` has the dependency first, then its users.
fn other_ways(only: &Only, listing: &str) -> Vec<String> {
    let users = listing.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    users
        .filter(|user| *user != only.through)
        .map(|user| {
            format!(
                "{} ({}) has {} through {user}, not only through {}",
                only.package,
                build(only.arguments),
                only.dependency,
                only.through
            )
        })
        .collect()
}

/// Finds the forbidden crates in `listing`, where each line starts with a crate's name.
fn heavy(light: &Light, listing: &str) -> Vec<String> {
    let names: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let found = light.forbidden.iter().filter(|name| names.contains(**name));
    found
        .map(|name| format!("{} ({}) depends on {name}", light.package, build(light.arguments)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_crate_in_a_light_build_is_found() {
        let listing =
            "otp-core v0.1.0 (/x/otp-core)\nsha2 v0.11.1\ntokio v1.54.0\ntokio-util v0.7.0 (*)\n";
        assert_eq!(
            heavy(&LIGHT[0], listing),
            ["otp-core (--no-default-features --features serde) depends on tokio"]
        );
    }

    #[test]
    fn light_build_passes() {
        let listing = "otp-cache v0.1.0 (/x)\notp-core v0.1.0 (/y)\nredis-like v0.1.0\n\n";
        assert!(heavy(&LIGHT[1], listing).is_empty());
    }

    #[test]
    fn dependency_through_another_crate_is_found() {
        let good = "reqwest v0.13.5\nkaraden-client v0.1.0 (/x)\n";
        assert!(other_ways(&ONLY[0], good).is_empty());
        let bad = format!("{good}mfa-gateway v0.1.0 (/y)\n");
        assert_eq!(
            other_ways(&ONLY[0], &bad),
            ["mfa-cli (--no-default-features) has reqwest through mfa-gateway, \
              not only through karaden-client"]
        );
    }

    #[test]
    fn every_light_build_forbids_a_crate() {
        assert!(LIGHT.iter().all(|light| !light.forbidden.is_empty()));
    }
}
