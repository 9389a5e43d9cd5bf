//! The packages, unpacked in a temporary folder outside the workspace.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    metadata::{Metadata, Package},
    process,
};

/// The limit for one package.
const LIMIT: Duration = Duration::from_secs(60);

/// A folder with every package. It is removed at the end.
#[derive(Debug)]
pub(super) struct Unpacked {
    folder: PathBuf,
    packed: PathBuf,
}

impl Unpacked {
    /// Unpacks each of `packages`, which have been packed, and makes a workspace of them.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written, or if a package is missing.
    pub(super) fn new(metadata: &Metadata, packages: &[&Package]) -> Result<Self> {
        let root = metadata.workspace_root.as_std_path();
        let unpacked = Self {
            folder: folder(root),
            packed: metadata.target_directory.join("package").into_std_path_buf(),
        };
        unpacked.clear()?;
        fs::create_dir(&unpacked.folder)?;
        for package in packages {
            unpacked.unpack(package)?;
        }
        fs::copy(root.join("Cargo.lock"), unpacked.folder.join("Cargo.lock"))?;
        let ours = fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
        fs::write(unpacked.folder.join("Cargo.toml"), manifest(&ours, packages).to_string())?;
        Ok(unpacked)
    }

    /// Returns the folder of the workspace.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
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

/// Returns the manifest of a workspace of the packages. Cargo finds each of them there instead of in the registry. The
/// profiles are those of `ours`, without which the builds of other crates could not be shared.
fn manifest(ours: &toml::Table, packages: &[&Package]) -> toml::Table {
    let members: Vec<toml::Value> =
        packages.iter().map(|package| full_name(package).into()).collect();
    let found: toml::Table = packages
        .iter()
        .map(|package| (package.name.to_string(), table([("path", full_name(package))]).into()))
        .collect();
    let workspace = table([("resolver", toml::Value::from("3")), ("members", members.into())]);
    let mut manifest = table([("workspace", workspace), ("patch", table([("crates-io", found)]))]);
    if let Some(profiles) = ours.get("profile") {
        manifest.insert("profile".to_owned(), profiles.clone());
    }
    manifest
}

fn table<const N: usize>(pairs: [(&str, impl Into<toml::Value>); N]) -> toml::Table {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

fn full_name(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}
