//! What a published crate must have: metadata, licences, README, changelog.

use std::{fs, path::Path};

use cargo_metadata::semver::Version;

use crate::metadata::{self, Metadata, Package};

/// Finds what is missing in the published crates.
pub(crate) fn check(metadata: &Metadata, root: &Path) -> Vec<String> {
    let of = |package: &Package| {
        let mut findings = manifest(package);
        findings.extend(files(package, root));
        findings
            .into_iter()
            .map(|finding| format!("{}: {finding}", package.name))
            .collect::<Vec<_>>()
    };
    metadata::published(metadata).flat_map(of).collect()
}

/// Checks the fields of the manifest.
fn manifest(package: &Package) -> Vec<String> {
    let mut findings = Vec::new();
    let mut require = |holds: bool, what: &str| {
        if !holds {
            findings.push(what.to_owned());
        }
    };
    let description = package.description.as_deref().unwrap_or_default();
    require(!description.is_empty(), "no description");
    require(
        !description.to_lowercase().contains("a library"),
        "the description contains `a library`",
    );
    require(package.repository.is_some(), "no repository");
    require(
        package.readme.as_ref().is_some_and(|readme| readme == "README.md"),
        "readme is not README.md",
    );
    require(package.rust_version.is_some(), "no rust-version");
    require(
        package.license.as_deref() == Some("MIT OR Apache-2.0"),
        "the licence is not MIT OR Apache-2.0",
    );
    require((1..=5).contains(&package.keywords.len()), "not one to five keywords");
    require((1..=5).contains(&package.categories.len()), "not one to five categories");
    let hosted = &package.metadata["docs"]["rs"];
    require(hosted["all-features"] == true, "docs.rs is not told to build all features");
    require(
        hosted["rustdoc-args"] == serde_json::json!(["--cfg", "docsrs"]),
        "docs.rs is not told --cfg docsrs",
    );
    findings
}

/// Checks the files in the crate's folder.
fn files(package: &Package, root: &Path) -> Vec<String> {
    let folder = root.join(metadata::folder(package, root));
    let mut findings = Vec::new();
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        match (fs::read(folder.join(name)), fs::read(root.join(name))) {
            (Ok(here), Ok(there)) if here == there => {}
            (Ok(_), _) => findings.push(format!("{name} differs from the workspace's")),
            (Err(_), _) => findings.push(format!("no {name}")),
        }
    }
    if !folder.join("README.ja.md").is_file() {
        findings.push("no README.ja.md".to_owned());
    }
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    findings.extend(changelog(&text("CHANGELOG.md"), &package.version));
    findings.extend(readme(&text("README.md"), package));
    findings.extend(library(&text("src/lib.rs")));
    findings
}

/// Checks the changelog. Before the first release it has nothing to report: nobody saw what changed until then.
fn changelog(text: &str, version: &Version) -> Option<String> {
    let marked = |line: &&str| line.starts_with('#') || line.starts_with('-');
    let entries: Vec<&str> = text.lines().filter(marked).collect();
    if *version > FIRST {
        let has_section = entries.iter().any(|line| line.starts_with("## "));
        return (!has_section).then(|| "CHANGELOG.md has no section".to_owned());
    }
    (entries != ["# Changelog", "## [Unreleased]", "- First version."])
        .then(|| format!("CHANGELOG.md must only say that {version} is the first version"))
}

/// The version of a crate that was never released.
const FIRST: Version = Version::new(0, 1, 0);

/// Checks the README, which is the crate's front page: an example, and every feature by name.
fn readme(text: &str, package: &Package) -> Vec<String> {
    let mut findings = Vec::new();
    if !text.contains("```rust") && !text.contains("```\n") {
        findings.push("README.md has no example".to_owned());
    }
    let named = |feature: &String| text.contains(&format!("`{feature}`"));
    let unnamed =
        package.features.keys().filter(|feature| *feature != "default" && !named(feature));
    findings
        .extend(unnamed.map(|feature| format!("README.md does not name the feature `{feature}`")));
    findings.extend(hidden_lines(text).map(|line| {
        format!("README.md:{line}: a line that only the documentation hides; write a whole program")
    }));
    if let Some(version) = &package.rust_version {
        let line = minimum_rust(version);
        if !text.contains(&line) {
            findings.push(format!("README.md does not say `{line}`"));
        }
    }
    findings
}

