//! What a plugin returns.

use std::time::SystemTime;

use crate::{context::PluginState, evidence::Evidence, message::Message, prompt::Prompt};

/// The state of a factor after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a prompt is the usual case and is moved once")]
pub enum Step {
    /// The user has to fill in this prompt.
    Prompt(Prompt),
    /// The factor is satisfied. The host records the evidence.
    Done(Evidence),
    /// The factor cannot be used now. This is no failure of the user: policy may offer another factor.
    Unavailable(Unavailable),
    /// The user may not continue with this factor.
    Denied(Denied),
}

/// Why a factor cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Unavailable {
    /// What to tell the user. It must not reveal whether an account or a number exists.
    pub message: Message,
    /// From when on the factor may work again, if that is known.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "retry_at_ms",
            with = "crate::wire::optional_instant",
            default,
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub retry_at: Option<SystemTime>,
}

impl Unavailable {
    /// Returns the reason `message`, for an unknown time.
    pub fn new(message: Message) -> Self {
        Self { message, retry_at: None }
    }

    /// Sets from when on the factor may work again.
    #[must_use]
    pub fn with_retry_at(mut self, retry_at: SystemTime) -> Self {
        self.retry_at = Some(retry_at);
        self
    }
}

/// Why a user may not continue with a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Denied {
    /// What to tell the user.
    pub message: Message,
    /// When the denial ends; `None` if waiting does not end it.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "until_ms",
            with = "crate::wire::optional_instant",
            default,
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub until: Option<SystemTime>,
}

impl Denied {
    /// Returns a denial for the reason `message` that waiting does not end.
    pub fn new(message: Message) -> Self {
        Self { message, until: None }
    }

    /// Sets when the denial ends.
    #[must_use]
    pub fn with_until(mut self, until: SystemTime) -> Self {
        self.until = Some(until);
        self
    }
}

/// A step, and the state that the plugin wants back with its next call in this login.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Reply {
    /// The state of the factor.
    pub step: Step,
    /// What the plugin gets back as [`FlowContext::state`](crate::FlowContext::state); `None` deletes it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub state: Option<PluginState>,
}

impl Reply {
    /// Returns a step without plugin state.
    pub fn new(step: Step) -> Self {
        Self { step, state: None }
    }

    /// Sets the plugin state for the next call.
    #[must_use]
    pub fn with_state(mut self, state: PluginState) -> Self {
        self.state = Some(state);
        self
    }
}
