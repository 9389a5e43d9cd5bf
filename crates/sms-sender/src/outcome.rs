//! How a send ends, and what a look-up finds.

use std::{error::Error as StdError, fmt, time::Duration};

use otp_core::DeliveryStatus;

/// The outcome of a send to which the provider responded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsOutcome {
    /// The provider has the message.
    Accepted(SmsAccepted),
    /// The provider refused the message. It was not sent.
    Refused(RefusedReason),
}

/// What the provider said about a message that it accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmsAccepted {
    /// The provider's own id of the message.
    pub id: Option<String>,
    /// The number of messages that it bills for this one, if it said so.
    pub charged_count: Option<u32>,
}

impl SmsAccepted {
    /// Creates the outcome for a message with the provider's `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), charged_count: None }
    }

    /// Sets the number of messages that the provider bills.
    #[must_use]
    pub fn with_charged_count(mut self, count: u32) -> Self {
        self.charged_count = Some(count);
        self
    }
}

/// Why a provider refused a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedReason {
    /// Our account with the provider: credentials, plan, rights. An operator has to act. Another provider
    /// can send the message.
    Account,
    /// The text or another part of the request. An operator has to act.
    Message,
    /// The number: invalid, barred, or with another owner. Another provider would refuse it too.
    Number,
}

impl RefusedReason {
    /// Returns the reason as one word, for logs and the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Message => "message",
            Self::Number => "number",
        }
    }
}

/// A send that the provider neither accepted nor refused.
#[derive(Debug)]
pub struct SmsError {
    is_not_sent: bool,
    retry_after: Option<Duration>,
    source: Box<dyn StdError + Send + Sync>,
}

impl SmsError {
    /// Creates the error for a message that was not sent.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { is_not_sent: true, retry_after: None, source: source.into() }
    }

    /// Creates the error for a message that may have been sent.
    pub fn unknown(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { is_not_sent: false, retry_after: None, source: source.into() }
    }

    /// Sets how long the provider asks callers to wait.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Whether the message was definitely not sent. If false, look it up and do not send it again.
    pub fn is_not_sent(&self) -> bool {
        self.is_not_sent
    }

    /// Returns how long the provider asks callers to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for SmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_not_sent {
            "the message was not sent"
        } else {
            "it is unknown whether the message was sent"
        })
    }
}

impl StdError for SmsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// What a look-up found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp {
    /// The provider has no message with this reference. A request may still be on its way.
    Absent,
    /// The provider has the message.
    Present(DeliveryStatus),
}

/// A look-up failed: the provider did not say whether it has the message.
#[derive(Debug, thiserror::Error)]
#[error("the provider did not say whether it has the message")]
pub struct LookUpError(#[source] Box<dyn StdError + Send + Sync>);

impl LookUpError {
    /// Creates the error with its cause. `source` must contain neither the number nor the text.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
