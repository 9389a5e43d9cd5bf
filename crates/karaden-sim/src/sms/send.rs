//! Sends one message and cancels a reservation.

use std::time::Duration;

use super::{
    caller::Caller,
    error::{Failure, Problems},
    wire,
};
use crate::{
    body::Reply,
    id::Id,
    request::{Call, Form},
    shared::Shared,
    time::{Instant, parse_date_time},
    world::{Number, SendRequest, Texts, is_restricted},
};

/// Maximum length of a text in characters. The service's unit is not public; characters are the most
/// tolerant one.
const MAX_BODY_CHARS: usize = 660;
/// The longest time from the request to the reserved time of a message.
const MAX_RESERVATION_LEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A reservation can be cancelled until this long before its reserved time.
const MIN_CANCEL_LEAD: Duration = Duration::from_secs(5 * 60);

/// `POST /messages`.
pub(super) fn send(
    shared: &Shared,
    call: &Call<'_>,
    caller: &Caller<'_>,
) -> Result<Reply, Failure> {
    let form = call.form();
    let request = read(&form, caller, call.now)?;
    let mut world = shared.world();
    let absent = world.quirks.absent;
    let message = world.accept(request, call.now);
    let reply = wire::View::new(caller, absent, call.now).accepted_reply(message);
    shared.release_and_notify(world);
    Ok(reply)
}

/// Checks all fields and reports all invalid ones together.
pub(super) fn read(
    form: &Form<'_>,
    caller: &Caller<'_>,
    now: Instant,
) -> Result<SendRequest, Failure> {
    let mut problems = Problems::default();
    let service_id = match form.filled("service_id").map(str::parse::<u64>) {
        Some(Ok(id)) if id > 0 => {
            if !caller.project.service_ids.contains(&id) {
                return Err(Failure::not_found());
            }
            id
        }
        Some(_) => {
            problems.add("service_id", "service_idには1以上の整数を指定してください。");
            0
        }
        None => {
            problems.add("service_id", "service_idは必ず指定してください。");
            0
        }
    };
    let to = read_number(form, &mut problems);
    let body = read_body(form, &mut problems);
    let is_shorten = is_shorten(form, caller);
    if is_shorten.is_none() {
        problems.add("is_shorten", "is_shortenにはtrueかfalseを指定してください。");
    }
    let scheduled_at = read_date_time(form, "scheduled_at", &mut problems);
    if scheduled_at.is_some_and(|at| at > now.plus(MAX_RESERVATION_LEAD)) {
        problems.add("scheduled_at", "scheduled_atには30日以内の日時を指定してください。");
    }
    let limited_at = read_date_time(form, "limited_at", &mut problems);
    let tags = form.array("tags").map(Box::from).collect();
    problems.finish()?;
    let (Some(to), Some(body)) = (to, body) else { return Err(Failure::validation(Vec::new())) };
    Ok(SendRequest {
        tags,
        service_id,
        is_shorten: is_shorten.unwrap_or(false),
        scheduled_at,
        limited_at,
        ..SendRequest::new(caller.owner, to, Texts::One(body))
    })
}

/// Returns whether to shorten URLs: the service setting decides if the sender does not. `None` if the
/// value is not a boolean.
pub(super) fn is_shorten(form: &Form<'_>, caller: &Caller<'_>) -> Option<bool> {
    match form.filled("is_shorten") {
        None => Some(caller.project.is_shorten),
        Some("false" | "0") => Some(false),
        Some("true" | "1") => Some(true),
        Some(_) => None,
    }
}

fn read_number(form: &Form<'_>, problems: &mut Problems) -> Option<Number> {
    let Some(text) = form.filled("to") else {
        problems.add("to", "toは必ず指定してください。");
        return None;
    };
    match Number::parse(text) {
        Some(number) if !is_restricted(number) => Some(number),
        Some(_) => {
            problems.add("to", "toに指定された電話番号には送信できません。");
            None
        }
        None => {
            problems.add("to", "toには11桁の数字を指定してください。");
            None
        }
    }
}

fn read_body(form: &Form<'_>, problems: &mut Problems) -> Option<Box<str>> {
    let Some(text) = form.filled("body") else {
        problems.add("body", "bodyは必ず指定してください。");
        return None;
    };
    if text.chars().count() > MAX_BODY_CHARS {
        problems.add("body", "bodyは660文字以内で指定してください。");
        return None;
    }
    Some(Box::from(text))
}

pub(super) fn read_date_time(
    form: &Form<'_>,
    field: &'static str,
    problems: &mut Problems,
) -> Option<Instant> {
    let text = form.filled(field)?;
    let at = parse_date_time(text);
    if at.is_none() {
        problems.add(field, format!("{field}にはISO 8601形式の日時を指定してください。"));
    }
    at
}

/// `POST /messages/{message_id}/cancel`: up to and including five minutes before the reserved time. A
/// message without a reservation cannot be cancelled, nor can a message be cancelled twice.
pub(super) fn cancel(
    shared: &Shared,
    call: &Call<'_>,
    caller: &Caller<'_>,
    id: &str,
) -> Result<Reply, Failure> {
    let mut world = shared.world();
    let absent = world.quirks.absent;
    let id = Id::parse(id).ok_or_else(Failure::not_found)?;
    let message = world.owned(caller.owner, id).ok_or_else(Failure::not_found)?;
    if message.request.scheduled_at.is_none_or(|at| call.now > at.minus(MIN_CANCEL_LEAD)) {
        return Err(Failure::can_not_cancel());
    }
    let message = world.cancel(id, call.now).ok_or_else(Failure::can_not_cancel)?;
    let reply = wire::View::new(caller, absent, call.now).reply(message);
    shared.release_and_notify(world);
    Ok(reply)
}
