//! What cargo reports about each package while it tests all of them.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::{metadata::Package, tally::Tally};

/// The results of the packages.
#[derive(Debug)]
pub(super) struct Outcomes {
    /// The tests of each package, by the name of the package.
    tallies: BTreeMap<String, Tally>,
    problems: BTreeMap<String, String>,
    /// The package of each target, by the name that cargo gives to the target's file.
    targets: BTreeMap<String, String>,
    /// The package whose tests run now.
    current: Option<String>,
    /// The packages that cargo named in an error of this run.
    broken: Vec<String>,
}

impl Outcomes {
    pub(super) fn new(packages: &[&Package]) -> Self {
        let file = |name: &str| name.replace('-', "_");
        let targets = packages.iter().flat_map(|package| {
            package.targets.iter().map(|target| (file(&target.name), package.name.to_string()))
        });
        Self {
            tallies: BTreeMap::new(),
            problems: BTreeMap::new(),
            targets: targets.collect(),
            current: None,
            broken: Vec::new(),
        }
    }

    /// Takes a line of cargo or of a test.
    pub(super) fn add_line(&mut self, line: &str) {
        if let Some(target) = target(line) {
            self.current = self.targets.get(target).cloned();
        }
        if let Some(package) = broken(line) {
            self.broken.push(package.to_owned());
        }
        if let Some(package) = &self.current {
            self.tallies.entry(package.clone()).or_default().add_line(line);
        }
    }

    /// Takes the result of a run with the features `set`.
    pub(super) fn end(&mut self, set: &str, outcome: Result<()>) {
        self.current = None;
        let mut broken = std::mem::take(&mut self.broken);
        let Err(error) = outcome else { return };
        if broken.is_empty() {
            broken.push("all packages".to_owned());
        }
        for package in broken {
            self.problems.entry(package).or_insert_with(|| format!("fails with {set}: {error:#}"));
        }
    }

    /// Returns the number of tests of a package that passed.
    pub(super) fn passed(&self, package: &Package) -> u64 {
        self.tallies.get(package.name.as_str()).map_or(0, |tally| tally.passed)
    }

    /// Returns why a package failed, or `None` if it did not.
    pub(super) fn problem(&self, package: &Package) -> Option<&str> {
        self.problems.get(package.name.as_str()).map(String::as_str)
    }

    /// # Errors
    ///
    /// If a package failed.
    pub(super) fn verdict(&self) -> Result<()> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let named = self.problems.iter().map(|(package, problem)| format!("{package}: {problem}"));
        bail!("{}", named.collect::<Vec<_>>().join("; "))
    }
}

/// Returns the target that cargo is about to test, from a line such as
/// `Running unittests src/lib.rs (target/debug/deps/otp_core-0123456789abcdef)` or `Doc-tests otp_core`.
fn target(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(library) = line.strip_prefix("Doc-tests ") {
        return Some(library);
    }
    let (_, path) = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once(" (")?;
    let (name, _hash) = path.rsplit('/').next()?.rsplit_once('-')?;
    Some(name)
}

/// Returns the package that cargo names in an error, from a line such as
/// ``error: could not compile `otp-core` (lib) due to 1 previous error`` or
/// ``error: test failed, to rerun pass `-p otp-core --lib` ``.
fn broken(line: &str) -> Option<&str> {
    let line = line.trim();
    let compiling = line.strip_prefix("error: could not compile `");
    let testing =
        line.strip_prefix("error: ").and_then(|rest| rest.split_once("to rerun pass `-p "));
    let rest = compiling.or(testing.map(|(_, rest)| rest))?;
    rest.split([' ', '`']).next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metadata::made_up::{graph, target as made_up};

    #[test]
    fn tests_count_for_the_package_that_runs() {
        let metadata = graph(&[
            json!({"name": "otp-core", "targets": [made_up("otp_core", "lib")]}),
            json!({"name": "sim", "targets": [made_up("sim", "lib"), made_up("the-program", "bin")]}),
        ]);
        let packages: Vec<&Package> = metadata.packages.iter().collect();
        let mut outcomes = Outcomes::new(&packages);
        for line in [
            "     Running unittests src/lib.rs (/x/debug/deps/otp_core-01)",
            "test result: ok. 3 passed; 0 failed; 0 ignored",
            "     Running unittests src/main.rs (/x/debug/deps/the_program-02)",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored",
            "error: test failed, to rerun pass `-p sim --bin the-program`",
            "   Doc-tests otp_core",
            "test result: ok. 4 passed; 0 failed; 0 ignored",
        ] {
            outcomes.add_line(line);
        }
        outcomes.end("all features", Err(anyhow::anyhow!("cargo failed")));
        assert_eq!(packages.iter().map(|one| outcomes.passed(one)).collect::<Vec<_>>(), [7, 1]);
        assert_eq!(outcomes.problem(packages[0]), None);
        assert_eq!(
            outcomes.verdict().unwrap_err().to_string(),
            "sim: fails with all features: cargo failed"
        );
    }

    #[test]
    fn a_package_that_does_not_compile_is_named() {
        assert_eq!(
            broken("error: could not compile `a-b` (lib test) due to 2 previous errors"),
            Some("a-b")
        );
        assert_eq!(broken("error: cannot find module"), None);
    }

    #[test]
    fn a_run_that_fails_without_a_name_fails_all() {
        let mut outcomes = Outcomes::new(&[]);
        outcomes.end("default features", Err(anyhow::anyhow!("no index")));
        assert!(outcomes.verdict().is_err());
    }
}
