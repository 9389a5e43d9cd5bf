//! What each handler gets.

use std::{convert::Infallible, sync::Arc};

use axum::extract::FromRequestParts;
use http::{Response, request::Parts};
use mfa_proxy::Body;

use super::refusal::Refusal;
use crate::state::{Context, Runtime};

/// The result of a handler.
pub(crate) type Page = Result<Response<Body>, Refusal>;

/// The runtime, and what is known of the request.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) context: Arc<Context>,
}

impl<S: Sync> FromRequestParts<S> for Own {
    type Rejection = Infallible;

    /// # Panics
    ///
    /// If the request has no `Own`: the router's only caller inserts it.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let own = parts.extensions.get::<Self>();
        Ok(own.expect("`respond` inserts it into each request").clone())
    }
}
