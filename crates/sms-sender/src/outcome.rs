//! How a send ends, and what a look-up finds.

use std::{error::Error as StdError, fmt, time::Duration};

/// How a send ended that got a clear answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The provider has the message.
    Accepted(Accepted),
    /// The provider said no; the message is surely not sent.
    Refused(RefusedReason),
}

/// What the provider says of a message it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The provider's own id of the message.
    pub id: Option<String>,
    /// How many messages it will bill for this one, if it told.
    pub charged_count: Option<u32>,
}

impl Accepted {
    /// Accepted under the provider's `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), charged_count: None }
    }

    /// The same with the number of messages that will be billed.
    #[must_use]
    pub fn with_charged_count(mut self, count: u32) -> Self {
        self.charged_count = Some(count);
        self
    }
}

/// Why a provider refused a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedReason {
    /// Our account there: credentials, plan, rights. An operator has to look; another provider helps.
    Account,
    /// The text or another part of the request that we made. An operator has to look.
    Message,
    /// The number: invalid, barred, or of another owner. Another provider would only repeat it.
    Number,
}

impl RefusedReason {
    /// A word for logs and the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Message => "message",
            Self::Number => "number",
        }
    }
}

/// A send without a clear answer.
#[derive(Debug)]
pub struct SendError {
    is_not_sent: bool,
    retry_after: Option<Duration>,
    source: Box<dyn StdError + Send + Sync>,
}

impl SendError {
    /// The message surely never reached the provider.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { is_not_sent: true, retry_after: None, source: source.into() }
    }

    /// The message may have reached the provider.
    pub fn unknown(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { is_not_sent: false, retry_after: None, source: source.into() }
    }

    /// The same error with how long the provider asks to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Whether the message surely was not sent. If not, it must never be sent again blindly.
    pub fn is_not_sent(&self) -> bool {
        self.is_not_sent
    }

    /// How long the provider asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_not_sent {
            "the message was not sent"
        } else {
            "it is unknown whether the message was sent"
        })
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// What the provider knows of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp {
    /// It has no message of this reference. A request may still be on its way to it.
    Absent,
    /// It has the message.
    Present(DeliveryStatus),
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// No result yet.
    Pending,
    /// It arrived on the phone.
    Delivered,
    /// The phone is off or out of range.
    OutOfRange,
    /// It will not arrive.
    Failed,
    /// The provider itself does not know.
    Unknown,
}

/// The provider did not tell what became of a message.
#[derive(Debug, thiserror::Error)]
#[error("the provider does not say what became of the message")]
pub struct LookUpError(#[source] Box<dyn StdError + Send + Sync>);

impl LookUpError {
    /// The look-up failed because of `source`.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
