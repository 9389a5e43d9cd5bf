//! Delivery reports: what Karaden posts to your server when a message's state changes.
//!
//! A report is not signed, so it proves nothing: use it only as a hint to read the message again.
//! [`receive`] returns the id only: read the message with [`Client::get`](super::Client::get) and rely
//! on that. A report must never decide a login.
//!
//! Any web framework can host it: pass the method, the path and the body, and respond with the
//! status.
//!
//! ```
//! use karaden_client::sms::callback::{CallbackSecret, Received, receive};
//!
//! let secret = CallbackSecret::new("q3Zt-an-unguessable-part-of-the-path")?;
//! let path = "/callback/q3Zt-an-unguessable-part-of-the-path";
//! let body = br#"{"object":"message","id":"82bdf9de-a532","status":"done","tags":[]}"#;
//! let received = receive("POST", path, body, &secret);
//! assert_eq!(received.status(), 200);
//! let Received::Report(report) = received else { panic!() };
//! assert_eq!(report.message_id().as_str(), "82bdf9de-a532");
//!
//! assert_eq!(receive("POST", "/callback/guess", body, &secret).status(), 404);
//! # Ok::<(), karaden_client::Invalid>(())
//! ```

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::message::{MessageId, SentResult};
use crate::{
    error::{Effect, Error},
    error_kind::ErrorKind,
    invalid::{Found, Invalid, Rule},
    wire,
};

/// The longest report that is read, in bytes. Do not read more of a request's body.
pub const MAX_REPORT_BYTES: usize = 64 * 1024;

/// The unguessable last part of the path that was registered with Karaden.
pub struct CallbackSecret(SecretString);

impl CallbackSecret {
    /// Checks a secret: at least 22 of `A-Z a-z 0-9 - _` (128 bits if random).
    ///
    /// # Errors
    ///
    /// [`Rule::AtLeast`] or [`Rule::SafeCharacters`] on field `secret`.
    pub fn new(secret: &str) -> Result<Self, Invalid> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let refuse = |rule, found| Err(Invalid::new("secret", rule, found));
        if !secret.bytes().all(plain) {
            return refuse(Rule::SafeCharacters, Found::ForeignCharacter);
        }
        if secret.len() < 22 {
            return refuse(Rule::AtLeast(22), Found::Units(secret.len()));
        }
        Ok(Self(SecretString::from(secret)))
    }

    /// Returns whether the last part of `path` is the secret. Takes the same time for any part of its
    /// length.
    fn is_last_part_of(&self, path: &str) -> bool {
        let last = path.rsplit('/').next().unwrap_or(path);
        last.as_bytes().ct_eq(self.0.expose_secret().as_bytes()).into()
    }
}

impl fmt::Debug for CallbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackSecret(…)")
    }
}

/// A delivery report: the id of its message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DeliveryReport {
    message_id: MessageId,
}

impl DeliveryReport {
    /// Reads a report.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] beyond [`MAX_REPORT_BYTES`], [`ErrorKind::Decode`] for anything but a
    /// message object with a usable id.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        if body.len() > MAX_REPORT_BYTES {
            return Err(Error::new(ErrorKind::TooLarge, Effect::None));
        }
        let message_id = wire::object::<WireReport>(body)
            .filter(|report| report.object.as_deref() == Some("message"))
            .and_then(|report| MessageId::new(report.id.as_deref()?).ok());
        match message_id {
            Some(message_id) => Ok(Self { message_id }),
            None => Err(Error::new(ErrorKind::Decode, Effect::None)
                .with_phrase("the report is not a message object with an id")),
        }
    }

    /// Returns the id of the message to read. Check that your program sent it: anyone may post an id.
    pub fn message_id(&self) -> &MessageId {
        &self.message_id
    }
}

#[derive(Deserialize)]
struct WireReport {
    #[serde(default, deserialize_with = "wire::text")]
    object: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    id: Option<String>,
}

/// What to do with a request to the callback's path.
#[derive(Debug)]
#[must_use]
pub enum Received {
    /// A report. Respond with 200 at once, and read the message afterwards, outside the request.
    /// Reports may come twice and out of order.
    Report(DeliveryReport),
    /// Not a report. Respond with the status.
    Rejected(Rejection),
}

impl Received {
    /// Returns the HTTP status to respond with: 200, or that of the [`Rejection`].
    pub fn status(&self) -> u16 {
        match self {
            Self::Report(_) => 200,
            Self::Rejected(rejection) => rejection.status(),
        }
    }
}

/// Why a request to the callback's path is not a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The path does not end in the secret: 404, as for a path that does not exist.
    WrongPath,
    /// Not a POST: 405.
    WrongMethod,
    /// Longer than [`MAX_REPORT_BYTES`]: 413.
    TooLarge,
    /// Not a message object with an id: 400.
    Malformed,
}

