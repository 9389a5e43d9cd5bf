//! The simulator's own paths, which belong to neither API: the methods of each, and what handles them.

use std::sync::Arc;

use http::Method;

use crate::{body::Reply, request::Call, shared::Shared};

/// Handles a request. An error is what is wrong with the request: the response is then 400.
pub(crate) type Handler = fn(&Arc<Shared>, &Call<'_>) -> Result<Reply, String>;

/// The methods of a path. HEAD and OPTIONS are not among them: the server adds them.
pub(crate) type Methods = &'static [(Method, Handler)];
