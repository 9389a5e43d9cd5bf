//! The state of a message at 空電プッシュ.

use std::{fmt, time::SystemTime};

use serde::Deserialize;

use crate::{
    invalid::{Found, Invalid, Rule},
    out_of_range,
    text_type::text_type,
    time,
    wire::{self, open_enum},
};

/// The id of a message. Not secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// Checks an id from Karaden: 1 to 128 printable ASCII characters without spaces.
    ///
    /// # Errors
    ///
    /// [`Rule::NotEmpty`], [`Rule::AtMost`] or [`Rule::SafeCharacters`] on field `messageId`.
    pub fn new(id: &str) -> Result<Self, Invalid> {
        let id = id.trim();
        let refuse = |rule, found| Err(Invalid::new("messageId", rule, found));
        match id.len() {
            0 => refuse(Rule::NotEmpty, Found::Empty),
            _ if !id.bytes().all(|b| b.is_ascii_graphic()) => {
                refuse(Rule::SafeCharacters, Found::ForeignCharacter)
            }
            length if length > 128 => refuse(Rule::AtMost(128), Found::Units(length)),
            _ => Ok(Self(id.to_owned())),
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_type!(MessageId);

open_enum! {
    /// The state between the service and the carrier (`messagestatus`).
    MessageStatus {
        /// Accepted, not sent yet.
        Accepted = "0",
        /// Sent to the carrier. See [`ResultStatus`] for the result.
        Sent = "1",
        /// Sending failed. It was not delivered.
        Error = "2",
        /// Blocked by the number-history check: the number was reassigned since the consent.
        ChangedHands = "3",
        /// Unknown; it may have reached the user.
        Unknown = "9",
    }
}

open_enum! {
    /// The state between the carrier and the handset (`resultstatus`).
    ResultStatus {
        /// No result yet.
        None = "0",
        /// It arrived.
        Received = "1",
        /// The handset is off or out of range. The message may still arrive, see
        /// [`MessageReport::is_final`].
        OutOfRange = "2",
        /// It could not be delivered.
        Error = "3",
        /// Unknown. The code differs between contracts.
        Unknown = "4" | "99",
    }
}

open_enum! {
    /// The carrier of the number (`carrier`).
    Carrier {
        /// NTT docomo.
        Docomo = "1",
        /// SoftBank.
        Softbank = "2",
        /// au.
        Au = "3",
        /// The optional carrier of the contract.
        Option = "4",
        /// Being determined.
        Checking = "5",
    }
}

/// The state of a message. `Debug` hides the text.
///
/// The number of parts is in [`Accepted::parts`](super::Accepted::parts): the service does not repeat it.
/// With the feature `serde`, `text` is left out, so that stored and shown reports hold no personal data by
/// accident. Instants are texts of RFC 3339.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MessageReport {
    /// The state between the service and the carrier.
    pub message_status: Option<MessageStatus>,
    /// The state between the carrier and the handset.
    pub result_status: Option<ResultStatus>,
    /// The carrier. Sometimes absent while the message is processed.
    pub carrier: Option<Carrier>,
    /// When it was sent.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub sent_at: Option<SystemTime>,
    /// How often the short URLs in it were opened.
    pub clicks: Option<i64>,
    /// The text as sent, after URLs were shortened. Personal data.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub text: Option<String>,
}

impl MessageReport {
    /// Returns whether nothing more is expected at `now`.
    ///
    /// *Out of range* is open until [`open_until`](Self::open_until): the carrier may reach the handset
    /// later. At that instant itself the state is final.
    pub fn is_final(&self, now: SystemTime) -> bool {
        match (&self.message_status, &self.result_status) {
            (
                Some(MessageStatus::Error | MessageStatus::ChangedHands | MessageStatus::Unknown),
                _,
            ) => true,
            (Some(MessageStatus::Accepted), _) => false,
            (_, Some(ResultStatus::OutOfRange)) => !out_of_range::is_open(self.open_until(), now),
            (_, result) => matches!(
                result,
                Some(ResultStatus::Received | ResultStatus::Error | ResultStatus::Unknown)
            ),
        }
    }

    /// Returns until when a message that is [`OutOfRange`](ResultStatus::OutOfRange) may still arrive:
    /// [`OUT_OF_RANGE_WINDOW`](crate::OUT_OF_RANGE_WINDOW) after `sent_at`. This API has no `limited_at`.
    ///
    /// `None` if the service does not state `sent_at`. Then the message stays open.
    pub fn open_until(&self) -> Option<SystemTime> {
        out_of_range::open_until(None, self.sent_at)
    }

    /// Returns whether the number-history check (携帯電話履歴判定) stopped the message: the number was
    /// reassigned to another person since the consent. The message was not sent.
    ///
    /// Only a message [with a permit date](super::NewMessage::with_permit_date) is checked.
    pub fn is_changed_hands(&self) -> bool {
        self.message_status == Some(MessageStatus::ChangedHands)
    }

    /// Returns whether the message arrived at the handset.
    pub fn is_received(&self) -> bool {
        self.result_status == Some(ResultStatus::Received)
    }
}

impl fmt::Debug for MessageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReport")
            .field("message_status", &self.message_status)
            .field("result_status", &self.result_status)
            .field("carrier", &self.carrier)
            .field("sent_at", &self.sent_at)
            .field("clicks", &self.clicks)
            .finish_non_exhaustive()
    }
}

