//! What a protected path asks of a user.

use std::{
    collections::BTreeSet,
    fmt,
    ops::RangeInclusive,
    time::{Duration, SystemTime},
};

use mfa_plugin_api::FactorId;
use serde::Deserialize;

use crate::evidence::FactorEvidence;

/// How far the clocks of two nodes, or of one node before and after it was set, may differ: 1 minute.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// One factor, or several alternatives of which one is enough.
///
/// Deserialises from the form of the configuration: `"sms-otp"`, or `{ any = ["passkey", "sms-otp"] }`
/// in the order of preference.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenChoice")]
pub struct FactorChoice {
    first: FactorId,
    others: Vec<FactorId>,
}

impl FactorChoice {
    /// Returns the choice between `factors`, the preferred one first.
    ///
    /// # Errors
    ///
    /// [`InvalidRequirement`] for an empty list, a factor that is named twice, or the password, which
    /// every login starts with.
    pub fn any(factors: impl IntoIterator<Item = FactorId>) -> Result<Self, InvalidRequirement> {
        let mut factors = factors.into_iter();
        let first = factors.next().ok_or(InvalidRequirement::EmptyAny)?;
        let choice = Self { first, others: factors.collect() };
        if choice.contains(&FactorId::PASSWORD) {
            return Err(InvalidRequirement::PasswordInAny);
        }
        ensure_distinct(std::slice::from_ref(&choice))?;
        Ok(choice)
    }

    /// Returns the preferred factor.
    pub fn first(&self) -> &FactorId {
        &self.first
    }

    /// Returns the factors in the order of preference; at least one.
    pub fn factors(&self) -> impl DoubleEndedIterator<Item = &FactorId> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Whether `factor` is one of the alternatives.
    pub fn contains(&self, factor: &FactorId) -> bool {
        self.factors().any(|alternative| alternative == factor)
    }

    /// Whether every factor that satisfies this choice satisfies `wider` too.
    fn implies(&self, wider: &Self) -> bool {
        self.factors().all(|factor| wider.contains(factor))
    }
}

impl From<FactorId> for FactorChoice {
    fn from(factor: FactorId) -> Self {
        Self { first: factor, others: Vec::new() }
    }
}

impl fmt::Display for FactorChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.others.iter().try_for_each(|factor| write!(f, " or {factor}"))
    }
}

/// A [`FactorChoice`] as it is written, before its names are checked.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a factor such as \"sms-otp\", or { any = [\"passkey\", \"sms-otp\"] }"
)]
enum WrittenChoice {
    One(String),
    Any(WrittenAlternatives),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAlternatives {
    any: Vec<String>,
}

impl TryFrom<WrittenChoice> for FactorChoice {
    type Error = InvalidRequirement;

    fn try_from(written: WrittenChoice) -> Result<Self, InvalidRequirement> {
        let factor = |name: String| {
            FactorId::new(name.clone()).map_err(|_| InvalidRequirement::NotAFactor(name))
        };
        match written {
            WrittenChoice::One(name) => factor(name).map(Self::from),
            WrittenChoice::Any(WrittenAlternatives { any }) => {
                let factors: Vec<FactorId> =
                    any.into_iter().map(factor).collect::<Result<_, _>>()?;
                Self::any(factors)
            }
        }
    }
}

/// What a protected path asks of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    factors: Vec<FactorChoice>,
    step_up: Option<StepUp>,
    groups: BTreeSet<String>,
}

/// Evidence that has to be recent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepUp {
    /// The factors to ask for again; each is required in any case.
    pub factors: Vec<FactorChoice>,
    /// How old their evidence may be, this age included: 1 to 60 minutes.
    pub within: Duration,
}

impl Requirement {
    /// The ages that [`with_step_up`](Self::with_step_up) accepts: 1 to 60 minutes.
    pub const STEP_UP_AGES: RangeInclusive<Duration> =
        Duration::from_secs(60)..=Duration::from_secs(60 * 60);

    /// Requires these factors, once per session, of every user. They are asked for in this order, but
    /// the password always comes first.
    ///
    /// # Errors
    ///
    /// [`InvalidRequirement`] for an empty list, or a factor that is named twice.
    pub fn new<F: Into<FactorChoice>>(
        factors: impl IntoIterator<Item = F>,
    ) -> Result<Self, InvalidRequirement> {
        let factors: Vec<FactorChoice> = factors.into_iter().map(Into::into).collect();
        if factors.is_empty() {
            return Err(InvalidRequirement::NoFactor);
        }
        ensure_distinct(&factors)?;
        Ok(Self { factors, step_up: None, groups: BTreeSet::new() })
    }

    /// Requires evidence of `factors` that is not older than `within`.
    ///
    /// # Errors
    ///
    /// [`InvalidRequirement`] for an empty list, an age outside
    /// [`STEP_UP_AGES`](Self::STEP_UP_AGES), or a factor that is named twice. A choice that the
    /// requirement has already may be repeated here as a whole, but not in part.
    pub fn with_step_up<F: Into<FactorChoice>>(
        mut self,
        factors: impl IntoIterator<Item = F>,
        within: Duration,
    ) -> Result<Self, InvalidRequirement> {
        let factors: Vec<FactorChoice> = factors.into_iter().map(Into::into).collect();
        if factors.is_empty() {
            return Err(InvalidRequirement::NoStepUpFactor);
        }
        if !Self::STEP_UP_AGES.contains(&within) {
            return Err(InvalidRequirement::StepUpAge);
        }
        ensure_distinct(&factors)?;
        let only_here = factors.iter().filter(|choice| !self.factors.contains(choice));
        ensure_distinct(self.factors.iter().chain(only_here))?;
        self.step_up = Some(StepUp { factors, within });
        Ok(self)
    }

