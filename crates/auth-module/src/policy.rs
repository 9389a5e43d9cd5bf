//! Which request needs which factors: a pure function from the facts of a request to a verdict.

mod facts;
mod pattern;
mod reachability;
mod reading;
mod requirement;
mod rule;
mod spelling;
mod verdict;

use mfa_plugin_api::FactorId;

use self::reading::{Match, Readings};
pub use self::{
    facts::{RequestFacts, UserFacts},
    pattern::{InvalidPathPattern, PathPattern},
    reachability::{UnreachableRule, unreachable_rules},
    reading::has_one_reading,
    requirement::{CLOCK_SKEW, FactorChoice, InvalidRequirement, Requirement, StepUp},
    rule::{Access, Rule},
    verdict::{Decision, Reason, Verdict},
};
use crate::destination::Destination;

/// Which request needs which factors.
///
/// The first rule that matches decides. Where none does, the default requirement decides.
///
/// Servers read paths in different ways: they decode escapes once or twice, merge slashes, resolve dot
/// segments, cut `;parameters`, dots and blanks, and ignore the case of letters. So a path has one or several
/// *readings*. All rules that decide about one of them hold together: every factor, every group, and the
/// shortest age. Only a path that is public in every reading is public.
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

/// The rules that decide about one path.
///
/// There are several if servers may read the path in several ways. Then all of them hold together.
#[derive(Debug, Clone)]
pub struct DecidingRules<'p> {
    policy: &'p Policy,
    /// In order; `None` for the default requirement.
    rules: Vec<Option<&'p Rule>>,
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

    /// Whether the password alone can complete a login: it satisfies the default requirement, which every login needs.
    pub fn accepts_password_alone(&self) -> bool {
        self.default.factors().iter().all(|choice| choice.contains(&FactorId::PASSWORD))
    }

    /// Decides about one request.
    pub fn evaluate(&self, facts: &RequestFacts<'_>) -> Verdict<'_> {
        self.deciding_rules(facts.path).evaluate(facts)
    }

    /// Returns the rules that decide about `path`, which is absolute and without a query.
    pub fn deciding_rules(&self, path: &str) -> DecidingRules<'_> {
        DecidingRules { policy: self, rules: self.deciding(&Readings::of(path)).collect() }
    }

    /// Returns what a login on the way to `destination` has to satisfy: the default requirement, and
    /// what the rules of the destination ask for in addition. Groups are left out.
    pub fn login_requirement(&self, destination: &Destination) -> Requirement {
        let path = Readings::of(destination.path());
        let wanted = self.deciding(&path).filter_map(|rule| match rule.map(Rule::access) {
            Some(Access::Protected(wanted)) => Some(wanted),
            Some(Access::Public) => None,
            None => Some(&self.default),
        });
        wanted.fold(self.default.factors_alone(), Requirement::with_factors_of)
    }

    /// Returns each rule that decides about a reading of the path, in order; `None` for the default.
    fn deciding(&self, path: &Readings<'_>) -> impl Iterator<Item = Option<&Rule>> {
        let mut is_decided = false;
        self.rules.iter().map(Some).chain([None]).filter(move |rule| {
            let found = match rule {
                _ if is_decided => Match::Never,
                Some(rule) => rule.matches(path),
                None => Match::Certain,
            };
            is_decided |= found == Match::Certain;
            found != Match::Never
        })
    }

    fn verdict<'p>(&'p self, rule: Option<&'p Rule>, facts: &RequestFacts<'_>) -> Verdict<'p> {
        let requirement = match rule.map(Rule::access) {
            Some(Access::Public) => {
                return Verdict { rule, reason: Reason::Public, requirement: None };
            }
            Some(Access::Protected(requirement)) => requirement,
            None => &self.default,
        };
        let passes = facts.is_preflight && rule.is_some_and(Rule::passes_preflight);
        let reason = if passes { Reason::Preflight } else { judge(requirement, facts) };
        Verdict { rule, reason, requirement: Some(requirement) }
    }
}

impl<'p> DecidingRules<'p> {
    /// Decides about a request for the path. The path in `facts` is not read again.
    pub fn evaluate(&self, facts: &RequestFacts<'_>) -> Verdict<'p> {
        let verdicts = self.rules.iter().map(|rule| self.policy.verdict(*rule, facts));
        verdicts.reduce(Verdict::and).unwrap_or_else(|| self.policy.verdict(None, facts))
    }

    /// Whether a request for the path counts as a use of its session: `false` if one of the rules says so.
    pub fn counts_as_use(&self) -> bool {
        self.rules.iter().flatten().all(|rule| rule.counts_as_use())
    }

    /// Returns the size of the largest body that a request for the path may have. `default` is the limit of
    /// rules that have none of their own. The smallest limit holds.
    pub fn max_body_bytes(&self, default: u64) -> u64 {
        let limits = self.rules.iter().map(|rule| {
            let own = rule.and_then(Rule::max_body_bytes);
            own.unwrap_or(default)
        });
        limits.min().unwrap_or(default)
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
