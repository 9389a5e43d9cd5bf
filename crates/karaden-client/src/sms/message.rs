//! A message at Karaden.

use std::{borrow::Cow, fmt, time::SystemTime};

use serde::Deserialize;

use super::response::{LooseProblem, RowError};
use crate::{
    engine,
    invalid::Invalid,
    out_of_range, redact,
    text_type::text_type,
    time,
    wire::{self, open_enum},
};

/// The id of a message. Not secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// Checks an id from Karaden: 1 to 64 letters, digits, `-` or `_`.
    ///
    /// # Errors
    ///
    /// [`Rule::NotEmpty`](crate::Rule::NotEmpty), [`Rule::AtMost`](crate::Rule::AtMost) or
    /// [`Rule::SafeCharacters`](crate::Rule::SafeCharacters) on field `id`.
    pub fn new(id: &str) -> Result<Self, Invalid> {
        engine::path_part("id", id).map(Self)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_type!(MessageId);

open_enum! {
    /// The progress of a message (`result`).
    MessageResult {
        /// Everything is done.
        Done = "done",
        /// Still being processed.
        Processing = "processing",
    }
}

open_enum! {
    /// The state of sending (`status`).
    Status {
        /// Handed to the carrier.
        Done = "done",
        /// Waiting for `scheduled_at`, or in the queue.
        Waiting = "waiting",
        /// Sending failed.
        Error = "error",
        /// Cancelled before it was sent.
        Canceled = "canceled",
        /// A row of a bulk send that could not be processed.
        ProcessingError = "processing_error",
    }
}

open_enum! {
    /// What the carrier reported (`sent_result`).
    SentResult {
        /// Nothing yet.
        None = "none",
        /// It arrived at the handset.
        Received = "received",
        /// The handset was off or out of range. The message may still arrive, see [`Message::is_final`].
        Unconnected = "unconnected",
        /// The carrier reported an error.
        Error = "error",
        /// The carrier does not know.
        Unknown = "unknown",
    }
}

open_enum! {
    /// The carrier of the number (`carrier`).
    Carrier {
        /// NTT docomo.
        Docomo = "docomo",
        /// SoftBank.
        Softbank = "softbank",
        /// au.
        Au = "au",
        /// Rakuten Mobile.
        Rakuten = "rakuten",
        /// Being determined.
        Checking = "checking",
        /// Not known.
        Unknown = "unknown",
        /// The optional carrier of the contract.
        Option = "option",
        /// Abroad.
        International = "international",
    }
}

/// A message at Karaden. `Debug` hides number and text.
///
/// With the feature `serde`, `to` and `body` are left out, so that stored and shown messages hold no
/// personal data by accident. A program that needs them serialises the two fields itself. Instants are
/// texts of RFC 3339.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Message {
    /// The id.
    pub id: MessageId,
    /// The service setting it was sent with.
    pub service_id: Option<i64>,
    /// The billing address.
    pub billing_address_id: Option<i64>,
    /// The number. Personal data.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub to: Option<String>,
    /// The text. Personal data.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub body: Option<String>,
    /// The tags given at sending.
    pub tags: Vec<String>,
    /// Whether URLs are shortened.
    pub is_shorten: Option<bool>,
    /// Whether a short URL was opened; from version 2023-12-01.
    pub is_shorten_clicked: Option<bool>,
    /// The progress.
    pub result: Option<MessageResult>,
    /// The state of sending.
    pub status: Option<Status>,
    /// What the carrier reported.
    pub sent_result: Option<SentResult>,
    /// The carrier.
    pub carrier: Option<Carrier>,
    /// The number of parts that are billed for this message.
    pub charged_count_per_sent: Option<i64>,
    /// Why a row of a bulk send failed; from version 2024-03-01.
    pub error: Option<RowError>,
    /// When it is to be sent, if it was reserved.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub scheduled_at: Option<SystemTime>,
    /// The last instant for sending it.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub limited_at: Option<SystemTime>,
    /// When it was sent.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub sent_at: Option<SystemTime>,
    /// When it arrived.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub received_at: Option<SystemTime>,
    /// When it was billed.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub charged_at: Option<SystemTime>,
    /// When Karaden accepted it.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub created_at: Option<SystemTime>,
    /// When Karaden last changed it.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub updated_at: Option<SystemTime>,
}

