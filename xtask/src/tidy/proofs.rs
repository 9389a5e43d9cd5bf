//! Checks what the documents claim: a table with the column `held in` names code and files, one with the column
//! `test` names tests. Each of them has to exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result};

use super::document::{links, prose, spans, tables};

const HELD_IN: &str = "held in";
const TEST: &str = "test";
/// What the column `test` says of a row that no test can show.
const UNTESTED: [&str; 2] = ["–", "review"];

/// The files of the tree, with the text of those that are text.
#[derive(Debug)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    tests: BTreeSet<String>,
}

impl Tree {
    /// Reads the tracked files.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub(crate) fn read(root: &Path, tracked: &[String]) -> Result<Self> {
        let mut files = BTreeMap::new();
        for path in tracked {
            let full = root.join(path);
            // git still lists a deleted file until the commit.
            if full.is_file() {
                let bytes = fs::read(&full).with_context(|| path.clone())?;
                files.insert(path.clone(), String::from_utf8(bytes).unwrap_or_default());
            }
        }
        Ok(Self::new(files))
    }

    fn new(files: BTreeMap<String, String>) -> Self {
        let is_rust = |path: &str| Path::new(path).extension().is_some_and(|e| e == "rs");
        let code = files.iter().filter(|(path, _)| is_rust(path));
        let tests = code.flat_map(|(_, text)| test_functions(text)).map(str::to_owned).collect();
        Self { files, tests }
    }

    /// Returns a made-up tree.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self::new(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into())
    }

    /// Returns the text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether a code span names a file or a folder, maybe one that does not exist.
    fn is_path(&self, span: &str) -> bool {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
        let is_below = span.contains('/') && !span.starts_with('/') && span.chars().all(is_plain);
        is_below || self.files.contains_key(span)
    }

    /// Returns the file at `path`, or all files below it.
    fn at(&self, path: &str) -> Vec<&str> {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let is_there = |file: &str| file == path || file.starts_with(&folder);
        self.files
            .iter()
            .filter(|(file, _)| is_there(file))
            .map(|(_, text)| text.as_str())
            .collect()
    }

    /// Returns the texts of the files whose paths begin with `folder`.
    pub(crate) fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let below = self.files.iter().filter(move |(path, _)| path.starts_with(folder));
        below.map(|(_, text)| text.as_str())
    }

    /// Returns the documents whose claims are checked, with their texts.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_document = |path: &str| Path::new(path).extension().is_some_and(|e| e == "md");
        let files = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(move |(path, _)| is_document(path))
    }
}

/// Returns the names of the functions with an attribute that ends in `test`.
fn test_functions(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(attribute) = line.strip_prefix("#[") {
            let path = attribute.split(['(', ']', ' ']).next().unwrap_or_default();
            is_test |= path.rsplit("::").next() == Some("test");
            return None;
        }
        let (before, after) = line.split_once("fn ")?;
        let is_function = before.is_empty() || before.ends_with(' ');
        if !(is_function && std::mem::take(&mut is_test)) {
            return None;
        }
        after.split(['(', '<']).next()
    })
}

/// Finds links of documents that lead nowhere, and rows that name code, a file or a test that is not there.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    tree.documents().flat_map(|(path, text)| check_document(tree, path, text)).collect()
}

fn check_document(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let mut findings = check_links(tree, path, text);
    for table in tables(text) {
        for row in &table.rows {
            let mut problems = Vec::new();
            if let Some(cell) = table.cell(row, HELD_IN) {
                problems.extend(check_held_in(tree, cell));
            }
            if let Some(cell) = table.cell(row, TEST) {
                problems.extend(check_test(tree, cell, table.cell(row, HELD_IN)));
            }
            findings.extend(problems.into_iter().map(|p| format!("{path}:{}: {p}", row.line)));
        }
    }
    findings
}

fn check_links(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let is_ours = |target: &&str| !target.contains(':') && !target.starts_with('#');
    let text = prose(text);
    let targets = links(&text).into_iter().map(|(_, target)| target).filter(is_ours);
    let broken = targets.filter(|target| tree.at(&resolve(path, target)).is_empty());
    broken.map(|target| format!("{path} links to {target}, which does not exist")).collect()
}

