//! What a plugin answers.

use std::time::SystemTime;

use crate::{context::PluginState, evidence::Evidence, message::Message, prompt::Prompt};

/// Where a factor stands after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a prompt is the usual answer and is moved once")]
pub enum Step {
    /// Ask the user this.
    Prompt(Prompt),
    /// The factor is satisfied.
    Done(Evidence),
    /// The factor cannot be used now; not a failure of the user. Policy may fall back.
    Unavailable(Unavailable),
    /// The user may not go on with this factor.
    Denied(Denied),
}

/// Why a factor cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// What to tell the user: nothing that tells accounts or numbers apart.
    pub message: Message,
    /// When it may work again, if that is known.
    pub retry_at: Option<SystemTime>,
}

impl Unavailable {
    /// Unavailable for the reason in `message`, for an unknown time.
    pub fn new(message: Message) -> Self {
        Self { message, retry_at: None }
    }

    /// The same with the instant from which on it may work again.
    #[must_use]
    pub fn with_retry_at(mut self, retry_at: SystemTime) -> Self {
        self.retry_at = Some(retry_at);
        self
    }
}

/// Why a user may not go on with a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denied {
    /// What to tell the user.
    pub message: Message,
    /// When the denial ends; `None` means not by waiting.
    pub until: Option<SystemTime>,
}

impl Denied {
    /// Denied for the reason in `message`, not ended by waiting.
    pub fn new(message: Message) -> Self {
        Self { message, until: None }
    }

    /// The same denial, ending at `until`.
    #[must_use]
    pub fn with_until(mut self, until: SystemTime) -> Self {
        self.until = Some(until);
        self
    }
}

/// A step and what the plugin wants to remember for its next call in this login.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// Where the factor stands.
    pub step: Step,
    /// The state for the next call; `None` forgets.
    pub state: Option<PluginState>,
}

impl Reply {
    /// A step with nothing to remember.
    pub fn new(step: Step) -> Self {
        Self { step, state: None }
    }

    /// The same step with state for the next call.
    #[must_use]
    pub fn with_state(mut self, state: PluginState) -> Self {
        self.state = Some(state);
        self
    }
}
