//! One request from its head to its answer: what is judged, by whom, and what is forwarded.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use auth_module::{AuthModule, Decision, Session, SessionToken};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, HOST, USER_AGENT, WWW_AUTHENTICATE},
};
use hyper::body::Incoming;
use ipnet::IpNet;
use mfa_controller::Controller;
use mfa_pages::{Language, LanguageWishes, MessageKind, Site, field, negotiate, path as page};
use mfa_plugin_api::{ClientFacts, Randomness};
use mfa_proxy::{Body, Identity, NormalPath, Origin, Proxy, ProxyError, client_address};
use tokio_util::sync::CancellationToken;

use crate::{
    destination::ReturnTo,
    http::{cookies, csrf::FormTokens},
    ops::Metrics,
    routes::{self, responses},
    time::SharedClock,
};

/// The gateway at work: everything a request may need.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) site: Site,
    pub(crate) default_language: Language,
    /// The origins under which browsers reach us, as `Origin` spells them.
    pub(crate) origins: Vec<String>,
    /// The scheme of the first of them.
    pub(crate) scheme: &'static str,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) controller: Controller,
    pub(crate) proxy: Proxy,
    pub(crate) form_tokens: FormTokens,
    pub(crate) clock: SharedClock,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) metrics: Metrics,
    /// Ends what would otherwise outlive the listener, such as event streams.
    pub(crate) stop: CancellationToken,
    pub(crate) event_streams: Arc<tokio::sync::Semaphore>,
}

/// What is known of a request once its head was accepted.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: SystemTime,
    pub(crate) client: ClientFacts,
    pub(crate) language: Language,
    /// Whether the language switch was used just now.
    pub(crate) has_chosen_language: bool,
    pub(crate) path: NormalPath,
    /// Path and query, for links back to here.
    pub(crate) here: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) host: HeaderValue,
}

impl Context {
    /// A parameter of the query; none when it is given twice.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut values =
            self.query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }
}

/// A request that no page can be chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BadHead {
    Host,
    Method,
    Misdirected,
    Path,
}

const MAX_USER_AGENT_CHARS: usize = 256;
const MAX_TARGET_BYTES: usize = 8 * 1024;

