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
    /// The carrier of the number, as the provider names it, if it said so.
    pub carrier: Option<String>,
    /// The number of parts that it bills, if it said so.
    pub parts: Option<u32>,
}

impl SmsAccepted {
    /// Creates the outcome for a message with the provider's `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..Self::default() }
    }

    /// Sets the carrier of the number.
    #[must_use]
    pub fn with_carrier(mut self, carrier: impl Into<String>) -> Self {
        self.carrier = Some(carrier.into());
        self
    }

    /// Sets the number of parts that the provider bills.
    #[must_use]
    pub fn with_parts(mut self, parts: u32) -> Self {
        self.parts = Some(parts);
        self
    }
}

/// Why a provider refused a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedReason {
    /// The account with the provider: credentials, plan, rights. An operator has to act. Another provider
    /// can send the message.
    Account,
    /// The number now belongs to another person. Another message to it does not help, by any provider.
    ChangedHands,
    /// The text or another part of the request. An operator has to act.
    Message,
    /// The number is invalid or barred. Another provider would refuse it too.
    Number,
}

impl RefusedReason {
    /// Returns the reason as one word, for logs and the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::ChangedHands => "changed_hands",
            Self::Message => "message",
            Self::Number => "number",
        }
    }
}

/// A send that the provider neither accepted nor refused.
#[derive(Debug)]
pub struct SmsError {
    kind: Kind,
    retry_after: Option<Duration>,
    source: Box<dyn StdError + Send + Sync>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NotSent,
    RateLimited,
    Unknown,
}

impl SmsError {
    /// Creates the error for a message that was not sent, because of a fault on the way to the provider or
    /// at the provider. `source` must contain neither the number nor the text.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: Kind::NotSent, retry_after: None, source: source.into() }
    }

    /// Creates the error for a message that was not sent because the provider limits the rate, such as with
    /// HTTP 429. The provider works: this says nothing about its health.
    pub fn rate_limited(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: Kind::RateLimited, ..Self::not_sent(source) }
    }

    /// Creates the error for a message that may have been sent.
    pub fn unknown(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: Kind::Unknown, ..Self::not_sent(source) }
    }

    /// Sets how long the provider asks callers to wait.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Whether the message was definitely not sent. If false, look it up and do not send it again.
    pub fn is_not_sent(&self) -> bool {
        self.kind != Kind::Unknown
    }

    /// Whether the provider limits the rate. Then the message was not sent.
    pub fn is_rate_limited(&self) -> bool {
        self.kind == Kind::RateLimited
    }

    /// Returns how long the provider asks callers to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for SmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::NotSent => "the message was not sent",
            Kind::RateLimited => "the message was not sent, because the provider limits the rate",
            Kind::Unknown => "it is unknown whether the message was sent",
        })
    }
}

impl StdError for SmsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// What a look-up found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The provider has no message with this reference. A request may still be on its way.
    Absent,
    /// The provider has the message.
    Present(SmsReport),
}

/// What the provider knows about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmsReport {
    /// The delivery status. [`DeliveryStatus::Pending`] also if the provider does not know it.
    pub status: DeliveryStatus,
    /// The carrier of the number, as the provider names it, if it said so.
    pub carrier: Option<String>,
    /// The number of parts that it bills, if it said so.
    pub parts: Option<u32>,
}

impl SmsReport {
    /// Creates a report of `status` alone.
    pub fn new(status: DeliveryStatus) -> Self {
        Self { status, carrier: None, parts: None }
    }

    /// Sets the carrier of the number.
    #[must_use]
    pub fn with_carrier(mut self, carrier: impl Into<String>) -> Self {
        self.carrier = Some(carrier.into());
        self
    }

    /// Sets the number of parts that the provider bills.
    #[must_use]
    pub fn with_parts(mut self, parts: u32) -> Self {
        self.parts = Some(parts);
        self
    }
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
