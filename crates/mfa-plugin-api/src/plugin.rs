//! The trait that a factor implements.

use std::fmt;

use async_trait::async_trait;

use crate::{
    context::FlowContext,
    enrol::Enrol,
    error::PluginError,
    factor::FactorId,
    live_status::LiveStatus,
    prompt::ActionId,
    step::{Reply, Step},
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
/// [Write a factor](https://github.com/sms-otp-mfa/sms-otp-mfa/blob/main/docs/write-a-factor.md)
/// shows how, step by step.
///
/// Hosts hold plugins as `Arc<dyn MfaPlugin>`. A native `async fn` does not allow `dyn` yet, so this trait
/// and its implementations carry `#[async_trait]`.
///
/// # Contract
///
/// 1. **`begin` is repeatable.** The host calls [`begin`](Self::begin) when every earlier factor was
///    verified. It calls `begin` again after `Unavailable`, after a `Denied` that has ended, and when an
///    earlier call was cut off or its reply was lost. A repeated `begin` returns the open prompt: it asks for
///    the same and sends no second message.
/// 2. **One right answer, one `Done`.** After `begin` comes any number of calls, also parallel ones, from
///    several tabs and nodes. Of all calls with one right answer exactly one returns `Done`. Do each step
///    that must not race as one atomic operation of a store, never in the plugin's state.
/// 3. **`Done` is verified.** Only a call that itself found the right answer, or an approval that the user
///    has given elsewhere, returns [`Step::Done`]. Returning it from `begin` is an error. The answer of
///    another user is wrong: a user is a tenant and an id. A code that was sent for one login, and an
///    approval of one, are wrong in another login.
/// 4. **Guesses are bounded.** A wrong answer is counted before it is compared, in a store and for the user
///    in all their logins. Counting is one atomic step. After a limit no answer is accepted, not even a
///    right one. The limit is at most 100, as in NIST SP 800-63B, section 3.2.2.
/// 5. **Each failure has its own form.** A mistake of the user is a [`Prompt`](crate::Prompt) with a
///    rejection, or `Denied`. A failure of a service is `Unavailable`. [`PluginError`] is a fault for the
///    operator; it does not change the login.
/// 6. **Every call ends.** The plugin bounds each wait on a service whose own contract does not bound it.
/// 7. **No randomness, no challenge.** A call whose randomness fails returns an error or `Unavailable`. It
///    sends nothing and leaves nothing half made: the next `begin` succeeds.
/// 8. **No leaks.** Message arguments, the plugin's state, audit events, logs, errors and `Debug` hold no
///    secret and no whole phone number: a host may store or show them readable.
/// 9. **`status` changes nothing by itself,** and neither does an unknown action: no attempt is counted, no
///    message is sent. Before `begin`, `status` returns `None`.
/// 10. **Waiting ends.** [`LiveStatus::changed`] returns when there may be news, and at the latest after
///     [`MAX_LIVE_WAIT`](crate::MAX_LIVE_WAIT). It sends no message and counts no attempt.
/// 11. **Names fit into forms.** Fields, actions and message keys have names of ASCII letters, digits, `-`
///     and `_`. Within a prompt no field and no action occurs twice.
/// 12. **Tries to send are bounded.** A user whose messages a provider refuses makes the plugin call it a few
///     times a minute at most, over all logins. A try is not given back because it sent nothing.
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

    /// Returns the current step, for a GET after a redirect, a reload, another tab, or live status; `None`
    /// if this login has not begun the factor, so that the host calls [`begin`](Self::begin).
    ///
    /// Usually it is [`Step::Prompt`]. The host adds the notice and the rejection of the last `submit` or
    /// `action`, so `status` sets only newer ones: an expiry, news about a delivery.
    ///
    /// It is [`Step::Done`] if the user has satisfied the factor elsewhere, as with an approval on a phone,
    /// and no other call has returned `Done` for it (clause 2). The approval must be for this login: for
    /// [`FlowContext::flow`]. It is [`Step::Denied`] if the user has declined. The host records both, as
    /// after `submit`. The plugin's state does not change.
    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError>;

    /// Returns what tells a host when to call [`status`](Self::status) again while a page is open. Default:
    /// `None`, for a factor whose status changes only by actions of the user.
    fn live_status(&self) -> Option<&dyn LiveStatus> {
        None
    }

    /// Returns how users enrol. Default: `None`, for a factor that needs only what the directory knows.
    fn enrolment(&self) -> Option<&dyn Enrol> {
        None
    }
}

const _: fn(&dyn MfaPlugin) = |_| {};