impl App {
    /// Answers one request. Never fails: every error is an answer that lets nobody in.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let started = tokio::time::Instant::now();
        let now = self.clock.now();
        let client = client_address(peer, request.headers(), &self.trusted_proxies);
        let method = request.method().clone();
        let (route, response) = match self.context(&request, client, now) {
            Ok(context) => self.dispatch(request, &context).await,
            Err(bad) => ("bad-head", self.refuse_head(bad, request.headers(), client, now)),
        };
        let status = response.status().as_u16();
        self.metrics.request(route, status, started.elapsed());
        tracing::info!(
            event = "http.request", method = %known_method(&method), route, status,
            client = %client, duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        );
        response
    }

    async fn dispatch(
        self: &Arc<Self>,
        request: Request<Incoming>,
        context: &Context,
    ) -> (&'static str, Response<Body>) {
        match context.path.as_str().strip_prefix(self.site.prefix.as_str()) {
            Some(own) => {
                let own = own.to_owned();
                routes::answer(self, &own, request, context).await
            }
            None => ("application", self.application(request, context).await),
        }
    }

    fn context(
        &self,
        request: &Request<Incoming>,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Context, BadHead> {
        let headers = request.headers();
        if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
            return Err(BadHead::Method);
        }
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().filter(|_| hosts.next().is_none()).ok_or(BadHead::Host)?.clone();
        let named = host.to_str().map_err(|_| BadHead::Host)?;
        let is_own = |host: &str| {
            self.origins
                .iter()
                .any(|o| o.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host)))
        };
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        if !is_own(named) || !authority.is_none_or(is_own) {
            return Err(BadHead::Misdirected);
        }
        let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        if target.len() > MAX_TARGET_BYTES {
            return Err(BadHead::Path);
        }
        let path = NormalPath::parse(request.uri().path()).map_err(|_| BadHead::Path)?;
        let raw_query = request.uri().query().unwrap_or_default();
        let query = if path.as_str().starts_with(self.site.prefix.as_str()) {
            url::form_urlencoded::parse(raw_query.as_bytes()).into_owned().take(16).collect()
        } else {
            Vec::new()
        };
        let here = match request.uri().query() {
            Some(query) => format!("{}?{query}", path.as_str()),
            None => path.as_str().to_owned(),
        };
        let mut context = Context {
            now,
            client: ClientFacts::new(client, ""),
            language: self.default_language,
            has_chosen_language: false,
            path,
            here,
            query,
            headers: headers.clone(),
            host,
        };
        context.language = self.language(headers, context.parameter(field::LANGUAGE));
        context.has_chosen_language =
            context.parameter(field::LANGUAGE).and_then(Language::from_tag).is_some();
        context.client = client_facts(client, headers, context.language);
        Ok(context)
    }

    fn language(&self, headers: &HeaderMap, query: Option<&str>) -> Language {
        let accept_language =
            headers.get(http::header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
        let wishes =
            LanguageWishes { query, cookie: cookies::LANGUAGE.value(headers), accept_language };
        negotiate(&wishes, self.default_language)
    }

    fn refuse_head(
        &self,
        bad: BadHead,
        headers: &HeaderMap,
        client: IpAddr,
        now: SystemTime,
    ) -> Response<Body> {
        tracing::warn!(event = "http.refused", reason = ?bad, client = %client);
        let language = self.language(headers, None);
        let kind = match bad {
            BadHead::Method => MessageKind::MethodNotAllowed,
            BadHead::Host | BadHead::Misdirected | BadHead::Path => MessageKind::BadRequest,
        };
        let mut response = responses::bare_message(self, kind, language, now);
        if bad == BadHead::Misdirected {
            *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
        }
        response
    }

    /// The session that the request's cookie names, if it is good for anything.
    pub(crate) async fn session(
        &self,
        context: &Context,
    ) -> Result<Option<Session>, auth_module::AuthError> {
        let Some(token) = cookies::SESSION.value(&context.headers).and_then(SessionToken::parse)
        else {
            return Ok(None);
        };
        self.auth.load_session(&token, context.now).await
    }

    /// Step 1 for everyone without a session, step 11 for everyone with one.
    async fn application(&self, request: Request<Incoming>, context: &Context) -> Response<Body> {
        let session = match self.session(context).await {
            Ok(session) => session,
            Err(error) => return responses::failed(self, context, "session.load", &error),
        };
        match self.auth.decide(context.path.as_str(), session.as_ref(), context.now) {
            Decision::Allowed | Decision::Public => {
                self.forward(request, context, session.as_ref()).await
            }
            Decision::Forbidden => responses::message_in_app(self, context, MessageKind::Forbidden),
            Decision::LoginRequired | Decision::StepUpRequired(_) => {
                self.ask_for_login(context, request.method())
            }
        }
    }

    fn ask_for_login(&self, context: &Context, method: &Method) -> Response<Body> {
        let login = self.login_url(context, method);
        if is_navigation(&context.headers) {
            return responses::see_other(&login);
        }
        let mut response = responses::json(
            StatusCode::UNAUTHORIZED,
            &serde_json::json!({
                "error": "login_required",
                "login": login,
            }),
        );
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("FormBased"));
        response
    }

    fn login_url(&self, context: &Context, method: &Method) -> String {
        let login = self.site.url(page::LOGIN);
        let is_repeatable = matches!(*method, Method::GET | Method::HEAD);
        match ReturnTo::parse(&context.here).filter(|place| is_repeatable && place.as_str() != "/")
        {
            Some(place) => {
                let query = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair(field::RETURN_TO, place.as_str())
                    .finish();
                format!("{login}?{query}")
            }
            None => login,
        }
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        context: &Context,
        session: Option<&Session>,
    ) -> Response<Body> {
        let identity = session.map(identity);
        let origin =
            Origin { client: context.client.address, scheme: self.scheme, host: &context.host };
        match self.proxy.forward(request, &context.path, &origin, identity.as_ref()).await {
            Ok(response) => response,
            Err(error) => {
                let kind = match &error {
                    ProxyError::BadRequest => MessageKind::BadRequest,
                    ProxyError::TooLarge => MessageKind::TooLarge,
                    ProxyError::Timeout => MessageKind::UpstreamSlow,
                    ProxyError::Unreachable(_) => MessageKind::UpstreamDown,
                };
                tracing::warn!(event = "proxy.failed", error = %error, source = ?std::error::Error::source(&error));
                responses::message_in_app(self, context, kind)
            }
        }
    }

    /// A secret for a cookie.
    pub(crate) fn fresh_secret(&self) -> Result<String, mfa_plugin_api::RandomnessUnavailable> {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let mut bytes = [0; 32];
        self.randomness.fill(&mut bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn identity(session: &Session) -> Identity {
    Identity {
        user: session.user().login_name.as_str().to_owned(),
        amr: session.amr().iter().map(|method| method.as_str().to_owned()).collect(),
        auth_time: session
            .auth_time()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .as_secs(),
    }
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

/// Whether a browser is about to show the answer as a page: only then does a redirect help.
fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let wants_html =
        headers.get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    let is_script = text("x-requested-with").is_some()
        || text("sec-fetch-dest").is_some_and(|dest| dest != "document");
    wants_html && !is_script
}

/// The method for the log, where a made-up one could hold anything.
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
