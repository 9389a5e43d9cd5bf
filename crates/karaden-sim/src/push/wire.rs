//! How the API writes values: strings all of them, or numbers by a quirk.

use http::StatusCode;
use serde::{Serialize, Serializer};

use super::status::Status;
use crate::{
    body::{Reply, json_of},
    config::{Quirks, UnknownCode},
    time::Instant,
    world::{Carrier, Message, Outcome, Stage},
};

/// A number as the API writes it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// An empty string: there is none.
    Empty,
    /// A JSON number, by the quirk `push_numbers`.
    Json(u64),
    /// A string of digits.
    Text(u64),
}

impl Number {
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

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => to.serialize_str(""),
            Self::Json(value) => to.serialize_u64(*value),
            Self::Text(value) => to.collect_str(value),
        }
    }
}

/// A reply of a status, and of a text that the API does not have, as a careless server might add.
#[derive(Serialize)]
struct Bare<'a> {
    status: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// A reply of nothing but a status.
pub(crate) fn bare(status: Status, quirks: &Quirks) -> Reply {
    let status = Number::status(status, quirks);
    json_of(StatusCode::OK, &Bare { status, message: None })
}

/// A status with a text that the API does not have, as a careless server might add.
pub(crate) fn saying(status: Status, text: &str, quirks: &Quirks) -> Reply {
    let status = Number::status(status, quirks);
    json_of(StatusCode::OK, &Bare { status, message: Some(text) })
}

/// The state of a message, as both inquiries tell it.
#[derive(Debug, Serialize)]
pub(super) struct State<'a> {
    messagestatus: Number,
    resultstatus: Number,
    senddate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<Number>,
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
    click: Number,
}

impl<'a> State<'a> {
    pub(super) fn new(message: &'a Message, quirks: &Quirks, now: Instant) -> Self {
        let stage = message.stage(now);
        let result = result_status(stage, quirks.push_unknown);
        let sent_at = message.sent_at(now);
        Self {
            messagestatus: Number::new(message_status(stage), quirks),
            resultstatus: if result == 0 && quirks.push_empty_result {
                Number::Empty
            } else {
                Number::new(result, quirks)
            },
            senddate: sent_at.map(Instant::slashed).unwrap_or_default(),
            carrier: (!quirks.push_no_carrier).then(|| carrier(message, stage, quirks, now)),
            docomo_message: message.request.texts.given(Carrier::Docomo),
            softbank_message: message.request.texts.given(Carrier::Softbank),
            au_message: message.request.texts.given(Carrier::Au),
            option_message: message.request.texts.given(Carrier::Option),
            rakuten_message: message.request.texts.given(Carrier::Rakuten),
            click: Number::new(u64::from(message.clicks), quirks),
        }
    }
}

fn carrier(message: &Message, stage: Stage, quirks: &Quirks, now: Instant) -> Number {
    let is_found = now >= message.plan.carrier_at;
    match (stage, message.sent_at(now)) {
        (Stage::Sent, _) if !is_found && quirks.push_empty_carrier => Number::Empty,
        (Stage::Sent, _) if !is_found => Number::new(BEING_DETERMINED, quirks),
        (Stage::Waiting, _) => Number::new(BEING_DETERMINED, quirks),
        (_, Some(_)) => Number::new(carrier_code(message.carrier), quirks),
        (_, None) => Number::Empty,
    }
}

/// `messagestatus`, from the service to the carrier.
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

/// `resultstatus`, from the carrier to the handset.
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

/// The `carrier` of a message while it is not known who serves the number.
const BEING_DETERMINED: u64 = 5;

/// `carrier`. The code of Rakuten is not public: 6 is our choice.
const fn carrier_code(carrier: Carrier) -> u64 {
    match carrier {
        Carrier::Docomo => 1,
        Carrier::Softbank => 2,
        Carrier::Au => 3,
        Carrier::Option => 4,
        Carrier::Rakuten => 6,
    }
}
