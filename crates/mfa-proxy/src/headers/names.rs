//! Names of headers, and sets of them.

use std::{borrow::Cow, str::FromStr};

/// The longest pattern, in bytes.
pub(super) const MAX_PATTERN: usize = 64;

/// The name of a header, such as `x-api-user`, or the beginning of names, such as `x-api-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    text: Cow<'static, str>,
    is_prefix: bool,
}

/// The error for a text that is no pattern of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a header, or the beginning of one and *")]
pub struct InvalidNamePattern;

impl NamePattern {
    pub(super) const fn exact(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), is_prefix: false }
    }

    pub(super) fn built_in(text: &'static str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self { text: Cow::Borrowed(prefix), is_prefix: true },
            None => Self::exact(text),
        }
    }

    /// Returns the pattern with every character that is no letter or digit as `-`.
    pub(super) fn folded(&self) -> Self {
        let text: String = self.text.bytes().map(|byte| char::from(fold(byte))).collect();
        Self { text: Cow::Owned(text), is_prefix: self.is_prefix }
    }

    fn matches(&self, name: &[u8]) -> bool {
        let text = self.text.as_bytes();
        if self.is_prefix { name.starts_with(text) } else { name == text }
    }

    /// Whether every name that `other` matches is matched.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.matches(other.text.as_bytes()) && (self.is_prefix || !other.is_prefix)
    }
}

impl FromStr for NamePattern {
    type Err = InvalidNamePattern;

    /// Reads a name in any case. `*` may only be the last character.
    fn from_str(text: &str) -> Result<Self, InvalidNamePattern> {
        let (name, is_prefix) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        let is_name =
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&b));
        let has_letter = name.bytes().any(|b| b.is_ascii_alphabetic());
        if !is_name || !has_letter || name.len() > MAX_PATTERN {
            return Err(InvalidNamePattern);
        }
        Ok(Self { text: Cow::Owned(name.to_ascii_lowercase()), is_prefix })
    }
}

/// Names by pattern. A look-up is a binary search.
#[derive(Debug, Clone, Default)]
pub(super) struct NameSet(Vec<NamePattern>);

impl FromIterator<NamePattern> for NameSet {
    fn from_iter<I: IntoIterator<Item = NamePattern>>(patterns: I) -> Self {
        let mut patterns: Vec<NamePattern> = patterns.into_iter().collect();
        patterns.sort_by(|a, b| a.text.cmp(&b.text).then(b.is_prefix.cmp(&a.is_prefix)));
        // What a prefix covers follows it, so no pattern of the set covers another.
        patterns.dedup_by(|next, kept| kept.covers(next));
        Self(patterns)
    }
}

impl NameSet {
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        // If a pattern matches, no other one is between it and the name: it would begin with that pattern.
        let after = self.0.partition_point(|pattern| pattern.text.as_bytes() <= name);
        after.checked_sub(1).is_some_and(|at| self.0[at].matches(name))
    }

    pub(super) fn covers(&self, pattern: &NamePattern) -> bool {
        self.0.iter().any(|own| own.covers(pattern))
    }
}

/// A name with every character that is no letter or digit as `-`, without allocation. A longer name is cut: then it
/// can only match the beginning of names.
#[derive(Debug)]
pub(super) struct Folded {
    bytes: [u8; MAX_PATTERN + 1],
    length: usize,
}

impl Folded {
    pub(super) fn new(name: &[u8]) -> Self {
        let mut bytes = [0; MAX_PATTERN + 1];
        let length = name.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = fold(*from);
        }
        Self { bytes, length }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Whether a name consists of letters, digits and `-`.
pub(super) fn is_plain(name: &[u8]) -> bool {
    name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(patterns: &[&str]) -> NameSet {
        patterns.iter().map(|text| text.parse::<NamePattern>().expect("a pattern")).collect()
    }

    #[test]
    fn a_set_finds_names_and_beginnings_of_names() {
        let set = set(&["x-b*", "x-b", "x-bc", "x-b-d*", "x-a", "X-C", "y*"]);
        for name in ["x-b", "x-bc", "x-bz", "x-b-d", "x-a", "x-c", "y", "yes"] {
            assert!(set.contains(name.as_bytes()), "{name}");
        }
        for name in ["", "x", "x-", "x-aa", "x-cc", "w", "z"] {
            assert!(!set.contains(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "*", "-*", "_", "a*b", "a b", "a:", "x-é", "a**", &"x".repeat(65)] {
            assert_eq!(text.parse::<NamePattern>(), Err(InvalidNamePattern), "{text}");
        }
        for text in ["a", "A*", "my_header", "x.y-*", &"x".repeat(64)] {
            text.parse::<NamePattern>().expect("a pattern");
        }
    }

    #[test]
    fn a_long_name_is_folded_without_its_end() {
        let folded = Folded::new("x_".repeat(100).as_bytes());
        assert_eq!(folded.as_bytes(), format!("{}x", "x-".repeat(32)).as_bytes());
        assert_eq!(Folded::new(b"A.b").as_bytes(), b"a-b");
    }

    proptest! {
        #[test]
        fn a_set_matches_as_its_patterns_do(
            patterns in prop::collection::vec("[ab-]{0,2}[ab][ab-]{0,2}[*]?", 0..12),
            name in "[ab-]{0,6}",
        ) {
            let patterns: Vec<NamePattern> =
                patterns.iter().map(|text| text.parse().expect("a pattern")).collect();
            let expected = patterns.iter().any(|pattern| pattern.matches(name.as_bytes()));
            let set: NameSet = patterns.into_iter().collect();
            prop_assert_eq!(set.contains(name.as_bytes()), expected);
        }
    }
}
