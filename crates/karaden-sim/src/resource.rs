//! The simulator's own paths, which belong to neither API: the methods of each, and what handles them.

use std::sync::Arc;

use http::{Method, StatusCode};

use crate::{
    body::{Reply, text},
    request::Call,
    shared::Shared,
};

/// Handles a request.
pub(crate) type Handler = fn(&Arc<Shared>, &Call<'_>) -> Reply;

/// The methods of a path. HEAD and OPTIONS are not among them: the server adds them.
pub(crate) type Methods = &'static [(Method, Handler)];

/// Returns the response to a request, or 400 with what is wrong with it.
pub(crate) fn or_bad_request(result: Result<Reply, String>) -> Reply {
    result.unwrap_or_else(|problem| text(StatusCode::BAD_REQUEST, format!("{problem}\n")))
}
