//! Which factors a path needs.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use mfa_plugin_api::FactorId;

use crate::{evidence::FactorEvidence, user::User};

/// How far the clocks of two nodes, or of one before and after it was set, may be apart: a minute.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// What a protected path asks of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirement {
    /// Every factor that has to be satisfied, in the order of asking. The password is always asked
    /// first, wherever it stands.
    pub factors: Vec<FactorId>,
    /// The factors among them that have to be satisfied anew when the last time was too long ago.
    pub step_up: Option<StepUp>,
    /// The user has to be in one of these groups; empty means anybody.
    pub groups: BTreeSet<String>,
}

/// Evidence that has to be recent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepUp {
    /// The factors to ask for again; each counts as required too.
    pub factors: Vec<FactorId>,
    /// How old their evidence may be; at exactly this age it is still good. 1 to 60 minutes.
    pub within: Duration,
}

impl Requirement {
    /// These factors, once a session, of anybody.
    pub fn new(factors: impl Into<Vec<FactorId>>) -> Self {
        Self { factors: factors.into(), step_up: None, groups: BTreeSet::new() }
    }

    /// The same, with `factors` not older than `within`.
    #[must_use]
    pub fn with_step_up(mut self, factors: impl Into<Vec<FactorId>>, within: Duration) -> Self {
        self.step_up = Some(StepUp { factors: factors.into(), within });
        self
    }

    /// The same, for members of `group` too.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.groups.insert(group.into());
        self
    }

    /// Whether `user` is in one of the groups, if any is asked for.
    pub fn admits(&self, user: &User) -> bool {
        self.groups.is_empty() || !self.groups.is_disjoint(&user.groups)
    }

    /// The factors that `evidence` does not prove at `now`: the password first, then in the order of
    /// the rule, each once.
    ///
    /// Evidence from after `now` counts as of this moment if it is within [`CLOCK_SKEW`], and proves
    /// nothing beyond.
    pub fn missing(&self, evidence: &[FactorEvidence], now: SystemTime) -> Vec<FactorId> {
        let is_fresh = |factor: &FactorId, within: Option<Duration>| {
            evidence.iter().filter(|e| e.factor == *factor).any(|e| {
                e.verified_at <= now + CLOCK_SKEW
                    && within.is_none_or(|within| now <= e.verified_at + within)
            })
        };
        let step_up =
            self.step_up.iter().flat_map(|s| s.factors.iter().map(|f| (f, Some(s.within))));
        let mut missing: Vec<FactorId> = Vec::new();
        for (factor, within) in self.factors.iter().map(|f| (f, None)).chain(step_up) {
            if !is_fresh(factor, within) && !missing.contains(factor) {
                missing.push(factor.clone());
            }
        }
        missing.sort_by_key(|factor| *factor != FactorId::PASSWORD);
        missing
    }
}

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

fn lies_under(path: &str, prefix: &[String], is_same: impl Fn(&str, &str) -> bool) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    prefix.iter().all(|wanted| segments.next().is_some_and(|segment| is_same(segment, wanted)))
}

fn is_same_path(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Whether a backend that drops parameters could read `path` as one that climbs out of its folder.
fn climbs(path: &str) -> bool {
    path.split('/').any(|segment| matches!(bare(segment), "." | ".."))
}

/// A segment without its parameters (RFC 3986, section 3.3).
fn bare(segment: &str) -> &str {
    segment.split(';').next().unwrap_or(segment)
}
