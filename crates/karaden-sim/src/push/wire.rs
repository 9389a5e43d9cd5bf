//! How the API writes values: all are strings; a quirk turns codes and counts into numbers.

use http::StatusCode;
use serde::{Serialize, Serializer};

use super::status::Status;
use crate::{
    body::{Reply, json_of},
    config::{Quirks, UnknownCode},
    time::Instant,
    world::{Carrier, Message, Outcome, Stage},
};

/// A code or a count.
#[derive(Clone, Copy, Debug)]
pub(super) enum WireNumber {
    /// An empty string: there is no value.
    Empty,
    /// A JSON number: the quirk `push_numbers`.
    Json(u64),
    /// A string of digits.
    Text(u64),
}

impl WireNumber {
    pub(super) fn new(value: u64, quirks: &Quirks) -> Self {
        if quirks.push_numbers { Self::Json(value) } else { Self::Text(value) }
    }

    pub(super) fn status(status: Status, quirks: &Quirks) -> Self {
        Self::new(status as u64, quirks)
    }

    pub(super) fn count(count: usize, quirks: &Quirks) -> Self {
        Self::new(count as u64, quirks)
    }
}

impl Serialize for WireNumber {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => to.serialize_str(""),
            Self::Json(value) => to.serialize_u64(*value),
            Self::Text(value) => to.collect_str(value),
        }
    }
}

/// A response with a status, and optionally a text. The API does not document the text.
#[derive(Serialize)]
struct StatusResponse<'a> {
    status: WireNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// Makes a response with nothing but a status.
pub(crate) fn status_reply(status: Status, quirks: &Quirks) -> Reply {
    let status = WireNumber::status(status, quirks);
    json_of(StatusCode::OK, &StatusResponse { status, message: None })
}

/// Makes a response with a status and a text that the API does not document.
pub(crate) fn status_reply_with_text(status: Status, text: &str, quirks: &Quirks) -> Reply {
    let status = WireNumber::status(status, quirks);
    json_of(StatusCode::OK, &StatusResponse { status, message: Some(text) })
}

/// The state of a message in the responses of both inquiries.
#[derive(Debug, Serialize)]
pub(super) struct MessageState<'a> {
    messagestatus: WireNumber,
    resultstatus: WireNumber,
    senddate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<WireNumber>,
    #[serde(rename = "docomoMessage")]
    docomo_message: &'a str,
    #[serde(rename = "softbankMessage")]
    softbank_message: &'a str,
    #[serde(rename = "auMessage")]
    au_message: &'a str,
    #[serde(rename = "optionMessage")]
    option_message: &'a str,
    #[serde(rename = "rakutenMessage")]
    rakuten_message: &'a str,
    click: WireNumber,
}

impl<'a> MessageState<'a> {
    pub(super) fn new(message: &'a Message, quirks: &Quirks, now: Instant) -> Self {
        let stage = message.stage(now);
        let result = result_status(stage, quirks.push_unknown);
        let sent_at = message.sent_at(now);
        Self {
            messagestatus: WireNumber::new(message_status(stage), quirks),
            resultstatus: if result == 0 && quirks.push_empty_result {
                WireNumber::Empty
            } else {
                WireNumber::new(result, quirks)
            },
            senddate: sent_at.map(Instant::slashed).unwrap_or_default(),
            carrier: (!quirks.push_no_carrier).then(|| carrier(message, stage, quirks, now)),
            docomo_message: message.request.texts.given(Carrier::Docomo),
            softbank_message: message.request.texts.given(Carrier::Softbank),
            au_message: message.request.texts.given(Carrier::Au),
            option_message: message.request.texts.given(Carrier::Option),
            rakuten_message: message.request.texts.given(Carrier::Rakuten),
            click: WireNumber::new(u64::from(message.clicks), quirks),
        }
    }
}

fn carrier(message: &Message, stage: Stage, quirks: &Quirks, now: Instant) -> WireNumber {
    let is_determined = now >= message.plan.carrier_known_at;
    match (stage, message.sent_at(now)) {
        (Stage::Sent, _) if !is_determined && quirks.push_empty_carrier => WireNumber::Empty,
        (Stage::Sent, _) if !is_determined => WireNumber::new(BEING_DETERMINED, quirks),
        (Stage::Waiting, _) => WireNumber::new(BEING_DETERMINED, quirks),
        (_, Some(_)) => WireNumber::new(carrier_code(message.carrier), quirks),
        (_, None) => WireNumber::Empty,
    }
}

/// Returns `messagestatus`: the state between service and carrier.
const fn message_status(stage: Stage) -> u64 {
    match stage {
        Stage::Waiting => 0,
        Stage::Sent => 1,
        Stage::Canceled => 2,
        Stage::Final(outcome) => match outcome {
            Outcome::SendError | Outcome::Expired => 2,
            Outcome::HistoryMismatch => 3,
            Outcome::Uncertain => 9,
            _ => 1,
        },
    }
}

/// Returns `resultstatus`: the state between carrier and handset.
const fn result_status(stage: Stage, unknown: UnknownCode) -> u64 {
    match stage {
        Stage::Final(Outcome::Received) => 1,
        Stage::Final(Outcome::OutOfRange | Outcome::LateReceived) => 2,
        Stage::Final(Outcome::Error) => 3,
        Stage::Final(Outcome::Unknown) => match unknown {
            UnknownCode::Four => 4,
            UnknownCode::NinetyNine => 99,
        },
        _ => 0,
    }
}

/// `carrier` while the service determines the carrier of the number.
const BEING_DETERMINED: u64 = 5;

/// Returns `carrier`. The codes of Rakuten and of carriers abroad are not public; 6 and 7 are our choice.
const fn carrier_code(carrier: Carrier) -> u64 {
    match carrier {
        Carrier::Docomo => 1,
        Carrier::Softbank => 2,
        Carrier::Au => 3,
        Carrier::Option => 4,
        Carrier::Rakuten => 6,
        Carrier::International => 7,
    }
}
