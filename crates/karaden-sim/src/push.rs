//! The 空電プッシュ v2 API under `/v2/…`.
//!
//! Every outcome of the API is HTTP 200. Order of checks: token and security code (201), profile (209),
//! number (202), send list (203), tracking code (205), text (301). The order is our decision.

mod caller;
mod filter;
mod inquiry;
mod queue;
mod status;
mod wire;

use http::{Method, StatusCode};

pub(crate) use self::{
    status::Status,
    wire::{status_reply, status_reply_with_text},
};
use crate::{
    body::{Reply, text},
    operation::Operation,
    request::Call,
    shared::Shared,
};

/// Returns the call of a path. Extra slashes are ignored, as the service does.
pub(crate) fn operation(path: &str) -> Option<Operation> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    if parts.next() != Some("v2") {
        return None;
    }
    let name = parts.next()?.strip_suffix(".json")?;
    if parts.next().is_some() {
        return None;
    }
    Some(match name {
        "karadenqueue" => Operation::Queue,
        "sepakaradenqueue" => Operation::QueueLong,
        "karadeninquiry" => Operation::Inquiry,
        "karadeninquiry_tr" => Operation::InquiryByTracking,
        "karadensetfilter" => Operation::SetFilter,
        _ => return None,
    })
}

/// Handles a request to `/v2/…`.
pub(crate) fn handle(shared: &Shared, call: &Call<'_>) -> Reply {
    let Some(operation) = operation(call.path) else {
        return text(StatusCode::NOT_FOUND, "Not Found");
    };
    let reads = operation.method() == Method::GET;
    let form = if reads { call.query() } else { call.form() };
    let result = match operation {
        Operation::Queue => queue::queue(shared, &form, call.now),
        Operation::QueueLong => queue::queue_long(shared, &form, call.now),
        Operation::Inquiry => inquiry::by_id(shared, &form, call.now),
        Operation::SetFilter => filter::set(shared, call),
        _ => inquiry::by_tracking(shared, &form, call.now),
    };
    result.unwrap_or_else(|status| status_reply(status, &shared.world().quirks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_slashes_are_ignored() {
        for path in ["/v2/karadenqueue.json", "/v2//karadenqueue.json", "//v2/karadenqueue.json"] {
            assert_eq!(operation(path), Some(Operation::Queue), "{path}");
        }
        for path in ["/v2/karadenqueue", "/v2/karadenqueue.xml", "/v2/x/karadenqueue.json", "/v2"] {
            assert_eq!(operation(path), None, "{path}");
        }
    }
}
