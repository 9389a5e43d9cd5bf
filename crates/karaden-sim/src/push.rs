//! The 空電プッシュ v2 API under `/v2/…`.
//!
//! HTTP 200 for every business outcome. Order of checks, our decision: token and security code
//! (201), profile (209), number (202), send list (203), tracking code (205), text (301).

mod filter;
mod inquiry;
mod queue;
mod wire;

use http::{Method, StatusCode};

use crate::{
    body::{Reply, json, text},
    config::{PushAccount, Quirks},
    fault::Operation,
    request::{Call, Form},
    running::Shared,
    world::{Api, Owner},
};

/// The code in the field `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Status {
    Ok = 100,
    Unauthenticated = 201,
    BadNumber = 202,
    Restricted = 203,
    BadTracking = 205,
    BadMessageId = 206,
    NoLongSplit = 209,
    BadText = 301,
    RowErrors = 900,
    AlreadyListed = 901,
    NoList = 903,
    Internal = 999,
}

/// A request that passed the first check.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) owner: Owner,
    pub(crate) account: &'a PushAccount,
}

/// Which call a path means, however many slashes it has.
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

/// Answers a request to `/v2/…`.
pub(crate) fn handle(shared: &Shared, call: &Call<'_>) -> Reply {
    let Some(operation) = operation(call.path) else {
        return text(StatusCode::NOT_FOUND, "Not Found");
    };
    let reads = matches!(operation, Operation::Inquiry | Operation::InquiryByTracking);
    let expected = if reads { Method::GET } else { Method::POST };
    if *call.method != expected {
        return text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    }
    let form = if reads { call.query() } else { call.form() };
    let answer = match operation {
        Operation::Queue => queue::queue(shared, &form, call.now),
        Operation::QueueLong => queue::queue_long(shared, &form, call.now),
        Operation::Inquiry => inquiry::by_id(shared, &form, call.now),
        Operation::SetFilter => filter::set(shared, call),
        _ => inquiry::by_tracking(shared, &form, call.now),
    };
    answer.unwrap_or_else(|status| bare(status, &shared.world().quirks))
}

/// Checks the two secrets.
fn authenticate<'a>(shared: &'a Shared, form: &Form<'_>) -> Result<Caller<'a>, Status> {
    let token = form.get("Token").unwrap_or_default();
    let code = form.get("SecurityCode").unwrap_or_default();
    caller(shared, token, code)
}

fn caller<'a>(shared: &'a Shared, token: &str, code: &str) -> Result<Caller<'a>, Status> {
    let (index, account) = shared.push_account(token, code).ok_or(Status::Unauthenticated)?;
    Ok(Caller { owner: Owner { api: Api::Push, index }, account })
}

/// An answer of nothing but a status.
pub(crate) fn bare(status: Status, quirks: &Quirks) -> Reply {
    let mut out = String::new();
    let mut object = wire::Object::begin(&mut out, quirks);
    object.status(status);
    object.end();
    json(StatusCode::OK, out)
}

/// A status with a text the API does not have, as a careless server might add.
pub(crate) fn saying(status: Status, text: &str, quirks: &Quirks) -> Reply {
    let mut out = String::new();
    let mut object = wire::Object::begin(&mut out, quirks);
    object.status(status);
    object.string("message", text);
    object.end();
    json(StatusCode::OK, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_slashes_are_borne() {
        for path in ["/v2/karadenqueue.json", "/v2//karadenqueue.json", "//v2/karadenqueue.json"] {
            assert_eq!(operation(path), Some(Operation::Queue), "{path}");
        }
        for path in ["/v2/karadenqueue", "/v2/karadenqueue.xml", "/v2/x/karadenqueue.json", "/v2"] {
            assert_eq!(operation(path), None, "{path}");
        }
    }
}