impl Message {
    /// Returns whether nothing more is expected at `now`.
    ///
    /// Final are: received, an error of the carrier, sending that failed or was cancelled, and everything
    /// that Karaden reports as done. [`Unconnected`](SentResult::Unconnected) alone is open until
    /// [`open_until`](Self::open_until): the carrier could not reach the handset, and may reach it later.
    /// At that instant itself the state is final.
    pub fn is_final(&self, now: SystemTime) -> bool {
        let stopped =
            matches!(self.status, Some(Status::Error | Status::Canceled | Status::ProcessingError));
        let reported = matches!(self.sent_result, Some(SentResult::Received | SentResult::Error));
        let is_done = self.result == Some(MessageResult::Done);
        let may_arrive = self.sent_result == Some(SentResult::Unconnected)
            && out_of_range::is_open(self.open_until(), now);
        stopped || reported || (is_done && !may_arrive)
    }

    /// Returns until when a message that is [`Unconnected`](SentResult::Unconnected) may still arrive:
    /// `limited_at`, or else [`OUT_OF_RANGE_WINDOW`](crate::OUT_OF_RANGE_WINDOW) after `sent_at` or, if
    /// that is absent, after `created_at`.
    ///
    /// `None` if Karaden states none of these instants. Then the message stays open.
    pub fn open_until(&self) -> Option<SystemTime> {
        out_of_range::open_until(self.limited_at, self.sent_at.or(self.created_at))
    }

    /// Returns whether the message arrived at the handset.
    pub fn is_received(&self) -> bool {
        self.sent_result == Some(SentResult::Received)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("to", &self.to.as_deref().map(redact::phone))
            .field("result", &self.result)
            .field("status", &self.status)
            .field("sent_result", &self.sent_result)
            .field("carrier", &self.carrier)
            .field("charged_count_per_sent", &self.charged_count_per_sent)
            .finish_non_exhaustive()
    }
}

/// [`Message`] in a response.
#[derive(Deserialize)]
pub(super) struct WireMessage<'a> {
    #[serde(borrow, default, deserialize_with = "wire::word")]
    object: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    id: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "wire::number")]
    service_id: Option<i64>,
    #[serde(default, deserialize_with = "wire::number")]
    billing_address_id: Option<i64>,
    #[serde(default, deserialize_with = "wire::text")]
    to: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    body: Option<String>,
    #[serde(default, deserialize_with = "wire::texts")]
    tags: Vec<String>,
    #[serde(default, deserialize_with = "wire::flag")]
    is_shorten: Option<bool>,
    #[serde(default, deserialize_with = "wire::flag")]
    is_shorten_clicked: Option<bool>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    result: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    sent_result: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    carrier: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "wire::number")]
    charged_count_per_sent: Option<i64>,
    #[serde(default)]
    error: Option<LooseProblem>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    scheduled_at: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    limited_at: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    sent_at: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    received_at: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    charged_at: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    created_at: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "wire::word")]
    updated_at: Option<Cow<'a, str>>,
}

impl WireMessage<'_> {
    /// Returns why this row of a bulk send failed, whether or not it became a message.
    pub(super) fn row_error(&self) -> Option<RowError> {
        self.error.as_ref().and_then(LooseProblem::row_error)
    }

    /// Returns the message, if it is a message object with a usable id.
    pub(super) fn into_message(self) -> Option<Message> {
        if self.object.as_deref() != Some("message") {
            return None;
        }
        let at = |text: &Option<Cow<'_, str>>| text.as_deref().and_then(time::parse_iso);
        Some(Message {
            id: MessageId::new(self.id.as_deref()?).ok()?,
            error: self.row_error(),
            scheduled_at: at(&self.scheduled_at),
            limited_at: at(&self.limited_at),
            sent_at: at(&self.sent_at),
            received_at: at(&self.received_at),
            charged_at: at(&self.charged_at),
            created_at: at(&self.created_at),
            updated_at: at(&self.updated_at),
            service_id: self.service_id,
            billing_address_id: self.billing_address_id,
            to: self.to,
            body: self.body,
            tags: self.tags,
            is_shorten: self.is_shorten,
            is_shorten_clicked: self.is_shorten_clicked,
            result: wire::open(self.result.as_deref()),
            status: wire::open(self.status.as_deref()),
            sent_result: wire::open(self.sent_result.as_deref()),
            carrier: wire::open(self.carrier.as_deref()),
            charged_count_per_sent: self.charged_count_per_sent,
        })
    }
}
