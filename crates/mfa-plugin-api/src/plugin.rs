//! The trait that a factor implements.

use std::fmt;

use async_trait::async_trait;

use crate::{
    context::FlowContext,
    error::PluginError,
    factor::FactorId,
    live_status::LiveStatus,
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
}

impl Descriptor {
    /// Returns the descriptor of a plugin for `factor`.
    pub fn new(factor: FactorId) -> Self {
        Self { factor }
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
///    and nodes. Do each step that must not race as one atomic operation of a store, never in the plugin's
///    state.
/// 3. **`Done` is verified.** Only a call of `submit` or `action` that itself verified a submission returns
///    [`Step::Done`](crate::Step::Done). Returning it from `begin` is an error.
/// 4. **Each failure has its own form.** A mistake of the user is a [`Prompt`] with a rejection, or `Denied`.
///    A failure of a service is `Unavailable`. [`PluginError`] is a fault for the operator; it does not
///    change the login.
/// 5. **Every call ends.** The plugin bounds each wait itself.
/// 6. **No leaks.** Message arguments, the plugin's state and audit events hold no secret and no whole
///    phone number: a host may store them readable.
/// 7. **Waiting ends.** [`LiveStatus::changed`] returns when there may be news, and at the latest after
///    [`MAX_LIVE_WAIT`](crate::MAX_LIVE_WAIT). It sends no message and counts no attempt.
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

    /// Returns what tells a host when to call [`status`](Self::status) again while a page is open; `None`
    /// if the prompt changes only by actions of the user.
    fn live_status(&self) -> Option<&dyn LiveStatus>;
}

const _: fn(&dyn MfaPlugin) = |_| {};
