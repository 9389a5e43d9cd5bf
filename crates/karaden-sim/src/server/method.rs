//! HEAD, OPTIONS, and methods that a path does not have (RFC 9110, sections 9.3 and 15.5.6).

use http::{
    Method, StatusCode,
    header::{ALLOW, CONTENT_LENGTH, HeaderValue},
};
use hyper::body::Body as _;

use crate::body::{Reply, empty};

/// The method by which a request is handled: HEAD is GET, without the body of the response.
pub(super) fn handled_as(method: &Method) -> &Method {
    if *method == Method::HEAD { &Method::GET } else { method }
}

/// Takes the body of a response to HEAD and keeps its length.
pub(super) fn without_body(reply: Reply) -> Reply {
    let (mut parts, body) = reply.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let mut reply = empty(parts.status);
    *reply.headers_mut() = parts.headers;
    reply
}

/// Makes the response to a method that is not among those of a path: the list of them for OPTIONS, otherwise
/// `refusal` with the list.
pub(super) fn other(
    method: &Method,
    allowed: impl IntoIterator<Item = Method>,
    refusal: Reply,
) -> Reply {
    let mut names = Vec::new();
    for allowed in allowed {
        names.push(allowed.to_string());
        if allowed == Method::GET {
            names.push(Method::HEAD.to_string());
        }
    }
    names.push(Method::OPTIONS.to_string());
    let mut reply =
        if *method == Method::OPTIONS { empty(StatusCode::NO_CONTENT) } else { refusal };
    if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
        reply.headers_mut().insert(ALLOW, names);
    }
    reply
}
