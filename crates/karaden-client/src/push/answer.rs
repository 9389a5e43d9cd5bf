//! Judging the answers of 空電プッシュ: a JSON `status` code, under HTTP 200.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::engine;
use crate::error::{Effect, Error, ErrorKind};
use crate::refusal::RefusalReason;
use crate::transport::Response;
use crate::wire;

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

/// Reads an answer with one of these statuses, under HTTP 200, into `T`.
pub(super) fn success_with<T: DeserializeOwned>(
    response: &Response,
    good: &[i64],
) -> Result<T, Error> {
    let code = match wire::json::<Status>(response.body()) {
        Some(Status { status: Some(code) }) => code,
        _ if response.status() == 200 => return Err(unreadable(response)),
        _ => return Err(engine::by_status(response)),
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
    let by_status = engine::by_status(response);
    Error::new(by_status.kind(), Effect::Unknown)
        .with_status(response.status())
        .with_retry_after(by_status.retry_after())
        .with_code(&code.to_string())
}

/// An answer that is not what the API promises.
pub(super) fn unreadable(response: &Response) -> Error {
    Error::new(ErrorKind::Decode, Effect::Unknown)
        .with_status(response.status())
        .with_phrase("the answer is not the JSON object that the API promises")
}

#[derive(Deserialize)]
struct Id {
    #[serde(default, rename = "messageId", deserialize_with = "wire::text")]
    message_id: Option<String>,
}

/// The error for a status code that is no success.
///
/// 201 to 399 are refusals of the request, of which some are known. Every other code, and a refusal
/// that comes with a message id, leaves open what was done. So does a code under another HTTP status,
/// which the service does not use and something in between may have made: there the HTTP status
/// decides.
fn failure(code: i64, response: &Response) -> Error {
    let has_id = wire::json::<Id>(response.body())
        .and_then(|id| id.message_id)
        .is_some_and(|id| !id.trim().is_empty());
    let error = match response.status() {
        200 => judged(code),
        _ => engine::by_status(response),
    };
    let error = if has_id && error.is_definitely_not_sent() {
        Error::new(ErrorKind::Decode, Effect::Unknown)
    } else {
        error
    };
    error.with_status(response.status()).with_code(&code.to_string())
}

fn judged(code: i64) -> Error {
    use ErrorKind as Kind;
    use RefusalReason as Why;
    let (kind, reason) = match code {
        201 => (Kind::Unauthenticated, Why::Unauthenticated),
        202 => (Kind::Refused, Why::InvalidNumber),
        203 => (Kind::Refused, Why::Restricted),
        205 => (Kind::Refused, Why::InvalidTrackingCode),
        206 => (Kind::NotFound, Why::InvalidMessageId),
        209 => (Kind::Forbidden, Why::SplitNotEnabled),
        301 => (Kind::Refused, Why::InvalidText),
        204..=399 => (Kind::Refused, Why::Other(Some(code.to_string()))),
        999 => return Error::new(Kind::Server, Effect::Unknown),
        _ => return Error::new(Kind::Decode, Effect::Unknown),
    };
    Error::new(kind, Effect::None).with_refusal(reason)
}
