//! What a host shows or does next.

use std::time::SystemTime;

use auth_module::{Destination, PendingToken, Session, SessionToken};
use mfa_plugin_api::{FactorId, Message, Prompt};

/// The state of a login after a call: everything that a host needs for its response.
///
/// [`LoginStep::class`] returns the class from which a status code follows.
#[derive(Debug)]
pub enum LoginStep {
    /// Show this prompt.
    Prompt(PromptStep),
    /// Every factor is satisfied: set the session cookie, delete the pending one, redirect.
    Finished(Finished),
    /// Name and password were not accepted. No login is pending.
    Rejected(RejectedReason),
    /// Begin again at the login page, and delete the pending cookie.
    Restart(RestartReason),
    /// The factor cannot be used now. The login stays open; [`RETRY`](crate::RETRY) begins the factor again.
    Unavailable(UnavailableStep),
    /// The user may not continue with this factor.
    Denied(DeniedStep),
    /// A fault, already logged. The login did not change.
    Failed(Failure),
}

/// What kind of fault ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A defect or corrupt data: an operator has to look.
    Internal,
    /// A store, a directory or a plugin did not respond in time. A later attempt may succeed.
    Outage,
}

/// The class of a step. Hosts map it to a status code by a `match` without `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepClass {
    /// A page to fill in, without a rejection: 200.
    Asked,
    /// A rejected submission: 422 (wrong or malformed value) or 401 (wrong password).
    Refused,
    /// Too soon or too often: 429 with `Retry-After`.
    TooMany,
    /// The user may not continue: 403.
    Denied,
    /// A service does not respond: 503.
    Unavailable,
    /// Every factor is satisfied: 303 to where the user wanted to go.
    Finished,
    /// Back to the login page: 303.
    Restart,
    /// An internal fault: 500.
    Failed,
}

/// The login that a step belongs to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pending {
    /// The token for the pending-login cookie; `None` if the browser's cookie stays valid.
    pub new_token: Option<PendingToken>,
    /// When the login expires.
    pub expires_at: SystemTime,
    /// The current factor.
    pub factor: FactorId,
}

/// A prompt to show.
#[derive(Debug)]
#[non_exhaustive]
pub struct PromptStep {
    /// The login and its factor.
    pub pending: Pending,
    /// What to ask the user.
    pub prompt: Prompt,
    /// Whether [`watch`](crate::Controller::watch) may return news while the page is open.
    pub has_live_status: bool,
}

/// A login with every factor satisfied.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// The token for the session cookie: new with every rise in assurance.
    pub session_token: SessionToken,
    /// The session that was opened.
    pub session: Session,
    /// Where the user wanted to go, as the host passed it in.
    pub destination: Destination,
}

/// A factor that cannot be used now.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnavailableStep {
    /// The login and its factor.
    pub pending: Pending,
    /// What to tell the user.
    pub message: Message,
    /// From when on the factor may work again, if that is known.
    pub retry_at: Option<SystemTime>,
}

/// A factor that the user may not continue with.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeniedStep {
    /// The login and its factor.
    pub pending: Pending,
    /// What to tell the user.
    pub message: Message,
    /// When the denial ends; `None` if waiting does not end it.
    pub until: Option<SystemTime>,
}

/// Why name and password were not accepted. Does not reveal to strangers whether the account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectedReason {
    /// Too many passwords wait to be verified.
    Busy,
    /// Name or password wrong, account unknown or disabled.
    Credentials,
    /// The password is right, but has to be changed in the directory first. Only the right password leads here.
    MustChange,
    /// Too many failures. No attempt is accepted before `until`.
    Throttled {
        /// When the next attempt is accepted.
        until: SystemTime,
    },
}

/// Why a login has to begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartReason {
    /// The user cancelled.
    Cancelled,
    /// The login has expired, is completed, was ended elsewhere, or never existed. If the browser has a
    /// session, the host continues with it.
    Ended,
    /// The policy needs a fresh password, which only the login page can accept.
    PasswordNeeded,
}

impl LoginStep {
    /// Returns the class, for the status code.
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
            Self::Denied(_) | Self::Rejected(RejectedReason::MustChange) => StepClass::Denied,
            Self::Failed(Failure::Internal) => StepClass::Failed,
        }
    }

    /// Returns when another attempt makes sense, for `Retry-After`.
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
