//! The path of a request: its head is checked, then a route or the application responds.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::SystemTime,
};

use auth_module::{Decision, Rule, Session, SuspectRequest, has_one_reading};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCEPT, ACCEPT_LANGUAGE, ACCESS_CONTROL_REQUEST_METHOD, CONNECTION, HOST, ORIGIN,
        USER_AGENT,
    },
    uri::{Authority, PathAndQuery},
};
use mfa_pages::{Language, LanguageWishes, MessageKind, field, negotiate, path as page};
use mfa_plugin_api::ClientFacts;
use mfa_proxy::{
    Body, FramingError, NormalPath, Origin, ProxyError, RequestBody, is_websocket_request,
};

use crate::{
    http::cookies,
    identity,
    reference::Reference,
    routes::{self, refusal::Refusal, responses},
    state::{App, Context, ProtectedApp, Runtime, Settings, parameter},
    target,
    websockets::{self, WebSocketRefused},
};

/// Why a request was rejected before any route saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RejectedRequest {
    /// A body whose end is in doubt.
    Framing(FramingError),
    /// No `Host`, more than one, or one that is not text.
    Host,
    /// `TRACE` or `CONNECT`, which no page and no application may receive.
    Method,
    /// A host without an application, or a target that names another host.
    Misdirected,
    /// A path that is not valid, or that has several readings where the application allows one.
    Path,
    /// A target that is too long.
    TargetLength,
}

/// The name of the rule that decided about a request, for the log.
#[derive(Debug, Clone)]
struct RuleName(Option<Arc<str>>);

const MAX_USER_AGENT_CHARS: usize = 256;
/// Further parameters in the query of one of our pages are ignored. No page has as many.
const MAX_PARAMETERS: usize = 16;

/// What responds to requests: the state of the gateway, and the router of its own pages.
#[derive(Debug)]
pub(crate) struct Gateway {
    app: Arc<App>,
    own: axum::Router,
}

/// Responds to one request. Never fails: every error becomes a response that grants no access.
pub(crate) async fn respond(
    gateway: Arc<Gateway>,
    request: Request<RequestBody>,
    peer: SocketAddr,
) -> Response<Body> {
    let started = tokio::time::Instant::now();
    let (runtime, settings) = (&gateway.app.runtime, gateway.app.settings());
    let now = runtime.clock.now();
    let client = runtime.client_address(&settings, peer, request.headers());
    let method = request.method().clone();
    let reference = Reference::random(runtime.randomness.as_ref());
    let (route, mut response) = match context(&settings, &request, client, now, reference) {
        _ if settings.is_health_probe(&request) => ("health", responses::healthy()),
        Ok(context) => gateway.dispatch(request, context).await,
        Err(rejected) => {
            if rejected == RejectedRequest::Misdirected {
                runtime.auth.record_suspect(SuspectRequest::UnknownHost, client, now);
            }
            let headers = request.headers();
            ("rejected", reject(&settings, rejected, headers, client, now, reference))
        }
    };
    let status = response.status().as_u16();
    let rule = response.extensions_mut().remove::<RuleName>();
    let rule = rule.as_ref().map(|RuleName(name)| name.as_deref().unwrap_or("default"));
    runtime.metrics.request(route, status, started.elapsed());
    tracing::info!(
        event = "http.request", reference = %reference, method = %known_method(&method), route, rule, status,
        client = %client, duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request served"
    );
    response
}

impl Gateway {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, own: routes::router() }
    }

    async fn dispatch(
        &self,
        request: Request<RequestBody>,
        context: Context,
    ) -> (&'static str, Response<Body>) {
        let runtime = &self.app.runtime;
        let prefix = context.settings.site.prefix.as_str();
        match context.path.as_str().strip_prefix(prefix).map(str::to_owned) {
            Some(own) => routes::respond(&self.own, runtime, &own, request, context).await,
            None => ("application", application(runtime, request, Arc::new(context)).await),
        }
    }
}

