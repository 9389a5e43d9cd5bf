//! One rule of a policy: its paths, and what they need.

use std::sync::Arc;

use super::{
    pattern::PathPattern,
    reading::{Match, Readings},
    requirement::Requirement,
};

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
/// An application may read a path in another way than it is written (see [`Policy`](crate::Policy)). A
/// protecting rule holds if one reading of the path is for it, in any case of letters. A public rule opens a
/// path only if every reading is for it, in the case of letters that the rule has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: Arc<str>,
    pattern: PathPattern,
    access: Access,
    passes_preflight: bool,
    counts_as_use: bool,
    max_body_bytes: Option<u64>,
}

impl Rule {
    /// Opens the paths of `pattern` to everybody.
    pub fn public(pattern: PathPattern) -> Self {
        Self::new(pattern, Access::Public)
    }

    /// Protects the paths of `pattern` with `requirement`.
    pub fn protected(pattern: PathPattern, requirement: Requirement) -> Self {
        Self::new(pattern, Access::Protected(requirement))
    }

    fn new(pattern: PathPattern, access: Access) -> Self {
        let name = pattern.to_string().into();
        Self {
            name,
            pattern,
            access,
            passes_preflight: false,
            counts_as_use: true,
            max_body_bytes: None,
        }
    }

    /// Sets the name in messages; the pattern by default.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Lets CORS preflight requests pass without a login. By default they do not: browsers send them without
    /// cookies, so an application that other sites call needs this.
    #[must_use]
    pub fn with_preflight(mut self) -> Self {
        self.passes_preflight = true;
        self
    }

    /// Lets requests keep no session alive. By default each request does; a page that asks for news by itself
    /// would keep its session for as long as it is open.
    #[must_use]
    pub fn without_use(mut self) -> Self {
        self.counts_as_use = false;
        self
    }

    /// Sets the size of the largest request body, in bytes. By default the limit of the application holds.
    #[must_use]
    pub fn with_max_body_bytes(mut self, max_body_bytes: u64) -> Self {
        self.max_body_bytes = Some(max_body_bytes);
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name for a log record that outlives the policy.
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Returns the paths that the rule is for.
    pub fn pattern(&self) -> &PathPattern {
        &self.pattern
    }

    /// Returns who may request what the rule matches.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Whether CORS preflight requests pass without a login.
    pub fn passes_preflight(&self) -> bool {
        self.passes_preflight
    }

    /// Whether a request counts as a use of its session.
    pub fn counts_as_use(&self) -> bool {
        self.counts_as_use
    }

    /// Returns the size of the largest request body, in bytes; `None` for the limit of the application.
    pub fn max_body_bytes(&self) -> Option<u64> {
        self.max_body_bytes
    }

    pub(super) fn matches(&self, path: &Readings<'_>) -> Match {
        path.matches(&self.pattern)
    }

    /// Whether this rule, if it comes first, matches every path below one spelling of the pattern of `later`.
    /// A protecting rule is meant for its paths in any case of letters, a public rule only as written.
    pub(super) fn shadows(&self, later: &Self) -> bool {
        match (&self.access, &later.access) {
            (Access::Public, Access::Public) => {
                self.pattern.contains(&later.pattern, |a, b| a == b)
            }
            _ => self.pattern.contains(&later.pattern, str::eq_ignore_ascii_case),
        }
    }
}
