//! HTTP responses of the simulator, with bodies from one piece of bytes to endless streams.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde::Serialize;

/// The media type of JSON.
pub(crate) const JSON: &str = "application/json";

/// The body of a response.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A response, ready to be written.
pub(crate) type Reply = Response<Body>;

/// Makes a body of known length.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// Makes a body that is sent as `stream` yields it.
pub(crate) fn streamed(stream: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(stream.map(|data| Ok(Frame::data(data)))).boxed_unsync()
}

/// Makes a response of this media type.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: Body) -> Reply {
    let mut reply = empty(status);
    *reply.body_mut() = body;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// Makes a response without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

/// Makes a response with `value` as JSON. Serialisation cannot fail here: all maps have string keys.
pub(crate) fn json_of(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => json(status, body),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Makes a response with JSON that is already written.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    reply(status, JSON, whole(body))
}

/// Makes a response with an HTML page.
pub(crate) fn html(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    reply(status, "text/html; charset=utf-8", whole(body))
}

/// Makes a response with plain text.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    reply(status, "text/plain; charset=utf-8", whole(body))
}