/// Checks the head of a request and returns its facts.
fn context(
    settings: &Arc<Settings>,
    request: &Request<RequestBody>,
    client: IpAddr,
    now: SystemTime,
    reference: Reference,
) -> Result<Context, RejectedRequest> {
    let headers = request.headers();
    if let Some(error) = FramingError::of(request) {
        return Err(RejectedRequest::Framing(error));
    }
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return Err(RejectedRequest::Method);
    }
    let (host, app) = addressed(settings, request)?;
    let path = NormalPath::parse(request.uri().path()).map_err(|_| RejectedRequest::Path)?;
    let is_own = path.as_str().starts_with(settings.site.prefix.as_str());
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    if target.len() > if is_own { target::MAX_OWN_BYTES } else { target::MAX_BYTES } {
        return Err(RejectedRequest::TargetLength);
    }
    if app.is_strict && !is_own && !has_one_reading(path.as_str()) {
        return Err(RejectedRequest::Path);
    }
    let raw_query = request.uri().query().unwrap_or_default();
    let query = if is_own {
        url::form_urlencoded::parse(raw_query.as_bytes())
            .into_owned()
            .take(MAX_PARAMETERS)
            .collect()
    } else {
        Vec::new()
    };
    let here = match request.uri().query() {
        Some(query) => format!("{}?{query}", path.as_str()),
        None => path.as_str().to_owned(),
    };
    let wish = parameter(&query, field::LANGUAGE);
    let language = language(settings, headers, wish);
    Ok(Context {
        settings: Arc::clone(settings),
        app,
        now,
        client: client_facts(client, headers, language),
        language,
        has_chosen_language: wish.and_then(Language::from_tag).is_some(),
        path,
        here,
        query,
        headers: headers.clone(),
        host,
        reference,
    })
}

/// Returns the canonical spelling of the request's host, and the application behind it.
fn addressed(
    settings: &Settings,
    request: &Request<RequestBody>,
) -> Result<(HeaderValue, Arc<ProtectedApp>), RejectedRequest> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none()).ok_or(RejectedRequest::Host)?;
    let text = host.to_str().map_err(|_| RejectedRequest::Host)?;
    let known = settings.host(text).ok_or(RejectedRequest::Misdirected)?;
    // A target in absolute form names a host too. It has to be the same one (RFC 9112, section 3.2).
    let is_same = |target: &Authority| {
        settings.host(target.as_str()).is_some_and(|other| other.name == known.name)
    };
    if !request.uri().authority().is_none_or(is_same) {
        return Err(RejectedRequest::Misdirected);
    }
    Ok((known.name.clone(), Arc::clone(&known.app)))
}

