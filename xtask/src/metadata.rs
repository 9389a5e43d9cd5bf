//! The part of `cargo metadata` that the chores read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{machine, process};

/// What cargo knows of the workspace and of everything that it depends on.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
    /// Where cargo builds into.
    #[serde(default)]
    pub(crate) target_directory: PathBuf,
}

/// One package, ours or not.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) source: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) readme: Option<String>,
    pub(crate) rust_version: Option<String>,
    #[serde(default)]
    pub(crate) keywords: Vec<String>,
    #[serde(default)]
    pub(crate) categories: Vec<String>,
    /// `None` may be published anywhere, an empty list nowhere.
    pub(crate) publish: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) manifest_path: PathBuf,
    #[serde(default)]
    pub(crate) metadata: serde_json::Value,
    #[serde(default)]
    targets: Vec<Target>,
}

/// Something that cargo builds out of a package.
#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// One line of a dependency table.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` is a normal dependency; else `dev` or `build`.
    pub(crate) kind: Option<String>,
    pub(crate) req: String,
}

/// Features that are left out where all features are built together, each with its reason. The step
/// `features` still builds every one of them alone.
const NOT_TOGETHER: [(&str, &str, &str); 2] = [
    ("karaden-client", "native-tls", "links OpenSSL, which nothing else here may reach"),
    (
        "karaden-sim",
        "vendor-sdk-tests",
        "needs the vendor's SDKs, which the step `vendor` installs",
    ),
];

/// Every feature of these packages as `crate/feature`, but those that do not go together with others.
pub(crate) fn features_together<'a>(packages: impl Iterator<Item = &'a Package>) -> String {
    let mut features = Vec::new();
    for package in packages {
        let left_out = |feature: &str| {
            NOT_TOGETHER.iter().any(|(name, f, _)| package.name == *name && feature == *f)
        };
        let wanted = |feature: &&String| *feature != "default" && !left_out(feature);
        let named = package.features.keys().filter(wanted);
        features.extend(named.map(|feature| format!("{}/{feature}", package.name)));
    }
    features.join(",")
}

impl Metadata {
    /// A folder for what the chores themselves make.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub(crate) fn scratch(&self) -> Result<PathBuf> {
        let folder = self.target_directory.join("xtask");
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Asks cargo. The lock file has to be up to date.
    ///
    /// # Errors
    ///
    /// When cargo fails or says something else than expected.
    pub(crate) fn load() -> Result<Self> {
        let mut command = Command::new(machine::cargo());
        command.current_dir(machine::workspace_root()).args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--quiet",
        ]);
        command.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
        Self::parse(&process::output(&mut command)?)
    }

    pub(crate) fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("cargo metadata has an unexpected shape")
    }

    /// The workspace's own packages, by name.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The workspace's packages that are published, each of them for use without the rest.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.members().filter(|package| package.is_published())
    }
}

impl Package {
    /// The names of its targets of one kind: `bench`, `bin`, `test` and so on.
    pub(crate) fn targets(&self, kind: &str) -> impl Iterator<Item = &str> {
        let of_kind = move |target: &&Target| target.kind.iter().any(|found| found == kind);
        self.targets.iter().filter(of_kind).map(|target| target.name.as_str())
    }

    pub(crate) fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    /// The package's folder, relative to `root` where it lies under it.
    pub(crate) fn folder<'a>(&'a self, root: &Path) -> &'a Path {
        let folder = self.manifest_path.parent().unwrap_or(Path::new(""));
        folder.strip_prefix(root).unwrap_or(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_features_go_together_but_the_ones_left_out_with_a_reason() {
        let metadata = Metadata::parse(
            r#"{"workspace_members": ["a", "b"], "packages": [
                {"id": "a", "name": "karaden-client", "version": "0.1.0", "manifest_path": "/x/Cargo.toml",
                 "features": {"default": ["rustls"], "rustls": [], "native-tls": []}},
                {"id": "b", "name": "other", "version": "0.1.0", "manifest_path": "/y/Cargo.toml",
                 "features": {"native-tls": []}},
                {"id": "c", "name": "foreign", "version": "0.1.0", "manifest_path": "/z/Cargo.toml",
                 "features": {"std": []}}]}"#,
        )
        .unwrap();
        let together = features_together(metadata.members());
        assert_eq!(together, "karaden-client/rustls,other/native-tls");
    }
}
