//! Compares docs/keys.md with the code: every secret of the configuration and every key that is derived from the main
//! secret has a row, and no row is about a secret that is gone.

use std::collections::BTreeSet;

use super::{
    document::{spans, tables},
    limits::{SETTINGS, declared},
    proofs::Tree,
};

const PAGE: &str = "docs/keys.md";
/// Where the keys are derived.
const GATEWAY: &str = "crates/mfa-gateway/src/";

/// Finds secrets without a row, and rows without a secret.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let (Some(page), Some(settings)) = (tree.text(PAGE), tree.text(SETTINGS)) else {
        return vec![format!("{PAGE} or {SETTINGS} does not exist")];
    };
    let mut findings = compare("setting", "key of the configuration", page, &configured(settings));
    let derived = tree.below(GATEWAY).flat_map(derived).collect();
    findings.extend(compare("label", "derived key", page, &derived));
    findings
}

/// Compares the first code span in each cell of `column` with the names that the code has.
fn compare(column: &str, what: &str, page: &str, expected: &BTreeSet<String>) -> Vec<String> {
    let mut listed = BTreeSet::new();
    for table in tables(page) {
        for row in &table.rows {
            let cell = table.cell(row, column).unwrap_or_default();
            listed.extend(spans(cell).next().map(str::to_owned));
        }
    }
    let missing = expected.difference(&listed);
    let missing = missing.map(|name| format!("{PAGE} has no row for the {what} `{name}`"));
    let stale = listed.difference(expected);
    missing.chain(stale.map(|name| format!("{PAGE}: there is no {what} `{name}`"))).collect()
}

/// Returns the keys that name a file with a secret.
fn configured(settings: &str) -> BTreeSet<String> {
    declared(settings).into_keys().filter(|key| key.ends_with("_file")).collect()
}

/// Returns the labels in calls such as `derive(master, "form-tokens")`.
fn derived(code: &str) -> Vec<String> {
    let calls = code.match_indices("derive(").filter(|(at, _)| {
        let before = &code[..*at];
        !before.ends_with("::") && !before.ends_with("#[") && !before.ends_with("fn ")
    });
    calls
        .filter_map(|(at, _)| {
            let arguments = code[at..].split(')').next()?;
            let (_, label) = arguments.split_once('"')?;
            label.split('"').next().map(str::to_owned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "## `[a]`\n| `secret_file` | required | M |\n| `port` | 1 | P |\n";
    const CODE: &str = "#[derive(Debug)]\nlet a = derive(&config.secret, \"tokens\");\nlet b = Key::derive(\"x\", \"y\");\nfn derive(master: &str, label: &str) {}\n";

    fn findings(page: &str) -> Vec<String> {
        check(&Tree::of([("crates/mfa-gateway/src/a.rs", CODE), (SETTINGS, KEYS), (PAGE, page)]))
    }

    #[test]
    fn a_page_with_every_secret_has_no_finding() {
        let page = "| setting |\n|---|\n| `a.secret_file` |\n\n| label |\n|---|\n| `tokens` |\n";
        assert_eq!(findings(page), [""; 0]);
    }

    #[test]
    fn a_missing_and_a_stale_row_are_found() {
        assert_eq!(
            findings("| setting |\n|---|\n| `a.old_file` |\n"),
            [
                "docs/keys.md has no row for the key of the configuration `a.secret_file`",
                "docs/keys.md: there is no key of the configuration `a.old_file`",
                "docs/keys.md has no row for the derived key `tokens`",
            ]
        );
    }
}
