//! The code map in ARCHITECTURE.md: which crates there are and what each may use. The table that people
//! read is the rule that [`super::arrows`] enforces, so the two cannot drift apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Result, bail};

/// What each crate may use inside the workspace, by its folder; `examples/*` stands for all folders in it.
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
    /// What the crate in `folder` may use; `None` if the map does not have it.
    pub(crate) fn of(&self, folder: &str) -> Option<&Allowed> {
        self.rows
            .get(folder)
            .or_else(|| self.rows.get(&format!("{}/*", folder.rsplit_once('/')?.0)))
    }

    /// Whether the crate in `folder` may use the crate `to`, or may use a crate that does, and so on.
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

    /// What the crate `name` may use.
    fn named(&self, name: &str) -> Option<&Allowed> {
        let mut rows = self.rows.iter();
        rows.find(|(folder, _)| folder.rsplit('/').next() == Some(name)).map(|(_, allowed)| allowed)
    }

    /// Whether the row `folder` speaks of one of `members`.
    fn is_alive(folder: &str, members: &BTreeSet<String>) -> bool {
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
/// When there is no such table, or a row of it cannot be read.
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

/// `all`, `–` for nothing, or names in backticks.
fn allowed(cell: &str) -> Allowed {
    if cell == "all" {
        return Allowed::All;
    }
    let names = cell.split('`').skip(1).step_by(2).map(str::to_owned);
    Allowed::These(names.collect())
}

/// Holds the map against the tree: each workspace member has its row, and each folder that the document
/// names exists.
pub(crate) fn check(
    rules: &Rules,
    document: &str,
    members: &BTreeSet<String>,
    root: &Path,
) -> Vec<String> {
    let unmapped = members.iter().filter(|folder| rules.of(folder).is_none());
    let gone = rules.rows.keys().filter(|folder| !Rules::is_alive(folder, members));
    let mut findings: Vec<String> = unmapped
        .map(|folder| format!("{folder} is a workspace member that ARCHITECTURE.md does not have"))
        .collect();
    findings.extend(
        gone.map(|folder| format!("ARCHITECTURE.md has {folder}, which is no workspace member")),
    );
    findings.extend(
        named_paths(document)
            .into_iter()
            .filter(|path| !root.join(path).exists())
            .map(|path| format!("ARCHITECTURE.md names {path}, which does not exist")),
    );
    findings
}

/// Every `path/in/backticks` that looks like one of ours.
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
    fn the_table_is_read() {
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
    fn a_document_without_the_table_is_refused() {
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
    fn missing_and_vanished_members_are_found() {
        let rules = parse(MAP).unwrap();
        let folders = members(&["crates/otp-core", "crates/otp-cache", "crates/new"]);
        let findings = check(&rules, "", &folders, nowhere());
        assert_eq!(
            findings,
            [
                "crates/new is a workspace member that ARCHITECTURE.md does not have",
                "ARCHITECTURE.md has crates/mfa-gateway, which is no workspace member",
            ]
        );
    }

    #[test]
    fn a_star_stands_for_every_folder_in_one() {
        let map = "| folder | is | may use |\n|---|---|---|\n| `examples/*` | programs | all |\n";
        let rules = parse(map).unwrap();
        assert_eq!(rules.of("examples/totp"), Some(&Allowed::All));
        assert!(rules.of("examples/totp/inner").is_none());
        assert!(check(&rules, "", &members(&["examples/totp"]), nowhere()).is_empty());
        assert_eq!(check(&rules, "", &members(&[]), nowhere()).len(), 1);
    }

    #[test]
    fn a_path_that_does_not_exist_is_found() {
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
