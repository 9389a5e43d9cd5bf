//! Checks licences, bans and sources of all dependencies against the lists in deny.toml.

use std::collections::BTreeSet;

use cargo_metadata::DependencyKind;
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use crate::metadata::{Metadata, Package};

/// The part of deny.toml that tidy enforces.
#[derive(Debug, Deserialize)]
pub(crate) struct Policy {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// The crates that may use it.
    #[serde(default)]
    wrappers: Vec<String>,
}

/// Finds what deny.toml does not allow.
pub(crate) fn check(policy: &Policy, metadata: &Metadata) -> Vec<String> {
    let foreign = metadata.packages.iter().filter(|package| package.source.is_some());
    let mut findings: Vec<String> =
        foreign.clone().filter_map(|package| licence(policy, package)).collect();
    findings.extend(foreign.filter_map(source));
    findings.extend(metadata.packages.iter().flat_map(|package| bans(policy, package, metadata)));
    findings
}

fn licence(policy: &Policy, package: &Package) -> Option<String> {
    let Some(expression) = &package.license else {
        return Some(format!("{} {} states no licence", package.name, package.version));
    };
    (!is_allowed(expression, &policy.licenses.allow)).then(|| {
        format!(
            "{} {} has the licence {expression}, which deny.toml does not allow",
            package.name, package.version
        )
    })
}

/// Whether the licences of the list satisfy the SPDX expression.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // Lax: old crates separate alternatives with a slash.
    Expression::parse_mode(expression, ParseMode::LAX)
        .is_ok_and(|parsed| parsed.evaluate(|licence| allowed.contains(&licence.to_string())))
}

fn source(package: &Package) -> Option<String> {
    let source = &package.source.as_ref()?.repr;
    (!source.starts_with("registry+"))
        .then(|| format!("{} comes from {source}, not from the registry", package.name))
}

/// Finds banned crates that `package`, a member of the workspace, depends on directly without being a wrapper.
fn bans(policy: &Policy, package: &Package, metadata: &Metadata) -> Vec<String> {
    let ours = package.source.is_none();
    let banned = policy.bans.deny.iter().filter(|ban| {
        // An optional dependency that no feature turns on is not in the graph.
        let present = metadata.packages.iter().any(|other| other.name == ban.name);
        let used = package.dependencies.iter().any(|dependency| {
            dependency.name == ban.name && dependency.kind == DependencyKind::Normal
        });
        ours && present && used && !ban.wrappers.iter().any(|name| package.name == *name)
    });
    banned.map(|ban| format!("{} uses {}, which deny.toml bans", package.name, ban.name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metadata::made_up::{dependency, graph};

    fn policy() -> Policy {
        toml::from_str(
            r#"
            [licenses]
            allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"]
            [bans]
            deny = [{ crate = "ring" }, { crate = "openssl-sys", wrappers = ["openssl"] }]
            "#,
        )
        .unwrap()
    }

    #[test]
    fn is_allowed_if_the_list_satisfies_the_expression() {
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT/GPL-3.0-only", true),
            ("MIT AND GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT AND ISC", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
            ("MIT OR", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression, &policy().licenses.allow), expected, "{expression}");
        }
    }

    fn foreign(name: &str, license: &Value, source: &str) -> Value {
        json!({"name": name, "version": "1.0.0", "license": license, "source": source})
    }

    const REGISTRY: &str = "registry+index";

    #[test]
    fn licence_outside_the_list_or_missing_is_found() {
        let packages = [
            foreign("good", &json!("MIT"), REGISTRY),
            foreign("bad", &json!("AGPL-3.0-only"), REGISTRY),
            foreign("none", &Value::Null, REGISTRY),
        ];
        assert_eq!(
            check(&policy(), &graph(&packages)),
            [
                "bad 1.0.0 has the licence AGPL-3.0-only, which deny.toml does not allow",
                "none 1.0.0 states no licence"
            ]
        );
    }

    #[test]
    fn source_other_than_the_registry_is_found() {
        let forked = foreign("forked", &json!("MIT"), "git+somewhere");
        assert_eq!(
            check(&policy(), &graph(&[forked])),
            ["forked comes from git+somewhere, not from the registry"]
        );
    }

    #[test]
    fn banned_crate_is_found_in_our_dependencies() {
        let ours = json!({"name": "ours", "dependencies": [dependency("ring", &Value::Null, "*")]});
        let packages = [ours, foreign("ring", &json!("ISC"), REGISTRY)];
        assert_eq!(check(&policy(), &graph(&packages)), ["ours uses ring, which deny.toml bans"]);
    }
}
