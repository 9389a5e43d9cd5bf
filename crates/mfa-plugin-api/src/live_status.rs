//! A prompt that changes while its page is open.

use std::time::Duration;

use async_trait::async_trait;

use crate::{context::FlowContext, error::PluginError, prompt::Prompt};

/// The longest that [`LiveStatus::changed`] waits: ten minutes, the longest lifetime of a one-time code.
pub const MAX_LIVE_WAIT: Duration = Duration::from_secs(600);

/// Live status: tells a host when the prompt may have changed, so that the host need not poll for an open
/// page.
///
/// Implement it for a plugin whose prompt can change without an action of the user, for example when a
/// message is delivered. Return it from [`MfaPlugin::live_status`](crate::MfaPlugin::live_status).
#[async_trait]
pub trait LiveStatus: Send + Sync {
    /// Waits until [`MfaPlugin::status`](crate::MfaPlugin::status) may return something other than `shown`.
    /// `shown` is the prompt that `status` has returned for this `context`. Then the host calls `status`
    /// again.
    ///
    /// Returns at once if `status` would return something else already, so that a change between the two
    /// calls is not lost. May also return without a change. Returns after [`MAX_LIVE_WAIT`] at the latest.
    ///
    /// Counts no attempt and sends no message. Elapsed time is measured by the runtime's timer, starting at
    /// [`FlowContext::now`].
    ///
    /// # Errors
    ///
    /// A fault, as for the other calls. The host then stops waiting.
    ///
    /// # Cancel safety
    ///
    /// The host drops the call when the page is closed.
    async fn changed(&self, context: &FlowContext<'_>, shown: &Prompt) -> Result<(), PluginError>;
}

const _: fn(&dyn LiveStatus) = |_| {};
