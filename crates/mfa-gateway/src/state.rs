//! What a request may need: parts that live as long as the process, settings that a reload may
//! replace, and what is known of the request itself.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use auth_module::{
    AppName, AuthError, AuthModule, Destination, RequestFacts, Session, SessionToken,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, uri::Authority};
use ipnet::IpNet;
use mfa_controller::Controller;
use mfa_pages::{Language, Site};
use mfa_plugin_api::{ClientFacts, Randomness, RandomnessUnavailable};
use mfa_proxy::{NormalPath, Proxy};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    destination,
    http::{cookies, csrf::FormTokens},
    ops::Metrics,
    time::SharedClock,
};

/// The gateway at work.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) runtime: Arc<Runtime>,
    settings: Arc<Settings>,
}

impl App {
    pub(crate) fn new(runtime: Runtime, settings: Settings) -> Self {
        Self { runtime: Arc::new(runtime), settings: Arc::new(settings) }
    }

    /// Returns the settings of now. A request keeps the ones it began with to its end.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }
}

/// What lives as long as the process.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) controller: Controller,
    pub(crate) form_tokens: FormTokens,
    pub(crate) clock: SharedClock,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) metrics: Metrics,
    /// Ends what would otherwise outlive the listener, such as event streams.
    pub(crate) stop: CancellationToken,
    pub(crate) event_streams: Arc<Semaphore>,
}

impl Runtime {
    /// Returns the session that the request's cookie names, if it is good for anything.
    pub(crate) async fn session(&self, context: &Context) -> Result<Option<Session>, AuthError> {
        let Some(token) = cookies::SESSION.value(&context.headers).and_then(SessionToken::parse)
        else {
            return Ok(None);
        };
        self.auth.load_session(&token, context.now).await
    }

    /// Makes a secret for a cookie: 256 random bits in cookie octets.
    pub(crate) fn random_secret(&self) -> Result<String, RandomnessUnavailable> {
        let mut bytes = [0; 32];
        self.randomness.fill(&mut bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// What a reload of the configuration may replace.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) site: Site,
    pub(crate) default_language: Language,
    /// The origins under which browsers reach us, as `Origin` spells them.
    pub(crate) origins: Vec<String>,
    /// The scheme of the first of them.
    pub(crate) scheme: &'static str,
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The application behind each host. Authorities are equal without regard to case.
    pub(crate) hosts: HashMap<Authority, Arc<ProtectedApp>>,
}

/// An application behind the gateway.
#[derive(Debug)]
pub(crate) struct ProtectedApp {
    pub(crate) name: AppName,
    pub(crate) proxy: Proxy,
}

/// What is known of a request once its head was accepted.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Arc<Settings>,
    /// The application that the request's host names.
    pub(crate) app: Arc<ProtectedApp>,
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
    /// Returns a parameter of the query; none when it is given twice.
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

    /// Returns the start page of the request's application.
    pub(crate) fn start_page(&self) -> Destination {
        Destination::root(self.app.name.clone())
    }
}

/// Returns the value of `name` in a query; none when it is given twice.
pub(crate) fn parameter<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    let mut values = query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let value = values.next()?;
    values.next().is_none().then_some(value)
}