/// One message found by its tracking code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Tracked {
    /// The id.
    pub message_id: MessageId,
    /// The state.
    pub report: MessageReport,
}

/// [`MessageReport`] in a response, and an element of the list by tracking code.
#[derive(Deserialize)]
pub(super) struct WireReport {
    #[serde(default, rename = "messageId", deserialize_with = "wire::text")]
    message_id: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    messagestatus: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    resultstatus: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    senddate: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    carrier: Option<String>,
    #[serde(default, deserialize_with = "wire::number")]
    click: Option<i64>,
    #[serde(default, rename = "docomoMessage", deserialize_with = "wire::text")]
    docomo: Option<String>,
    #[serde(default, rename = "softbankMessage", deserialize_with = "wire::text")]
    softbank: Option<String>,
    #[serde(default, rename = "auMessage", deserialize_with = "wire::text")]
    au: Option<String>,
    #[serde(default, rename = "optionMessage", deserialize_with = "wire::text")]
    option: Option<String>,
    #[serde(default, rename = "rakutenMessage", deserialize_with = "wire::text")]
    rakuten: Option<String>,
}

/// Returns a code without spaces and leading zeros, which contracts may add. Empty is absent.
fn code(text: Option<&String>) -> Option<&str> {
    let text = text?.trim();
    let short = text.trim_start_matches('0');
    match (text.is_empty(), short.is_empty()) {
        (true, _) => None,
        (false, true) => Some("0"),
        (false, false) => Some(short),
    }
}

impl WireReport {
    pub(super) fn into_report(self) -> MessageReport {
        let carrier = code(self.carrier.as_ref()).map(Carrier::from);
        MessageReport {
            message_status: code(self.messagestatus.as_ref()).map(MessageStatus::from),
            result_status: code(self.resultstatus.as_ref()).map(ResultStatus::from),
            sent_at: self.senddate.as_deref().and_then(time::parse_japanese),
            clicks: self.click,
            text: self.text_for(carrier.as_ref()),
            carrier,
        }
    }

    pub(super) fn into_tracked(self) -> Option<Tracked> {
        let message_id = MessageId::new(self.message_id.as_deref()?).ok()?;
        Some(Tracked { message_id, report: self.into_report() })
    }

    /// Returns the text of the carrier, or any other text if it has none.
    fn text_for(&self, carrier: Option<&Carrier>) -> Option<String> {
        let own = match carrier {
            Some(Carrier::Docomo) => &self.docomo,
            Some(Carrier::Softbank) => &self.softbank,
            Some(Carrier::Au) => &self.au,
            Some(Carrier::Option) => &self.option,
            // Rakuten's code is not public. It differs from the public ones.
            Some(Carrier::Other(_)) => &self.rakuten,
            Some(Carrier::Checking) | None => &None,
        };
        [own, &self.docomo, &self.softbank, &self.au, &self.option, &self.rakuten]
            .into_iter()
            .flatten()
            .find(|text| !text.is_empty())
            .cloned()
    }
}
