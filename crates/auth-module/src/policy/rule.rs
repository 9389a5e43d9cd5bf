//! One rule of a policy, and which paths it matches.

use std::fmt;

use super::requirement::Requirement;

/// A path and everything below it, such as `/admin/`.
///
/// The last slash may be left out: `/admin` means the same. A path that merely begins with the same
/// letters, such as `/administrators`, is not below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(Vec<String>);

/// A prefix that is not an absolute path in normal form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an absolute path in normal form")]
pub struct InvalidPathPattern(String);

impl PathPattern {
    /// Reads a prefix: segments between slashes, without escapes, parameters and dot segments.
    ///
    /// # Errors
    ///
    /// [`InvalidPathPattern`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidPathPattern> {
        let invalid = || InvalidPathPattern(text.to_owned());
        let inner = text.strip_prefix('/').ok_or_else(invalid)?;
        if inner.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let segments: Vec<String> = inner.split('/').map(str::to_owned).collect();
        let is_normal = segments.iter().all(|s| {
            !s.is_empty() && s != "." && s != ".." && !s.contains(['?', '#', '%', '\\', ';', '\0'])
        });
        if is_normal { Ok(Self(segments)) } else { Err(invalid()) }
    }

    /// Whether this is `/`, below which every path is.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `path` is below this prefix, where `is_same` compares a segment of the path with one of
    /// the prefix.
    fn covers(&self, path: &str, is_same: impl Fn(&str, &str) -> bool) -> bool {
        let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
        self.0.iter().all(|wanted| segments.next().is_some_and(|segment| is_same(segment, wanted)))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        self.0.iter().try_for_each(|segment| write!(f, "{segment}/"))
    }
}

/// Who may request what a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a login.
    Public,
    /// Users whose session satisfies the requirement.
    Protected(Requirement),
}

/// One rule of a [`Policy`](crate::Policy).
///
/// The backend may read a path less strictly than this crate. So a protecting rule matches every spelling
/// of its prefix: it ignores the case of ASCII letters, and the part of a segment after a `;`. A public
/// rule matches only the exact spelling, and never a path with a `.` or `..` segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: String,
    pattern: PathPattern,
    access: Access,
}

impl Rule {
    /// Opens what is below `prefix` to everybody.
    pub fn public(pattern: PathPattern) -> Self {
        Self { name: pattern.to_string(), pattern, access: Access::Public }
    }

    /// Protects what is below `prefix` with `requirement`.
    pub fn protected(pattern: PathPattern, requirement: Requirement) -> Self {
        Self { name: pattern.to_string(), pattern, access: Access::Protected(requirement) }
    }

    /// Sets the name in messages; the prefix by default.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the paths that the rule is for.
    pub fn pattern(&self) -> &PathPattern {
        &self.pattern
    }

    /// Returns who may request what the rule matches.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Whether the rule matches `path`, which is absolute and without a query.
    pub(super) fn matches(&self, path: &str) -> bool {
        match self.access {
            Access::Public => {
                !climbs(path) && self.pattern.covers(path, |segment, wanted| segment == wanted)
            }
            Access::Protected(_) => self.pattern.covers(path, |segment, wanted| {
                without_parameters(segment).eq_ignore_ascii_case(wanted)
            }),
        }
    }

    /// Whether this rule, if it comes first, matches every path below one spelling of the prefix of `later`.
    /// A protecting rule is meant for its prefix in any case, a public rule only for the prefix as written.
    pub(super) fn shadows(&self, later: &Self) -> bool {
        // A prefix has no dot segments and no parameters, so these do not matter here.
        let later_path = later.pattern.to_string();
        match (&self.access, &later.access) {
            (Access::Public, Access::Public) => self.pattern.covers(&later_path, |a, b| a == b),
            _ => self.pattern.covers(&later_path, str::eq_ignore_ascii_case),
        }
    }
}

/// Whether a backend that drops parameters could read `path` as one that leaves its folder.
fn climbs(path: &str) -> bool {
    path.split('/').any(|segment| matches!(without_parameters(segment), "." | ".."))
}

/// Returns a segment without its parameters (RFC 3986, section 3.3).
fn without_parameters(segment: &str) -> &str {
    segment.split(';').next().unwrap_or(segment)
}