impl Rejection {
    /// Returns the HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::WrongPath => 404,
            Self::WrongMethod => 405,
            Self::TooLarge => 413,
            Self::Malformed => 400,
        }
    }
}

/// Checks a request to the callback's path: the method, the path without its query, the body.
pub fn receive(method: &str, path: &str, body: &[u8], secret: &CallbackSecret) -> Received {
    // The path is checked first: a caller without the secret must not learn that a callback exists.
    if !secret.is_last_part_of(path) {
        return Received::Rejected(Rejection::WrongPath);
    }
    if method != "POST" {
        return Received::Rejected(Rejection::WrongMethod);
    }
    match DeliveryReport::parse(body) {
        Ok(report) => Received::Report(report),
        Err(error) if error.kind() == ErrorKind::TooLarge => {
            Received::Rejected(Rejection::TooLarge)
        }
        Err(_) => Received::Rejected(Rejection::Malformed),
    }
}

/// Builds the request with which Karaden reports a message, for a test of your callback's route.
///
/// The request is a POST of JSON with the header `Karaden-Version`. Its fields and their order are those of
/// the vendor's page, without the number and the text, which reports do not have. The message is sent
/// (`done`), with this `sent_result`; all other values are made up.
///
/// ```
/// use karaden_client::{
///     http::Uri,
///     sms::{MessageId, SentResult, callback},
/// };
///
/// let secret = callback::CallbackSecret::new("q3Zt-an-unguessable-part-of-the-path")?;
/// let id = MessageId::new("82bdf9de-a532")?;
/// let uri = Uri::from_static("/callback/q3Zt-an-unguessable-part-of-the-path");
/// let request = callback::test_request(uri, &id, &SentResult::Received);
///
/// let (method, path) = (request.method().as_str(), request.uri().path());
/// let received = callback::receive(method, path, request.body(), &secret);
/// assert_eq!(received.status(), 200);
/// # Ok::<(), karaden_client::Invalid>(())
/// ```
pub fn test_request(uri: Uri, id: &MessageId, sent_result: &SentResult) -> Request<Bytes> {
    let body = json!({
        "id": id.as_str(), "object": "message", "project_id": 1, "service_id": 1,
        "billing_address_id": 1, "tags": [], "is_shorten": false, "result": "done",
        "status": "done", "sent_result": sent_result.as_str(), "carrier": "docomo",
        "charged_count_per_sent": 1, "scheduled_at": null, "limited_at": null,
        "sent_at": "2024-03-01T12:00:00+09:00", "received_at": "2024-03-01T12:00:03+09:00",
        "charged_at": "2024-03-01T12:00:00+09:00", "created_at": "2024-03-01T12:00:00+09:00",
        "updated_at": "2024-03-01T12:00:03+09:00",
    });
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("karaden-version", HeaderValue::from_static("2024-03-01"));
    request
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "0123456789abcdefghijkl";

    #[test]
    fn requests_are_judged_in_this_order() {
        let secret = CallbackSecret::new(SECRET).expect("long enough");
        let path = format!("/cb/{SECRET}");
        let good = br#"{"object":"message","id":"m-1"}"#.as_slice();
        let long = format!(r#"{{"object":"message","id":"m-1","x":"{}"}}"#, "y".repeat(70_000));
        let rows = [
            ("POST", path.as_str(), good, 200),
            ("POST", "/cb/0123456789abcdefghijkm", good, 404),
            ("GET", "/cb/x", good, 404),
            ("POST", "/cb/", good, 404),
            ("POST", "", good, 404),
            ("GET", path.as_str(), good, 405),
            ("POST", path.as_str(), long.as_bytes(), 413),
            ("POST", path.as_str(), b"", 400),
            ("POST", path.as_str(), b"<html>", 400),
            ("POST", path.as_str(), br#"{"object":"message"}"#, 400),
            ("POST", path.as_str(), br#"{"object":"message","id":"../x"}"#, 400),
            ("POST", path.as_str(), br#"{"object":"list","id":"m-1"}"#, 400),
        ];
        for (method, path, body, status) in rows {
            assert_eq!(receive(method, path, body, &secret).status(), status, "{method} {path}");
        }
    }

    #[test]
    fn a_guessable_secret_is_not_accepted() {
        for short in ["", "callback", "012345678901234567890", "0123456789abcdefghij/."] {
            assert!(CallbackSecret::new(short).is_err(), "{short}");
        }
        let secret = CallbackSecret::new(SECRET).expect("long enough");
        assert!(!format!("{secret:?}").contains(SECRET));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(body: Vec<u8>) {
            let secret = CallbackSecret::new(SECRET).expect("long enough");
            let status = receive("POST", SECRET, &body, &secret).status();
            prop_assert!(status == 200 || status == 400);
        }
    }
}
