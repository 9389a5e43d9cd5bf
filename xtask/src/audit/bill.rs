//! The bill of materials (SBOM) of the packaged program, in CycloneDX.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{DependencyKind, Node, PackageId};
use cyclonedx_bom::{
    external_models::{normalized_string::NormalizedString, spdx::SpdxExpression, uri::Purl},
    models::{
        bom::{Bom, SpecVersion},
        component::{Classification, Component, Components},
        dependency::{Dependencies, Dependency},
        hash::{Hash, HashAlgorithm, HashValue, Hashes},
        license::{LicenseChoice, Licenses},
        metadata::Metadata as BomMetadata,
    },
    validation::Validate as _,
};
use rustsec::Lockfile;

use crate::metadata::{Metadata, Package};

const PROGRAM: &str = "mfa-cli";
const SPEC: SpecVersion = SpecVersion::V1_5;

/// Returns the bill as JSON: the program and all that is compiled into it or run to build it.
///
/// # Errors
///
/// If a foreign component has no licence or no checksum, or if the bill is not valid.
pub(super) fn write(metadata: &Metadata, lock: &Path) -> Result<Vec<u8>> {
    let checksums = checksums(&Lockfile::load(lock).context("Cargo.lock")?);
    let bill = bill(metadata, &checksums)?;
    let validity = bill.validate_version(SPEC);
    if !validity.passed() {
        bail!("the bill of materials is not valid: {validity:?}");
    }
    let mut json = Vec::new();
    bill.output_as_json_v1_5(&mut json)?;
    Ok(json)
}

/// Returns the SHA-256 of each package by name and version.
fn checksums(lock: &Lockfile) -> BTreeMap<(String, String), String> {
    let packages = lock.packages.iter();
    packages
        .filter_map(|package| {
            let key = (package.name.to_string(), package.version.to_string());
            Some((key, package.checksum.as_ref()?.to_string()))
        })
        .collect()
}

