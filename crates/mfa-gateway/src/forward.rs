//! The application: who gets through to it, and what they get in its place.

use std::sync::Arc;

use auth_module::{Decision, Rule, Session};
use http::{
    Method, Request, Response,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};
use mfa_pages::{MessageKind, path as page};
use mfa_proxy::{Body, Origin, ProxyError, RequestBody, is_websocket_request};

use crate::{
    http::accept::wants_page,
    identity,
    request_id::X_REQUEST_ID,
    routes::{refusal::Refusal, responses},
    state::{Context, Runtime},
    websockets::{self, WebSocketRefused},
};

/// The methods that an application can be asked with, for `Allow`. Methods that are not registered pass too.
pub(crate) const ALLOWED_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// A response, and where it comes from.
pub(crate) struct Served {
    /// The name of the route, for metrics and logs.
    pub(crate) route: &'static str,
    pub(crate) response: Response<Body>,
    /// Whether the gateway made the response, and not the application.
    pub(crate) is_own: bool,
}

/// Forwards a request to the application, or asks for a login: steps 1 and 11 of a login (ARCHITECTURE.md).
pub(crate) async fn respond(
    runtime: &Arc<Runtime>,
    request: Request<RequestBody>,
    context: Arc<Context>,
) -> Served {
    let (response, is_own) = match admit(runtime, &request, &context).await {
        Ok(admitted) => match forward(runtime, request, &context, admitted).await {
            Ok(response) => (response, false),
            Err(refusal) => (refusal, true),
        },
        Err(refusal) => (refusal, true),
    };
    Served { route: "application", response, is_own }
}

/// A request that the policy lets pass.
struct Admitted {
    session: Option<Session>,
    max_body_bytes: u64,
}

/// Decides about a request by the policy. The error is the response to one that may not pass.
async fn admit(
    runtime: &Arc<Runtime>,
    request: &Request<RequestBody>,
    context: &Context,
) -> Result<Admitted, Response<Body>> {
    let path = context.path.as_str();
    let rules = runtime.auth.policy().deciding_rules(path);
    let loaded = if rules.counts_as_use() {
        runtime.session(context).await
    } else {
        runtime.peek_session(context).await
    };
    let session = loaded
        .map_err(|error| Refusal::failed(runtime, "session.load", &error).respond(context))?;
    let mut facts = context.facts(request.method().as_str(), path, session.as_ref());
    if is_preflight(request) {
        facts = facts.as_preflight();
    }
    let verdict = rules.evaluate(&facts);
    context.noted.rule(verdict.rule.map_or_else(|| "default".into(), Rule::shared_name));
    match verdict.into_decision() {
        Decision::Allowed | Decision::Public => {}
        Decision::Forbidden => {
            if let Some(session) = &session {
                runtime.auth.record_forbidden(&facts, &session.user().id);
            }
            return Err(responses::message_in_app(context, MessageKind::Forbidden));
        }
        Decision::LoginRequired => return Err(ask_for(page::LOGIN, context, request.method())),
        Decision::StepUpRequired(_) => {
            if let Some(session) = &session {
                runtime.auth.record_step_up_asked(&facts, &session.user().id);
            }
            return Err(ask_for(page::STEP_UP, context, request.method()));
        }
    }
    let max_body_bytes = rules.max_body_bytes(context.app.max_body_bytes);
    Ok(Admitted { session, max_body_bytes })
}

/// Whether a browser asks if it may send a request from another site's page (CORS). It sends no cookies with
/// the question.
fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    *request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Redirects a browser to one of our pages, and tells a program where that page is.
fn ask_for(own_page: &'static str, context: &Context, method: &Method) -> Response<Body> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    // The browser later returns with a `GET`: to the page whose form it sent, if it says which.
    let destination = if is_read {
        context.destination(&context.here)
    } else {
        context.referring_page().or_else(|| {
            // A step-up needs the path: its rule decides which factor to ask for again.
            let path = context.path.as_str();
            (own_page == page::STEP_UP).then(|| context.destination(path)).flatten()
        })
    };
    let url = responses::url_to(context, own_page, destination.as_ref());
    match (wants_page(&context.headers), is_read) {
        (true, true) => responses::see_other(&url),
        (true, false) => responses::login_first(context, MessageKind::NotSent, &url),
        (false, _) if own_page == page::STEP_UP => {
            responses::login_first(context, MessageKind::StepUpRequired, &url)
        }
        (false, _) => responses::login_first(context, MessageKind::LoginRequired, &url),
    }
}

/// Forwards a request. The error is the response to one that gets none of the application.
async fn forward(
    runtime: &Arc<Runtime>,
    request: Request<RequestBody>,
    context: &Arc<Context>,
    Admitted { session, max_body_bytes }: Admitted,
) -> Result<Response<Body>, Response<Body>> {
    let session = session.as_ref();
    let tunnel = is_websocket_request(request.method(), request.headers())
        .then(|| websockets::terms(runtime, context, session))
        .transpose()
        .map_err(|refused| refuse_websocket(context, refused))?;
    let mut own_headers = session.map(identity::headers).unwrap_or_default();
    own_headers.insert(X_REQUEST_ID, context.request_id.as_header().clone());
    let origin = Origin {
        client: context.client.address,
        scheme: context.settings.scheme,
        host: &context.host,
    };
    let own_limit;
    let proxy = if max_body_bytes == context.app.max_body_bytes {
        &context.app.proxy
    } else {
        own_limit = context.app.proxy.with_max_body_bytes(max_body_bytes);
        &own_limit
    };
    let sent = proxy.forward(request, &context.path, &origin, &own_headers, tunnel).await;
    sent.map_err(|error| proxy_failed(context, &error, max_body_bytes))
}

fn refuse_websocket(context: &Context, refused: WebSocketRefused) -> Response<Body> {
    tracing::warn!(event = "websocket.refused", reason = ?refused, client = %context.client.address, "a WebSocket connection was refused");
    let kind = match refused {
        WebSocketRefused::ForeignOrigin => MessageKind::Forbidden,
        WebSocketRefused::TooMany => MessageKind::Busy,
    };
    responses::message_in_app(context, kind)
}

/// Responds to a request that has no response of the application. The log says whose fault it is.
fn proxy_failed(context: &Context, error: &ProxyError, max_body_bytes: u64) -> Response<Body> {
    match error {
        ProxyError::InvalidResponse(_)
        | ProxyError::Timeout
        | ProxyError::UnrequestedUpgrade
        | ProxyError::Unreachable(_) => {
            tracing::warn!(event = "proxy.failed", error = %error, source = ?std::error::Error::source(error), "the application did not respond");
        }
        ProxyError::BadRequest
        | ProxyError::BrokenBody
        | ProxyError::SlowBody
        | ProxyError::TooLarge
        | ProxyError::UnexpectedBody => {
            tracing::info!(event = "http.body_refused", error = %error, client = %context.client.address, "a request could not be forwarded");
        }
    }
    let kind = match error {
        ProxyError::BadRequest | ProxyError::BrokenBody | ProxyError::UnexpectedBody => {
            MessageKind::BadRequest
        }
        ProxyError::SlowBody => MessageKind::RequestTimeout,
        ProxyError::TooLarge => MessageKind::TooLarge { max_bytes: max_body_bytes },
        ProxyError::Timeout => MessageKind::UpstreamSlow,
        ProxyError::InvalidResponse(_)
        | ProxyError::UnrequestedUpgrade
        | ProxyError::Unreachable(_) => MessageKind::UpstreamDown,
    };
    responses::message_in_app(context, kind)
}
