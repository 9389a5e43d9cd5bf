//! The server: routes, cookies, and what each step of a login becomes.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use auth_module::{
    AppName, AuthError, AuthModule, Decision, Destination, PendingToken, RequestFacts, SessionToken,
};
use axum::{
    Form, Router,
    extract::{ConnectInfo, FromRequestParts, Query, State},
    http::{
        HeaderMap, HeaderName, Method, StatusCode, Uri,
        header::{COOKIE, LOCATION, SET_COOKIE},
        request::Parts,
    },
    response::{AppendHeaders, Html, IntoResponse, Response},
    routing::{get, post},
};
use mfa_controller::{Controller, LoginRequest, LoginStep, Pending, RejectedReason, StepClass};
use mfa_plugin_api::{ActionId, ClientFacts, Submission};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde::Deserialize;

use crate::system::{Result, now};

/// A real server sets `Secure` too, and names its cookies `__Host-…`. This one has no TLS.
const SESSION: &str = "session";
const PENDING: &str = "pending";

#[derive(Clone)]
pub(crate) struct Host {
    auth: Arc<AuthModule>,
    controller: Controller,
    app: AppName,
}

pub(crate) fn routes(host: Host) -> Router {
    Router::new()
        .route("/reports/today", get(report))
        .route("/login", get(login_page).post(login))
        .route("/factor", get(factor_page).post(factor))
        .route("/logout", post(logout))
        .with_state(host)
}

impl Host {
    pub(crate) fn new(auth: Arc<AuthModule>, controller: Controller) -> Result<Self> {
        Ok(Self { auth, controller, app: AppName::new("reports")? })
    }

    /// Returns where a form wants to go. Anything but a path of this server is the start page.
    fn destination(&self, to: &str) -> Destination {
        let (path, query) = match to.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (to, None),
        };
        let destination = Destination::new(self.app.clone(), path, query);
        destination.unwrap_or_else(|_| Destination::root(self.app.clone()))
    }
}

/// What a request tells about its browser.
struct Client {
    facts: ClientFacts,
    session: Option<SessionToken>,
    pending: Option<PendingToken>,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let peer = ConnectInfo::<SocketAddr>::from_request_parts(parts, state).await;
        // Behind a proxy, this is the address that the proxy vouches for.
        let ConnectInfo(peer) = peer.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let cookie = |name| cookie(&parts.headers, name);
        Ok(Self {
            facts: ClientFacts::new(peer.ip(), "en"),
            session: cookie(SESSION).and_then(SessionToken::parse),
            pending: cookie(PENDING).and_then(PendingToken::parse),
        })
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split("; "));
    pairs.find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name).map(|(_, value)| value))
}

/// The application's own page. Each protected page asks in this way, best in a middleware.
async fn report(
    State(host): State<Host>,
    client: Client,
    method: Method,
    uri: Uri,
) -> Result<Response, Failed> {
    let session = match &client.session {
        Some(token) => host.auth.load_session(token, now()).await?,
        None => None,
    };
    // The policy has to see the path as the router has matched it.
    let (method, address) = (method.as_str(), client.facts.address);
    let mut facts = RequestFacts::new(&host.app, method, uri.path(), address, now());
    if let Some(session) = &session {
        facts = facts.with_user(session.user_facts());
    }
    match (host.auth.decide(&facts), session) {
        (Decision::Public, None) => Ok("Hello".into_response()),
        (Decision::Allowed | Decision::Public, Some(session)) => {
            Ok(format!("Hello, {}", session.user().display_name).into_response())
        }
        (Decision::Forbidden, _) => Ok(StatusCode::FORBIDDEN.into_response()),
        // With a session that lacks a factor, `Controller::step_up` would ask for that factor only.
        _ => {
            let to = uri.path_and_query().map_or("/", |to| to.as_str());
            let to = utf8_percent_encode(to, NON_ALPHANUMERIC);
            Ok(see_other(&format!("/login?to={to}"), None))
        }
    }
}

#[derive(Deserialize)]
struct To {
    #[serde(default)]
    to: String,
}

async fn login_page(State(host): State<Host>, Query(To { to }): Query<To>) -> Html<String> {
    let to = url(&host.destination(&to)).replace('&', "&amp;").replace('"', "&quot;");
    Html(format!(
        r#"<form method="post"><input name="username"><input name="password" type="password">
<input name="to" type="hidden" value="{to}"><button>Log in</button></form>"#
    ))
}

#[derive(Deserialize)]
struct LoginForm {
    username: String,
    password: SecretString,
    to: String,
}

async fn login(State(host): State<Host>, client: Client, Form(form): Form<LoginForm>) -> Response {
    let request = LoginRequest {
        username: &form.username,
        password: &form.password,
        client: &client.facts,
        // This example keeps no cookie of known browsers.
        known_browser: None,
        destination: host.destination(&form.to),
    };
    shown(host.controller.login(request, now()).await)
}

