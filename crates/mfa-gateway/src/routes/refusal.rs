//! Why a handler returns no page of its own.

use axum::response::IntoResponse;
use http::Response;
use mfa_pages::MessageKind;
use mfa_proxy::Body;

use super::responses;
use crate::state::{Context, Runtime};

/// What a handler returns in place of its page.
///
/// The response needs the language and the site of the request. So the refusal travels through the router as an
/// extension of an empty response, and [`respond`](Self::respond) makes the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A fault on our side. It is logged already, and the user gets a general page.
    Failed,
    /// A page with this message.
    Message(MessageKind),
    /// The form belongs to an older login of this browser: continue with the one that stands.
    OtherLogin,
    /// The browser has a session, so there is nothing to do here: continue at the start page.
    SignedIn,
}

impl Refusal {
    /// Logs a fault with its cause. The user gets to see the reference number of the request only.
    ///
    /// A store that is down fails with every request. So each kind of fault has one line a second, with the number
    /// of those before it that had none.
    pub(crate) fn failed(
        runtime: &Runtime,
        doing: &'static str,
        error: &dyn std::error::Error,
    ) -> Self {
        if let Some(suppressed) = runtime.failures.admit(doing) {
            let source = error.source().map(ToString::to_string);
            tracing::error!(
                event = "internal_error", doing, error = %error, source, suppressed,
                "a request failed"
            );
        }
        Self::Failed
    }

    /// Makes the response for the request of `context`.
    pub(crate) fn respond(self, context: &Context) -> Response<Body> {
        match self {
            Self::Failed => responses::message(context, MessageKind::Outage),
            Self::Message(kind) => responses::message(context, kind),
            Self::OtherLogin => responses::see_other(&responses::url_of_other_login(context)),
            Self::SignedIn => responses::see_other("/"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        let mut response = axum::response::Response::default();
        response.extensions_mut().insert(self);
        response
    }
}
