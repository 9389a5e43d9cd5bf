//! The trait that a factor implements.

use std::fmt;

use async_trait::async_trait;

use crate::{
    context::{FlowContext, RandomnessUnavailable},
    factor::FactorId,
    prompt::{ActionId, Prompt},
    step::Reply,
    submission::Submission,
};

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Descriptor {
    /// The factor it provides.
    pub factor: FactorId,
    /// Whether [`MfaPlugin::status`] has anything to tell while a prompt is open.
    pub has_live_status: bool,
}

impl Descriptor {
    /// A plugin for `factor` without live status.
    pub fn new(factor: FactorId) -> Self {
        Self { factor, has_live_status: false }
    }

    /// The same plugin with live status.
    #[must_use]
    pub fn with_live_status(mut self) -> Self {
        self.has_live_status = true;
        self
    }
}

/// One authentication factor.
///
/// # Contract
///
/// 1. The host calls [`begin`](Self::begin) when every earlier factor was verified, and again after
///    `Unavailable`, after a `Denied` that has ended, or when an earlier call was cut off; then any
///    number of `submit` and `action`. Calls come one at a time or, from several tabs, at once. So
///    `begin` for a login that is under way shows what is under way and sends nothing again, and what
///    must not race belongs in a store's atomic step, never in the plugin's state.
/// 2. [`Step::Done`](crate::Step::Done) is only returned by a call of `submit` or `action` that verified
///    an answer itself. A host takes it from `begin` for a fault.
/// 3. What the user does wrong is a [`Prompt`] with a rejection, or `Denied`; what the outside world
///    does wrong is `Unavailable`; [`PluginError`] is for faults that an operator has to look at.
///    Every error keeps the login where it was.
/// 4. No call waits without a bound of its own.
/// 5. No secret and no whole phone number in a message's arguments, the state or an audit event.
#[async_trait]
pub trait MfaPlugin: fmt::Debug + Send + Sync + 'static {
    /// What this plugin is.
    fn descriptor(&self) -> &Descriptor;

    /// Starts the factor for this login, or shows what this login has already started.
    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError>;

    /// Takes what the user typed.
    async fn submit(
        &self,
        context: &FlowContext<'_>,
        submission: &Submission,
    ) -> Result<Reply, PluginError>;

    /// Does one of the prompt's actions. An action unknown to the plugin shows the prompt again.
    async fn action(
        &self,
        context: &FlowContext<'_>,
        action: &ActionId,
    ) -> Result<Reply, PluginError>;

    /// The prompt as it stands now: for a reload of the page, another tab, or live status.
    ///
    /// Changes nothing and sends nothing. `None` if this login has no prompt open.
    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Prompt>, PluginError>;
}

const _: fn(&dyn MfaPlugin) = |_| {};

/// A fault that neither the user nor the provider caused, such as a missing service.
///
/// The host logs it with its source, answers with a general page, and lets nobody in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The host did not hand out a service that the plugin needs.
    #[error("the host does not provide {0}")]
    MissingService(&'static str),
    /// The random generator failed.
    #[error("no randomness")]
    Randomness(#[from] RandomnessUnavailable),
    /// A store or the like did not answer; it may a moment later.
    #[error("{context}")]
    Outage {
        /// What the plugin was doing.
        context: &'static str,
        /// Why it failed; carries no secret and no phone number.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key, stored data or the like is broken.
    #[error("{context}")]
    Internal {
        /// What the plugin was doing.
        context: &'static str,
        /// Why it failed; carries no secret and no phone number.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
