//! Why Karaden refused a request.

use std::time::Duration;

use crate::error_kind::ErrorKind;

/// Karaden's reason for refusing a request. A refused message was not sent.
///
/// [`ErrorKind`] says what kind of failure any call met. A reason says more, and only about a refusal:
/// [`Error::refusal`](crate::Error::refusal) has one if Karaden itself refused the request. Each reason
/// [belongs to](Self::error_kind) one kind. The reverse does not hold. An HTTP status without an error
/// object of the API, such as a 403 page of a proxy, has a kind but no reason. So branch on the reason
/// where you handle refusals, and on the kind everywhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The token, access key or security code is wrong.
    Unauthenticated,
    /// Not permitted for this plan, project or address.
    Forbidden,
    /// The tenant id is wrong.
    InvalidTenant,
    /// The `Karaden-Version` is missing or not released.
    InvalidVersion,
    /// The object, such as the service setting, does not exist or belongs to another project.
    NotFound,
    /// One or more fields are invalid; these are their names.
    Validation(Vec<String>),
    /// The phone number is missing or invalid.
    InvalidNumber,
    /// The number or its country is restricted, for example because it is not on the send list.
    Restricted,
    /// The tracking code is invalid.
    InvalidTrackingCode,
    /// The message id is invalid or unknown.
    InvalidMessageId,
    /// The profile may not send long texts in parts.
    SplitNotEnabled,
    /// The text is missing or too long, or the text for a carrier is missing.
    InvalidText,
    /// The message can no longer be cancelled. That is possible until five minutes before
    /// `scheduled_at`.
    NotCancellable,
    /// The object was already used.
    Conflict,
    /// Too many requests, with the wait that the server asked for.
    RateLimited(Option<Duration>),
    /// Another refusal, with Karaden's code where it looks like one.
    Other(Option<String>),
}

impl RefusalReason {
    /// Returns whether the same request may succeed later without a change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited(_))
    }

    /// Returns whether the cause is the account or the configuration, so that every message fails.
    pub fn is_account_problem(&self) -> bool {
        matches!(
            self,
            Self::Unauthenticated
                | Self::Forbidden
                | Self::InvalidTenant
                | Self::InvalidVersion
                | Self::NotFound
                | Self::SplitNotEnabled
        )
    }

    /// Returns the kind of the [`Error`](crate::Error) of a call that was refused for this reason.
    pub fn error_kind(&self) -> ErrorKind {
        match self {
            Self::Unauthenticated => ErrorKind::Unauthenticated,
            Self::Forbidden | Self::SplitNotEnabled => ErrorKind::Forbidden,
            Self::NotFound | Self::InvalidMessageId => ErrorKind::NotFound,
            Self::Conflict => ErrorKind::Conflict,
            Self::RateLimited(_) => ErrorKind::RateLimited,
            Self::InvalidTenant
            | Self::InvalidVersion
            | Self::Validation(_)
            | Self::InvalidNumber
            | Self::Restricted
            | Self::InvalidTrackingCode
            | Self::InvalidText
            | Self::NotCancellable
            | Self::Other(_) => ErrorKind::Refused,
        }
    }

    /// Returns what an operator may check if the request itself seems right: a fixed phrase.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::InvalidText => Some(
                "if the text is valid, the contract may want other carrier fields: \
                 see push::ClientBuilder::with_carrier_fields",
            ),
            Self::InvalidTrackingCode => Some(
                "the contract may take only eight digits, or no tracking code at all: \
                 see push::NewMessage::without_tracking_code",
            ),
            _ => None,
        }
    }

    /// Returns a stable word for logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::InvalidTenant => "invalid_tenant",
            Self::InvalidVersion => "invalid_version",
            Self::NotFound => "not_found",
            Self::Validation(_) => "validation",
            Self::InvalidNumber => "invalid_number",
            Self::Restricted => "restricted",
            Self::InvalidTrackingCode => "invalid_tracking_code",
            Self::InvalidMessageId => "invalid_message_id",
            Self::SplitNotEnabled => "split_not_enabled",
            Self::InvalidText => "invalid_text",
            Self::NotCancellable => "not_cancellable",
            Self::Conflict => "conflict",
            Self::RateLimited(_) => "rate_limited",
            Self::Other(_) => "other",
        }
    }
}
