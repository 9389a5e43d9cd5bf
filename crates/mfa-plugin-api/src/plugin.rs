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

/// What a plugin provides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Descriptor {
    /// The factor it provides.
    pub factor: FactorId,
    /// Whether the prompt of [`MfaPlugin::status`] may change while the page is open.
    pub has_live_status: bool,
}

impl Descriptor {
    /// Returns the descriptor of a plugin for `factor` without live status.
    pub fn new(factor: FactorId) -> Self {
        Self { factor, has_live_status: false }
    }

    /// Adds live status.
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
/// 1. **`begin` is repeatable.** The host calls [`begin`](Self::begin) when every earlier factor was
///    verified. It calls `begin` again after `Unavailable`, after a `Denied` that has ended, and when an
///    earlier call was cut off or its reply was lost. A repeated `begin` returns the open prompt and sends
///    no second message.
/// 2. **Calls may run at once.** After `begin` comes any number of `submit` and `action`, from several tabs
///    and nodes. What must not race is one atomic step of a store, never a part of the plugin's state.
/// 3. **`Done` is verified.** Only a call of `submit` or `action` that itself verified a submission returns
///    [`Step::Done`](crate::Step::Done). Returning it from `begin` is an error.
/// 4. **Each failure has its own form.** A mistake of the user is a [`Prompt`] with a rejection, or `Denied`.
///    A failure of a service is `Unavailable`. [`PluginError`] is a fault for the operator; it does not
///    change the login.
/// 5. **Every call ends.** The plugin bounds each wait itself.
/// 6. **No leaks.** Message arguments, the plugin's state and audit events hold no secret and no whole
///    phone number: a host may store them readable.
#[async_trait]
pub trait MfaPlugin: fmt::Debug + Send + Sync + 'static {
    /// Returns what this plugin provides.
    fn descriptor(&self) -> &Descriptor;

    /// Starts the factor for this login, or returns the prompt that this login has already opened.
    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError>;

    /// Verifies what the user typed.
    async fn submit(
        &self,
        context: &FlowContext<'_>,
        submission: &Submission,
    ) -> Result<Reply, PluginError>;

    /// Runs one of the prompt's actions. An unknown action returns the prompt again.
    async fn action(
        &self,
        context: &FlowContext<'_>,
        action: &ActionId,
    ) -> Result<Reply, PluginError>;

    /// Returns the current prompt, for a GET after a redirect, a reload, another tab, or live status;
    /// `None` if this login has no open prompt.
    ///
    /// Counts no attempt and sends no message. The host adds the notice and the rejection of the last
    /// `submit` or `action`, so `status` sets only newer ones: an expiry, news about a delivery.
    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Prompt>, PluginError>;
}

const _: fn(&dyn MfaPlugin) = |_| {};

/// A fault that neither the user nor the provider caused, such as a missing service.
///
/// The host logs it with its source and shows a general error page. The login does not change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The host does not provide a service that the plugin needs.
    #[error("the host does not provide {0}")]
    MissingService(&'static str),
    /// The random generator failed.
    #[error("no randomness")]
    Randomness(#[from] RandomnessUnavailable),
    /// A store or another service did not respond. A later attempt may succeed.
    #[error("{context}")]
    Outage {
        /// What the plugin was doing.
        context: &'static str,
        /// Why it failed; carries no secret and no phone number.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A defect, such as a wrong key or corrupt data.
    #[error("{context}")]
    Internal {
        /// What the plugin was doing.
        context: &'static str,
        /// Why it failed; carries no secret and no phone number.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
