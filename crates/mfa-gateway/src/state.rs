//! The state behind a request: runtime and settings are replaced by a reload of the configuration, and the context
//! lives as long as the request.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use auth_module::{
    AppName, AuthError, AuthModule, Destination, RequestFacts, Session, SessionToken,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, Request, header::REFERER};
use mfa_controller::Controller;
use mfa_pages::{Language, Site};
use mfa_plugin_api::{ClientFacts, Randomness, RandomnessUnavailable};
use mfa_proxy::{NormalPath, Proxy, TrustedProxies, canonical_host};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    destination,
    http::{cookies, csrf::FormTokens, once::RecentPosts, security_headers::StrictTransport},
    log_limit::LogLimit,
    noted::{LogKey, Noted},
    ops::Metrics,
    request_id::RequestId,
    routes::events::EventStreams,
    time::SharedClock,
    unlisted_proxies::UnlistedProxies,
    websockets::open::WebSockets,
};

/// The state of a running gateway.
#[derive(Debug)]
pub(crate) struct App {
    current: ArcSwap<Current>,
}

/// What a request uses from start to end. A reload replaces all of it at once.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) settings: Arc<Settings>,
}

impl Current {
    fn new(runtime: Runtime, settings: Settings) -> Arc<Self> {
        Arc::new(Self { runtime: Arc::new(runtime), settings: Arc::new(settings) })
    }
}

impl App {
    pub(crate) fn new(mut runtime: Runtime, settings: Settings) -> Arc<Self> {
        Arc::new_cyclic(|app| {
            runtime.app = Weak::clone(app);
            Self { current: ArcSwap::new(Current::new(runtime, settings)) }
        })
    }

    /// Returns the state for a request that begins now.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// Returns the runtime that new requests use.
    pub(crate) fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.current.load().runtime)
    }

    /// Sets the state for requests that begin from now on.
    pub(crate) fn replace(&self, runtime: Runtime, settings: Settings) {
        self.current.store(Current::new(runtime, settings));
    }
}

/// The parts that do the work. After a reload, the next runtime shares with this one what has a state.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    /// The gateway that this is a runtime of.
    pub(crate) app: Weak<App>,
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) controller: Controller,
    pub(crate) form_tokens: FormTokens,
    pub(crate) login_posts: Arc<RecentPosts>,
    pub(crate) clock: SharedClock,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) metrics: Metrics,
    /// The key of the users' names in the access log.
    pub(crate) log_key: LogKey,
    /// Bounds the lines about requests that failed.
    pub(crate) failures: Arc<LogLimit>,
    /// Stops listeners and event streams at shutdown.
    pub(crate) stop: CancellationToken,
    pub(crate) event_streams: Arc<EventStreams>,
    pub(crate) websockets: WebSockets,
    /// Wakes open WebSocket connections when a session of this process may have ended.
    pub(crate) session_ended: Arc<Notify>,
    pub(crate) unlisted_proxies: Arc<UnlistedProxies>,
}

impl Runtime {
    /// Returns the runtime that new requests use, for a connection that outlives reloads.
    pub(crate) fn latest(self: &Arc<Self>) -> Arc<Self> {
        self.app.upgrade().map_or_else(|| Arc::clone(self), |app| app.runtime())
    }

    /// Returns the session that the request's cookie names, if it is valid.
    pub(crate) async fn session(&self, context: &Context) -> Result<Option<Session>, AuthError> {
        let Some(token) = session_token(context) else { return Ok(None) };
        let session = self.auth.load_session(&token, context.now).await?;
        Ok(session.inspect(|session| context.noted.session(session)))
    }

    /// As [`session`](Self::session), but the request does not count as a use of the session.
    pub(crate) async fn peek_session(
        &self,
        context: &Context,
    ) -> Result<Option<Session>, AuthError> {
        let Some(token) = session_token(context) else { return Ok(None) };
        let session = self.auth.peek_session(&token, context.now).await?;
        Ok(session.inspect(|session| context.noted.session(session)))
    }

    /// Returns the address of the client. Counts and logs a proxy that is not listed.
    pub(crate) fn client_address(
        &self,
        settings: &Settings,
        peer: SocketAddr,
        headers: &HeaderMap,
    ) -> IpAddr {
        if settings.trusted_proxies.ignores(peer, headers) {
            self.metrics.client_address_ignored();
            self.unlisted_proxies.note(peer.ip(), Instant::now());
        }
        settings.trusted_proxies.client_address(peer, headers)
    }

