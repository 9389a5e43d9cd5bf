//! Sends messages: `karadenqueue` and `sepakaradenqueue`.

use http::StatusCode;
use serde::Serialize;

use super::{
    caller::{Caller, authenticate},
    status::Status,
    wire::WireNumber,
};
use crate::{
    body::{Reply, json_of},
    config::{ListRule, TEXT_PARAMETERS, TrackingRule},
    request::Form,
    shared::Shared,
    time::Instant,
    world::{Number, SendRequest, Texts, is_restricted},
};

/// The parts of `sepakaradenqueue`.
const PARTS: [&str; 10] = [
    "message1",
    "message2",
    "message3",
    "message4",
    "message5",
    "message6",
    "message7",
    "message8",
    "message9",
    "message10",
];
/// Maximum length of one part in UTF-16 units.
const MAX_PART_UNITS: usize = 70;

/// `POST karadenqueue.json`: one text per carrier.
pub(super) fn queue(shared: &Shared, form: &Form<'_>, now: Instant) -> Result<Reply, Status> {
    let caller = authenticate(shared, form)?;
    let to = check_number(shared, form, &caller)?;
    let ignores_tracking = shared.world().quirks.push_single_untracked;
    let tags = if ignores_tracking { Box::default() } else { tracking(form, &caller)? };
    let texts = carrier_texts(form, &caller)?;
    let request = SendRequest {
        tags,
        is_shorten: form.get("ShorturlFlg") == Some("1"),
        // What is not a day is ignored: no source shows that the service refuses it.
        consent_on: form.get("PermitDate").and_then(|day| day.parse().ok()),
        ..SendRequest::new(caller.owner, to, texts)
    };
    Ok(accept(shared, request, now))
}

/// `POST sepakaradenqueue.json`: one text in up to ten parts. The call ignores `ShorturlFlg` and
/// `PermitDate`, which no source shows with it.
pub(super) fn queue_long(shared: &Shared, form: &Form<'_>, now: Instant) -> Result<Reply, Status> {
    let caller = authenticate(shared, form)?;
    if !caller.account.long_split {
        return Err(Status::NoLongSplit);
    }
    let to = check_number(shared, form, &caller)?;
    let tags = tracking(form, &caller)?;
    let parts = PARTS.map(|name| form.get(name).unwrap_or_default());
    let too_long = parts.iter().any(|part| caller.units(part) > MAX_PART_UNITS);
    if parts[0].is_empty() || too_long {
        return Err(Status::BadText);
    }
    let count = parts.iter().filter(|part| !part.is_empty()).count();
    let texts = Texts::One(parts.concat().into());
    let parts = u16::try_from(count).ok();
    let request = SendRequest { tags, parts, ..SendRequest::new(caller.owner, to, texts) };
    Ok(accept(shared, request, now))
}

#[derive(Serialize)]
struct QueueResponse {
    #[serde(rename = "messageId")]
    message_id: String,
    status: WireNumber,
}

fn accept(shared: &Shared, request: SendRequest, now: Instant) -> Reply {
    let mut world = shared.world();
    let id = world.accept(request, now).id;
    let response = QueueResponse {
        message_id: id.push(),
        status: WireNumber::status(Status::Ok, &world.quirks),
    };
    shared.release_and_notify(world);
    json_of(StatusCode::OK, &response)
}

/// Returns the number; 202 if it is invalid, 203 if it is restricted.
fn check_number(shared: &Shared, form: &Form<'_>, caller: &Caller<'_>) -> Result<Number, Status> {
    let to = form.get("To").and_then(Number::parse).ok_or(Status::BadNumber)?;
    let is_listed = || shared.world().send_list(caller.owner).contains(&to.key());
    let is_rejected = is_restricted(to)
        || match caller.account.list_rule {
            ListRule::Off => false,
            ListRule::AllowOnly => !is_listed(),
            ListRule::Block => is_listed(),
        };
    if is_rejected { Err(Status::Restricted) } else { Ok(to) }
}

/// Returns the tracking code as the only tag; no tag if it is missing or empty.
fn tracking(form: &Form<'_>, caller: &Caller<'_>) -> Result<Box<[Box<str>]>, Status> {
    let Some(code) = form.filled("TrackingCode") else { return Ok(Box::default()) };
    check_tracking(code, caller.account.tracking)?;
    Ok(Box::new([code.into()]))
}

pub(super) fn check_tracking(code: &str, rule: TrackingRule) -> Result<(), Status> {
    let fits = match rule {
        TrackingRule::Any => code.len() <= 100 && code.bytes().all(|byte| byte.is_ascii_graphic()),
        TrackingRule::EightDigits => {
            code.len() <= 8 && code.bytes().all(|byte| byte.is_ascii_digit())
        }
        TrackingRule::Refused => false,
    };
    if fits && !code.is_empty() { Ok(()) } else { Err(Status::BadTracking) }
}

fn carrier_texts(form: &Form<'_>, caller: &Caller<'_>) -> Result<Texts, Status> {
    let texts = TEXT_PARAMETERS.map(|name| form.get(name).unwrap_or_default());
    let limit = caller.account.single_limit;
    let missing = |name: &String| form.filled(name).is_none();
    if texts.iter().all(|text| text.is_empty())
        || texts.iter().any(|text| caller.units(text) > limit)
        || caller.account.required_texts.iter().any(missing)
    {
        return Err(Status::BadText);
    }
    if texts.iter().all(|text| *text == texts[0]) {
        return Ok(Texts::One(texts[0].into()));
    }
    Ok(Texts::PerCarrier(Box::new(texts.map(Box::from))))
}
