//! One rule of a policy, and which paths it covers.

use super::requirement::Requirement;

/// What lies under one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everybody may see it.
    Public,
    /// A session that satisfies the requirement.
    Protected(Requirement),
}

/// One rule: everything at and under `prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// A path such as `/admin/`. With or without the last slash it means the same: the path itself
    /// and all below it, and nothing that merely begins with the same letters.
    pub prefix: String,
    /// What lies there.
    pub access: Access,
}

impl Rule {
    /// Everybody may see what is under `prefix`.
    pub fn public(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), access: Access::Public }
    }

    /// What is under `prefix` needs `requirement`.
    pub fn protected(prefix: impl Into<String>, requirement: Requirement) -> Self {
        Self { prefix: prefix.into(), access: Access::Protected(requirement) }
    }
}

pub(super) fn lies_under(
    path: &str,
    prefix: &[String],
    is_same: impl Fn(&str, &str) -> bool,
) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    prefix.iter().all(|wanted| segments.next().is_some_and(|segment| is_same(segment, wanted)))
}

pub(super) fn is_same_path(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Whether a backend that drops parameters could read `path` as one that climbs out of its folder.
pub(super) fn climbs(path: &str) -> bool {
    path.split('/').any(|segment| matches!(bare(segment), "." | ".."))
}

/// A segment without its parameters (RFC 3986, section 3.3).
pub(super) fn bare(segment: &str) -> &str {
    segment.split(';').next().unwrap_or(segment)
}
