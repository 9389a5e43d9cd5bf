//! rustdoc with its unstable features, on the stable toolchain.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    machine,
    metadata::{self, Metadata},
};

/// A wrapper of rustdoc that unlocks its unstable features. It unlocks them for rustdoc alone, so that no dependency
/// is built a second time.
#[derive(Debug)]
pub(crate) struct Rustdoc {
    wrapper: PathBuf,
}

impl Rustdoc {
    /// Writes the wrapper into the scratch folder.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn unlocked(metadata: &Metadata) -> Result<Self> {
        let wrapper = metadata::scratch(metadata)?.join("rustdoc-unlocked");
        fs::write(
            &wrapper,
            format!("#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec '{}' \"$@\"\n", machine::rustdoc()),
        )?;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))
            .context("the rustdoc wrapper")?;
        Ok(Self { wrapper })
    }

    /// Returns the command `cargo SUBCOMMAND` with this rustdoc.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(machine::cargo());
        command.arg(subcommand).env("RUSTDOC", &self.wrapper);
        command
    }
}
