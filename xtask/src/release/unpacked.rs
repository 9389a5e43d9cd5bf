//! The packages, unpacked in a temporary folder outside the workspace.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::LIMIT;
use crate::{
    metadata::{Metadata, Package},
    process,
};

/// A folder with every package. It is removed at the end.
#[derive(Debug)]
pub(super) struct Unpacked {
    folder: PathBuf,
    packed: PathBuf,
}

impl Unpacked {
    /// Unpacks each of `packages`, which have been packed. Cargo finds each of them there instead of in the registry.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written, or if a package is missing.
    pub(super) fn new(metadata: &Metadata, packages: &[&Package]) -> Result<Self> {
        let unpacked = Self {
            folder: folder(metadata.workspace_root.as_std_path()),
            packed: metadata.target_directory.join("package").into_std_path_buf(),
        };
        unpacked.clear()?;
        fs::create_dir_all(unpacked.folder.join(".cargo"))?;
        for package in packages {
            unpacked.unpack(package)?;
            fs::copy(
                metadata.workspace_root.join("Cargo.lock"),
                unpacked.folder(package).join("Cargo.lock"),
            )?;
        }
        let manifest = fs::read_to_string(metadata.workspace_root.join("Cargo.toml"))?;
        let settings = unpacked.settings(&manifest.parse()?, packages);
        fs::write(unpacked.folder.join(".cargo/config.toml"), settings.to_string())?;
        Ok(unpacked)
    }

    /// Returns the folder of one package.
    pub(super) fn folder(&self, package: &Package) -> PathBuf {
        self.folder.join(full_name(package))
    }

    /// Returns the number of files in a package, and its size in bytes.
    ///
    /// # Errors
    ///
    /// If the package is missing.
    pub(super) fn size(&self, package: &Package) -> Result<(usize, u64)> {
        let file = self.file(package);
        let listing = process::output(Command::new("tar").arg("-tzf").arg(&file))?;
        Ok((listing.lines().count(), fs::metadata(file)?.len()))
    }

    fn file(&self, package: &Package) -> PathBuf {
        self.packed.join(format!("{}.crate", full_name(package)))
    }

    fn unpack(&self, package: &Package) -> Result<()> {
        let mut command = Command::new("tar");
        // Cargo packs every file with the same time. With `-m` a file is as new as this run, so that cargo builds it
        // again.
        command.arg("-C").arg(&self.folder).arg("-xzmf").arg(self.file(package));
        process::run(&mut command, LIMIT, &mut |_| {})
    }

    /// Returns the settings of cargo for all packages: where our crates are, and the workspace's profiles, without
    /// which the builds of other crates could not be shared.
    fn settings(&self, manifest: &toml::Table, packages: &[&Package]) -> toml::Table {
        let found = packages.iter().map(|package| {
            let path = self.folder(package).display().to_string();
            (
                package.name.to_string(),
                toml::Table::from_iter([("path".to_owned(), path.into())]).into(),
            )
        });
        let patch = toml::Table::from_iter([(
            "crates-io".to_owned(),
            toml::Table::from_iter(found).into(),
        )]);
        let mut settings = toml::Table::from_iter([("patch".to_owned(), patch.into())]);
        if let Some(profiles) = manifest.get("profile") {
            settings.insert("profile".to_owned(), profiles.clone());
        }
        settings
    }

    fn clear(&self) -> Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| self.folder.display().to_string())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // The next run removes what this one could not.
        let _removed = self.clear();
    }
}

/// Returns the temporary folder for the packages of the workspace at `root`. It is the same for each run, because
/// cargo builds a crate at another path as another crate, and would keep the builds of all runs.
fn folder(root: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    std::env::temp_dir().join(format!("xtask-release-{:016x}", hasher.finish()))
}

fn full_name(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}
