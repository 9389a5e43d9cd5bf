//! Licences, bans and sources of everything in the lock file's graph, by the lists in deny.toml.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::metadata::{Metadata, Package};

/// The part of deny.toml that is enforced here.
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
    /// Crates that may pull it all the same.
    #[serde(default)]
    wrappers: Vec<String>,
}

/// Finds what may not be in the graph.
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
    let allowed = Expression::parse(expression)
        .is_some_and(|parsed| parsed.allowed_by(&policy.licenses.allow));
    (!allowed).then(|| {
        format!(
            "{} {} has the licence {expression}, which deny.toml does not allow",
            package.name, package.version
        )
    })
}

fn source(package: &Package) -> Option<String> {
    let source = package.source.as_deref()?;
    (!source.starts_with("registry+"))
        .then(|| format!("{} comes from {source}, not from the registry", package.name))
}

/// Ban by direct use: which package of the graph names a banned one, without being its wrapper.
fn bans(policy: &Policy, package: &Package, metadata: &Metadata) -> Vec<String> {
    let ours = package.source.is_none();
    let banned = policy.bans.deny.iter().filter(|ban| {
        // An optional dependency of a foreign crate that nobody turned on is not in the graph at all.
        let present = metadata.packages.iter().any(|other| other.name == ban.name);
        let used = package
            .dependencies
            .iter()
            .any(|dependency| dependency.name == ban.name && dependency.kind.is_none());
        ours && present && used && !ban.wrappers.contains(&package.name)
    });
    banned.map(|ban| format!("{} uses {}, which deny.toml bans", package.name, ban.name)).collect()
}

/// An SPDX expression, as far as crates use it.
#[derive(Debug)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    One(String),
}

impl Expression {
    fn allowed_by(&self, allowed: &BTreeSet<String>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.allowed_by(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.allowed_by(allowed)),
            Self::One(name) => allowed.contains(name),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        // The old spelling of OR.
        let spaced = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut words = words.as_slice();
        let parsed = Self::any(&mut words)?;
        words.is_empty().then_some(parsed)
    }

    /// `AND` binds tighter than `OR`.
    fn any(words: &mut &[&str]) -> Option<Self> {
        let mut parts = vec![Self::all(words)?];
        while take(words, "OR") {
            parts.push(Self::all(words)?);
        }
        Some(Self::Any(parts))
    }

    fn all(words: &mut &[&str]) -> Option<Self> {
        let mut parts = vec![Self::one(words)?];
        while take(words, "AND") {
            parts.push(Self::one(words)?);
        }
        Some(Self::All(parts))
    }

    fn one(words: &mut &[&str]) -> Option<Self> {
        if take(words, "(") {
            let inner = Self::any(words)?;
            return take(words, ")").then_some(inner);
        }
        let name = next(words)?;
        if take(words, "WITH") {
            return Some(Self::One(format!("{name} WITH {}", next(words)?)));
        }
        Some(Self::One(name.to_owned()))
    }
}

fn next<'a>(words: &mut &[&'a str]) -> Option<&'a str> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    (!matches!(*first, "AND" | "OR" | "WITH" | "(" | ")")).then_some(*first)
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[track_caller]
    fn allows(expression: &str, expected: bool) {
        let parsed = Expression::parse(expression);
        let allowed = parsed.is_some_and(|parsed| parsed.allowed_by(&policy().licenses.allow));
        assert_eq!(allowed, expected, "{expression}");
    }

    #[test]
    fn expressions_mean_what_spdx_says() {
        allows("MIT", true);
        allows("GPL-3.0-only", false);
        allows("MIT OR GPL-3.0-only", true);
        allows("MIT/GPL-3.0-only", true);
        allows("MIT AND GPL-3.0-only", false);
        allows("MIT AND Apache-2.0", true);
        allows("GPL-3.0-only OR MIT AND ISC", true);
        allows("(GPL-3.0-only OR MIT) AND ISC", true);
        allows("(GPL-3.0-only OR MIT) AND BSD-4-Clause", false);
        allows("Apache-2.0 WITH LLVM-exception", true);
        allows("MIT WITH LLVM-exception", false);
        for broken in ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT ISC", "MIT WITH"] {
            allows(broken, false);
        }
    }

    fn graph(packages: &str) -> Metadata {
        Metadata::parse(&format!(r#"{{"workspace_members": ["ours"], "packages": [{packages}]}}"#))
            .unwrap()
    }

    fn foreign(name: &str, license: &str, source: &str) -> String {
        format!(
            r#"{{"id": "{name}", "name": "{name}", "version": "1.0.0", "manifest_path": "/x/Cargo.toml",
                "license": {license}, "source": "{source}"}}"#
        )
    }

    const REGISTRY: &str = "registry+index";

    #[test]
    fn a_licence_outside_of_the_list_or_none_is_found() {
        let packages = [
            foreign("good", "\"MIT\"", REGISTRY),
            foreign("bad", "\"AGPL-3.0\"", REGISTRY),
            foreign("none", "null", REGISTRY),
        ];
        assert_eq!(
            check(&policy(), &graph(&packages.join(","))),
            [
                "bad 1.0.0 has the licence AGPL-3.0, which deny.toml does not allow",
                "none 1.0.0 states no licence"
            ]
        );
    }

    #[test]
    fn a_source_that_is_not_the_registry_is_found() {
        let packages = foreign("forked", "\"MIT\"", "git+somewhere");
        assert_eq!(
            check(&policy(), &graph(&packages)),
            ["forked comes from git+somewhere, not from the registry"]
        );
    }

    #[test]
    fn a_banned_crate_is_found_where_we_use_it() {
        let ours = r#"{"id": "ours", "name": "ours", "version": "0.1.0", "manifest_path": "/x/Cargo.toml",
            "dependencies": [{"name": "ring", "kind": null, "req": "*"}]}"#;
        let packages = format!("{ours},{}", foreign("ring", "\"ISC\"", REGISTRY));
        assert_eq!(check(&policy(), &graph(&packages)), ["ours uses ring, which deny.toml bans"]);
    }
}
