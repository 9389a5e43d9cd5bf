//! The body of a delivery callback: a message without its number and text, with its project.

use super::wire::state_of;
use crate::{
    config::{Absent, SmsProject},
    json::Object,
    time::Instant,
    world::{Api, Message, Outcome, Owner, Stage},
};

/// What is posted about a message with a result; `None` while there is none.
pub(crate) fn callback_body(
    message: &Message,
    owner: Owner,
    project: &SmsProject,
    absent: Absent,
    now: Instant,
) -> Option<String> {
    let stage = message.stage(now);
    let is_final = matches!(stage, Stage::Final(outcome) if outcome != Outcome::Silent);
    if owner.api != Api::Sms || !is_final {
        return None;
    }
    let state = state_of(stage);
    let sent_at = message.sent_at(now);
    let date = |at: Option<Instant>| at.map(Instant::iso);
    let mut out = String::with_capacity(768);
    let mut object = Object::begin(&mut out, absent);
    object.plain("id", message.id);
    object.plain("object", "message");
    object.raw("project_id", project.project_id);
    object.raw("service_id", message.service_id);
    object.raw("billing_address_id", project.billing_address_id);
    object.strings("tags", message.tags.iter().map(|tag| &*tag.text));
    object.raw("is_shorten", message.is_shorten);
    object.plain("result", state.result);
    object.plain("status", state.status);
    object.plain("sent_result", state.sent_result);
    object.plain("carrier", if sent_at.is_some() { message.carrier.as_str() } else { "unknown" });
    object.raw("charged_count_per_sent", if sent_at.is_some() { message.parts } else { 0 });
    object.plain_or_absent("scheduled_at", date(message.scheduled_at));
    object.plain_or_absent("limited_at", date(message.limited_at));
    object.plain_or_absent("sent_at", date(sent_at));
    object.plain_or_absent("received_at", date(message.arrived_at(now)));
    object.plain_or_absent("charged_at", date(sent_at));
    object.plain("created_at", message.accepted_at.iso());
    object.plain("updated_at", message.updated_at(now).iso());
    object.end();
    Some(out)
}
