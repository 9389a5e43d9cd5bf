//! The arrows between the crates of the workspace, against the code map.

use std::{collections::BTreeSet, path::Path};

use super::codemap::Rules;
use crate::metadata::{Dependency, Metadata, Package};

/// Crates that any other one may use in its tests.
const FOR_TESTS: [&str; 2] = ["karaden-sim", "testkit"];

/// Finds every arrow that the map does not have.
pub(crate) fn check(rules: &Rules, metadata: &Metadata, root: &Path) -> Vec<String> {
    let members: BTreeSet<&str> = metadata.members().map(|package| package.name.as_str()).collect();
    let unpublished: BTreeSet<&str> = metadata
        .members()
        .filter(|package| !package.is_published())
        .map(|package| package.name.as_str())
        .collect();
    let mut findings = Vec::new();
    for package in metadata.members() {
        let inside = package
            .dependencies
            .iter()
            .filter(|dependency| members.contains(dependency.name.as_str()));
        for dependency in inside {
            findings.extend(arrow(rules, package, dependency, root));
            findings.extend(unpublishable(package, dependency, &unpublished));
        }
    }
    findings
}

fn arrow(rules: &Rules, package: &Package, dependency: &Dependency, root: &Path) -> Option<String> {
    let (from, to) = (package.name.as_str(), dependency.name.as_str());
    let for_tests = dependency.kind.as_deref() == Some("dev");
    // A crate of which the map says nothing is a finding of the map's own check.
    let folder = package.folder(root).to_str()?;
    let allowed = rules.of(folder)?;
    // In its tests a crate may also name what lies behind the crates it uses: it builds on that anyway.
    let is_test_tool = || FOR_TESTS.contains(&to) || from == to || rules.reaches(folder, to);
    if allowed.has(to) || (for_tests && is_test_tool()) {
        return None;
    }
    let kind = dependency.kind.as_deref().unwrap_or("normal");
    Some(format!(
        "{from} has a {kind} dependency on {to}, an arrow that ARCHITECTURE.md does not allow"
    ))
}

/// A published crate can be packaged only if what it uses is published too. Cargo drops a dependency for
/// tests on the way, but only one that states no version.
fn unpublishable(
    package: &Package,
    dependency: &Dependency,
    unpublished: &BTreeSet<&str>,
) -> Option<String> {
    let (from, to) = (package.name.as_str(), dependency.name.as_str());
    if !package.is_published() || !unpublished.contains(to) {
        return None;
    }
    let dropped = dependency.kind.as_deref() == Some("dev") && dependency.req == "*";
    (!dropped)
        .then(|| format!("{from} is published, but needs {to} {}, which is not", dependency.req))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::codemap;

    const MAP: &str = "\
| folder | is | may use |
|---|---|---|
| `crates/otp-core` | pure rules | – |
| `crates/otp-cache` | the stores | `otp-core` |
| `crates/auth` | users | `otp-cache` |
| `crates/testkit` | tools | – |
| `crates/mfa-gateway` | the binary | all |
";

    /// A workspace of the crates of the map, in which `from` depends on `to`.
    fn workspace(from: &str, to: &str, kind: &str, req: &str) -> Metadata {
        let names = ["otp-core", "otp-cache", "auth", "testkit", "mfa-gateway"];
        let packages: Vec<String> = names
            .iter()
            .map(|name| {
                let publish = if matches!(*name, "testkit" | "mfa-gateway") { "[]" } else { "null" };
                let foreign = r#"{"name": "serde", "kind": null, "req": "^1"}"#;
                let inside = format!(r#", {{"name": "{to}", "kind": {kind}, "req": "{req}"}}"#);
                let inside = if *name == from { inside.as_str() } else { "" };
                format!(
                    r#"{{"id": "{name}", "name": "{name}", "version": "0.1.0", "manifest_path": "/x/crates/{name}/Cargo.toml",
                        "publish": {publish}, "dependencies": [{foreign}{inside}]}}"#
                )
            })
            .collect();
        let members = names.map(|name| format!("\"{name}\"")).join(",");
        let json = format!(
            r#"{{"workspace_members": [{members}], "packages": [{}]}}"#,
            packages.join(",")
        );
        Metadata::parse(&json).unwrap()
    }

    #[track_caller]
    fn findings(from: &str, to: &str, kind: &str, req: &str) -> Vec<String> {
        check(&codemap::parse(MAP).unwrap(), &workspace(from, to, kind, req), Path::new("/x"))
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn arrows_of_the_map_pass() {
        assert_eq!(findings("otp-cache", "otp-core", "null", "^0.1"), NONE);
        assert_eq!(findings("mfa-gateway", "otp-core", "null", "^0.1"), NONE);
    }

    #[test]
    fn an_arrow_that_the_map_does_not_have_is_found() {
        assert_eq!(
            findings("otp-core", "otp-cache", "null", "^0.1"),
            [
                "otp-core has a normal dependency on otp-cache, an arrow that ARCHITECTURE.md does not allow"
            ]
        );
        assert_eq!(
            findings("otp-core", "otp-cache", "\"build\"", "^0.1"),
            [
                "otp-core has a build dependency on otp-cache, an arrow that ARCHITECTURE.md does not allow"
            ]
        );
    }

    #[test]
    fn tests_may_use_the_test_tools_but_nothing_else() {
        assert_eq!(findings("otp-core", "testkit", "\"dev\"", "*"), NONE);
        assert_eq!(findings("otp-core", "otp-cache", "\"dev\"", "*").len(), 1);
        assert_eq!(findings("otp-core", "testkit", "null", "*").len(), 2);
    }

    #[test]
    fn tests_may_name_what_lies_behind_the_crates_that_are_used() {
        assert_eq!(findings("auth", "otp-core", "\"dev\"", "^0.1"), NONE);
        assert_eq!(findings("auth", "otp-core", "null", "^0.1").len(), 1);
        assert_eq!(findings("otp-core", "auth", "\"dev\"", "^0.1").len(), 1);
    }

    #[test]
    fn a_published_crate_may_not_need_an_unpublished_one() {
        assert_eq!(
            findings("otp-core", "testkit", "\"dev\"", "^0.1"),
            ["otp-core is published, but needs testkit ^0.1, which is not"]
        );
    }
}
