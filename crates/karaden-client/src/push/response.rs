//! Judging the answers of 空電プッシュ: a JSON `status` code, as a rule under HTTP 200.

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::{Effect, Error, ErrorKind},
    refusal::RefusalReason,
    transport::Response,
    wire::{self, unreadable},
};

#[derive(Deserialize)]
struct Status {
    #[serde(default, deserialize_with = "wire::number")]
    status: Option<i64>,
}

/// The code of a call that was carried out.
pub(super) const OK: i64 = 100;
/// The send list was changed, but some of its rows were not.
pub(super) const PARTLY: i64 = 900;

/// Reads an answer with status 100 into `T`.
pub(super) fn success<T: DeserializeOwned>(response: &Response) -> Result<T, Error> {
    success_with(response, &[OK])
}

/// Reads an answer with one of these statuses into `T`.
///
/// The code is read whatever the HTTP status, which is 200 for whatever the service judged. Under
/// another one a success is a contradiction, and leaves open what was done.
pub(super) fn success_with<T: DeserializeOwned>(
    response: &Response,
    good: &[i64],
) -> Result<T, Error> {
    let code = match wire::json::<Status>(response.body()) {
        Some(Status { status: Some(code) }) => code,
        _ if response.status() == 200 => return Err(unreadable(response)),
        _ => return Err(wire::by_status(response)),
    };
    match (good.contains(&code), response.status()) {
        (true, 200) => wire::json(response.body()).ok_or_else(|| unreadable(response)),
        (true, _) => Err(contradiction(code, response)),
        (false, _) => Err(failure(code, response)),
    }
}

/// The error for a success under an HTTP status of failure: something between us and the service
/// made one of the two. The call may have been carried out, and what the body says is no proof of it.
fn contradiction(code: i64, response: &Response) -> Error {
    let by_status = wire::by_status(response);
    let error = Error::new(by_status.kind(), Effect::Unknown);
    coded(error.with_retry_after(by_status.retry_after()), code, response)
}

#[derive(Deserialize)]
struct Id {
    #[serde(default, rename = "messageId", deserialize_with = "wire::text")]
    message_id: Option<String>,
}

/// The error for a status code that is no success.
///
/// Only the codes that are documented as refusals say that nothing was done; and not even they if
/// they come with a message id, or under an HTTP status that tells of a fault on the way. Any other
/// code leaves the judgement to the HTTP status, and under 200 it leaves open what was done.
fn failure(code: i64, response: &Response) -> Error {
    let has_id = wire::json::<Id>(response.body())
        .and_then(|id| id.message_id)
        .is_some_and(|id| !id.trim().is_empty());
    let status = response.status();
    let judged_here = status == 200 || ((400..500).contains(&status) && status != 408);
    let error = match refusal(code) {
        Some((kind, reason)) => {
            let effect = if judged_here { Effect::None } else { Effect::Unknown };
            let error = Error::new(kind, effect);
            let error = match reason.hint() {
                Some(hint) => error.with_phrase(hint),
                None => error,
            };
            error.with_refusal(reason)
        }
        None if status != 200 => wire::by_status(response),
        None if code == 999 => Error::new(ErrorKind::Server, Effect::Unknown),
        None => Error::new(ErrorKind::Decode, Effect::Unknown)
            .with_phrase("the status code is not documented"),
    };
    let error = if has_id && error.is_definitely_not_sent() {
        Error::new(ErrorKind::Decode, Effect::Unknown)
    } else {
        error
    };
    coded(error, code, response)
}

fn coded(error: Error, code: i64, response: &Response) -> Error {
    error.with_status(response.status()).with_code(&code.to_string())
}

/// The codes that are documented as refusals. The gaps between them surely have meanings too, but
/// perhaps not that nothing was sent.
fn refusal(code: i64) -> Option<(ErrorKind, RefusalReason)> {
    use ErrorKind as Kind;
    use RefusalReason as Why;
    Some(match code {
        201 => (Kind::Unauthenticated, Why::Unauthenticated),
        202 => (Kind::Refused, Why::InvalidNumber),
        203 => (Kind::Refused, Why::Restricted),
        205 => (Kind::Refused, Why::InvalidTrackingCode),
        206 => (Kind::NotFound, Why::InvalidMessageId),
        209 => (Kind::Forbidden, Why::SplitNotEnabled),
        301 => (Kind::Refused, Why::InvalidText),
        _ => return None,
    })
}
