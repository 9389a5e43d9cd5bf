//! What each handler of the gateway's own pages gets and returns.

use std::{convert::Infallible, sync::Arc};

use auth_module::Session;
use axum::extract::FromRequestParts;
use http::{Response, request::Parts};
use mfa_proxy::Body;

use super::refusal::Refusal;
use crate::state::{Context, Runtime};

/// The result of a handler.
pub(crate) type Page = Result<Response<Body>, Refusal>;

/// A request for one of the gateway's own pages: the running gateway, and the facts of the request.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) context: Arc<Context>,
}

impl Own {
    /// Returns the browser's session, if it has a valid one.
    pub(crate) async fn session(&self) -> Result<Option<Session>, Refusal> {
        let session = self.runtime.session(&self.context).await;
        session.map_err(|error| Refusal::failed(&self.runtime, "session.load", &error))
    }
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
