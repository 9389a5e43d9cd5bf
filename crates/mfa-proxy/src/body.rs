//! One body type for all responses.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};

/// The error of a body that ends early.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body, streamed or complete.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Makes a body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Makes an empty body.
pub fn empty() -> Body {
    full(Bytes::new())
}