fn language(settings: &Settings, headers: &HeaderMap, query: Option<&str>) -> Language {
    let accept_language = headers.get(ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    let wishes =
        LanguageWishes { query, cookie: cookies::LANGUAGE.value(headers), accept_language };
    negotiate(&wishes, settings.default_language)
}

fn reject(
    settings: &Settings,
    rejected: RejectedRequest,
    headers: &HeaderMap,
    client: IpAddr,
    now: SystemTime,
    reference: Reference,
) -> Response<Body> {
    tracing::warn!(event = "http.refused", reference = %reference, reason = ?rejected, client = %client, "request rejected");
    let language = language(settings, headers, None);
    let kind = match rejected {
        RejectedRequest::Method => MessageKind::MethodNotAllowed,
        RejectedRequest::Misdirected => MessageKind::Misdirected,
        RejectedRequest::Framing(_) | RejectedRequest::Host | RejectedRequest::Path => {
            MessageKind::BadRequest
        }
        RejectedRequest::TargetLength => MessageKind::UriTooLong,
    };
    let mut response = responses::bare_message(settings, kind, language, now, reference);
    if rejected == RejectedRequest::Framing(FramingError::UnknownCoding) {
        // RFC 9112, section 6.1.
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    }
    response
}

/// Forwards a request to the application, or asks for a login: steps 1 and 11 of a login (ARCHITECTURE.md).
async fn application(
    runtime: &Arc<Runtime>,
    request: Request<RequestBody>,
    context: Arc<Context>,
) -> Response<Body> {
    let path = context.path.as_str();
    let loaded = if runtime.auth.policy().counts_as_use(path) {
        runtime.session(&context).await
    } else {
        runtime.peek_session(&context).await
    };
    let session = match loaded {
        Ok(session) => session,
        Err(error) => return Refusal::failed(&context, "session.load", &error).respond(&context),
    };
    let mut facts = context.facts(request.method().as_str(), path, session.as_ref());
    if is_preflight(&request) {
        facts = facts.as_preflight();
    }
    let verdict = runtime.auth.policy().evaluate(&facts);
    let rule = RuleName(verdict.rule.map(Rule::shared_name));
    let mut response = match verdict.into_decision() {
        Decision::Allowed | Decision::Public => {
            forward(runtime, request, &context, session.as_ref()).await
        }
        Decision::Forbidden => {
            if let Some(session) = &session {
                runtime.auth.record_forbidden(&facts, &session.user().id);
            }
            responses::message_in_app(&context, MessageKind::Forbidden)
        }
        Decision::LoginRequired => ask_for(page::LOGIN, &context, request.method()),
        Decision::StepUpRequired(_) => {
            if let Some(session) = &session {
                runtime.auth.record_step_up_asked(&facts, &session.user().id);
            }
            ask_for(page::STEP_UP, &context, request.method())
        }
    };
    response.extensions_mut().insert(rule);
    response
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
    if is_navigation(&context.headers) && !is_read {
        return responses::not_sent(context, &url);
    }
    if is_navigation(&context.headers) {
        return responses::see_other(&url);
    }
    let error = if own_page == page::STEP_UP { "step_up_required" } else { "login_required" };
    let body = serde_json::json!({ "error": error, "login": url });
    let mut response = responses::json(StatusCode::UNAUTHORIZED, &body);
    responses::set_challenge(response.headers_mut());
    response
}

async fn forward(
    runtime: &Arc<Runtime>,
    request: Request<RequestBody>,
    context: &Arc<Context>,
    session: Option<&Session>,
) -> Response<Body> {
    let tunnel = if is_websocket_request(request.method(), request.headers()) {
        match websockets::terms(runtime, context, session) {
            Ok(terms) => Some(terms),
            Err(refused) => return refuse_websocket(context, refused),
        }
    } else {
        None
    };
    let identity = session.map(identity::headers).unwrap_or_default();
    let origin = Origin {
        client: context.client.address,
        scheme: context.settings.scheme,
        host: &context.host,
    };
    let sent = context.app.proxy.forward(request, &context.path, &origin, &identity, tunnel).await;
    sent.unwrap_or_else(|error| proxy_failed(context, &error))
}

fn refuse_websocket(context: &Context, refused: WebSocketRefused) -> Response<Body> {
    tracing::warn!(event = "websocket.refused", reference = %context.reference, reason = ?refused, client = %context.client.address, "a WebSocket connection was refused");
    let kind = match refused {
        WebSocketRefused::ForeignOrigin => MessageKind::Forbidden,
        WebSocketRefused::TooMany => MessageKind::Busy,
    };
    responses::message_in_app(context, kind)
}

/// Responds to a request that has no response of the application. The log says whose fault it is.
fn proxy_failed(context: &Context, error: &ProxyError) -> Response<Body> {
    match error {
        ProxyError::InvalidResponse(_)
        | ProxyError::Timeout
        | ProxyError::UnrequestedUpgrade
        | ProxyError::Unreachable(_) => {
            tracing::warn!(event = "proxy.failed", reference = %context.reference, error = %error, source = ?std::error::Error::source(error), "the application did not respond");
        }
        ProxyError::BadRequest
        | ProxyError::BrokenBody
        | ProxyError::SlowBody
        | ProxyError::TooLarge
        | ProxyError::UnexpectedBody => {
            tracing::info!(event = "http.body_refused", reference = %context.reference, error = %error, client = %context.client.address, "a request could not be forwarded");
        }
    }
    let kind = match error {
        ProxyError::BadRequest
        | ProxyError::BrokenBody
        | ProxyError::SlowBody
        | ProxyError::UnexpectedBody => MessageKind::BadRequest,
        ProxyError::TooLarge => MessageKind::TooLarge,
        ProxyError::Timeout => MessageKind::UpstreamSlow,
        ProxyError::InvalidResponse(_)
        | ProxyError::UnrequestedUpgrade
        | ProxyError::Unreachable(_) => MessageKind::UpstreamDown,
    };
    let mut response = responses::message_in_app(context, kind);
    if matches!(error, ProxyError::SlowBody) {
        *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
        // RFC 9110, section 15.5.9.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn client_facts(address: IpAddr, headers: &HeaderMap, language: Language) -> ClientFacts {
    let facts = ClientFacts::new(address, language.tag());
    match headers.get(USER_AGENT).and_then(|v| v.to_str().ok()) {
        Some(agent) => {
            facts.with_user_agent(agent.chars().take(MAX_USER_AGENT_CHARS).collect::<String>())
        }
        None => facts,
    }
}

/// Returns whether a browser will show the response as a page. Only then a redirect helps.
fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let wants_html =
        headers.get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    let is_script = text("x-requested-with").is_some()
        || text("sec-fetch-dest").is_some_and(|dest| dest != "document");
    wants_html && !is_script
}

/// Returns the method for the log. An unknown method could contain anything, so it is not logged.
fn known_method(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::OPTIONS
        | Method::PATCH => method.as_str(),
        _ => "other",
    }
}
