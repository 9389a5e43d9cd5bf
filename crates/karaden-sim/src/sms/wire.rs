//! The message object as each version writes it.

use std::fmt::Write as _;

use super::{Caller, Version};
use crate::{
    config::{Absent, Quirks},
    json::Object,
    time::Instant,
    world::{Message, Outcome, Refused, Stage},
};

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

    pub(crate) fn write(&self, out: &mut String, message: &Message) {
        let stage = self.stage(message);
        let state = state_of(stage);
        let sent_at = if self.fresh { None } else { message.sent_at(self.now) };
        let received_at = if self.fresh { None } else { message.arrived_at(self.now) };
        let updated_at =
            if self.fresh { message.accepted_at } else { message.updated_at(self.now) };
        let date = |at: Option<Instant>| at.map(Instant::iso);

        let mut object = Object::begin(out, self.absent);
        object.plain("id", message.id);
        object.plain("object", "message");
        object.raw("service_id", message.service_id);
        object.raw("billing_address_id", self.caller.project.billing_address_id);
        object.plain("to", message.to.as_str());
        object.string("body", message.body());
        object.strings("tags", message.tags.iter().map(|tag| &*tag.text));
        object.raw("is_shorten", message.is_shorten);
        if self.caller.version.has_clicked() {
            if message.is_shorten {
                object.raw("is_shorten_clicked", message.clicks > 0);
            } else {
                object.absent("is_shorten_clicked");
            }
        }
        object.plain("result", state.result);
        object.plain("status", state.status);
        object.plain("sent_result", state.sent_result);
        let carrier = match (stage, sent_at) {
            (Stage::Waiting | Stage::Canceled, _) => "checking",
            (_, None) => "unknown",
            (_, Some(_)) => message.carrier.as_str(),
        };
        object.plain("carrier", carrier);
        object.raw("charged_count_per_sent", if sent_at.is_some() { message.parts } else { 0 });
        if self.caller.version >= Version::V20240301 {
            object.absent("error");
        }
        object.plain_or_absent("scheduled_at", date(message.scheduled_at));
        object.plain_or_absent("limited_at", date(message.limited_at));
        object.plain_or_absent("sent_at", date(sent_at));
        object.plain_or_absent("received_at", date(received_at));
        object.plain_or_absent("charged_at", date(sent_at));
        object.plain("created_at", message.accepted_at.iso());
        object.plain("updated_at", updated_at.iso());
        object.end();
    }

    /// A line of a bulk file that was refused, in the shape of a message.
    pub(crate) fn write_refused(
        &self,
        out: &mut String,
        refused: &Refused,
        at: Instant,
        quirks: &Quirks,
    ) {
        let mut object = Object::begin(out, self.absent);
        object.plain("id", refused.id);
        object.plain("object", "message");
        object.raw("service_id", refused.service_id);
        object.raw("billing_address_id", self.caller.project.billing_address_id);
        object.string("to", &refused.to);
        object.string("body", &refused.body);
        object.strings("tags", refused.tags.iter().map(|tag| &**tag));
        object.raw("is_shorten", refused.is_shorten);
        object.absent("is_shorten_clicked");
        object.plain("result", "done");
        object.plain("status", "processing_error");
        object.plain("sent_result", "none");
        object.plain("carrier", "unknown");
        object.raw("charged_count_per_sent", 0);
        refused.failure.write_field(&mut object, quirks);
        object.absent("scheduled_at");
        object.plain_or_absent("limited_at", refused.limited_at.map(Instant::iso));
        for name in ["sent_at", "received_at", "charged_at"] {
            object.absent(name);
        }
        object.plain("created_at", at.iso());
        object.plain("updated_at", at.iso());
        object.end();
    }

    pub(crate) fn write_list<'m>(
        &self,
        out: &mut String,
        messages: impl Iterator<Item = &'m Message>,
        has_more: bool,
    ) {
        let _ = write!(out, r#"{{"object":"list","has_more":{has_more},"data":["#);
        for (index, message) in messages.enumerate() {
            if index > 0 {
                out.push(',');
            }
            self.write(out, message);
        }
        out.push_str("]}");
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