/// Returns the lines of Rust code that start with `#` and a space. Rustdoc hides them, other pages show them.
fn hidden_lines(text: &str) -> impl Iterator<Item = usize> {
    let mut in_rust = false;
    let mut in_block = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            in_block = !in_block;
            in_rust = in_block && (language.is_empty() || language.starts_with("rust"));
        }
        let line = line.trim();
        (in_rust && (line == "#" || line.starts_with("# "))).then_some(index + 1)
    })
}

/// Returns what each front page says about the oldest Rust that will do.
fn minimum_rust(version: &Version) -> String {
    format!("Minimum Rust version: {}.{}", version.major, version.minor)
}

fn library(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for line in
        [r#"#![doc = include_str!("../README.md")]"#, "#![cfg_attr(docsrs, feature(doc_cfg))]"]
    {
        if !text.lines().any(|found| found == line) {
            findings.push(format!("src/lib.rs has no line {line}"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metadata::made_up::graph;

    fn package(fields: &Value) -> Package {
        let mut fields = fields.clone();
        fields["name"] = json!("x");
        graph(&[fields]).packages.remove(0)
    }

    fn complete() -> Value {
        json!({
            "description": "Codes", "repository": "r", "readme": "README.md", "rust_version": "1.90.0",
            "license": "MIT OR Apache-2.0", "keywords": ["a"], "categories": ["b"],
            "features": {"default": [], "sqlite": []},
            "metadata": {"docs": {"rs": {"all-features": true, "rustdoc-args": ["--cfg", "docsrs"]}}},
        })
    }

    #[test]
    fn complete_manifest_passes() {
        assert!(manifest(&package(&complete())).is_empty());
    }

    #[test]
    fn empty_manifest_has_every_finding() {
        assert_eq!(
            manifest(&package(&json!({}))),
            [
                "no description",
                "no repository",
                "readme is not README.md",
                "no rust-version",
                "the licence is not MIT OR Apache-2.0",
                "not one to five keywords",
                "not one to five categories",
                "docs.rs is not told to build all features",
                "docs.rs is not told --cfg docsrs",
            ]
        );
    }

    #[test]
    fn readme_without_example_or_feature_is_found() {
        let package = package(&complete());
        assert_eq!(
            readme("# x", &package),
            [
                "README.md has no example",
                "README.md does not name the feature `sqlite`",
                "README.md does not say `Minimum Rust version: 1.90`",
            ]
        );
        assert!(
            readme("# x\n```rust\nlet x = 1;\n```\n| `sqlite` | a file |\nMinimum Rust version: 1.90.\n", &package).is_empty()
        );
    }

    #[test]
    fn hidden_lines_of_rust_are_found() {
        let text = "# x\n```rust\n# fn main() {\n#[derive(Debug)]\nstruct A;\n#\n```\n# y\n```sh\n# why\n```\n";
        assert_eq!(hidden_lines(text).collect::<Vec<_>>(), [3, 6]);
    }

    #[test]
    fn other_changelog_and_missing_front_page_are_found() {
        let first = "# Changelog\n\nAll changes.\n\n## [Unreleased]\n\n- First version.\n";
        let longer = format!("{first}- And a second.\n");
        let next = Version::new(0, 1, 1);
        for (text, version, is_good) in [
            (first, &FIRST, true),
            (longer.as_str(), &FIRST, false),
            ("# Changelog\n", &FIRST, false),
            (longer.as_str(), &next, true),
            ("# Changelog\n", &next, false),
        ] {
            assert_eq!(changelog(text, version).is_none(), is_good, "{version}: {text}");
        }
        assert_eq!(library("//! Docs.\n").len(), 2);
    }

    #[test]
    fn missing_file_is_found() {
        let mut fields = complete();
        fields["name"] = json!("x");
        let findings = check(&graph(&[fields]), Path::new("/nonexistent"));
        for expected in [
            "x: no LICENSE-MIT",
            "x: no LICENSE-APACHE",
            "x: no README.ja.md",
            "x: CHANGELOG.md must only say that 0.1.0 is the first version",
        ] {
            assert!(findings.iter().any(|finding| finding == expected), "{expected}: {findings:?}");
        }
    }
}
