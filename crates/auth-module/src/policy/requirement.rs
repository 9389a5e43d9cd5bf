//! What a protected path asks of a user.

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
