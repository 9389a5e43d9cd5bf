//! The code map in ARCHITECTURE.md: the crates, and what each may use. [`super::arrows`] enforces the table that
//! people read, so that documentation and rule cannot differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Result, bail};

/// What each crate may use inside the workspace, by its folder. `examples/*` means all folders in `examples`.
#[derive(Debug)]
pub(crate) struct Rules {
    rows: BTreeMap<String, Allowed>,
}

/// The crates of the workspace that one crate may depend on.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Allowed {
    All,
    These(BTreeSet<String>),
}

impl Allowed {
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(name),
        }
    }
}

impl Rules {
    /// Returns what the crate in `folder` may use, or `None` if the map does not have it.
    pub(crate) fn of(&self, folder: &str) -> Option<&Allowed> {
        self.rows
            .get(folder)
            .or_else(|| self.rows.get(&format!("{}/*", folder.rsplit_once('/')?.0)))
    }

    /// Whether the crate in `folder` may use the crate `to`, directly or through other crates.
    pub(crate) fn reaches(&self, folder: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![self.of(folder)];
        while let Some(allowed) = next.pop() {
            let Some(Allowed::These(names)) = allowed else { continue };
            if names.contains(to) {
                return true;
            }
            next.extend(
                names.iter().filter(|name| seen.insert(*name)).map(|name| self.named(name)),
            );
        }
        false
    }

    /// Returns what the crate `name` may use.
    fn named(&self, name: &str) -> Option<&Allowed> {
        let mut rows = self.rows.iter();
        rows.find(|(folder, _)| folder.rsplit('/').next() == Some(name)).map(|(_, allowed)| allowed)
    }

    /// Whether the row `folder` matches one of `members`.
    fn matches_a_member(folder: &str, members: &BTreeSet<String>) -> bool {
        match folder.strip_suffix('*') {
            Some(start) => members.iter().any(|member| member.starts_with(start)),
            None => members.contains(folder),
        }
    }
}

const HEADER: [&str; 3] = ["folder", "is", "may use"];

/// Reads the table whose columns are `folder | is | may use`.
///
/// # Errors
///
/// If there is no such table, or if a row of it cannot be read.
pub(crate) fn parse(document: &str) -> Result<Rules> {
    let mut lines = document.lines().skip_while(|line| cells(line) != HEADER);
    if lines.next().is_none() {
        bail!("there is no table with the columns {}", HEADER.join(" | "));
    }
    let mut rows = BTreeMap::new();
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let [folder, _, may_use] = cells(line)[..] else { bail!("not three columns: {line}") };
        let folder = folder.trim_matches('`');
        if rows.insert(folder.to_owned(), allowed(may_use)).is_some() {
            bail!("two rows for {folder}");
        }
    }
    Ok(Rules { rows })
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// Reads `all`, `–` for nothing, or names in backticks.
fn allowed(cell: &str) -> Allowed {
    if cell == "all" {
        return Allowed::All;
    }
    let names = cell.split('`').skip(1).step_by(2).map(str::to_owned);
    Allowed::These(names.collect())
}

/// Compares the map with the tree: each workspace member has a row, and each path in the document exists.
pub(crate) fn check(
    rules: &Rules,
    document: &str,
    members: &BTreeSet<String>,
    root: &Path,
) -> Vec<String> {
    let unmapped = members.iter().filter(|folder| rules.of(folder).is_none());
    let stale = rules.rows.keys().filter(|folder| !Rules::matches_a_member(folder, members));
    let mut findings: Vec<String> = unmapped
        .map(|folder| format!("{folder} is a workspace member without a row in ARCHITECTURE.md"))
        .collect();
    findings.extend(stale.map(|folder| {
        format!("ARCHITECTURE.md has a row for {folder}, which is no workspace member")
    }));
    findings.extend(
        named_paths(document)
            .into_iter()
            .filter(|path| !root.join(path).exists())
            .map(|path| format!("ARCHITECTURE.md names {path}, which does not exist")),
    );
    findings
}

/// Returns every `path/in/backticks` that starts with a folder of this repository.
fn named_paths(document: &str) -> BTreeSet<&str> {
    let ours = ["crates/", "docs/", "examples/", "xtask/", "tests/", "fuzz/"];
    let quoted = document.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted
        .filter(|text| {
            ours.iter().any(|folder| text.starts_with(folder)) && !text.contains(['*', '{', ' '])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
# Map

| folder | is | may use |
|---|---|---|
| `crates/otp-core` | pure rules | – |
| `crates/otp-cache` | the stores | `otp-core` |
| `crates/mfa-gateway` | the binary | all |

Text that names `crates/otp-core/src/lib.rs`.
";

    fn members(folders: &[&str]) -> BTreeSet<String> {
        folders.iter().map(|folder| (*folder).to_owned()).collect()
    }

    fn nowhere() -> &'static Path {
        Path::new("/nonexistent")
    }

    #[test]
    fn parse_reads_the_table() {
        let rules = parse(MAP).unwrap();
        assert_eq!(rules.of("crates/otp-core"), Some(&Allowed::These(BTreeSet::new())));
        assert!(
            rules
                .of("crates/otp-cache")
                .is_some_and(|allowed| allowed.has("otp-core") && !allowed.has("auth-module"))
        );
        assert_eq!(rules.of("crates/mfa-gateway"), Some(&Allowed::All));
        assert!(rules.of("crates/auth-module").is_none());
    }

    #[test]
    fn parse_without_a_valid_table_fails() {
        assert!(parse("# Map\n\n| crate | is |\n|---|---|\n").is_err());
        assert!(parse("| folder | is | may use |\n|---|---|---|\n| `a` | b |\n").is_err());
        assert!(
            parse(
                "| folder | is | may use |\n|---|---|---|\n| `x/a` | b | – |\n| `x/a` | b | – |\n"
            )
            .is_err()
        );
    }

    #[test]
    fn check_finds_members_and_rows_without_each_other() {
        let rules = parse(MAP).unwrap();
        let folders = members(&["crates/otp-core", "crates/otp-cache", "crates/new"]);
        let findings = check(&rules, "", &folders, nowhere());
        assert_eq!(
            findings,
            [
                "crates/new is a workspace member without a row in ARCHITECTURE.md",
                "ARCHITECTURE.md has a row for crates/mfa-gateway, which is no workspace member",
            ]
        );
    }

    #[test]
    fn row_with_a_star_matches_each_folder_directly_inside() {
        let map = "| folder | is | may use |\n|---|---|---|\n| `examples/*` | programs | all |\n";
        let rules = parse(map).unwrap();
        assert_eq!(rules.of("examples/totp"), Some(&Allowed::All));
        assert!(rules.of("examples/totp/inner").is_none());
        assert!(check(&rules, "", &members(&["examples/totp"]), nowhere()).is_empty());
        assert_eq!(check(&rules, "", &members(&[]), nowhere()).len(), 1);
    }

    #[test]
    fn check_finds_a_path_that_does_not_exist() {
        let rules = parse(MAP).unwrap();
        let folders = members(&["crates/otp-core", "crates/otp-cache", "crates/mfa-gateway"]);
        let findings = check(
            &rules,
            "see `crates/gone/src/lib.rs` and `cargo xtask tidy`",
            &folders,
            nowhere(),
        );
        assert_eq!(
            findings,
            ["ARCHITECTURE.md names crates/gone/src/lib.rs, which does not exist"]
        );
    }
}
