//! How the API writes values: strings all of them, or numbers by a quirk.

use super::Status;
use crate::{
    config::{Absent, Quirks, UnknownCode},
    json,
    time::Instant,
    world::{Carrier, Message, Outcome, Stage},
};

/// A JSON object in the manner of this API.
pub(crate) struct Object<'a> {
    inner: json::Object<'a>,
    numbers: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(out: &'a mut String, quirks: &Quirks) -> Self {
        Self { inner: json::Object::begin(out, Absent::Null), numbers: quirks.push_numbers }
    }

    pub(crate) fn end(self) {
        self.inner.end();
    }

    pub(crate) fn status(&mut self, status: Status) {
        self.number("status", status as u64);
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        if self.numbers {
            self.inner.raw(name, value);
        } else {
            self.inner.plain(name, value);
        }
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        self.inner.string(name, value);
    }

    pub(crate) fn key(&mut self, name: &str) -> &mut String {
        self.inner.key(name)
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

const CARRIERS_IN_ORDER: [(&str, Carrier); 5] = [
    ("docomoMessage", Carrier::Docomo),
    ("softbankMessage", Carrier::Softbank),
    ("auMessage", Carrier::Au),
    ("optionMessage", Carrier::Option),
    ("rakutenMessage", Carrier::Rakuten),
];

/// The state of a message, as both inquiries tell it.
pub(super) fn write_state(
    object: &mut Object<'_>,
    message: &Message,
    quirks: &Quirks,
    now: Instant,
) {
    let stage = message.stage(now);
    object.number("messagestatus", message_status(stage));
    let result = result_status(stage, quirks.push_unknown);
    if result == 0 && quirks.push_empty_result {
        object.string("resultstatus", "");
    } else {
        object.number("resultstatus", result);
    }
    let sent_at = message.sent_at(now);
    object.string("senddate", &sent_at.map(Instant::slashed).unwrap_or_default());
    if !quirks.push_no_carrier {
        let is_found = now >= message.plan.carrier_at;
        match (stage, sent_at) {
            (Stage::Sent, _) if !is_found && quirks.push_empty_carrier => {
                object.string("carrier", "");
            }
            (Stage::Sent, _) if !is_found => object.number("carrier", BEING_DETERMINED),
            (Stage::Waiting, _) => object.number("carrier", BEING_DETERMINED),
            (_, Some(_)) => object.number("carrier", carrier_code(message.carrier)),
            (_, None) => object.string("carrier", ""),
        }
    }
    for (name, carrier) in CARRIERS_IN_ORDER {
        object.string(name, message.texts.given(carrier));
    }
    object.number("click", u64::from(message.clicks));
}
