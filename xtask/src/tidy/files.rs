//! Rules for single files: their length, no unfinished work, no path of the machine they were written on.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{machine, process};

/// The maximum of lines of code in a file, tests not counted.
const MAX_LINES: usize = 600;

/// The maximum for a file of tests only. It is higher, because each test can be read alone.
const MAX_TEST_LINES: usize = 1000;

/// The table `long_files` of xtask/tidy.toml: files that may be longer, each with its reason.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct LongFiles(BTreeMap<String, String>);

/// Returns the files that git tracks, and new ones that it does not ignore.
///
/// # Errors
///
/// If the tree is not a git checkout.
pub(crate) fn tracked(root: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listing = process::output(&mut command).context("tidy needs git and a checkout")?;
    Ok(listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Reads every file and applies every rule.
///
/// # Errors
///
/// If a file cannot be read.
pub(crate) fn check(
    root: &Path,
    tracked: &[String],
    exceptions: &LongFiles,
) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let machine_paths = machine_paths(root);
    for path in tracked {
        let full = root.join(path);
        // git still lists a deleted file until the commit. A picture is not text.
        if !full.is_file() {
            continue;
        }
        let bytes = fs::read(&full).with_context(|| path.clone())?;
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        findings.extend(foreign_paths(path, text, &machine_paths));
        if Path::new(path).extension().is_some_and(|extension| extension == "rs") {
            findings.extend(length(path, text, exceptions));
            findings.extend(unfinished(path, text));
        }
    }
    let stale = exceptions.0.keys().filter(|path| !tracked.contains(path));
    findings
        .extend(stale.map(|path| format!("xtask/tidy.toml excuses {path}, which does not exist")));
    Ok(findings)
}

fn length(path: &str, text: &str, exceptions: &LongFiles) -> Option<String> {
    let lines = code_lines(text);
    let max = if is_all_tests(path) { MAX_TEST_LINES } else { MAX_LINES };
    match (lines > max, exceptions.0.contains_key(path)) {
        (true, false) => {
            Some(format!("{path} has {lines} lines of code; split it into files of at most {max}"))
        }
        (false, true) => Some(format!("xtask/tidy.toml excuses {path}, which is short enough")),
        _ => None,
    }
}

fn is_all_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Counts the lines that are neither blank nor only a comment, up to the file's tests.
fn code_lines(text: &str) -> usize {
    let mut lines = text.lines().peekable();
    let mut count = 0;
    while let Some(line) = lines.next() {
        let opens_tests = line == "#[cfg(test)]"
            && lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if opens_tests {
            break;
        }
        let line = line.trim();
        if !line.is_empty() && !line.starts_with("//") {
            count += 1;
        }
    }
    count
}

/// Marks of unfinished work. They are concatenated here, so that this file does not contain them.
const UNFINISHED: [&str; 6] = [
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("#[ig", "nore"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("TO", "DO"),
];

fn unfinished(path: &str, text: &str) -> Vec<String> {
    let found = |line: &str| UNFINISHED.iter().find(|mark| contains_word(line, mark)).copied();
    let numbered = text.lines().enumerate();
    numbered
        .filter_map(|(index, line)| {
            Some(format!("{path}:{}: `{}` is unfinished work", index + 1, found(line)?))
        })
        .collect()
}

/// Whether `line` contains `mark`, and not as part of a longer word.
fn contains_word(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let joins = |neighbour: Option<char>| {
            neighbour.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let ends_in_a_word = mark.ends_with(|c: char| c.is_ascii_alphanumeric());
        let joined_before = joins(line[..at].chars().next_back());
        let joined_after = ends_in_a_word && joins(line[at + mark.len()..].chars().next());
        !joined_before && !joined_after
    })
}

/// Returns the beginnings of paths that exist on this machine only: this checkout and the home folder.
fn machine_paths(root: &Path) -> Vec<String> {
    let checkout = (root.components().count() > 2).then(|| format!("{}/", root.display()));
    let home = machine::home().map(|home| format!("{}/", home.trim_end_matches('/')));
    checkout.into_iter().chain(home).filter(|path| path.len() > 2).collect()
}

fn foreign_paths(path: &str, text: &str, machine_paths: &[String]) -> Vec<String> {
    let numbered = text.lines().enumerate();
    let found = |line: &str| machine_paths.iter().any(|start| line.contains(start.as_str()));
    numbered
        .filter(|(_, line)| found(line))
        .map(|(index, _)| format!("{path}:{}: a path of one machine", index + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_lines_skips_comments_blank_lines_and_tests() {
        let text = "//! Docs.\n\n/// Docs.\nfn a() {\n    // why\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
        assert_eq!(code_lines(text), 3);
    }

    #[test]
    fn code_lines_goes_on_after_a_declared_test_module() {
        assert_eq!(code_lines("#[cfg(test)]\nmod tests;\nfn a() {}\n"), 3);
    }

    #[test]
    fn length_finds_long_files_and_needless_exceptions() {
        let long = "x();\n".repeat(MAX_LINES + 1);
        let none = LongFiles::default();
        assert!(length("a.rs", &long, &none).is_some_and(|finding| finding.contains("601 lines")));
        assert_eq!(length("a.rs", &"x();\n".repeat(MAX_LINES), &none), None);
        assert_eq!(length("src/a/tests.rs", &long, &none), None);
        assert!(length("tests/a.rs", &"x();\n".repeat(MAX_TEST_LINES + 1), &none).is_some());
        let excused: LongFiles = toml::from_str("\"a.rs\" = \"a table\"\n").unwrap();
        assert_eq!(length("a.rs", &long, &excused), None);
        assert!(
            length("a.rs", "x();\n", &excused)
                .is_some_and(|finding| finding.contains("short enough"))
        );
    }

    #[test]
    fn unfinished_names_the_line() {
        let text =
            format!("fn a() {{\n    {}\"later\");\n}}\n// {} b\n", UNFINISHED[0], UNFINISHED[3]);
        let findings = unfinished("a.rs", &text);
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with("a.rs:2: "), "{findings:?}");
        assert!(unfinished("a.rs", "let mask = \"XXXX\"; // a todolist!\n").is_empty());
    }

    #[test]
    fn foreign_paths_finds_a_path_of_the_machine() {
        let machine = ["/somewhere/checkout/".to_owned()];
        let text = "one\nsee /somewhere/checkout/src\n";
        assert_eq!(foreign_paths("a.md", text, &machine), ["a.md:2: a path of one machine"]);
        assert!(foreign_paths("a.md", "one\n", &machine).is_empty());
    }
}
