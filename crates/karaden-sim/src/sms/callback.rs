//! The body of a delivery callback: the message object with its project, without number and text.

use serde::Serialize;

use super::{field::Field, wire::Progress};
use crate::{
    config::{Absent, SmsProject},
    id::Id,
    operation::Api,
    time::Instant,
    world::{Message, Outcome, Stage},
};

#[derive(Serialize)]
struct Callback<'a> {
    id: Id,
    object: &'static str,
    project_id: u64,
    service_id: u64,
    billing_address_id: u64,
    tags: &'a [Box<str>],
    is_shorten: bool,
    #[serde(flatten)]
    progress: Progress<'a>,
}

/// Returns the callback of a message that has a result at `now`; otherwise `None`.
pub(crate) fn callback_body(
    message: &Message,
    project: &SmsProject,
    absent: Absent,
    now: Instant,
) -> Option<String> {
    let request = &message.request;
    let stage = message.stage(now);
    let has_result = matches!(stage, Stage::Final(outcome) if outcome != Outcome::Silent);
    if request.owner.api != Api::Sms || !has_result {
        return None;
    }
    let callback = Callback {
        id: message.id,
        object: "message",
        project_id: project.project_id,
        service_id: request.service_id,
        billing_address_id: project.billing_address_id,
        tags: &request.tags,
        is_shorten: request.is_shorten,
        // The callback object of no version has `error`.
        progress: Progress::new(message, Field::Omitted, absent, now),
    };
    serde_json::to_string(&callback).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::SimConfig,
        world::{Number, Owner, SendRequest, Texts, World},
    };

    const NOW: Instant = Instant::from_millis(1_767_225_600_000);

    fn callback(number: &str, absent: Absent) -> Option<String> {
        let config = SimConfig::default();
        let mut world = World::new(&config, 7);
        let owner = Owner { api: Api::Sms, index: 0 };
        let to = Number::parse(number).unwrap();
        let request = SendRequest::new(owner, to, Texts::One("secret".into()));
        let message =
            world.accept(SendRequest { service_id: 1, tags: ["a".into()].into(), ..request }, NOW);
        callback_body(message, &config.projects[0], absent, NOW)
            .map(|body| body.replace(&message.id.to_string(), "ID"))
    }

    #[test]
    fn fields_come_in_the_documented_order() {
        let start = r#"{"id":"ID","object":"message","project_id":1,"service_id":1,"#.to_owned()
            + r#""billing_address_id":1,"tags":["a"],"is_shorten":false,"result":"done","#
            + r#""status":"done","sent_result":"received","carrier":"docomo","#
            + r#""charged_count_per_sent":1,"#;
        let absent = r#""scheduled_at":null,"limited_at":null,"#;
        let date = "2026-01-01T09:00:00+09:00";
        let dates = ["sent_at", "received_at", "charged_at", "created_at", "updated_at"]
            .map(|name| format!(r#""{name}":"{date}""#))
            .join(",");
        assert_eq!(
            callback("09000000001", Absent::Null),
            Some(format!("{start}{absent}{dates}}}"))
        );
        assert_eq!(callback("09000000001", Absent::Omit), Some(format!("{start}{dates}}}")));
    }

    #[test]
    fn a_message_without_a_result_has_no_callback() {
        assert_eq!(callback("09000000005", Absent::Null), None);
    }
}
