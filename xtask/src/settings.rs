//! `cargo xtask settings`: writes the files that are generated from the gateway's declarations of its settings.

use std::{process::Command, time::Duration};

use anyhow::Result;

use crate::{machine, process};

/// The gateway may have to be built first.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Runs the gateway's example `settings`, which writes the files.
///
/// # Errors
///
/// If the gateway does not compile, or if docs/defaults.md names an unknown key.
pub(crate) fn main() -> Result<()> {
    let mut command = Command::new(machine::cargo());
    command
        .args(["run", "--quiet", "--package", "mfa-gateway", "--example", "settings"])
        .current_dir(machine::workspace_root());
    process::run(&mut command, LIMIT, &mut |_| {})
}
