//! Finds shared dependencies of the root manifest that no crate uses.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::metadata::Metadata;

/// The part of the root manifest that this check reads.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    workspace: Workspace,
}

#[derive(Debug, Deserialize)]
struct Workspace {
    dependencies: BTreeMap<String, toml::Value>,
}

/// Finds the lines of `[workspace.dependencies]` that no crate refers to. The workspace's own crates may be listed
/// before another crate uses them.
pub(crate) fn check(manifest: &Manifest, metadata: &Metadata) -> Vec<String> {
    let members = metadata.workspace_packages();
    let dependencies = members.iter().flat_map(|package| &package.dependencies);
    let used: BTreeSet<&str> = dependencies
        .map(|dependency| dependency.name.as_str())
        .chain(members.iter().map(|package| package.name.as_str()))
        .collect();
    let unused =
        manifest.workspace.dependencies.keys().filter(|name| !used.contains(name.as_str()));
    unused
        .map(|name| format!("Cargo.toml shares the dependency {name}, which no crate uses"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metadata::made_up::{dependency, graph};

    #[test]
    fn shared_dependency_without_a_user_is_found() {
        let manifest = toml::from_str(
            "[workspace.dependencies]\nours = { path = \"ours\" }\nserde = \"1\"\nforgotten = \"2\"\n",
        )
        .unwrap();
        let serde = dependency("serde", &Value::Null, "^1");
        let metadata = graph(&[json!({"name": "ours", "dependencies": [serde]})]);
        assert_eq!(
            check(&manifest, &metadata),
            ["Cargo.toml shares the dependency forgotten, which no crate uses"]
        );
    }
}
