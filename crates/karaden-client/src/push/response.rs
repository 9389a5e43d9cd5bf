//! What the responses of 空電プッシュ mean: a JSON `status` code, usually under HTTP 200.

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::{Effect, Error},
    error_kind::ErrorKind,
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
/// The send list was changed, but some rows failed.
pub(super) const PARTLY: i64 = 900;

/// Reads a response with status 100 into `T`.
pub(super) fn success<T: DeserializeOwned>(response: &Response) -> Result<T, Error> {
    success_with(response, &[OK])
}

/// Reads a response with one of the status codes `good` into `T`.
///
/// The code is read under every HTTP status. The service itself uses 200. A success under another one
/// is a contradiction, and leaves the outcome unknown.
pub(super) fn success_with<T: DeserializeOwned>(
    response: &Response,
    good: &[i64],
) -> Result<T, Error> {
    let code = match wire::object::<Status>(response.body()) {
        Some(Status { status: Some(code) }) => code,
        _ if response.status() == 200 => return Err(unreadable(response)),
        _ => return Err(wire::by_status(response)),
    };
    match (good.contains(&code), response.status()) {
        (true, 200) => wire::object(response.body()).ok_or_else(|| unreadable(response)),
        (true, _) => Err(contradiction(code, response)),
        (false, _) => Err(failure(code, response)),
    }
}

/// Returns the error for a success code under an HTTP status of failure. One of the two probably comes
/// from a proxy. The call may have been carried out, but the response does not prove it.
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

/// Returns the error for a status code that is not a success.
///
/// Only a code that is documented as a refusal means *not sent*, and not if it comes with a message id
/// or under an HTTP status of a failing proxy. For any other code the HTTP status decides, and under
/// 200 the outcome is unknown.
fn failure(code: i64, response: &Response) -> Error {
    let has_id = wire::object::<Id>(response.body())
        .and_then(|id| id.message_id)
        .is_some_and(|id| !id.trim().is_empty());
    let status = response.status();
    let is_by_the_service = status == 200 || ((400..500).contains(&status) && status != 408);
    let error = match refusal(code) {
        Some(reason) => {
            let effect = if is_by_the_service { Effect::None } else { Effect::Unknown };
            let error = Error::new(reason.error_kind(), effect);
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

/// Returns the refusal for a code that is documented as one. Other codes in the same range probably
/// have meanings too, but do not prove that nothing was sent.
fn refusal(code: i64) -> Option<RefusalReason> {
    Some(match code {
        201 => RefusalReason::Unauthenticated,
        202 => RefusalReason::InvalidNumber,
        203 => RefusalReason::Restricted,
        205 => RefusalReason::InvalidTrackingCode,
        206 => RefusalReason::InvalidMessageId,
        209 => RefusalReason::SplitNotEnabled,
        301 => RefusalReason::InvalidText,
        _ => return None,
    })
}