/// Returns the path from the root that `target` means in the document at `path`.
pub(crate) fn resolve(path: &str, target: &str) -> String {
    let file = target.split('#').next().unwrap_or_default();
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut resolved = PathBuf::new();
    for component in folder.join(file).components() {
        match component {
            Component::ParentDir => drop(resolved.pop()),
            other => resolved.push(other),
        }
    }
    resolved.display().to_string()
}

/// Checks the files of a cell, and that each other name in it occurs in one of them.
fn check_held_in(tree: &Tree, cell: &str) -> Vec<String> {
    let (paths, names): (Vec<&str>, Vec<&str>) = spans(cell).partition(|span| tree.is_path(span));
    // A clause that is not held has a reason instead.
    if paths.is_empty() && links(cell).is_empty() {
        return vec![format!("`{HELD_IN}` names neither a file nor a decision: {cell:?}")];
    }
    let missing = paths.iter().filter(|path| tree.at(path).is_empty());
    let mut findings: Vec<String> =
        missing.map(|path| format!("`{path}` does not exist")).collect();
    let texts: Vec<&str> = paths.iter().flat_map(|path| tree.at(path)).collect();
    let absent = names.iter().filter(|name| !texts.iter().any(|text| text.contains(**name)));
    findings.extend(absent.map(|name| format!("`{name}` is not in {}", paths.join(", "))));
    findings
}

/// Checks that each name in the cell is a test, or a file or folder of tests.
fn check_test(tree: &Tree, cell: &str, held_in: Option<&str>) -> Vec<String> {
    let mut named = spans(cell).peekable();
    if named.peek().is_none() {
        let is_held = held_in.is_some_and(|cell| spans(cell).any(|span| tree.is_path(span)));
        let is_excused = UNTESTED.contains(&cell) && !(is_held && cell == "–");
        return (!is_excused).then(|| format!("no test: {cell:?}")).into_iter().collect();
    }
    let is_missing = |name: &&str| {
        if tree.is_path(name) { tree.at(name).is_empty() } else { !tree.tests.contains(*name) }
    };
    named.filter(is_missing).map(|name| format!("the test `{name}` does not exist")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "const MAX: usize = 3;\n#[test]\nfn one_is_one() {}\n\n#[tokio::test(flavor = \"current_thread\")]\nasync fn two_is_two() {}\n\nfn no_test() {}\n";

    fn tree(page: &str) -> Tree {
        Tree::of([("a/src/lib.rs", CODE), ("docs/adr/0001-why.md", "Why."), ("docs/page.md", page)])
    }

    fn row(held_in: &str, test: &str) -> Vec<String> {
        let page =
            format!("| clause | held in | test |\n|---|---|---|\n| 1 | {held_in} | {test} |\n");
        check(&tree(&page))
    }

    #[test]
    fn a_row_whose_names_exist_has_no_finding() {
        assert_eq!(row("`a/src/lib.rs` `MAX`", "`one_is_one`, `two_is_two`"), [""; 0]);
        assert_eq!(row("`a/src`: `MAX`", "`a/src/lib.rs`"), [""; 0]);
        assert_eq!(row("not held: [ADR 1](adr/0001-why.md)", "–"), [""; 0]);
        assert_eq!(row("`docs/page.md`", "review"), [""; 0]);
    }

    #[test]
    fn a_missing_file_name_or_test_is_found() {
        let at = "docs/page.md:3: ";
        assert_eq!(
            row("`a/src/other.rs`", "`one_is_one`"),
            [format!("{at}`a/src/other.rs` does not exist")]
        );
        assert_eq!(row("`a/src` `MIN`", "`one_is_one`"), [format!("{at}`MIN` is not in a/src")]);
        for gone in ["three_is_three", "no_test", "a/tests"] {
            let finding = format!("{at}the test `{gone}` does not exist");
            assert_eq!(row("`a/src`", &format!("`one_is_one`, `{gone}`")), [finding]);
        }
    }

    #[test]
    fn a_row_without_a_place_or_a_test_is_found() {
        assert_eq!(row("soon", "`one_is_one`").len(), 1);
        assert_eq!(row("`a/src`", "–"), ["docs/page.md:3: no test: \"–\""]);
        assert_eq!(row("`a/src`", ""), ["docs/page.md:3: no test: \"\""]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert_eq!(
            check(&tree("[a](adr/0001-why.md#x), [b](https://a.example), [c](#d)")),
            [""; 0]
        );
        assert_eq!(
            check(&tree("[a](../a/gone.rs)")),
            ["docs/page.md links to ../a/gone.rs, which does not exist"]
        );
    }
}
