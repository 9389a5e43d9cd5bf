//! Which factors a path needs.

mod requirement;
mod rule;

use std::time::Duration;

use self::rule::{bare, climbs, is_same_path, lies_under};
pub use self::{
    requirement::{CLOCK_SKEW, Requirement, StepUp},
    rule::{Access, Rule},
};

/// Which factors each path needs.
///
/// The longest matching prefix decides; where no rule matches, the default requirement does. What
/// protects matches generously and what opens matches exactly, because the backend decides what a
/// path means: a protecting rule ignores the case of ASCII letters and whatever follows a `;` in a
/// segment, a public one does not, and never opens a path with a `.` or `..` segment.
///
/// ```
/// use auth_module::{Access, FactorPolicy, Requirement, Rule};
/// use mfa_plugin_api::FactorId;
///
/// let default = Requirement::new([FactorId::PASSWORD, FactorId::from_static("totp")]);
/// let policy = FactorPolicy::new(default, vec![Rule::public("/public/")])?;
/// assert_eq!(policy.access("/public/logo.svg"), &Access::Public);
/// assert!(matches!(policy.access("/publicity"), Access::Protected(_)));
/// assert!(matches!(policy.access("/PUBLIC/"), Access::Protected(_)));
/// # Ok::<(), auth_module::InvalidPolicy>(())
/// ```
#[derive(Debug, Clone)]
pub struct FactorPolicy {
    default: Requirement,
    default_access: Access,
    /// The longest prefixes first; of two equal ones the protecting one.
    rules: Vec<(Vec<String>, Access)>,
}

impl FactorPolicy {
    /// A policy of `rules`, and `default` for every other path.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`] for a policy that would let somebody in with no factor at all, or that says
    /// two things of one path.
    pub fn new(default: Requirement, rules: Vec<Rule>) -> Result<Self, InvalidPolicy> {
        check(&default)?;
        let default_access = Access::Protected(default.clone());
        let mut split: Vec<(Vec<String>, Access)> = Vec::with_capacity(rules.len());
        for rule in rules {
            if let Access::Protected(requirement) = &rule.access {
                check(requirement)?;
            }
            let segments = prefix_segments(&rule.prefix)?;
            if split.iter().any(|(other, _)| is_same_path(other, &segments)) {
                return Err(InvalidPolicy::Duplicate(rule.prefix));
            }
            split.push((segments, rule.access));
        }
        split.sort_by_key(|(segments, access)| {
            (std::cmp::Reverse(segments.len()), *access == Access::Public)
        });
        Ok(Self { default, default_access, rules: split })
    }

    /// What lies under `path`: an absolute path in the normal form in which it is forwarded, without
    /// the query.
    pub fn access(&self, path: &str) -> &Access {
        let matching = self.rules.iter().find(|(prefix, access)| match access {
            Access::Public => {
                !climbs(path) && lies_under(path, prefix, |segment, wanted| segment == wanted)
            }
            Access::Protected(_) => lies_under(path, prefix, |segment, wanted| {
                bare(segment).eq_ignore_ascii_case(bare(wanted))
            }),
        });
        matching.map_or(&self.default_access, |(_, access)| access)
    }

    /// What a login on the way to `path` has to satisfy: never less than the default.
    pub fn login_requirement(&self, path: &str) -> Requirement {
        let mut requirement = self.default.clone();
        if let Access::Protected(wanted) = self.access(path) {
            for factor in &wanted.factors {
                if !requirement.factors.contains(factor) {
                    requirement.factors.push(factor.clone());
                }
            }
            requirement.step_up.clone_from(&wanted.step_up);
            requirement.groups.clone_from(&wanted.groups);
        }
        requirement
    }
}

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// Two rules have the same prefix.
    #[error("two rules for the path {0}")]
    Duplicate(String),
    /// A requirement without any factor.
    #[error("a protected path has to require at least one factor")]
    NoFactor,
    /// A prefix that is not an absolute path in normal form.
    #[error("{0:?} is not an absolute path in normal form")]
    NotAPath(String),
    /// A step-up age outside 1 to 60 minutes, or one without factors.
    #[error("a step-up names factors and an age of 1 to 60 minutes")]
    StepUp,
}

fn check(requirement: &Requirement) -> Result<(), InvalidPolicy> {
    const ALLOWED: std::ops::RangeInclusive<Duration> =
        Duration::from_secs(60)..=Duration::from_secs(60 * 60);
    if requirement.factors.is_empty() {
        return Err(InvalidPolicy::NoFactor);
    }
    match &requirement.step_up {
        Some(step_up) if step_up.factors.is_empty() || !ALLOWED.contains(&step_up.within) => {
            Err(InvalidPolicy::StepUp)
        }
        _ => Ok(()),
    }
}

fn prefix_segments(prefix: &str) -> Result<Vec<String>, InvalidPolicy> {
    let refused = || InvalidPolicy::NotAPath(prefix.to_owned());
    let inner = prefix.strip_prefix('/').ok_or_else(refused)?;
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let segments: Vec<String> = inner.split('/').map(str::to_owned).collect();
    let is_normal = segments.iter().all(|s| {
        !s.is_empty() && s != "." && s != ".." && !s.contains(['?', '#', '%', '\\', ';', '\0'])
    });
    if is_normal { Ok(segments) } else { Err(refused()) }
}
