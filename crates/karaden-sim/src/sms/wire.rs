//! The message object as each version writes it.

use http::StatusCode;
use serde::Serialize;

use super::{caller::Caller, error::ErrorObject, field::Field, version::Version};
use crate::{
    body::{Reply, json_of},
    config::{Absent, Quirks},
    id::Id,
    time::{Instant, Iso},
    world::{Message, Outcome, Refused, Stage},
};

/// The message object. The fields that a version does not have are omitted.
#[derive(Debug, Serialize)]
pub(crate) struct MessageObject<'a> {
    id: Id,
    object: &'static str,
    service_id: u64,
    billing_address_id: u64,
    to: &'a str,
    body: &'a str,
    tags: Vec<&'a str>,
    is_shorten: bool,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    is_shorten_clicked: Field<bool>,
    result: &'static str,
    status: &'static str,
    sent_result: &'static str,
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

/// How a message is shown: to whom, in which version, as of when.
#[derive(Debug)]
pub(crate) struct View<'a> {
    caller: &'a Caller<'a>,
    absent: Absent,
    now: Instant,
    /// Shows a message as it was when it was accepted, before anything happened to it.
    fresh: bool,
}

impl<'a> View<'a> {
    pub(crate) const fn new(caller: &'a Caller<'a>, absent: Absent, now: Instant) -> Self {
        Self { caller, absent, now, fresh: false }
    }

    pub(crate) fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    fn stage(&self, message: &Message) -> Stage {
        if self.fresh { Stage::Waiting } else { message.stage(self.now) }
    }

    pub(crate) fn reply(&self, message: &Message) -> Reply {
        json_of(StatusCode::OK, &self.object(message))
    }

    pub(crate) fn object<'m>(&self, message: &'m Message) -> MessageObject<'m> {
        let stage = self.stage(message);
        let state = state_of(stage);
        let sent_at = if self.fresh { None } else { message.sent_at(self.now) };
        let received_at = if self.fresh { None } else { message.arrived_at(self.now) };
        let updated_at =
            if self.fresh { message.accepted_at } else { message.updated_at(self.now) };
        let carrier = match (stage, sent_at) {
            (Stage::Waiting | Stage::Canceled, _) => "checking",
            (_, None) => "unknown",
            (_, Some(_)) => message.carrier.as_str(),
        };
        let is_clicked = message.request.is_shorten.then_some(message.clicks > 0);
        MessageObject {
            id: message.id,
            object: "message",
            service_id: message.request.service_id,
            billing_address_id: self.caller.project.billing_address_id,
            to: message.request.to.as_str(),
            body: message.body(),
            tags: message.request.tags.iter().map(|tag| &**tag).collect(),
            is_shorten: message.request.is_shorten,
            is_shorten_clicked: self.since(self.caller.version.has_clicked(), is_clicked),
            result: state.result,
            status: state.status,
            sent_result: state.sent_result,
            carrier,
            charged_count_per_sent: if sent_at.is_some() { message.parts() } else { 0 },
            error: self.since(self.caller.version >= Version::V20240301, None),
            scheduled_at: self.date(message.request.scheduled_at),
            limited_at: self.date(message.request.limited_at),
            sent_at: self.date(sent_at),
            received_at: self.date(received_at),
            charged_at: self.date(sent_at),
            created_at: message.accepted_at.iso(),
            updated_at: updated_at.iso(),
        }
    }

    /// A refused line of a bulk file, in the shape of a message.
    pub(crate) fn refused<'m>(
        &self,
        refused: &'m Refused,
        at: Instant,
        quirks: &Quirks,
    ) -> MessageObject<'m> {
        MessageObject {
            id: refused.id,
            object: "message",
            service_id: refused.service_id,
            billing_address_id: self.caller.project.billing_address_id,
            to: &refused.to,
            body: &refused.body,
            tags: refused.tags.iter().map(|tag| &**tag).collect(),
            is_shorten: refused.is_shorten,
            is_shorten_clicked: Field::new(None, self.absent),
            result: "done",
            status: "processing_error",
            sent_result: "none",
            carrier: "unknown",
            charged_count_per_sent: 0,
            error: Field::Value(ErrorObject::new(&refused.rejection, quirks)),
            scheduled_at: self.date(None),
            limited_at: self.date(refused.limited_at),
            sent_at: self.date(None),
            received_at: self.date(None),
            charged_at: self.date(None),
            created_at: at.iso(),
            updated_at: at.iso(),
        }
    }

    /// A field that the version has or does not have.
    fn since<T>(&self, version_has_it: bool, value: Option<T>) -> Field<T> {
        if version_has_it { Field::new(value, self.absent) } else { Field::Omitted }
    }

    fn date(&self, at: Option<Instant>) -> Field<Iso> {
        Field::new(at.map(Instant::iso), self.absent)
    }
}

/// The three words in which the API tells a message's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
