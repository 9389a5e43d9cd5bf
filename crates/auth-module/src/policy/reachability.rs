//! Finding rules that come too late to decide.

use std::fmt;

use super::rule::Rule;

/// A rule that never decides, because an earlier rule matches all its paths.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreachableRule {
    /// Its position in the list of rules, from 0.
    pub position: usize,
    /// Its name.
    pub rule: String,
    /// The name of the first earlier rule that shadows it.
    pub shadowed_by: String,
}

impl fmt::Display for UnreachableRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rule {:?} comes too late, because the earlier rule {:?} matches its paths first",
            self.rule, self.shadowed_by
        )
    }
}

/// Returns every rule for which an earlier one is for the same or more paths, in the order of the list.
///
/// The case of letters is ignored unless both rules are public. So a public `/a/` before a protecting
/// `/a/admin/` is found, although `/A/admin/` would still be protected.
pub fn unreachable_rules<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Vec<UnreachableRule> {
    let mut earlier: Vec<&Rule> = Vec::new();
    let mut unreachable = Vec::new();
    for (position, rule) in rules.into_iter().enumerate() {
        if let Some(wider) = earlier.iter().find(|earlier| earlier.shadows(rule)) {
            let (rule, shadowed_by) = (rule.name().to_owned(), wider.name().to_owned());
            unreachable.push(UnreachableRule { position, rule, shadowed_by });
        }
        earlier.push(rule);
    }
    unreachable
}
