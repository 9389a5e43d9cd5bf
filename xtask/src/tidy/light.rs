//! Builds that have to stay light: what must not be in their dependency graph.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::Result;

use crate::{machine, process};

/// One build of one crate, and the crates that would make it heavy.
struct Light {
    package: &'static str,
    /// Features and the like, as for `cargo tree`.
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

const LIGHT: [Light; 5] = [
    // Pure: no I/O, no clock, no async, no randomness of its own.
    Light { package: "otp-core", arguments: &["--all-features"], forbidden: RUNTIME },
    // The default is the memory backend alone.
    Light {
        package: "otp-cache",
        arguments: &[],
        forbidden: &["redis", "rusqlite", "libsqlite3-sys", "hyper", "reqwest", "rustls"],
    },
    // A trait crate: every plugin author pays for what it pulls.
    Light { package: "mfa-plugin-api", arguments: &["--all-features"], forbidden: RUNTIME },
    // Without its transport the client is data and rules.
    Light {
        package: "karaden-client",
        arguments: &["--no-default-features"],
        forbidden: &["reqwest", "hyper", "rustls", "aws-lc-sys", "native-tls", "openssl-sys"],
    },
    // One crypto provider in the process, and no OpenSSL.
    Light {
        package: "mfa-gateway",
        arguments: &["--all-features"],
        forbidden: &["ring", "openssl-sys", "native-tls"],
    },
];

/// Asks cargo for the graph of each light build.
///
/// # Errors
///
/// When cargo fails.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for light in &LIGHT {
        let mut command = Command::new(machine::cargo());
        command.current_dir(root).args([
            "tree",
            "--quiet",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ]);
        command.args(["--format", "{p}", "--package", light.package]).args(light.arguments);
        let listing = process::output(&mut command)?;
        findings.extend(heavy(light, &listing));
    }
    Ok(findings)
}

/// The forbidden crates in `listing`, where each line starts with a crate's name.
fn heavy(light: &Light, listing: &str) -> Vec<String> {
    let names: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let found = light.forbidden.iter().filter(|name| names.contains(**name));
    found
        .map(|name| {
            format!(
                "{} ({}) pulls {name}",
                light.package,
                light.arguments.first().unwrap_or(&"default features")
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_crate_in_a_light_build_is_found() {
        let listing =
            "otp-core v0.1.0 (/x/otp-core)\nsha2 v0.11.1\ntokio v1.54.0\ntokio-util v0.7.0 (*)\n";
        assert_eq!(heavy(&LIGHT[0], listing), ["otp-core (--all-features) pulls tokio"]);
    }

    #[test]
    fn a_light_build_passes() {
        let listing = "otp-cache v0.1.0 (/x)\notp-core v0.1.0 (/y)\nredis-like v0.1.0\n\n";
        assert!(heavy(&LIGHT[1], listing).is_empty());
    }

    #[test]
    fn every_light_build_forbids_something() {
        assert!(LIGHT.iter().all(|light| !light.forbidden.is_empty()));
    }
}