    /// Admits members of `group`. Without any call, every user is admitted.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.groups.insert(group.into());
        self
    }

    /// Returns the required factors in the order in which they were given.
    pub fn factors(&self) -> &[FactorChoice] {
        &self.factors
    }

    /// Returns the factors whose evidence has to be recent.
    pub fn step_up(&self) -> Option<&StepUp> {
        self.step_up.as_ref()
    }

    /// Returns the groups of which the user has to be in one; empty for every user.
    pub fn groups(&self) -> &BTreeSet<String> {
        &self.groups
    }

    /// Returns every factor that the requirement names, the alternatives and the step-up included.
    pub fn named_factors(&self) -> impl Iterator<Item = &FactorId> {
        let step_up = self.step_up.iter().flat_map(|step_up| &step_up.factors);
        self.factors.iter().chain(step_up).flat_map(FactorChoice::factors)
    }

    /// Whether a user with these groups is admitted.
    pub fn admits(&self, groups: &BTreeSet<String>) -> bool {
        self.groups.is_empty() || !self.groups.is_disjoint(groups)
    }

    /// Returns what `evidence` does not prove at `now`, in the order of asking: the password first,
    /// then as the requirement lists it. Satisfying one factor of each returned choice satisfies the
    /// requirement.
    ///
    /// Evidence from at most [`CLOCK_SKEW`] after `now` is accepted. Later evidence proves nothing.
    pub fn missing(&self, evidence: &[FactorEvidence], now: SystemTime) -> Vec<FactorChoice> {
        let step_up = self.step_up.iter().flat_map(|step_up| {
            step_up.factors.iter().map(|choice| (choice, Some(step_up.within)))
        });
        let mut missing: Vec<FactorChoice> = Vec::new();
        for (choice, within) in self.factors.iter().map(|choice| (choice, None)).chain(step_up) {
            if !is_proved(choice, within, evidence, now) {
                add_choice(&mut missing, choice);
            }
        }
        password_first(&mut missing);
        missing
    }

    /// Adds the factors of `other` and the step-up of both: all its factors, within the shorter age. Groups
    /// are left out: a login never asks for one.
    #[must_use]
    pub(super) fn with_factors_of(mut self, other: &Self) -> Self {
        add_new(&mut self.factors, &other.factors);
        self.step_up = match (self.step_up, other.step_up.clone()) {
            (Some(mut step_up), Some(other)) => {
                add_new(&mut step_up.factors, &other.factors);
                step_up.within = step_up.within.min(other.within);
                Some(step_up)
            }
            (one, other) => one.or(other),
        };
        self
    }

    /// Returns this requirement without its step-up and its groups.
    pub(super) fn factors_alone(&self) -> Self {
        Self { factors: self.factors.clone(), step_up: None, groups: BTreeSet::new() }
    }
}

fn add_new(choices: &mut Vec<FactorChoice>, more: &[FactorChoice]) {
    for choice in more {
        if !choices.contains(choice) {
            choices.push(choice.clone());
        }
    }
}

/// Adds `choice` to a list of which one factor each is asked for.
pub(super) fn add_choice(asked: &mut Vec<FactorChoice>, choice: &FactorChoice) {
    if asked.iter().any(|other| other.implies(choice)) {
        return;
    }
    // The narrower choice is enough for both; asking for both could ask for two factors.
    asked.retain(|other| !choice.implies(other));
    asked.push(choice.clone());
}

/// Sorts the password, which every login starts with, to the beginning.
pub(super) fn password_first(asked: &mut [FactorChoice]) {
    asked.sort_by_key(|choice| *choice.first() != FactorId::PASSWORD);
}

/// Why a requirement is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequirement {
    /// A choice without alternatives.
    #[error("`any` names no factor")]
    EmptyAny,
    /// No factor is required at all.
    #[error("at least one factor has to be required")]
    NoFactor,
    /// A step-up without factors.
    #[error("a step-up names no factor")]
    NoStepUpFactor,
    /// A name that no factor can have.
    #[error("{0:?} is not the name of a factor")]
    NotAFactor(String),
    /// The password among alternatives. Every login starts with it, so it would always be enough.
    #[error("the password cannot be one of several alternatives")]
    PasswordInAny,
    /// One factor in two places. One proof of it would count for both.
    #[error("the factor {0} is named twice")]
    Repeated(FactorId),
    /// A step-up age outside [`Requirement::STEP_UP_AGES`].
    #[error("the age of a step-up is not between 1 and 60 minutes")]
    StepUpAge,
}

fn ensure_distinct<'c>(
    choices: impl IntoIterator<Item = &'c FactorChoice>,
) -> Result<(), InvalidRequirement> {
    let mut seen = BTreeSet::new();
    match choices.into_iter().flat_map(FactorChoice::factors).find(|factor| !seen.insert(*factor)) {
        Some(repeated) => Err(InvalidRequirement::Repeated(repeated.clone())),
        None => Ok(()),
    }
}

fn is_proved(
    choice: &FactorChoice,
    within: Option<Duration>,
    evidence: &[FactorEvidence],
    now: SystemTime,
) -> bool {
    evidence.iter().filter(|proof| choice.contains(&proof.factor)).any(|proof| {
        proof.verified_at <= now + CLOCK_SKEW
            && within.is_none_or(|within| now <= proof.verified_at + within)
    })
}
