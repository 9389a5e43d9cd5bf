//! Inquiries: by message id, and by tracking code and period.

use http::StatusCode;

use super::{
    Status, authenticate,
    queue::check_tracking,
    wire::{Object, write_state},
};
use crate::{
    body::{Reply, json},
    id::Id,
    request::Form,
    running::Shared,
    time::{Instant, parse_minute},
    world::Along,
};

/// Most records of one answer; the service's own page size is not public.
const PAGE: usize = 100;

/// `GET karadeninquiry.json`. Another account's id is as unknown as one that never was.
pub(super) fn by_id(shared: &Shared, form: &Form<'_>, now: Instant) -> Result<Reply, Status> {
    let caller = authenticate(shared, form)?;
    let id = form.get("messageId").and_then(Id::parse_push).ok_or(Status::BadMessageId)?;
    let world = shared.world();
    let message = world.owned(caller.owner, id).ok_or(Status::BadMessageId)?;
    let mut out = String::with_capacity(512);
    let mut object = Object::begin(&mut out, &world.quirks);
    object.status(Status::Ok);
    write_state(&mut object, message, &world.quirks, now);
    object.end();
    Ok(json(StatusCode::OK, out))
}

/// `GET karadeninquiry_tr.json`: oldest first, from the 1-based record `Startcount`, which defaults
/// to 1. A missing or unreadable end of the period leaves it open.
pub(super) fn by_tracking(shared: &Shared, form: &Form<'_>, now: Instant) -> Result<Reply, Status> {
    let caller = authenticate(shared, form)?;
    let code = form.get("TrackingCode").unwrap_or_default();
    check_tracking(code, caller.account.tracking)?;
    let start = form.get("Startdate").and_then(parse_minute);
    let end = form.get("Enddate").and_then(parse_minute).map(Instant::end_of_minute);
    let first = form.get("Startcount").and_then(|count| count.parse().ok()).unwrap_or(1_usize);

    let world = shared.world();
    let mut matching: Vec<_> = world
        .history
        .newest_first(Along::Tag(code))
        .filter(|message| message.owner == caller.owner)
        .filter(|message| start.is_none_or(|start| start <= message.accepted_at))
        .filter(|message| end.is_none_or(|end| message.accepted_at <= end))
        .collect();
    matching.reverse();

    let mut out = String::with_capacity(512);
    let mut object = Object::begin(&mut out, &world.quirks);
    object.status(Status::Ok);
    object.number("maxrecord", matching.len() as u64);
    let list = object.key("list");
    list.push('[');
    let page = matching.iter().skip(first.saturating_sub(1)).take(PAGE);
    for (index, message) in page.enumerate() {
        if index > 0 {
            list.push(',');
        }
        let mut record = Object::begin(list, &world.quirks);
        record.string("messageId", &message.id.push());
        write_state(&mut record, message, &world.quirks, now);
        record.end();
    }
    list.push(']');
    object.end();
    Ok(json(StatusCode::OK, out))
}
