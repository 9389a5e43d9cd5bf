//! Finds crates in a public API that are not ours and not listed here, and crates that the API needs and that a user
//! cannot reach through it.

use std::collections::{BTreeMap, BTreeSet};

/// Whether a crate must be re-exported by each crate that has its types in signatures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ReExport {
    Needed,
    /// The reason says why.
    Needless,
}

/// The crates that may occur in a public API, each with the reason.
const ALLOWED: [(&str, ReExport, &str); 8] = [
    ("alloc", ReExport::Needless, "part of Rust"),
    ("core", ReExport::Needless, "part of Rust"),
    ("std", ReExport::Needless, "part of Rust"),
    ("bytes", ReExport::Needed, "1.x: the shared buffer that all HTTP crates use"),
    (
        "futures_core",
        ReExport::Needed,
        "0.3: `Stream`, which the standard library does not have yet",
    ),
    ("http", ReExport::Needed, "1.x: the types of requests and responses that all HTTP crates use"),
    (
        "secrecy",
        ReExport::Needed,
        "wiped strings and values that a caller passes on to other crates",
    ),
    (
        "serde_core",
        ReExport::Needless,
        "1.x: implementations of its traits; who serialises has serde already",
    ),
];

/// Finds crates that `items`, the API of `package`, must not contain, and those that it does not re-export.
/// `published` has the names of our published crates as code spells them.
pub(super) fn check(package: &str, items: &[String], published: &BTreeSet<String>) -> Vec<String> {
    let own = package.replace('-', "_");
    let mut uses: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for item in items {
        for root in roots(item) {
            uses.entry(root).or_insert((0, item)).0 += 1;
        }
    }
    let re_exported =
        |root: &str| items.iter().any(|item| item == &format!("pub use {own}::{root}"));
    let mut findings = Vec::new();
    for (root, (count, item)) in uses {
        let allowed = ALLOWED.iter().find(|(name, _, _)| *name == root);
        let needed = allowed.is_none_or(|(_, re_export, _)| *re_export == ReExport::Needed);
        if root == own {
        } else if allowed.is_none() && !published.contains(root) {
            findings.push(format!("{package} has {root} in {count} items, such as `{item}`"));
        } else if needed && !re_exported(root) {
            findings.push(format!("{package} does not re-export {root}, which it has in {count} items, such as `{item}`"));
        }
    }
    findings
}

/// Returns the crates in an item: each first segment of a path.
fn roots(item: &str) -> BTreeSet<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    item.match_indices("::")
        .filter_map(|(end, _)| {
            let before = &item[..end];
            let start = before.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
            let word = &before[start..];
            let is_first = !before[..start].ends_with("::");
            let is_crate = word.starts_with(|c: char| c.is_ascii_lowercase());
            (is_first && is_crate).then_some(word)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_items(items: &[&str]) -> Vec<String> {
        let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        check("our-crate", &items, &BTreeSet::from(["otp_core".to_owned()]))
    }

    #[test]
    fn roots_are_the_first_segments_of_paths() {
        assert_eq!(
            roots("pub fn x::A::b<T: core::fmt::Debug>(T::Item, <T as http::Y>::Z) -> x::A"),
            BTreeSet::from(["core", "http", "x"])
        );
        assert!(roots("pub mod x").is_empty());
    }

    #[test]
    fn a_type_of_an_unlisted_crate_is_found() {
        assert_eq!(
            check_items(&[
                "pub fn our_crate::a(reqwest::Client)",
                "pub fn our_crate::b(reqwest::Url)"
            ]),
            ["our-crate has reqwest in 2 items, such as `pub fn our_crate::a(reqwest::Client)`"]
        );
    }

    #[test]
    fn a_listed_crate_and_one_of_ours_have_to_be_re_exported() {
        let uses = ["pub fn our_crate::a(http::Uri, core::time::Duration) -> otp_core::Code"];
        assert_eq!(check_items(&uses).len(), 2);
        let whole =
            [&uses[..], &["pub use our_crate::http", "pub use our_crate::otp_core"]].concat();
        assert!(check_items(&whole).is_empty());
    }
}