    /// Generates a secret for a cookie: 256 random bits as base64url.
    pub(crate) fn random_secret(&self) -> Result<String, RandomnessUnavailable> {
        let mut bytes = [0; 32];
        self.randomness.fill(&mut bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn session_token(context: &Context) -> Option<SessionToken> {
    cookies::SESSION.value(&context.headers).and_then(SessionToken::parse)
}

/// The settings of requests.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) site: Site,
    pub(crate) default_language: Language,
    /// The origins of our pages, spelled as in the `Origin` header.
    pub(crate) origins: Vec<String>,
    /// Further origins whose pages may open WebSocket connections.
    pub(crate) websocket_origins: Vec<String>,
    /// The scheme of the first origin.
    pub(crate) scheme: &'static str,
    /// What responses say about HTTPS.
    pub(crate) strict_transport: StrictTransport,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) health_path: Option<String>,
    /// Whether the access log has the paths of the application.
    pub(crate) logs_paths: bool,
    /// How many of the last digits of a phone number its owner sees.
    pub(crate) shown_digits: u8,
    /// After this long without a request a session ends.
    pub(crate) idle_timeout: Duration,
    /// The hosts by their canonical spellings; see [`host`](Self::host).
    pub(crate) hosts: HashMap<String, KnownHost>,
}

impl Settings {
    /// Returns the host that `text`, such as the `Host` of a request, is a spelling of.
    pub(crate) fn host(&self, text: &str) -> Option<&KnownHost> {
        self.hosts.get(canonical_host(text)?.as_ref())
    }

    /// Whether a load balancer asks if the gateway serves. It may not know a host.
    pub(crate) fn is_health_probe<B>(&self, request: &Request<B>) -> bool {
        self.health_path.as_deref() == Some(request.uri().path())
            && matches!(*request.method(), Method::GET | Method::HEAD)
    }
}

/// A host of one of our origins.
#[derive(Debug, Clone)]
pub(crate) struct KnownHost {
    /// Its canonical spelling, for the application.
    pub(crate) name: HeaderValue,
    /// The application behind it.
    pub(crate) app: Arc<ProtectedApp>,
}

/// An application behind the gateway.
#[derive(Debug)]
pub(crate) struct ProtectedApp {
    pub(crate) name: AppName,
    pub(crate) proxy: Proxy,
    /// The size of the largest request body, where no rule says otherwise.
    pub(crate) max_body_bytes: u64,
    /// Whether a path with several readings is refused.
    pub(crate) is_strict: bool,
}

/// The facts of a request whose head was accepted.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Arc<Settings>,
    /// The application that the request's host names.
    pub(crate) app: Arc<ProtectedApp>,
    pub(crate) now: SystemTime,
    pub(crate) client: ClientFacts,
    pub(crate) language: Language,
    /// Whether this request uses the language switch.
    pub(crate) has_chosen_language: bool,
    pub(crate) path: NormalPath,
    /// Path and query, for links back to here.
    pub(crate) here: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) host: HeaderValue,
    pub(crate) request_id: RequestId,
    pub(crate) noted: Noted,
}

impl Context {
    /// Returns a parameter of the query; `None` if it is given twice.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.query, name)
    }

    /// Returns what the policy may look at.
    pub(crate) fn facts<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
        session: Option<&'a Session>,
    ) -> RequestFacts<'a> {
        let client = self.client.address;
        let facts = RequestFacts::new(&self.app.name, method, path, client, self.now);
        match session {
            Some(session) => facts.with_user(session.user_facts()),
            None => facts,
        }
    }

    /// Reads a destination in the request's application; see [`destination::from_relative_url`].
    pub(crate) fn destination(&self, url: &str) -> Option<Destination> {
        destination::from_relative_url(&self.app.name, &self.settings.site.prefix, url)
    }

    /// Returns the page of the same origin whose form or link caused the request, if the browser names it.
    pub(crate) fn referring_page(&self) -> Option<Destination> {
        let referrer = self.headers.get(REFERER)?.to_str().ok()?;
        let own = self.settings.origins.iter().find_map(|origin| referrer.strip_prefix(origin))?;
        self.destination(own)
    }

    /// Returns the start page of the request's application.
    pub(crate) fn start_page(&self) -> Destination {
        Destination::root(self.app.name.clone())
    }
}

/// Returns the value of `name` in a query; `None` if it is given twice.
pub(crate) fn parameter<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    let mut values = query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let value = values.next()?;
    values.next().is_none().then_some(value)
}
