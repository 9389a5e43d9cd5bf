//! What rules say about a path, and what they have to say because of the servers that may read it.
//!
//! The fuzz target `path_readings` uses this file as well.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    time::SystemTime,
};

use auth_module::{
    Access, AppName, Decision, LoginName, PathPattern, Policy, RequestFacts, Requirement, Rule,
    UserFacts, UserId,
};
use mfa_plugin_api::FactorId;

use super::servers::{Step, canonical};

pub(crate) const DEFAULT_GROUP: &str = "default";

pub(crate) fn name_of(position: usize) -> String {
    position.to_string()
}

pub(crate) fn needs(group: impl Into<String>) -> Requirement {
    Requirement::new([FactorId::PASSWORD]).unwrap().with_group(group)
}

/// Returns the policy whose rule number `n` admits the group `n` only, or everybody; the default admits its own group.
/// Rules that come too late are left out.
pub(crate) fn policy(rules: &[(bool, String)]) -> Policy {
    let rule = |(position, (is_public, pattern)): (usize, &(bool, String))| {
        let pattern = PathPattern::parse(pattern).unwrap();
        if *is_public {
            Rule::public(pattern)
        } else {
            Rule::protected(pattern, needs(name_of(position)))
        }
    };
    let mut kept: Vec<Rule> = Vec::new();
    for rule in rules.iter().enumerate().map(rule) {
        kept.push(rule);
        if Policy::new(needs(DEFAULT_GROUP), kept.clone()).is_err() {
            kept.pop();
        }
    }
    Policy::new(needs(DEFAULT_GROUP), kept).unwrap()
}

pub(crate) struct User {
    app: AppName,
    id: UserId,
    name: LoginName,
    groups: BTreeSet<String>,
}

impl User {
    /// Returns a user in each group of the policy but `absent`.
    pub(crate) fn without(absent: &str, rules: usize) -> Self {
        let all = (0..rules).map(name_of).chain([DEFAULT_GROUP.to_owned()]);
        Self {
            app: AppName::new("shop").unwrap(),
            id: UserId::from_random([1; 16]),
            name: LoginName::parse("alice").unwrap(),
            groups: all.filter(|group| group != absent).collect(),
        }
    }

    pub(crate) fn asks(&self, policy: &Policy, path: &str) -> Decision {
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let facts = RequestFacts::new(&self.app, "GET", path, client, SystemTime::UNIX_EPOCH);
        let user = UserFacts::new(&self.id, &self.name, &self.groups, &[]);
        policy.evaluate(&facts.with_user(user)).into_decision()
    }
}

/// Whether `path` needs what the rule of `group` needs.
pub(crate) fn is_caught(policy: &Policy, group: &str, path: &str) -> bool {
    User::without(group, 9).asks(policy, path) == Decision::Forbidden
}

/// The groups that `path` needs; empty for a public path.
pub(crate) fn caught(policy: &Policy, path: &str) -> BTreeSet<String> {
    let groups = (0..6).map(name_of).chain([DEFAULT_GROUP.to_owned()]);
    groups.filter(|group| is_caught(policy, group, path)).collect()
}

pub(crate) fn is_public(policy: &Policy, path: &str) -> bool {
    User::without("", 9).asks(policy, path) == Decision::Public
}

/// The group of the rule for a path that has one reading; `None` for a public rule. `is_folded` ignores case.
pub(crate) fn plain_group(policy: &Policy, path: &[u8], is_folded: bool) -> Option<String> {
    let mut segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
    if segments.last().is_some_and(|last| last.is_empty()) {
        segments.pop();
    }
    let is_for = |rule: &&Rule| {
        let text = rule.pattern().to_string();
        let wanted: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
        let is_long_enough = if text.ends_with('/') {
            segments.len() >= wanted.len()
        } else {
            segments.len() == wanted.len() && !path.ends_with(b"/")
        };
        let is_same = |(a, b): (&&[u8], &&str)| {
            if is_folded { a.eq_ignore_ascii_case(b.as_bytes()) } else { **a == *b.as_bytes() }
        };
        is_long_enough && segments.iter().zip(&wanted).all(is_same)
    };
    let Some(rule) = policy.rules().iter().find(is_for) else {
        return Some(DEFAULT_GROUP.to_owned());
    };
    match rule.access() {
        Access::Public => None,
        Access::Protected(requirement) => requirement.groups().first().cloned(),
    }
}

/// Returns why `path` needs less than what a server with `steps` makes of it; `None` if it does not. `caught`
/// is what the path needs.
pub(crate) fn escape(
    policy: &Policy,
    caught: &BTreeSet<String>,
    path: &str,
    steps: &[Step],
) -> Option<String> {
    let seen = canonical(steps, path);
    let group = plain_group(policy, &seen, steps.contains(&Step::FoldCase))?;
    let is_weaker = !caught.contains(&group);
    is_weaker.then(|| {
        let seen = String::from_utf8_lossy(&seen);
        format!("{path} is read as {seen} and does not need {group}: {steps:?}")
    })
}
