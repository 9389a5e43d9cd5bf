//! What a host shows or does next.

use std::time::SystemTime;

use auth_module::{PendingToken, Session, SessionToken};
use mfa_plugin_api::{FactorId, Message, Prompt};

/// Where a login stands after a call: all that a host needs for its answer.
///
/// [`LoginStep::class`] gives the class from which a status code follows.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoginStep {
    /// Ask the user this.
    Prompt(PromptStep),
    /// Every factor is done: set the session cookie, drop the pending one, and go on.
    Finished(Finished),
    /// The name and password did not do; no login is pending.
    Rejected(RejectedReason),
    /// Begin again at the login page, and drop the pending cookie.
    Restart(RestartReason),
    /// The factor cannot be used now; the login stays open, and `retry` tries again.
    Unavailable(UnavailableStep),
    /// The user may not go on with this factor.
    Denied(DeniedStep),
    /// A fault that was logged; nobody was let in, and the login stays where it was.
    Failed(Failure),
}

/// What kind of fault ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Something of ours is broken; an operator has to look.
    Internal,
    /// A store, a directory or a plugin did not answer in time; it may a moment later.
    Outage,
}

/// The class of a step. Hosts map it to a status code by a `match` without `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepClass {
    /// A page to be filled in, with nothing wrong: 200.
    Asked,
    /// What was sent did not do: 422 (wrong or malformed answer) or 401 (wrong password).
    Refused,
    /// Too soon or too often: 429 with `Retry-After`.
    TooMany,
    /// The user may not go on: 403.
    Denied,
    /// Something outside does not answer: 503.
    Unavailable,
    /// All done: 303 to where the user wanted to go.
    Finished,
    /// Back to the login page: 303.
    Restart,
    /// A fault of ours: 500.
    Failed,
}

/// The login that a step belongs to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pending {
    /// The token to put in the pending-login cookie, or `None` if the browser's own stays good.
    pub new_token: Option<PendingToken>,
    /// When the login is over at the latest.
    pub expires_at: SystemTime,
    /// The factor being asked for.
    pub factor: FactorId,
}

/// A prompt to show.
#[derive(Debug)]
#[non_exhaustive]
pub struct PromptStep {
    /// The login and its factor.
    pub pending: Pending,
    /// What to ask.
    pub prompt: Prompt,
    /// Whether `view` may show something new while the page is open.
    pub has_live_status: bool,
}

/// A login with every factor done.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// The token for the session cookie: new with every rise in assurance.
    pub session_token: SessionToken,
    /// The session it opens.
    pub session: Session,
    /// Where the user wanted to go, as the host passed it in.
    pub return_to: Option<String>,
}

/// A factor that cannot be used now.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnavailableStep {
    /// The login and its factor.
    pub pending: Pending,
    /// What to tell the user.
    pub message: Message,
    /// When it may work again, if that is known.
    pub retry_at: Option<SystemTime>,
}

/// A factor that the user may not go on with.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeniedStep {
    /// The login and its factor.
    pub pending: Pending,
    /// What to tell the user.
    pub message: Message,
    /// When the denial ends; `None` means not by waiting.
    pub until: Option<SystemTime>,
}

/// Why name and password did not do. Says nothing of whether the account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectedReason {
    /// More logins at once than password hashing can take.
    Busy,
    /// Name or password wrong, account unknown or disabled.
    Credentials,
    /// Too many failures; not before `until`.
    Throttled {
        /// When trying again makes sense.
        until: SystemTime,
    },
}

/// Why a login has to begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartReason {
    /// The user cancelled.
    Cancelled,
    /// The login is over: too old, already finished, ended elsewhere, or never known. A host that finds
    /// a full session beside it simply goes on.
    Ended,
    /// The path asks for a fresh password, which only the login page can take.
    PasswordNeeded,
}

impl LoginStep {
    /// The class, for the status code.
    pub fn class(&self) -> StepClass {
        use mfa_plugin_api::RejectionKind as Kind;
        match self {
            Self::Prompt(step) => match step.prompt.rejection.as_ref().map(|r| r.kind) {
                None => StepClass::Asked,
                Some(Kind::TooMany) => StepClass::TooMany,
                Some(Kind::Unavailable) => StepClass::Unavailable,
                Some(_) => StepClass::Refused,
            },
            Self::Finished(_) => StepClass::Finished,
            Self::Rejected(RejectedReason::Credentials) => StepClass::Refused,
            Self::Rejected(RejectedReason::Throttled { .. }) => StepClass::TooMany,
            Self::Rejected(RejectedReason::Busy)
            | Self::Unavailable(_)
            | Self::Failed(Failure::Outage) => StepClass::Unavailable,
            Self::Restart(_) => StepClass::Restart,
            Self::Denied(_) => StepClass::Denied,
            Self::Failed(Failure::Internal) => StepClass::Failed,
        }
    }

    /// When trying again makes sense, for `Retry-After`.
    pub fn retry_at(&self) -> Option<SystemTime> {
        match self {
            Self::Prompt(step) => step.prompt.rejection.as_ref().and_then(|r| r.retry_at),
            Self::Rejected(RejectedReason::Throttled { until }) => Some(*until),
            Self::Unavailable(step) => step.retry_at,
            Self::Denied(step) => step.until,
            _ => None,
        }
    }
}
