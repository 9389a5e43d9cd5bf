//! The message object in each version.

use http::StatusCode;
use serde::Serialize;

use super::{caller::Caller, error::ErrorObject, field::Field};
use crate::{
    body::{Reply, json_of},
    config::{Absent, Quirks},
    id::Id,
    time::{Instant, Iso},
    world::{Message, Outcome, Refused, Stage},
};

/// The message object. Fields that the version does not have are omitted.
#[derive(Debug, Serialize)]
pub(crate) struct MessageObject<'a> {
    id: Id,
    object: &'static str,
    service_id: u64,
    billing_address_id: u64,
    to: &'a str,
    body: &'a str,
    tags: &'a [Box<str>],
    is_shorten: bool,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    is_shorten_clicked: Field<bool>,
    #[serde(flatten)]
    progress: Progress<'a>,
}

/// The second half of the message object, which the callback object shares.
#[derive(Debug, Serialize)]
pub(super) struct Progress<'a> {
    #[serde(flatten)]
    state: State,
    carrier: &'static str,
    charged_count_per_sent: u16,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    error: Field<ErrorObject<'a>>,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    scheduled_at: Field<Iso>,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    limited_at: Field<Iso>,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    sent_at: Field<Iso>,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    received_at: Field<Iso>,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    charged_at: Field<Iso>,
    created_at: Iso,
    updated_at: Iso,
}

/// A page of messages.
#[derive(Debug, Serialize)]
pub(crate) struct MessageList<'a> {
    pub(crate) object: &'static str,
    pub(crate) has_more: bool,
    pub(crate) data: Vec<MessageObject<'a>>,
}

/// How messages are shown to a caller at an instant.
#[derive(Debug)]
pub(crate) struct View<'a> {
    caller: &'a Caller<'a>,
    absent: Absent,
    now: Instant,
}

impl<'a> View<'a> {
    pub(crate) const fn new(caller: &'a Caller<'a>, absent: Absent, now: Instant) -> Self {
        Self { caller, absent, now }
    }

    /// Makes the response that shows `message`.
    pub(crate) fn reply(&self, message: &Message) -> Reply {
        json_of(StatusCode::OK, &self.object(message))
    }

    /// Makes the response to the send of `message`: its state before anything happens to it, even
    /// if the simulator delivers it at once.
    pub(crate) fn accepted_reply(&self, message: &Message) -> Reply {
        let progress = Progress::waiting(message, self.no_error(), self.absent);
        json_of(StatusCode::OK, &self.with_progress(message, progress))
    }

    pub(crate) fn object<'m>(&self, message: &'m Message) -> MessageObject<'m> {
        let progress = Progress::new(message, self.no_error(), self.absent, self.now);
        self.with_progress(message, progress)
    }

    /// Shows a refused row of a bulk file as a message object.
    pub(crate) fn refused<'m>(
        &self,
        refused: &'m Refused,
        at: Instant,
        quirks: &Quirks,
    ) -> MessageObject<'m> {
        let date = |at: Option<Instant>| Field::new(at.map(Instant::iso), self.absent);
        MessageObject {
            id: refused.id,
            object: "message",
            service_id: refused.service_id,
            billing_address_id: self.caller.project.billing_address_id,
            to: &refused.to,
            body: &refused.body,
            tags: &refused.tags,
            is_shorten: refused.is_shorten,
            is_shorten_clicked: Field::new(None, self.absent),
            progress: Progress {
                state: State { result: "done", status: "processing_error", sent_result: "none" },
                carrier: "unknown",
                charged_count_per_sent: 0,
                error: Field::Value(ErrorObject::new(&refused.rejection, quirks)),
                scheduled_at: date(None),
                limited_at: date(refused.limited_at),
                sent_at: date(None),
                received_at: date(None),
                charged_at: date(None),
                created_at: at.iso(),
                updated_at: at.iso(),
            },
        }
    }

    fn with_progress<'m>(&self, message: &'m Message, progress: Progress<'m>) -> MessageObject<'m> {
        let request = &message.request;
        let is_clicked = request.is_shorten.then_some(message.clicks > 0);
        let has_clicked = self.caller.version.has_clicked();
        MessageObject {
            id: message.id,
            object: "message",
            service_id: request.service_id,
            billing_address_id: self.caller.project.billing_address_id,
            to: request.to.as_str(),
            body: message.body(),
            tags: &request.tags,
            is_shorten: request.is_shorten,
            is_shorten_clicked: Field::in_version(has_clicked, is_clicked, self.absent),
            progress,
        }
    }

    fn no_error<'m>(&self) -> Field<ErrorObject<'m>> {
        Field::in_version(self.caller.version.has_bulk(), None, self.absent)
    }
}

impl<'a> Progress<'a> {
    /// The progress of `message` at `now`.
    pub(super) fn new(
        message: &Message,
        error: Field<ErrorObject<'a>>,
        absent: Absent,
        now: Instant,
    ) -> Self {
        let date = |at: Option<Instant>| Field::new(at.map(Instant::iso), absent);
        let stage = message.stage(now);
        let sent_at = message.sent_at(now);
        let carrier = match stage {
            Stage::Waiting | Stage::Canceled => "checking",
            _ if sent_at.is_none() => "unknown",
            _ => message.carrier.as_str(),
        };
        Self {
            state: state_of(stage),
            carrier,
            charged_count_per_sent: if sent_at.is_some() { message.parts() } else { 0 },
            sent_at: date(sent_at),
            received_at: date(message.arrived_at(now)),
            charged_at: date(sent_at),
            updated_at: message.updated_at(now).iso(),
            ..Self::waiting(message, error, absent)
        }
    }

    /// The progress of `message` before it is sent.
    fn waiting(message: &Message, error: Field<ErrorObject<'a>>, absent: Absent) -> Self {
        let date = |at: Option<Instant>| Field::new(at.map(Instant::iso), absent);
        Self {
            state: state_of(Stage::Waiting),
            carrier: "checking",
            charged_count_per_sent: 0,
            error,
            scheduled_at: date(message.request.scheduled_at),
            limited_at: date(message.request.limited_at),
            sent_at: date(None),
            received_at: date(None),
            charged_at: date(None),
            created_at: message.accepted_at.iso(),
            updated_at: message.accepted_at.iso(),
        }
    }
}

/// The three fields that together tell the state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct State {
    pub(crate) result: &'static str,
    pub(crate) status: &'static str,
    pub(crate) sent_result: &'static str,
}

pub(crate) const fn state_of(stage: Stage) -> State {
    let (result, status, sent_result) = match stage {
        Stage::Waiting => ("processing", "waiting", "none"),
        Stage::Canceled => ("done", "canceled", "none"),
        Stage::Sent => ("processing", "done", "none"),
        Stage::Final(outcome) => match outcome {
            Outcome::Received => ("done", "done", "received"),
            Outcome::OutOfRange | Outcome::LateReceived => ("done", "done", "unconnected"),
            Outcome::Error => ("done", "done", "error"),
            Outcome::Unknown | Outcome::Uncertain => ("done", "done", "unknown"),
            Outcome::Silent => ("processing", "done", "none"),
            Outcome::HistoryMismatch | Outcome::SendError | Outcome::Expired => {
                ("done", "error", "none")
            }
        },
    };
    State { result, status, sent_result }
}
