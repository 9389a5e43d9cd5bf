//! Finds crates in a public API that are not ours and not listed here, and crates that the API needs and that a user
//! cannot reach through it.

use std::collections::{BTreeMap, BTreeSet};

/// Whether each crate that has another crate's types in its API must re-export them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ReExport {
    Needed,
    /// A user of the API needs no name of that crate.
    Needless,
}

/// The crates that may occur in a public API, each with the reason.
const ALLOWED: [(&str, ReExport, &str); 9] = [
    ("alloc", ReExport::Needless, "part of Rust"),
    ("core", ReExport::Needless, "part of Rust"),
    ("std", ReExport::Needless, "part of Rust"),
    ("bytes", ReExport::Needed, "1.x: the shared buffer of all HTTP crates"),
    (
        "futures_core",
        ReExport::Needed,
        "0.3, stable since 2019: `Stream`, which std does not have yet",
    ),
    ("http", ReExport::Needed, "1.x: the requests and responses of all HTTP crates"),
    ("secrecy", ReExport::Needed, "secrets that the caller makes, and that no log shows"),
    (
        "serde_core",
        ReExport::Needless,
        "1.x: implementations of its traits, for callers that have serde",
    ),
    (
        "zeroize",
        ReExport::Needless,
        "1.x: returned strings that are wiped; callers read them as a `str`",
    ),
];

/// The crates that may occur in the API of one of ours only: ours, the other, and the reason.
const ALLOWED_IN: [(&str, &str, &str); 1] =
    [("sqlite-group-commit", "rusqlite", "the jobs of its callers get a connection of that crate")];

/// Finds crates that `items`, the API of `package`, must not contain, and types that it does not re-export.
/// `published` has the names of our published crates as code spells them.
pub(super) fn check(package: &str, items: &[String], published: &BTreeSet<String>) -> Vec<String> {
    let own = package.replace('-', "_");
    let re_exports: BTreeSet<&str> = items
        .iter()
        .filter_map(|item| item.strip_prefix("pub use "))
        .filter_map(|path| path.rsplit("::").next())
        .collect();
    let mut strangers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut unreachable: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for item in items.iter().filter(|item| !item.starts_with("pub use ")) {
        for (root, name) in paths(item) {
            let entry = ALLOWED.iter().find(|(allowed, _, _)| *allowed == root);
            let here = ALLOWED_IN.iter().any(|(ours, other, _)| *ours == package && *other == root);
            if root == own
                || entry.is_some_and(|(_, re_export, _)| *re_export == ReExport::Needless)
            {
                continue;
            }
            if entry.is_none() && !here && !published.contains(root) {
                strangers.entry(root).or_default().push(item);
            } else if !re_exports.contains(root) && !re_exports.contains(name) {
                unreachable.entry(root).or_default().push(item);
            }
        }
    }
    let finding = |what: &str, (root, items): (&str, Vec<&str>)| {
        format!("{package} {what} {root}, as in `{}` and {} more", items[0], items.len() - 1)
    };
    let strangers = strangers.into_iter().map(|found| finding("has a type of", found));
    let unreachable = unreachable.into_iter().map(|found| finding("does not re-export", found));
    strangers.chain(unreachable).collect()
}

/// Returns the first and the last segment of each path in an item that begins with a crate. The last one is the first
/// with an upper-case letter, such as a type, or the end of the path.
fn paths(item: &str) -> BTreeSet<(&str, &str)> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    item.split(|c| !is_path(c))
        .filter(|path| path.contains("::") && path.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|path| {
            let mut segments = path.split("::").filter(|segment| !segment.is_empty());
            let first = segments.next()?;
            let is_name = |segment: &&str| segment.starts_with(|c: char| c.is_ascii_uppercase());
            Some((first, segments.clone().find(is_name).or_else(|| segments.last())?))
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
    fn paths_begin_with_a_crate_and_end_with_a_type() {
        assert_eq!(
            paths("pub fn x::A::b<T: core::fmt::Debug>(T::Item, <T as http::Y>::Z) -> &x::c::D"),
            BTreeSet::from([("core", "Debug"), ("http", "Y"), ("x", "A"), ("x", "D")])
        );
        assert!(paths("pub mod x").is_empty());
    }

    #[test]
    fn a_type_of_an_unlisted_crate_is_found() {
        assert_eq!(
            check_items(&[
                "pub fn our_crate::a(reqwest::Client)",
                "pub fn our_crate::b(reqwest::Url)"
            ]),
            [
                "our-crate has a type of reqwest, as in `pub fn our_crate::a(reqwest::Client)` and 1 more"
            ]
        );
    }

    #[test]
    fn a_listed_crate_and_one_of_ours_have_to_be_re_exported() {
        let uses = ["pub fn our_crate::a(http::uri::Uri, core::time::Duration) -> otp_core::Code"];
        assert_eq!(check_items(&uses).len(), 2);
        for re_exports in [
            ["pub use our_crate::http", "pub use our_crate::otp_core"],
            ["pub use our_crate::Uri", "pub use our_crate::names::Code"],
        ] {
            assert!(check_items(&[&uses[..], &re_exports].concat()).is_empty(), "{re_exports:?}");
        }
    }

    #[test]
    fn an_exception_holds_for_its_crate_only() {
        let of = |package: &str| {
            let own = package.replace('-', "_");
            let items = [
                format!("pub fn {own}::a(rusqlite::Connection)"),
                format!("pub use {own}::rusqlite"),
            ];
            check(package, &items, &BTreeSet::new())
        };
        assert!(of("sqlite-group-commit").is_empty());
        assert_eq!(of("otp-cache").len(), 1);
    }
}
