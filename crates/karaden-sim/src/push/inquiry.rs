//! Inquiries: by message id, and by tracking code and period.

use http::StatusCode;
use serde::Serialize;

use super::{
    caller::authenticate,
    queue::check_tracking,
    status::Status,
    wire::{MessageState, WireNumber},
};
use crate::{
    body::{Reply, json_of},
    id::Id,
    request::Form,
    shared::Shared,
    time::{Instant, parse_minute},
    world::Selection,
};

/// Maximum count of records in a response. The service's own page size is not public.
const PAGE_SIZE: usize = 100;

#[derive(Serialize)]
struct InquiryResponse<'a> {
    status: WireNumber,
    #[serde(flatten)]
    state: MessageState<'a>,
}

#[derive(Serialize)]
struct TrackingInquiryResponse<'a> {
    status: WireNumber,
    maxrecord: WireNumber,
    list: Vec<Record<'a>>,
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "messageId")]
    message_id: String,
    #[serde(flatten)]
    state: MessageState<'a>,
}

/// `GET karadeninquiry.json`. The id of another account's message counts as unknown.
pub(super) fn by_id(shared: &Shared, form: &Form<'_>, now: Instant) -> Result<Reply, Status> {
    let caller = authenticate(shared, form)?;
    let id = form.get("messageId").and_then(Id::parse_push).ok_or(Status::BadMessageId)?;
    let world = shared.world();
    let message = world.owned(caller.owner, id).ok_or(Status::BadMessageId)?;
    let response = InquiryResponse {
        status: WireNumber::status(Status::Ok, &world.quirks),
        state: MessageState::new(message, &world.quirks, now),
    };
    Ok(json_of(StatusCode::OK, &response))
}

/// `GET karadeninquiry_tr.json`: oldest first, from record `Startcount` on (1-based, default 1). If
/// `Startdate` or `Enddate` is missing or invalid, the period has no limit on that side.
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
        .newest_first(Selection::Tag(code))
        .filter(|message| message.request.owner == caller.owner)
        .filter(|message| start.is_none_or(|start| start <= message.accepted_at))
        .filter(|message| end.is_none_or(|end| message.accepted_at <= end))
        .collect();
    matching.reverse();

    let page = matching.iter().skip(first.saturating_sub(1)).take(PAGE_SIZE);
    let response = TrackingInquiryResponse {
        status: WireNumber::status(Status::Ok, &world.quirks),
        maxrecord: WireNumber::count(matching.len(), &world.quirks),
        list: page
            .map(|message| Record {
                message_id: message.id.push(),
                state: MessageState::new(message, &world.quirks, now),
            })
            .collect(),
    };
    Ok(json_of(StatusCode::OK, &response))
}
