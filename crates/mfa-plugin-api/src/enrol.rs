//! Binding a factor to a user.

use std::fmt;

use async_trait::async_trait;

use crate::{
    context::{FlowContext, PluginState},
    credential::Credential,
    error::PluginError,
    prompt::Prompt,
    step::{Denied, Unavailable},
    submission::Submission,
};

/// Enrolment: binds a factor to a user, for a factor that needs more than the directory knows, such as a
/// passkey or an authenticator app.
///
/// Return it from [`MfaPlugin::enrolment`](crate::MfaPlugin::enrolment). A host that offers enrolment calls
/// [`begin`](Self::begin), shows the prompt, passes each form to [`submit`](Self::submit), and stores the
/// [`Credential`] of [`EnrolStep::Enrolled`] with the user. At each login it adds the stored credentials to
/// the [`Subject`](crate::Subject). To list a user's credentials, it shows what it has stored. To remove one,
/// it deletes the credential and then calls [`remove`](Self::remove). A host without enrolment pages calls
/// none of this; mfa-gateway is such a host today.
///
/// # The host's part
///
/// Whoever enrols a credential can log in with it. So the host calls these methods for a user who has just
/// satisfied every factor that the policy asks of them, or who uses a single-use invitation. It records
/// each change in its audit trail, and tells the user by another channel.
///
/// # Contract
///
/// 1. **`begin` is repeatable and enrols nothing.** It returns the open prompt of this flow, or a new one if
///    there is none or the state was lost.
/// 2. **Enrolled is verified, and once.** Only a call of `submit` that itself verified the user's response
///    returns [`EnrolStep::Enrolled`]. Of any number of equal submissions, also parallel ones, exactly one
///    does. The response shows that the user has the credential, such as a first code of the app. If the
///    plugin draws the secret, each enrolment has its own. So a response for another user or another
///    enrolment is wrong; a user is a tenant and an id.
/// 3. **The credential is complete.** A subject with this credential can use the factor, on every node and
///    after a restart. The plugin keeps no other copy of it.
/// 4. **Each failure has its own form,** as for [`MfaPlugin`](crate::MfaPlugin). A wrong response is a
///    prompt with a rejection.
/// 5. **Every call ends.** The plugin bounds each wait itself.
/// 6. **No leaks.** Audit events, errors and `Debug` of the plugin hold no secret. The prompt may show the
///    new secret, because the user needs it, and [`EnrolReply::state`] may hold it. So a host neither logs
///    a reply nor stores it readable.
/// 7. **`remove` is repeatable.** It forgets what the plugin itself keeps about the credential, such as
///    counters. Removing an unknown credential succeeds.
#[async_trait]
pub trait Enrol: Send + Sync {
    /// Starts an enrolment, or returns the prompt that this flow has already opened.
    ///
    /// [`FlowContext::flow`] names the enrolment. The subject has the credentials that the user has already
    /// enrolled, so that a plugin can refuse a duplicate or one too many with [`EnrolStep::Denied`].
    async fn begin(&self, context: &FlowContext<'_>) -> Result<EnrolReply, PluginError>;

    /// Verifies the user's response.
    async fn submit(
        &self,
        context: &FlowContext<'_>,
        submission: &Submission,
    ) -> Result<EnrolReply, PluginError>;

    /// Forgets what the plugin keeps about a credential that the host has deleted.
    async fn remove(
        &self,
        context: &FlowContext<'_>,
        credential: &Credential,
    ) -> Result<(), PluginError>;
}

const _: fn(&dyn Enrol) = |_| {};

/// The state of an enrolment after a call. `Debug` does not show the prompt, which may show a new secret.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a prompt is the usual case and is moved once")]
pub enum EnrolStep {
    /// The user has to fill in this prompt.
    Prompt(Prompt),
    /// The user is enrolled. The host stores the credential.
    Enrolled(Credential),
    /// Nobody can enrol now.
    Unavailable(Unavailable),
    /// This user may not enrol.
    Denied(Denied),
}

impl fmt::Debug for EnrolStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prompt(_) => f.debug_tuple("Prompt").finish_non_exhaustive(),
            Self::Enrolled(credential) => f.debug_tuple("Enrolled").field(credential).finish(),
            Self::Unavailable(unavailable) => {
                f.debug_tuple("Unavailable").field(unavailable).finish()
            }
            Self::Denied(denied) => f.debug_tuple("Denied").field(denied).finish(),
        }
    }
}

/// A step of an enrolment, and the state that the plugin wants back with its next call in this flow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct EnrolReply {
    /// The state of the enrolment.
    pub step: EnrolStep,
    /// What the plugin gets back as [`FlowContext::state`]; `None` deletes it. Unlike the state of a login
    /// it may hold a secret.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub state: Option<PluginState>,
}

impl EnrolReply {
    /// Returns a step without plugin state.
    pub fn new(step: EnrolStep) -> Self {
        Self { step, state: None }
    }

    /// Sets the plugin state for the next call.
    #[must_use]
    pub fn with_state(mut self, state: PluginState) -> Self {
        self.state = Some(state);
        self
    }
}
