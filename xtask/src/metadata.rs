//! What `cargo metadata` reports about the workspace.

use std::path::{Path, PathBuf};

use anyhow::Result;
use cargo_metadata::{CargoOpt, MetadataCommand};
pub(crate) use cargo_metadata::{Metadata, Package, TargetKind};

use crate::machine;

/// Features that are left out of builds with all features, each with its reason. The step `features` still builds
/// each of them alone.
const NOT_TOGETHER: [(&str, &str, &str); 2] = [
    ("karaden-client", "native-tls", "links OpenSSL, which no other crate here may use"),
    ("sms-otp-plugin", "native-tls", "links OpenSSL, which no other crate here may use"),
];

/// Asks cargo about the workspace and all its dependencies. The lock file has to be up to date.
///
/// # Errors
///
/// If cargo fails.
pub(crate) fn load() -> Result<Metadata> {
    load_from(&machine::workspace_root())
}

/// Like [`load`], for the workspace at `root`.
///
/// # Errors
///
/// If cargo fails.
pub(crate) fn load_from(root: &Path) -> Result<Metadata> {
    load_with(root, CargoOpt::SomeFeatures(Vec::new()))
}

/// Like [`load_from`], without the default features of the workspace's crates: what a package contains.
///
/// # Errors
///
/// If cargo fails.
pub(crate) fn load_without_features(root: &Path) -> Result<Metadata> {
    load_with(root, CargoOpt::NoDefaultFeatures)
}

fn load_with(root: &Path, features: CargoOpt) -> Result<Metadata> {
    let options = ["--locked", "--quiet", "--filter-platform", "x86_64-unknown-linux-gnu"];
    let metadata = MetadataCommand::new()
        .cargo_path(machine::cargo())
        .current_dir(root)
        .features(features)
        .other_options(options.map(str::to_owned))
        .exec()?;
    Ok(metadata)
}

/// Makes a scratch folder next to the builds and returns its path.
///
/// # Errors
///
/// If it cannot be made.
pub(crate) fn scratch(metadata: &Metadata) -> Result<PathBuf> {
    let folder = metadata.target_directory.join("xtask").into_std_path_buf();
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Returns every feature of these packages as `crate/feature`, except those that cannot be combined with others.
pub(crate) fn features_together<'a>(packages: impl IntoIterator<Item = &'a Package>) -> String {
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

/// Returns the published packages of the workspace.
pub(crate) fn published(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    metadata.workspace_packages().into_iter().filter(|package| is_published(package))
}

/// Whether the package may be published. No list of registries means all, an empty list means none.
pub(crate) fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

/// Returns the names of the package's targets of one kind.
pub(crate) fn targets(package: &Package, kind: TargetKind) -> impl Iterator<Item = &str> {
    let of_kind = package.targets.iter().filter(move |target| target.kind.contains(&kind));
    of_kind.map(|target| target.name.as_str())
}

/// Returns the package's folder, relative to `root` if it is inside it.
pub(crate) fn folder<'a>(package: &'a Package, root: &Path) -> &'a Path {
    let folder =
        package.manifest_path.parent().map_or(Path::new(""), |folder| folder.as_std_path());
    folder.strip_prefix(root).unwrap_or(folder)
}

/// Made-up workspaces for tests.
#[cfg(test)]
pub(crate) mod made_up {
    use serde_json::{Value, json};

    use super::Metadata;

    /// Returns a graph of `packages`, each with at least a `name`. Those without a `source` are members.
    pub(crate) fn graph(packages: &[Value]) -> Metadata {
        let whole: Vec<Value> = packages.iter().map(package).collect();
        let members = whole.iter().filter(|package| package["source"].is_null());
        let members: Vec<&Value> = members.map(|package| &package["id"]).collect();
        let graph = json!({
            "packages": whole, "workspace_members": members, "workspace_root": "/x",
            "target_directory": "/x/target", "version": 1,
        });
        serde_json::from_value(graph).unwrap()
    }

    fn package(fields: &Value) -> Value {
        let name = fields["name"].as_str().unwrap();
        let mut whole = json!({
            "id": name, "version": "0.1.0", "source": null, "targets": [], "features": {},
            "dependencies": [], "manifest_path": format!("/x/crates/{name}/Cargo.toml"),
        });
        whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        whole
    }

    /// Returns a line of a dependency table. `kind` is `null` for a normal dependency, else `dev` or `build`.
    pub(crate) fn dependency(name: &str, kind: &Value, req: &str) -> Value {
        json!({
            "name": name, "kind": kind, "req": req, "source": null, "optional": false,
            "uses_default_features": true, "features": [], "target": null, "rename": null,
        })
    }

    /// Returns a build target of `kind`, such as `lib` or `bench`.
    pub(crate) fn target(name: &str, kind: &str) -> Value {
        json!({
            "name": name, "kind": [kind], "crate_types": ["bin"], "src_path": "/x/main.rs",
            "edition": "2024", "doc": true, "doctest": false, "test": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn features_together_leaves_out_those_with_a_reason() {
        let metadata = made_up::graph(&[
            json!({"name": "karaden-client", "features": {"default": ["rustls"], "rustls": [], "native-tls": []}}),
            json!({"name": "other", "features": {"native-tls": []}}),
            json!({"name": "foreign", "features": {"std": []}, "source": "registry+index"}),
        ]);
        let together = features_together(metadata.workspace_packages());
        assert_eq!(together, "karaden-client/rustls,other/native-tls");
    }
}