fn bill(metadata: &Metadata, checksums: &BTreeMap<(String, String), String>) -> Result<Bom> {
    let resolve = metadata.resolve.as_ref().context("cargo resolved no dependencies")?;
    let nodes: BTreeMap<&PackageId, &Node> =
        resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let packages: BTreeMap<&PackageId, &Package> =
        metadata.packages.iter().map(|package| (&package.id, package)).collect();
    let program = metadata.packages.iter().find(|package| package.name == PROGRAM);
    let program = program.with_context(|| format!("there is no package {PROGRAM}"))?;

    let mut reached = BTreeSet::from([&program.id]);
    let mut waiting = vec![&program.id];
    let mut dependencies = Vec::new();
    while let Some(id) = waiting.pop() {
        let used: Vec<&PackageId> = nodes.get(id).map(|node| shipped(node)).unwrap_or_default();
        waiting.extend(used.iter().copied().filter(|used| reached.insert(*used)));
        let reference = |id: &PackageId| packages.get(id).map(|package| reference(package));
        dependencies.push(Dependency {
            dependency_ref: reference(id).context("a package is missing")?,
            dependencies: used.into_iter().filter_map(reference).collect(),
        });
    }
    dependencies.sort_by(|a, b| a.dependency_ref.cmp(&b.dependency_ref));
    let others = reached.into_iter().filter(|id| **id != program.id);
    let components = others
        .map(|id| component(packages.get(id).context("a package is missing")?, checksums))
        .collect::<Result<Vec<_>>>()?;
    Ok(Bom {
        spec_version: SPEC,
        metadata: Some(BomMetadata {
            component: Some(component(program, checksums)?),
            ..BomMetadata::default()
        }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        // A random number would make two bills of one state differ.
        serial_number: None,
        ..Bom::default()
    })
}

/// Returns the name of a component within the bill. Cargo's own id has the path of the checkout.
fn reference(package: &Package) -> String {
    format!("{}@{}", package.name, package.version)
}

/// Returns the dependencies that are not for tests only.
fn shipped(node: &Node) -> Vec<&PackageId> {
    let is_shipped = |kinds: &[cargo_metadata::DepKindInfo]| {
        kinds.iter().any(|info| info.kind != DependencyKind::Development)
    };
    node.deps.iter().filter(|used| is_shipped(&used.dep_kinds)).map(|used| &used.pkg).collect()
}

fn component(
    package: &Package,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Component> {
    let (name, version) = (package.name.to_string(), package.version.to_string());
    let what = if name == PROGRAM { Classification::Application } else { Classification::Library };
    let licence = package.license.clone().with_context(|| format!("{name} has no licence"))?;
    let licence =
        SpdxExpression::parse_lax(licence).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    let mut component = Component::new(what, &name, &version, Some(reference(package)));
    component.licenses = Some(Licenses(vec![LicenseChoice::Expression(licence)]));
    component.description = package.description.as_deref().map(NormalizedString::new);
    // Our own crates are not in a registry.
    if package.source.is_some() {
        let checksum = checksums.get(&(name.clone(), version.clone()));
        ensure!(checksum.is_some(), "{name} {version} has no checksum in Cargo.lock");
        component.hashes = checksum.map(|checksum| {
            let content = HashValue(checksum.clone());
            Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content }])
        });
        component.purl = Some(Purl::new("cargo", &name, &version)?);
    }
    Ok(component)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metadata::made_up::graph;

    const SUM: &str = "646c5a367da914e3babcb9cd8e91c37ccaac42325b8f86f036513ad103f2a716";

    /// The program uses `a`, `a` uses `b`, and `tester` is for the tests of the program.
    fn metadata(licence_of_b: &Value) -> Metadata {
        let foreign = |name: &str, licence: &Value| json!({"name": name, "license": licence, "source": "registry+index"});
        let mut metadata = graph(&[
            json!({"name": PROGRAM, "license": "MIT"}),
            foreign("a", &json!("MIT/Apache-2.0")),
            foreign("b", licence_of_b),
            foreign("tester", &json!("MIT")),
        ]);
        let uses = |name: &str, kind: &Value| json!({"name": name, "pkg": name, "dep_kinds": [{"kind": kind, "target": null}]});
        let node = |id: &str, deps: &[Value]| json!({"id": id, "deps": deps, "dependencies": [], "features": []});
        let nodes = [
            node(PROGRAM, &[uses("a", &Value::Null), uses("tester", &json!("dev"))]),
            node("a", &[uses("b", &json!("build"))]),
            node("b", &[]),
            node("tester", &[]),
        ];
        metadata.resolve = serde_json::from_value(json!({"nodes": nodes, "root": null})).unwrap();
        metadata
    }

    fn lock(folder: &Path, names: &[&str]) -> std::path::PathBuf {
        let package = |name: &&str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{SUM}\"\n\n"
            )
        };
        let file = folder.join("Cargo.lock");
        let packages: String = names.iter().map(package).collect();
        std::fs::write(&file, format!("version = 4\n\n{packages}")).unwrap();
        file
    }

    #[test]
    fn the_bill_names_each_component_with_its_licence_and_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let json = write(&metadata(&json!("ISC")), &lock(folder.path(), &["a", "b"])).unwrap();
        let bill: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            (&bill["bomFormat"], &bill["specVersion"]),
            (&json!("CycloneDX"), &json!("1.5"))
        );
        assert_eq!(bill["metadata"]["component"]["name"], PROGRAM);
        let components = bill["components"].as_array().unwrap();
        let names: Vec<&Value> = components.iter().map(|component| &component["name"]).collect();
        assert_eq!(names, ["a", "b"], "what is for tests only is no part of the program");
        let a = &components[0];
        assert_eq!(a["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(a["hashes"][0], json!({"alg": "SHA-256", "content": SUM}));
        assert_eq!(a["purl"], "pkg:cargo/a@0.1.0");
        let used = bill["dependencies"].as_array().unwrap();
        assert!(used.contains(&json!({"ref": "a@0.1.0", "dependsOn": ["b@0.1.0"]})), "{used:?}");
    }

    #[test]
    fn a_component_without_licence_or_checksum_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let whole = lock(folder.path(), &["a", "b"]);
        let error = write(&metadata(&Value::Null), &whole).unwrap_err().to_string();
        assert_eq!(error, "b has no licence");
        let error = write(&metadata(&json!("ISC")), &lock(folder.path(), &["a"])).unwrap_err();
        assert_eq!(error.to_string(), "b 0.1.0 has no checksum in Cargo.lock");
    }
}
