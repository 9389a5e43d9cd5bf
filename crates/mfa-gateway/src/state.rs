//! The state behind a request: the runtime lives as long as the process, the settings until a reload,
//! the context as long as the request.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

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
    http::{cookies, csrf::FormTokens, once::RecentPosts},
    ops::Metrics,
    reference::Reference,
    routes::events::EventStreams,
    time::SharedClock,
    unlisted_proxies::UnlistedProxies,
    websockets::open::WebSockets,
};

/// The state of a running gateway: what lives as long as the process, and the current settings.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) runtime: Arc<Runtime>,
    settings: Arc<Settings>,
}

impl App {
    pub(crate) fn new(runtime: Runtime, settings: Settings) -> Self {
        Self { runtime: Arc::new(runtime), settings: Arc::new(settings) }
    }

    /// Returns the current settings. A request uses the same settings from start to end.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }
}

/// The parts that live as long as the process.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) controller: Controller,
    pub(crate) form_tokens: FormTokens,
    pub(crate) login_posts: RecentPosts,
    pub(crate) clock: SharedClock,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) metrics: Metrics,
    /// Stops listeners and event streams at shutdown.
    pub(crate) stop: CancellationToken,
    pub(crate) event_streams: EventStreams,
    pub(crate) websockets: WebSockets,
    /// Wakes open WebSocket connections when a session of this process may have ended.
    pub(crate) session_ended: Notify,
    pub(crate) unlisted_proxies: UnlistedProxies,
}

impl Runtime {
    /// Returns the session that the request's cookie names, if it is valid.
    pub(crate) async fn session(&self, context: &Context) -> Result<Option<Session>, AuthError> {
        match session_token(context) {
            Some(token) => self.auth.load_session(&token, context.now).await,
            None => Ok(None),
        }
    }

    /// As [`session`](Self::session), but the request does not count as a use of the session.
    pub(crate) async fn peek_session(
        &self,
        context: &Context,
    ) -> Result<Option<Session>, AuthError> {
        match session_token(context) {
            Some(token) => self.auth.peek_session(&token, context.now).await,
            None => Ok(None),
        }
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

/// The parts that a reload of the configuration may replace.
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
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) health_path: Option<String>,
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
    pub(crate) reference: Reference,
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
