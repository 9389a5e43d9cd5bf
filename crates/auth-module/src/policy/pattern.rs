//! Which paths a rule is for.

use std::fmt;

/// The paths that a rule is for: one path, or a path and everything below it.
///
/// `/admin/` with its slash is the path `/admin` and everything below it. `/robots.txt` without a slash at
/// the end is that path alone. A path that merely begins with the same letters, such as `/administrators`,
/// is not below `/admin/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<String>,
    extent: Extent,
}

/// How far a pattern reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The path and everything below it.
    Below,
    /// The path alone.
    Exact,
}

/// A text that is no [`PathPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an absolute path of letters, digits and - . _ ~ without empty segments and dots at the end of a segment"
)]
pub struct InvalidPathPattern(String);

impl PathPattern {
    /// Reads a pattern: segments of letters, digits and `- . _ ~` between slashes. These characters have one
    /// spelling each (RFC 3986, section 2.3), so that every server reads the pattern in the same way.
    ///
    /// # Errors
    ///
    /// [`InvalidPathPattern`] for other characters, an empty segment, and a segment that ends in a dot, such
    /// as `..`.
    pub fn parse(text: &str) -> Result<Self, InvalidPathPattern> {
        let invalid = || InvalidPathPattern(text.to_owned());
        let inner = text.strip_prefix('/').ok_or_else(invalid)?;
        if inner.is_empty() {
            return Ok(Self { segments: Vec::new(), extent: Extent::Below });
        }
        let (inner, extent) = match inner.strip_suffix('/') {
            Some(inner) => (inner, Extent::Below),
            None => (inner, Extent::Exact),
        };
        let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let is_segment =
            |s: &str| !s.is_empty() && !s.ends_with('.') && s.bytes().all(is_unreserved);
        if !inner.split('/').all(is_segment) {
            return Err(invalid());
        }
        Ok(Self { segments: inner.split('/').map(str::to_owned).collect(), extent })
    }

    /// Whether this is `/`, below which every path is.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    pub(super) fn segments(&self) -> &[String] {
        &self.segments
    }

    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    /// Whether servers may read what follows as an argument of this path: `/report.php/x` runs `/report.php`
    /// (RFC 3875, section 4.1.5).
    pub(super) fn names_a_file(&self) -> bool {
        self.segments.last().is_some_and(|name| name.contains('.'))
    }

    /// Whether every path of `other` is a path of this pattern, with segments compared by `is_same`.
    pub(super) fn contains(&self, other: &Self, is_same: impl Fn(&str, &str) -> bool) -> bool {
        let has_room = match self.extent {
            Extent::Below => other.segments.len() >= self.segments.len(),
            Extent::Exact => {
                other.extent == Extent::Exact && other.segments.len() == self.segments.len()
            }
        };
        has_room && self.segments.iter().zip(&other.segments).all(|(a, b)| is_same(a, b))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        f.write_str(&self.segments.join("/"))?;
        let is_folder = self.extent == Extent::Below && !self.segments.is_empty();
        if is_folder { f.write_str("/") } else { Ok(()) }
    }
}
