//! The order in which the crates can be published.

use anyhow::{Result, bail};

use crate::metadata::{self, Metadata, Package};

/// Returns the published crates, each after those that it needs.
///
/// A dependency for tests counts if it has a version: cargo drops those with a path only when it packs a crate.
///
/// # Errors
///
/// If crates need each other in a circle.
pub(super) fn of(metadata: &Metadata) -> Result<Vec<&Package>> {
    let mut waiting: Vec<&Package> = metadata::published(metadata).collect();
    waiting.sort_by_key(|package| package.name.as_str());
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|package| {
            !waiting.iter().any(|other| needs(package, other) && other.name != package.name)
        });
        let Some(ready) = ready else {
            let names: Vec<&str> = waiting.iter().map(|package| package.name.as_str()).collect();
            bail!(
                "crates that need each other in a circle cannot be published: {}",
                names.join(", ")
            );
        };
        ordered.push(waiting.remove(ready));
    }
    Ok(ordered)
}

/// Whether the published `package` needs the crate `other`.
pub(super) fn needs(package: &Package, other: &Package) -> bool {
    package.dependencies.iter().any(|dependency| {
        dependency.path.is_some()
            && dependency.name == other.name.as_str()
            && dependency.req.to_string() != "*"
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metadata::made_up::{dependency, graph};

    fn ours(name: &str, kind: &Value, req: &str) -> Value {
        let mut line = dependency(name, kind, req);
        line["path"] = json!(format!("/x/crates/{name}"));
        line
    }

    #[test]
    fn each_crate_comes_after_those_that_it_needs() {
        let metadata = graph(&[
            json!({"name": "a", "dependencies": [ours("c", &Value::Null, "^0.1.0")]}),
            json!({"name": "b", "dependencies": [ours("a", &json!("dev"), "^0.1.0"), ours("kit", &json!("dev"), "*")]}),
            json!({"name": "c"}),
            json!({"name": "kit", "publish": [], "dependencies": [ours("b", &Value::Null, "^0.1.0")]}),
        ]);
        let names: Vec<&str> =
            of(&metadata).unwrap().iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["c", "a", "b"]);
    }

    #[test]
    fn a_circle_is_found() {
        let metadata = graph(&[
            json!({"name": "a", "dependencies": [ours("b", &Value::Null, "^0.1.0")]}),
            json!({"name": "b", "dependencies": [ours("a", &json!("dev"), "^0.1.0")]}),
        ]);
        let error = of(&metadata).unwrap_err().to_string();
        assert!(error.ends_with(": a, b"), "{error}");
    }
}