async fn factor_page(State(host): State<Host>, client: Client) -> Response {
    let Some(token) = &client.pending else { return see_other("/login", None) };
    let step = host.controller.view(token, &client.facts, now()).await;
    let status = status(step.class());
    match step {
        // A host translates `Message`s. This one shows their keys.
        LoginStep::Prompt(step) => {
            let fields = step.prompt.fields.iter().map(|field| {
                format!(r#"<label>{}<input name="{}"></label>"#, field.label.key(), field.name)
            });
            let actions = step.prompt.actions.iter().map(|action| {
                let (id, label) = (action.id.as_str(), action.label.key());
                format!(r#"<button name="action" value="{id}">{label}</button>"#)
            });
            let inputs: String = fields.chain(actions).collect();
            let title = step.prompt.title.key();
            let page = format!(
                r#"<h1>{title}</h1><form method="post">{inputs}<button>Go</button></form>"#
            );
            (status, Html(page)).into_response()
        }
        LoginStep::Unavailable(step) => (status, step.message.key().to_owned()).into_response(),
        LoginStep::Denied(step) => (status, step.message.key().to_owned()).into_response(),
        other => shown(other),
    }
}

async fn factor(
    State(host): State<Host>,
    client: Client,
    Form(mut form): Form<BTreeMap<String, String>>,
) -> Response {
    let Some(token) = &client.pending else { return see_other("/login", None) };
    let (controller, facts) = (&host.controller, &client.facts);
    let step = if let Some(action) = form.remove("action") {
        controller.action(token, None, ActionId::new(action), facts, now()).await
    } else {
        let fields = form.into_iter();
        let submission = fields.fold(Submission::new(), |all, (name, value)| all.with(name, value));
        controller.submit(token, None, submission, facts, now()).await
    };
    shown(step)
}

async fn logout(State(host): State<Host>, client: Client) -> Result<Response, Failed> {
    if let Some(token) = &client.session {
        host.auth.logout(token, &client.facts, now()).await?;
    }
    Ok(see_other("/login", [delete(SESSION)]))
}

/// What a step becomes: a redirect with the cookies of the step, or a page that says what is wrong.
fn shown(step: LoginStep) -> Response {
    let status = status(step.class());
    let factor_page = |pending: Pending| {
        let cookie = pending.new_token.map(|token| set(PENDING, &token.expose_secret(), "Strict"));
        see_other("/factor", cookie)
    };
    match step {
        LoginStep::Prompt(step) => factor_page(step.pending),
        LoginStep::Unavailable(step) => factor_page(step.pending),
        LoginStep::Denied(step) => factor_page(step.pending),
        LoginStep::Finished(finished) => {
            let session = set(SESSION, &finished.session_token.expose_secret(), "Lax");
            see_other(&url(&finished.destination), [session, delete(PENDING)])
        }
        LoginStep::Restart(_) => see_other("/login", [delete(PENDING)]),
        // The same words for a wrong name, a wrong password and a disabled account.
        LoginStep::Rejected(RejectedReason::Credentials) => {
            (StatusCode::UNAUTHORIZED, "Name or password is wrong.").into_response()
        }
        LoginStep::Rejected(RejectedReason::MustChange) => {
            (status, "Your password has expired. Change it in the directory.").into_response()
        }
        LoginStep::Rejected(_) | LoginStep::Failed(_) => {
            (status, "Please try again later.").into_response()
        }
    }
}

fn status(class: StepClass) -> StatusCode {
    match class {
        StepClass::Asked => StatusCode::OK,
        StepClass::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        StepClass::TooMany => StatusCode::TOO_MANY_REQUESTS,
        StepClass::Denied => StatusCode::FORBIDDEN,
        StepClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        StepClass::Finished | StepClass::Restart => StatusCode::SEE_OTHER,
        StepClass::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The path and the query of a destination.
fn url(to: &Destination) -> String {
    match to.query() {
        Some(query) => format!("{}?{query}", to.path()),
        None => to.path().to_owned(),
    }
}

fn see_other(location: &str, cookies: impl IntoIterator<Item = Cookie>) -> Response {
    let location = [(LOCATION, location.to_owned())];
    (StatusCode::SEE_OTHER, location, AppendHeaders(cookies)).into_response()
}

/// A header that sets or deletes one.
type Cookie = (HeaderName, String);

fn set(name: &str, value: &str, same_site: &str) -> Cookie {
    (SET_COOKIE, format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}"))
}

fn delete(name: &str) -> Cookie {
    (SET_COOKIE, format!("{name}=; Path=/; Max-Age=0"))
}

/// A store failed. Nobody is let in.
struct Failed;

impl From<AuthError> for Failed {
    fn from(_: AuthError) -> Self {
        // A real server logs it: it contains no secret.
        Self
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}
