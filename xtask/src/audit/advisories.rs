//! Compares lock files with the RustSec database.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustsec::{
    Database, Lockfile, Report,
    advisory::{Informational, Metadata},
    package::Package,
    report::Settings,
};
use serde::Deserialize;

use crate::process;

const DATABASE: &str = "https://github.com/RustSec/advisory-db";
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// An advisory that is not about us, and why.
#[derive(Debug, Deserialize)]
pub(crate) struct Ignored {
    id: String,
    reason: String,
}

/// What the database says about the lock files.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The number of advisories in the database.
    pub(crate) known: usize,
    /// Vulnerable and unsound versions.
    pub(crate) problems: Vec<String>,
    /// Crates without maintainers, and advisories that are ignored.
    pub(crate) notes: Vec<String>,
}

/// Fetches the database into `scratch` and returns its folder.
///
/// # Errors
///
/// If it cannot be fetched. An older copy is no substitute: it does not have the latest advisories.
pub(crate) fn fetch(scratch: &Path) -> Result<PathBuf> {
    fetch_from(DATABASE, scratch)
}

fn fetch_from(source: &str, scratch: &Path) -> Result<PathBuf> {
    let folder = scratch.join("advisory-db");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut clone = Command::new("git");
    clone.args(["clone", "--quiet", "--depth", "1", source]).arg(&folder);
    clone.env("GIT_TERMINAL_PROMPT", "0");
    process::run_aside(&mut clone, LIMIT, &mut |_| {}).with_context(|| {
        format!(
            "the RustSec database cannot be fetched from {source}, so no advisory was checked; \
             run this where that address can be reached, or name a copy with --database"
        )
    })?;
    Ok(folder)
}

/// Compares the `locks` with the database in the folder `database`.
///
/// # Errors
///
/// If the database or a lock file cannot be read, or if the database is empty.
pub(crate) fn check(database: &Path, locks: &[PathBuf], ignored: &[Ignored]) -> Result<Findings> {
    let shown = database.display();
    let read = Database::open(database).with_context(|| {
        format!("{shown} is no copy of the RustSec database, so no advisory was checked")
    })?;
    let mut findings = Findings { known: read.iter().count(), ..Findings::default() };
    ensure!(findings.known > 0, "{shown} has no advisory, so nothing was checked");
    let settings = Settings {
        informational_warnings: vec![
            Informational::Notice,
            Informational::Unmaintained,
            Informational::Unsound,
        ],
        ..Settings::default()
    };
    let mut met = Vec::new();
    for lock in locks {
        let lockfile = Lockfile::load(lock).with_context(|| lock.display().to_string())?;
        let report = Report::generate(&read, &lockfile, &settings);
        for found in &report.vulnerabilities.list {
            met.push((line(&found.package, &found.advisory), found.advisory.id.to_string(), true));
        }
        for warning in report.warnings.values().flatten() {
            let Some(advisory) = &warning.advisory else { continue };
            let is_problem = warning.is_unsound();
            met.push((line(&warning.package, advisory), advisory.id.to_string(), is_problem));
        }
    }
    met.sort();
    met.dedup();
    for (line, id, is_problem) in met {
        match ignored.iter().find(|ignored| ignored.id == id) {
            Some(Ignored { reason, .. }) => {
                findings.notes.push(format!("{line}; ignored: {reason}"));
            }
            None if is_problem => findings.problems.push(line),
            None => findings.notes.push(line),
        }
    }
    Ok(findings)
}

fn line(package: &Package, advisory: &Metadata) -> String {
    format!("{} {}: {}, {}", package.name, package.version, advisory.id, advisory.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database with one vulnerability of `leaky` before 1.2.0, and `left` without maintainers.
    fn database(folder: &Path) -> PathBuf {
        let advisory = |id: &str, name: &str, more: &str, patched: &str| {
            let file = folder.join("crates").join(name).join(format!("{id}.md"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let text = format!(
                "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{name}\"\ndate = \"2026-01-02\"\n{more}\
                 [versions]\npatched = [{patched}]\n```\n\n# Leaks\n\nIt leaks.\n"
            );
            fs::write(file, text).unwrap();
        };
        advisory("RUSTSEC-2026-0001", "leaky", "", "\">= 1.2.0\"");
        advisory("RUSTSEC-2026-0002", "left", "informational = \"unmaintained\"\n", "");
        folder.to_owned()
    }

    fn lock(folder: &Path, name: &str, version: &str) -> PathBuf {
        let file = folder.join("Cargo.lock");
        let text = format!(
            "version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{}\"\n",
            "registry+https://github.com/rust-lang/crates.io-index"
        );
        fs::write(&file, text).unwrap();
        file
    }

    fn found(name: &str, version: &str, ignored: &[Ignored]) -> Findings {
        let folder = tempfile::tempdir().unwrap();
        let (database, lock) = (database(folder.path()), lock(folder.path(), name, version));
        check(&database, &[lock.clone(), lock], ignored).unwrap()
    }

    #[test]
    fn an_affected_crate_is_found_and_a_fixed_one_is_not() {
        let findings = found("leaky", "1.1.9", &[]);
        assert_eq!(findings.problems, ["leaky 1.1.9: RUSTSEC-2026-0001, Leaks"]);
        assert_eq!(findings.known, 2);
        assert_eq!(found("leaky", "1.2.0", &[]).problems, [""; 0]);
    }

    #[test]
    fn an_ignored_advisory_is_told_with_its_reason() {
        let reason = "not reached".to_owned();
        let ignored = [Ignored { id: "RUSTSEC-2026-0001".to_owned(), reason }];
        let findings = found("leaky", "1.1.9", &ignored);
        assert_eq!(findings.problems, [""; 0]);
        assert_eq!(findings.notes, ["leaky 1.1.9: RUSTSEC-2026-0001, Leaks; ignored: not reached"]);
    }

    #[test]
    fn a_crate_without_maintainers_is_a_note() {
        let findings = found("left", "0.1.0", &[]);
        assert_eq!(findings.problems, [""; 0]);
        assert_eq!(findings.notes, ["left 0.1.0: RUSTSEC-2026-0002, Leaks"]);
    }

    #[test]
    fn without_a_database_nothing_counts_as_checked() {
        let folder = tempfile::tempdir().unwrap();
        let lock = lock(folder.path(), "leaky", "1.1.9");
        let locks = std::slice::from_ref(&lock);
        let error = check(&folder.path().join("none"), locks, &[]).unwrap_err();
        assert!(error.to_string().ends_with("so no advisory was checked"), "{error}");
        fs::create_dir(folder.path().join("crates")).unwrap();
        let error = check(folder.path(), locks, &[]).unwrap_err();
        assert!(error.to_string().ends_with("so nothing was checked"), "{error}");
        let nowhere = folder.path().join("nowhere").display().to_string();
        let error = fetch_from(&nowhere, folder.path()).unwrap_err().to_string();
        assert!(error.contains("so no advisory was checked; run this where"), "{error}");
    }
}
