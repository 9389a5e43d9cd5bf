//! The body of a delivery callback: a message without its number and text, with its project.

use serde::Serialize;

use super::{field::Field, wire::state_of};
use crate::{
    config::{Absent, SmsProject},
    id::Id,
    operation::Api,
    time::{Instant, Iso},
    world::{Message, Outcome, Stage},
};

#[derive(Serialize)]
struct Callback<'a> {
    id: Id,
    object: &'static str,
    project_id: u64,
    service_id: u64,
    billing_address_id: u64,
    tags: Vec<&'a str>,
    is_shorten: bool,
    result: &'static str,
    status: &'static str,
    sent_result: &'static str,
    carrier: &'static str,
    charged_count_per_sent: u16,
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

/// What is posted about a message with a result; `None` while there is none.
pub(crate) fn callback_body(
    message: &Message,
    project: &SmsProject,
    absent: Absent,
    now: Instant,
) -> Option<String> {
    let stage = message.stage(now);
    let is_final = matches!(stage, Stage::Final(outcome) if outcome != Outcome::Silent);
    if message.request.owner.api != Api::Sms || !is_final {
        return None;
    }
    let state = state_of(stage);
    let sent_at = message.sent_at(now);
    let date = |at: Option<Instant>| Field::new(at.map(Instant::iso), absent);
    let callback = Callback {
        id: message.id,
        object: "message",
        project_id: project.project_id,
        service_id: message.request.service_id,
        billing_address_id: project.billing_address_id,
        tags: message.request.tags.iter().map(|tag| &**tag).collect(),
        is_shorten: message.request.is_shorten,
        result: state.result,
        status: state.status,
        sent_result: state.sent_result,
        carrier: if sent_at.is_some() { message.carrier.as_str() } else { "unknown" },
        charged_count_per_sent: if sent_at.is_some() { message.parts() } else { 0 },
        scheduled_at: date(message.request.scheduled_at),
        limited_at: date(message.request.limited_at),
        sent_at: date(sent_at),
        received_at: date(message.arrived_at(now)),
        charged_at: date(sent_at),
        created_at: message.accepted_at.iso(),
        updated_at: message.updated_at(now).iso(),
    };
    serde_json::to_string(&callback).ok()
}
