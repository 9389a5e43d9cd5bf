//! What a policy says about one request, and why.

use std::fmt;

use super::{
    requirement::{FactorChoice, Requirement, add_choice, password_first},
    rule::Rule,
};

/// What a [`Policy`](crate::Policy) says about one request.
///
/// If several rules hold, because servers may read the path in several ways, these are the rule and the
/// requirement that refuse the request, or else the first ones. `Display` explains the verdict in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict<'p> {
    /// The rule that decides; `None` if no rule matches and the default requirement decides.
    pub rule: Option<&'p Rule>,
    /// Why the request may, or may not, go on.
    pub reason: Reason,
    /// What the rule requires; `None` for a public one.
    pub requirement: Option<&'p Requirement>,
}

/// Why a request may, or may not, go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The session lacks these factors, or their evidence is too old, in the order of asking.
    FactorsMissing(Vec<FactorChoice>),
    /// There is no session.
    NoSession,
    /// The user is in none of the groups that the requirement admits.
    NotInGroup,
    /// The request is a CORS preflight, which the rule lets pass.
    Preflight,
    /// The rule is public.
    Public,
    /// The session satisfies the requirement.
    Satisfied,
}

/// What to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Forward it: the session satisfies the requirement.
    Allowed,
    /// Refuse it: the user is in none of the admitted groups.
    Forbidden,
    /// Begin a login: there is no session.
    LoginRequired,
    /// Forward it, with or without a session.
    Public,
    /// Ask for these factors: the session lacks them, or their evidence is too old. In the order of
    /// asking.
    StepUpRequired(Vec<FactorChoice>),
}

impl Verdict<'_> {
    /// Returns the stricter of two verdicts about one request; factors that either misses are missing.
    pub(super) fn and(self, other: Self) -> Self {
        let is_stricter = other.reason.strictness() > self.reason.strictness();
        let (mut strict, lenient) = if is_stricter { (other, self) } else { (self, other) };
        if let (Reason::FactorsMissing(all), Reason::FactorsMissing(more)) =
            (&mut strict.reason, lenient.reason)
        {
            for choice in &more {
                add_choice(all, choice);
            }
            password_first(all);
        }
        strict
    }

    /// Returns what to do with the request.
    pub fn into_decision(self) -> Decision {
        match self.reason {
            Reason::FactorsMissing(missing) => Decision::StepUpRequired(missing),
            Reason::NoSession => Decision::LoginRequired,
            Reason::NotInGroup => Decision::Forbidden,
            Reason::Preflight | Reason::Public => Decision::Public,
            Reason::Satisfied => Decision::Allowed,
        }
    }
}

impl Reason {
    /// Orders reasons from the most lenient one.
    fn strictness(&self) -> u8 {
        match self {
            Self::Public => 0,
            Self::Preflight => 1,
            Self::Satisfied => 2,
            Self::FactorsMissing(_) => 3,
            Self::NoSession => 4,
            Self::NotInGroup => 5,
        }
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some(rule) => write!(f, "rule {:?}: ", rule.name())?,
            None => f.write_str("default rule: ")?,
        }
        let required = self.requirement.map_or(&[][..], Requirement::factors);
        match &self.reason {
            Reason::FactorsMissing(missing) => {
                write!(f, "step-up required, missing {}", List(missing))
            }
            Reason::NoSession => write!(f, "login required, needs {}", List(required)),
            Reason::NotInGroup => {
                let groups = self.requirement.into_iter().flat_map(Requirement::groups);
                let groups: Vec<&String> = groups.collect();
                write!(f, "forbidden, the user is in none of the groups {}", List(&groups))
            }
            Reason::Preflight => f.write_str("preflight, no login needed"),
            Reason::Public => f.write_str("public, no login needed"),
            Reason::Satisfied => write!(f, "allowed, the session proves {}", List(required)),
        }
    }
}

/// A list with commas.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, item)| {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")
        })
    }
}
