//! Which request needs which factors: a pure function from the facts of a request to a verdict.

mod facts;
mod reachability;
mod requirement;
mod rule;
mod verdict;

use mfa_plugin_api::FactorId;

pub use self::{
    facts::{RequestFacts, UserFacts},
    reachability::{UnreachableRule, unreachable_rules},
    requirement::{CLOCK_SKEW, FactorChoice, InvalidRequirement, Requirement, StepUp},
    rule::{Access, InvalidPathPattern, PathPattern, Rule},
    verdict::{Decision, Reason, Verdict},
};
use crate::destination::Destination;

/// Which request needs which factors.
///
/// The first rule that matches decides. Where none does, the default requirement decides.
///
/// ```
/// use std::{net::Ipv4Addr, time::SystemTime};
///
/// use auth_module::{AppName, PathPattern, Policy, RequestFacts, Requirement, Rule};
/// use mfa_plugin_api::FactorId;
///
/// let default = Requirement::new([FactorId::PASSWORD, FactorId::from_static("totp")])?;
/// let policy = Policy::new(default, vec![Rule::public(PathPattern::parse("/public/")?)])
///     .expect("every rule can match");
///
/// let app = AppName::new("shop")?;
/// let (client, now) = (Ipv4Addr::LOCALHOST.into(), SystemTime::UNIX_EPOCH);
/// let explain = |path| {
///     policy.evaluate(&RequestFacts::new(&app, "GET", path, client, now)).to_string()
/// };
/// assert_eq!(explain("/public/logo.svg"), "rule \"/public/\": public, no login needed");
/// let login = "default rule: login required, needs password, totp";
/// assert_eq!(explain("/publicity"), login);
/// assert_eq!(explain("/PUBLIC/"), login);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Policy {
    default: Requirement,
    rules: Vec<Rule>,
}

impl Policy {
    /// Makes a policy of `rules`, with `default` for every request that none of them matches.
    ///
    /// # Errors
    ///
    /// Every rule that can never decide, because an earlier one matches its paths first; see
    /// [`unreachable_rules`].
    pub fn new(default: Requirement, rules: Vec<Rule>) -> Result<Self, Vec<UnreachableRule>> {
        let unreachable = unreachable_rules(&rules);
        if unreachable.is_empty() { Ok(Self { default, rules }) } else { Err(unreachable) }
    }

    /// Returns the rules in the order of matching.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns every factor that the policy names, with its rule; `None` for the default requirement.
    /// A factor comes up as often as it is named.
    pub fn factors(&self) -> impl Iterator<Item = (Option<&Rule>, &FactorId)> {
        let by_default = self.default.named_factors().map(|factor| (None, factor));
        let by_rule = self.rules.iter().filter_map(|rule| match rule.access() {
            Access::Public => None,
            Access::Protected(requirement) => Some((rule, requirement)),
        });
        by_default.chain(by_rule.flat_map(|(rule, requirement)| {
            requirement.named_factors().map(move |factor| (Some(rule), factor))
        }))
    }

    /// Decides about one request.
    pub fn evaluate(&self, facts: &RequestFacts<'_>) -> Verdict<'_> {
        let rule = self.first_match(facts.path);
        let requirement = match rule.map(Rule::access) {
            Some(Access::Public) => {
                return Verdict { rule, reason: Reason::Public, requirement: None };
            }
            Some(Access::Protected(requirement)) => requirement,
            None => &self.default,
        };
        Verdict { rule, reason: judge(requirement, facts), requirement: Some(requirement) }
    }

    /// Returns what a login on the way to `destination` has to satisfy: the default requirement, and
    /// what the rule of the destination asks for in addition.
    pub fn login_requirement(&self, destination: &Destination) -> Requirement {
        match self.first_match(destination.path()).map(Rule::access) {
            Some(Access::Protected(wanted)) => self.default.strengthened_by(wanted),
            Some(Access::Public) | None => self.default.clone(),
        }
    }

    fn first_match(&self, path: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(path))
    }
}

fn judge(requirement: &Requirement, facts: &RequestFacts<'_>) -> Reason {
    let Some(user) = facts.user else { return Reason::NoSession };
    // Before the factors: a user who is not admitted is not asked for any.
    if !requirement.admits(user.groups) {
        return Reason::NotInGroup;
    }
    let missing = requirement.missing(user.evidence, facts.now);
    if missing.is_empty() { Reason::Satisfied } else { Reason::FactorsMissing(missing) }
}
