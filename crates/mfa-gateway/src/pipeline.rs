//! The path of a request: its head is checked, then a route or the application responds.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::SystemTime,
};

use auth_module::{SuspectRequest, has_one_reading};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{ACCEPT_LANGUAGE, ALLOW, HOST, USER_AGENT},
    uri::{Authority, PathAndQuery},
};
use mfa_pages::{Frame, Language, LanguageWishes, MessageKind, MessagePage, field, negotiate};
use mfa_plugin_api::ClientFacts;
use mfa_proxy::{Body, FramingError, NormalPath, RequestBody};
use tracing::Instrument as _;

use crate::{
    access_log::Entry,
    forward::{self, ALLOWED_METHODS, Served},
    http::{cookies, security_headers},
    noted::Noted,
    request_id::{RequestId, RequestIds, X_REQUEST_ID},
    routes::{self, responses},
    state::{App, Context, Current, ProtectedApp, Runtime, Settings, parameter},
    target,
};

/// Why a request was rejected before any route saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RejectedRequest {
    /// A body whose end is in doubt.
    Framing(FramingError),
    /// No `Host`, more than one, or one that is not text.
    Host,
    /// `TRACE` or `CONNECT`, which no application may receive.
    Method,
    /// A host without an application, or a target that names another host.
    Misdirected,
    /// A path that is not valid, or that has several readings where the application allows one.
    Path,
    /// A target that is longer than this many bytes.
    TargetLength(usize),
}

const MAX_USER_AGENT_CHARS: usize = 256;
/// Further parameters in the query of one of our pages are ignored. No page has as many.
const MAX_PARAMETERS: usize = 16;

/// What responds to requests: the state of the gateway, and the router of its own pages.
#[derive(Debug)]
pub(crate) struct Gateway {
    app: Arc<App>,
    own: axum::Router,
    ids: RequestIds,
}

/// Responds to one request. Never fails: every error becomes a response that grants no access.
pub(crate) async fn respond(
    gateway: Arc<Gateway>,
    request: Request<RequestBody>,
    peer: SocketAddr,
) -> Response<Body> {
    let current = gateway.app.current();
    let id = gateway.id_of(&request, peer, &current.settings);
    // At the level of the worst event, so that no filter takes the id from a line that it lets pass.
    let span = tracing::error_span!("request", request_id = %id);
    let served = gateway.serve(&current, request, peer, id, span.clone());
    served.instrument(span).await
}

impl Gateway {
    pub(crate) fn new(app: Arc<App>) -> Self {
        let ids = RequestIds::new(app.runtime().randomness.as_ref());
        Self { app, own: routes::router(), ids }
    }

    /// Returns the id of a request: that of a listed proxy, or a new one. A client cannot choose it.
    fn id_of(
        &self,
        request: &Request<RequestBody>,
        peer: SocketAddr,
        settings: &Settings,
    ) -> RequestId {
        let is_listed = settings.trusted_proxies.contains(peer.ip());
        let given = is_listed.then(|| RequestId::of_proxy(request.headers())).flatten();
        given.unwrap_or_else(|| self.ids.make())
    }

    async fn serve(
        &self,
        current: &Current,
        request: Request<RequestBody>,
        peer: SocketAddr,
        id: RequestId,
        span: tracing::Span,
    ) -> Response<Body> {
        let (runtime, settings) = (&current.runtime, &current.settings);
        let now = runtime.clock.now();
        let client = runtime.client_address(settings, peer, request.headers());
        let mut entry = Entry::begin(Arc::clone(runtime), span, request.method().clone(), client);
        let Served { route, mut response, is_own } =
            match context(settings, &request, client, now, &id) {
                _ if settings.is_health_probe(&request) => {
                    Served { route: "health", response: responses::healthy(), is_own: true }
                }
                Ok(context) => {
                    let context = Arc::new(context);
                    entry.set_context(Arc::clone(&context));
                    self.dispatch(runtime, request, context).await
                }
                Err(rejected) => {
                    if rejected == RejectedRequest::Misdirected {
                        runtime.auth.record_suspect(SuspectRequest::UnknownHost, client, now);
                    }
                    let response = reject(settings, rejected, request.headers(), client, now, &id);
                    Served { route: "rejected", response, is_own: true }
                }
            };
        let headers = response.headers_mut();
        if is_own {
            security_headers::set_own(headers);
        }
        settings.strict_transport.apply_to(headers);
        headers.insert(X_REQUEST_ID, id.as_header().clone());
        let status = response.status();
        let is_refusal = is_own && (status.is_client_error() || status.is_server_error());
        entry.set_response(route, status, is_refusal.then(|| id.reference()));
        response.map(|body| entry.follow(body))
    }

    async fn dispatch(
        &self,
        runtime: &Arc<Runtime>,
        request: Request<RequestBody>,
        context: Arc<Context>,
    ) -> Served {
        let prefix = context.settings.site.prefix.as_str();
        match context.path.as_str().strip_prefix(prefix).map(str::to_owned) {
            Some(own) => {
                let (route, response) =
                    routes::respond(&self.own, runtime, &own, request, context).await;
                Served { route, response, is_own: true }
            }
            None => forward::respond(runtime, request, context).await,
        }
    }
}

/// Checks the head of a request and returns its facts.
fn context(
    settings: &Arc<Settings>,
    request: &Request<RequestBody>,
    client: IpAddr,
    now: SystemTime,
    id: &RequestId,
) -> Result<Context, RejectedRequest> {
    let headers = request.headers();
    if let Some(error) = FramingError::of(request) {
        return Err(RejectedRequest::Framing(error));
    }
    // Its target is no path.
    if *request.method() == Method::CONNECT {
        return Err(RejectedRequest::Method);
    }
    let (host, app) = addressed(settings, request)?;
    let path = NormalPath::parse(request.uri().path()).map_err(|_| RejectedRequest::Path)?;
    let is_own = path.as_str().starts_with(settings.site.prefix.as_str());
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let max_bytes = if is_own { target::MAX_OWN_BYTES } else { target::MAX_BYTES };
    if target.len() > max_bytes {
        return Err(RejectedRequest::TargetLength(max_bytes));
    }
    // The routes of our own pages refuse it themselves.
    if *request.method() == Method::TRACE && !is_own {
        return Err(RejectedRequest::Method);
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
        request_id: id.clone(),
        noted: Noted::default(),
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
    id: &RequestId,
) -> Response<Body> {
    tracing::warn!(event = "http.refused", reason = ?rejected, client = %client, "request rejected");
    let kind = match rejected {
        RejectedRequest::Method => MessageKind::MethodNotAllowed,
        RejectedRequest::Misdirected => MessageKind::Misdirected,
        RejectedRequest::Framing(_) | RejectedRequest::Host | RejectedRequest::Path => {
            MessageKind::BadRequest
        }
        RejectedRequest::TargetLength(max_bytes) => {
            MessageKind::UriTooLong { max_bytes: u64::try_from(max_bytes).unwrap_or(u64::MAX) }
        }
    };
    let frame = Frame::new(&settings.site, language(settings, headers, None), now);
    let mut response = responses::refusal(headers, id, MessagePage::new(frame, kind));
    if rejected == RejectedRequest::Method {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
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
