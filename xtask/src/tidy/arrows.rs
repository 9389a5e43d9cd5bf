//! Compares the dependencies between the crates of the workspace with the code map.

use std::{collections::BTreeSet, path::Path};

use cargo_metadata::{Dependency, DependencyKind};

use super::codemap::Rules;
use crate::metadata::{Metadata, Package, TargetKind, folder, is_published, targets};

/// Crates that the tests of any other crate may use.
const FOR_TESTS: [&str; 2] = ["karaden-sim", "testkit"];

/// Finds every dependency that the map does not allow.
pub(crate) fn check(rules: &Rules, metadata: &Metadata, root: &Path) -> Vec<String> {
    let members: BTreeSet<&str> =
        metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let unpublished: BTreeSet<&str> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| !is_published(package))
        .map(|package| package.name.as_str())
        .collect();
    let mut findings = Vec::new();
    for package in metadata.workspace_packages() {
        let inside = package
            .dependencies
            .iter()
            .filter(|dependency| members.contains(dependency.name.as_str()));
        for dependency in inside {
            findings.extend(arrow(rules, package, dependency, &unpublished, root));
            findings.extend(unpublishable(package, dependency, &unpublished));
        }
    }
    findings
}

fn arrow(
    rules: &Rules,
    package: &Package,
    dependency: &Dependency,
    unpublished: &BTreeSet<&str>,
    root: &Path,
) -> Option<String> {
    let (from, to) = (package.name.as_str(), dependency.name.as_str());
    let for_tests = dependency.kind == DependencyKind::Development;
    // A crate without a row is a finding of `codemap::check`.
    let folder = folder(package, root).to_str()?;
    let allowed = rules.of(folder)?;
    // Tests may also name the dependencies of what the crate uses: those are in its graph anyway.
    let is_test_tool = || FOR_TESTS.contains(&to) || from == to || rules.reaches(folder, to);
    let is_for_examples = || has_published_examples(package) && !unpublished.contains(to);
    if allowed.has(to) || (for_tests && (is_test_tool() || is_for_examples())) {
        return None;
    }
    let kind = dependency.kind;
    Some(format!("{from} has a {kind} dependency on {to}, which ARCHITECTURE.md does not allow"))
}

/// Whether the package is published with examples. Those show it together with other published crates. Cargo has no
/// dependencies of examples alone.
fn has_published_examples(package: &Package) -> bool {
    is_published(package) && targets(package, TargetKind::Example).next().is_some()
}

/// Finds an unpublished dependency of a published crate, which cannot be packaged then. Cargo drops a dependency
/// of tests, but only one without a version.
fn unpublishable(
    package: &Package,
    dependency: &Dependency,
    unpublished: &BTreeSet<&str>,
) -> Option<String> {
    let (from, to) = (package.name.as_str(), dependency.name.as_str());
    if !is_published(package) || !unpublished.contains(to) {
        return None;
    }
    let dropped =
        dependency.kind == DependencyKind::Development && dependency.req.to_string() == "*";
    (!dropped)
        .then(|| format!("{from} is published, but needs {to} {}, which is not", dependency.req))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        metadata::made_up::{dependency, graph, target},
        tidy::codemap,
    };

    const MAP: &str = "\
| folder | is | may use |
|---|---|---|
| `crates/otp-core` | pure rules | – |
| `crates/otp-cache` | the stores | `otp-core` |
| `crates/auth` | users | `otp-cache` |
| `crates/testkit` | tools | – |
| `crates/mfa-gateway` | the binary | all |
";

    /// Returns a workspace of the crates of the map in which `from` depends on `to`.
    fn workspace(from: &str, to: &str, kind: &Value, req: &str) -> Metadata {
        let packages = ["otp-core", "otp-cache", "auth", "testkit", "mfa-gateway"].map(|name| {
            let is_private = matches!(name, "testkit" | "mfa-gateway");
            let publish = if is_private { json!([]) } else { Value::Null };
            let mut dependencies = vec![dependency("serde", &Value::Null, "^1")];
            dependencies.extend((name == from).then(|| dependency(to, kind, req)));
            json!({"name": name, "publish": publish, "dependencies": dependencies})
        });
        graph(&packages)
    }

    #[track_caller]
    fn findings(from: &str, to: &str, kind: Option<&str>, req: &str) -> Vec<String> {
        check(
            &codemap::parse(MAP).unwrap(),
            &workspace(from, to, &json!(kind), req),
            Path::new("/x"),
        )
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn dependency_in_the_map_passes() {
        assert_eq!(findings("otp-cache", "otp-core", None, "^0.1"), NONE);
        assert_eq!(findings("mfa-gateway", "otp-core", None, "^0.1"), NONE);
    }

    #[test]
    fn dependency_outside_the_map_is_found() {
        assert_eq!(
            findings("otp-core", "otp-cache", None, "^0.1"),
            ["otp-core has a normal dependency on otp-cache, which ARCHITECTURE.md does not allow"]
        );
        assert_eq!(
            findings("otp-core", "otp-cache", Some("build"), "^0.1"),
            ["otp-core has a build dependency on otp-cache, which ARCHITECTURE.md does not allow"]
        );
    }

    #[test]
    fn dev_dependency_on_a_test_tool_passes() {
        assert_eq!(findings("otp-core", "testkit", Some("dev"), "*"), NONE);
        assert_eq!(findings("otp-core", "otp-cache", Some("dev"), "*").len(), 1);
        assert_eq!(findings("otp-core", "testkit", None, "*").len(), 2);
    }

    #[test]
    fn dev_dependency_on_an_indirect_dependency_passes() {
        assert_eq!(findings("auth", "otp-core", Some("dev"), "^0.1"), NONE);
        assert_eq!(findings("auth", "otp-core", None, "^0.1").len(), 1);
        assert_eq!(findings("otp-core", "auth", Some("dev"), "^0.1").len(), 1);
    }

    #[test]
    fn published_examples_may_use_any_published_crate() {
        let findings = |to: &str, kind: Option<&str>| {
            let lines = [dependency(to, &json!(kind), "^0.1")];
            let metadata = graph(&[
                json!({"name": "otp-core", "dependencies": lines, "targets": [target("login", "example")]}),
                json!({"name": "otp-cache"}),
                json!({"name": "mfa-gateway", "publish": []}),
            ]);
            check(&codemap::parse(MAP).unwrap(), &metadata, Path::new("/x")).len()
        };
        assert_eq!(findings("otp-cache", Some("dev")), 0);
        assert_eq!(findings("otp-cache", None), 1);
        // Neither in the map nor published.
        assert_eq!(findings("mfa-gateway", Some("dev")), 2);
    }

    #[test]
    fn published_crate_with_an_unpublished_dependency_is_found() {
        assert_eq!(
            findings("otp-core", "testkit", Some("dev"), "^0.1"),
            ["otp-core is published, but needs testkit ^0.1, which is not"]
        );
    }
}
