//! The server: what to copy into a login of your own.
//!
//! | request | does |
//! |---|---|
//! | `POST /login` `{"user":"alice"}` | opens a challenge and sends its code; sets a cookie that names the login |
//! | `POST /login/code` `{"code":"123456"}` | verifies the code; sets the cookie of the session |
//! | `POST /login/resend` | sends the same code again |
//! | `GET /me` | returns the name of the user who is logged in |
//! | `POST /karaden/{secret}` | receives Karaden's delivery reports |

use std::{
    collections::HashMap,
    error::Error,
    io, iter,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{AppendHeaders, IntoResponse, Response},
    routing::{any, get, post},
};
use karaden_client::{
    Recipient, Resolution, ResolvePolicy, SendError, SendOutcome, push,
    sms::{self, SentResult, callback},
};
use otp_cache::{
    ChallengeStore, Charge, Charged, DeliveryNote, DeliveryNotes, LocalNotifier, NoteKey, Notifier,
    Quota, QuotaKey, QuotaRefused, StoreError, consume_with_retries, memory::MemoryStore,
};
use otp_core::{
    AttemptRefused, Binding, Challenge, ChallengeId, CodeFormat, ConsumeRefused, DeliveryStatus,
    DigestKey, KeyId, KeyRing, LockoutState, Malformed, NewChallenge, Nonce, OpenRefused,
    PhoneNumber, Policy, Purpose, Rejected, ResendRefused, SubjectKey,
    gcra::Rate,
    message::{Host, SmsTemplate, TemplateSettings, TextLimit},
};
use rand::{TryRng as _, rngs::SysRng};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

const LIFETIME: Duration = Duration::from_secs(300);

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

pub(crate) struct App {
    users: HashMap<String, PhoneNumber>, // yours: a directory
    logins: Mutex<HashMap<String, Login>>,
    sessions: Mutex<HashMap<String, String>>, // yours: a session store
    store: MemoryStore,
    pub(crate) notifier: LocalNotifier,
    keys: KeyRing,
    format: CodeFormat,
    policy: Policy,
    template: SmsTemplate,
    per_number: Rate,
    /// Keeps the digests of phone numbers in the store from being guessed.
    pepper: String,
    karaden: sms::Client,
    callback: callback::CallbackSecret,
    tasks: TaskTracker,
    now: fn() -> SystemTime,
}

/// What must be the same in all requests of one login. The browser knows the random id only.
#[derive(Clone)]
struct Login {
    id: String,
    user: String,
    number: Option<PhoneNumber>,
    challenge: ChallengeId,
    expires_at: SystemTime,
}

impl Login {
    fn subject(&self) -> SubjectKey {
        SubjectKey::derive("", &self.user)
    }

    fn binding(&self) -> Binding<'_> {
        let destination = self.number.as_ref().map_or("", PhoneNumber::as_e164).as_bytes();
        let (subject, flow) = (self.user.as_str(), self.id.as_str());
        Binding { tenant: "", subject, flow, purpose: Purpose::LOGIN, destination }
    }
}

#[derive(Deserialize)]
struct Start {
    user: String,
}

/// Not `Debug`: it holds a code.
#[derive(Deserialize)]
struct Typed {
    code: String,
}

/// An unknown user gets the same answers as a known one: a challenge whose code nobody receives.
async fn start(
    State(app): State<Arc<App>>,
    Json(Start { user }): Json<Start>,
) -> Result<Response, Refused> {
    if user.len() > 100 {
        return Err(Refused::Malformed);
    }
    let (now, number) = ((app.now)(), app.users.get(&user).cloned());
    let (challenge, expires_at) = (ChallengeId::random(), now + LIFETIME);
    let login = Login { id: random_text(), user, number, challenge, expires_at };
    let (kid, nonce) = (app.keys.current_id(), Nonce::random());
    let new = NewChallenge { id: challenge, purpose: Purpose::LOGIN, kid, nonce, expires_at };
    let charged = app.charge(&login, now).await?;
    let opened = app.store.open(login.subject(), new, &app.policy, now).await?;
    if opened.is_err() {
        app.store.refund(&charged, now).await?;
    }
    let challenge = opened?;
    {
        let mut logins = app.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.retain(|_, login| login.expires_at > now);
        logins.insert(login.id.clone(), login.clone());
    }
    let cookie = set_cookie(LOGIN, &login.id);
    spawn_send(app, login, challenge, charged);
    Ok((StatusCode::ACCEPTED, cookie).into_response())
}

async fn verify(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Json(typed): Json<Typed>,
) -> Result<Response, Refused> {
    let (now, login) = ((app.now)(), app.login(&headers)?);
    let typed = app.format.normalise(&typed.code)?; // what is no code is no attempt
    let (subject, id) = (login.subject(), login.challenge);
    let attempt = app.store.begin_attempt(subject, id, &app.policy, now).await??; // counted
    let (attempts_left, lockout_state) = (attempt.attempts_left(), attempt.lockout_state());
    let verified = attempt.verify(&app.keys, &login.binding(), &app.format, &typed, now)?;
    if login.number.is_none() {
        // A lucky guess at a code that was never sent.
        return Err(Rejected::WrongCode { attempts_left, lockout_state }.into());
    }
    consume_with_retries(&app.store, verified, || now).await??; // one winner
    app.logins.lock().unwrap_or_else(PoisonError::into_inner).remove(&login.id);
    let session = random_text();
    let cookie = set_cookie(SESSION, &session);
    app.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(session, login.user);
    Ok((StatusCode::NO_CONTENT, cookie).into_response())
}

async fn resend(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<StatusCode, Refused> {
    let (now, login) = ((app.now)(), app.login(&headers)?);
    let charged = app.charge(&login, now).await?;
    let (subject, id) = (login.subject(), login.challenge);
    let permit = app.store.grant_resend(subject, id, &app.policy, now).await?;
    if permit.is_err() {
        app.store.refund(&charged, now).await?;
    }
    spawn_send(app, login, permit?.challenge, charged); // the same code
    Ok(StatusCode::ACCEPTED)
}

async fn me(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<String, StatusCode> {
    let sessions = app.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    let user = cookie(&headers, SESSION).and_then(|id| sessions.get(id));
    user.cloned().ok_or(StatusCode::UNAUTHORIZED)
}

/// Responds at once. A report is a hint to read the message, and proves nothing.
async fn delivery_report(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> StatusCode {
    let received = callback::receive(method.as_str(), uri.path(), &body, &app.callback);
    let status = StatusCode::from_u16(received.status());
    if let callback::Received::Report(report) = received {
        let tasks = app.tasks.clone();
        spawn(&tasks, async move { app.record(report.message_id()).await });
    }
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Sends in a task of its own: a server drops the handler of a browser that disconnects, and then nobody would look
/// up what became of the message. The browser does not wait, so its response takes as long for an unknown user.
fn spawn_send(app: Arc<App>, login: Login, challenge: Challenge, charged: Charged) {
    let tasks = app.tasks.clone();
    spawn(&tasks, async move { app.send(&login, &challenge, &charged).await });
}

fn spawn(tasks: &TaskTracker, task: impl Future<Output = Result<(), Failure>> + Send + 'static) {
    tasks.spawn(async {
        if let Err(error) = task.await {
            log("a task failed", &*error);
        }
    });
}

/// Your log. Errors hold no code and no number. What went wrong is in their sources.
fn log(what: &str, error: &(dyn Error + 'static)) {
    let causes = iter::successors(Some(error), |&error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    eprintln!("{what}: {}", texts.join(": "));
}

impl App {
    fn login(&self, headers: &HeaderMap) -> Result<Login, Refused> {
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let found = cookie(headers, LOGIN).and_then(|id| logins.get(id));
        found.cloned().ok_or(Refused::NewCodeNeeded)
    }

    /// Charges one message to the number; for an unknown user, to the name.
    async fn charge(&self, login: &Login, now: SystemTime) -> Result<Charged, Refused> {
        let to = login.number.as_ref().map_or(login.user.as_str(), PhoneNumber::as_e164);
        let key = QuotaKey::derive(&format!("{}/number/hour", self.pepper), to);
        Ok(self.store.charge(&[Charge::new(key, self.per_number)], now).await??)
    }

    async fn send(
        &self,
        login: &Login,
        challenge: &Challenge,
        charged: &Charged,
    ) -> Result<(), Failure> {
        let Some(number) = &login.number else { return Ok(()) };
        let (now, subject, id) = ((self.now)(), login.subject(), challenge.id());
        let is_sent = match self.message(login, number, challenge, now) {
            Ok(message) => {
                // Before the send. Without the note, the report finds no challenge; the code is as good.
                let (tag, expires_at) = (note_key(message.tag().as_str()), challenge.expires_at());
                let note = DeliveryNote { subject, challenge: id, expires_at };
                if let Err(error) = self.store.keep(tag, note, now).await {
                    log("no delivery note", &error);
                }
                self.hand_over(message, now).await
            }
            Err(error) => {
                log("no message", &*error);
                false
            }
        };
        if !is_sent {
            // It costs nothing, and the user may soon ask again.
            self.store.refund(charged, now).await?;
            let failed = DeliveryStatus::Failed;
            self.store.record_delivery(subject, id, failed, &self.policy, now).await?;
        }
        Ok(())
    }

    fn message(
        &self,
        login: &Login,
        number: &PhoneNumber,
        challenge: &Challenge,
        now: SystemTime,
    ) -> Result<sms::NewMessage, Failure> {
        let expires_at = challenge.expires_at();
        let code = challenge.code(&self.keys, &login.binding(), &self.format)?;
        let text = self.template.render(&code, expires_at.duration_since(now)?)?;
        let message =
            sms::NewMessage::new(Recipient::new(number.as_e164())?, text.expose_secret())?;
        Ok(message.with_limited_at(expires_at, now)?)
    }

    /// Returns `false` only for a message that was definitely not sent.
    async fn hand_over(&self, message: sms::NewMessage, now: SystemTime) -> bool {
        match self.karaden.send(message).await {
            Ok(SendOutcome::Accepted(_)) => true,
            Ok(SendOutcome::Refused(refusal)) => {
                log("refused", refusal.error());
                false
            }
            Err(SendError::NotSent(not_sent)) => {
                log("not sent", not_sent.error());
                false
            }
            // Looks the message up by its tag.
            Err(SendError::Unknown(unknown)) => {
                match unknown.resolve(&self.karaden, &ResolvePolicy::default(), now).await {
                    Resolution::NotSent(_) => false,
                    // It may be on its way, so only the user may ask for another.
                    Resolution::Accepted(_) | Resolution::Unknown(_) => true,
                }
            }
        }
    }

    /// Records what Karaden says about a message, if it is ours: then its tag leads to a note.
    async fn record(&self, id: &sms::MessageId) -> Result<(), Failure> {
        let (message, now) = (self.karaden.get(id).await?, (self.now)());
        let status = match message.sent_result {
            Some(SentResult::Received) => DeliveryStatus::Delivered,
            Some(SentResult::Unconnected) => DeliveryStatus::OutOfRange,
            Some(SentResult::Error) => DeliveryStatus::Failed,
            _ => DeliveryStatus::Pending,
        };
        for tag in &message.tags {
            if let Some(note) = self.store.find(note_key(tag), now).await? {
                let (subject, id) = (note.subject, note.challenge);
                self.store.record_delivery(subject, id, status, &self.policy, now).await?;
                self.notifier.notify(subject).await?;
            }
        }
        Ok(())
    }
}

fn note_key(tag: &str) -> NoteKey {
    NoteKey::derive("karaden", tag)
}

/// 128 random bits from the operating system, as text.
pub(crate) fn random_text() -> String {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system has a random generator");
    format!("{:032x}", u128::from_be_bytes(bytes))
}

// A browser takes a cookie with this prefix only from this host, with `Secure`, and for all paths.
const LOGIN: &str = "__Host-login";
pub(crate) const SESSION: &str = "__Host-session";

fn set_cookie(name: &str, value: &str) -> AppendHeaders<[(header::HeaderName, String); 1]> {
    // A link on another site has to find the session, but never a login.
    let same_site = if name == SESSION { "Lax" } else { "Strict" };
    let cookie = format!("{name}={value}; HttpOnly; Secure; SameSite={same_site}; Path=/");
    AppendHeaders([(header::SET_COOKIE, cookie)])
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split("; "));
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Each refusal, as the browser learns of it. Every error of a store means that nobody gets in.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "refused")]
enum Refused {
    /// What was typed is not a code. Nothing was counted.
    Malformed,
    /// Not this code. With 0 attempts left, the user needs a new one.
    Wrong { attempts_left: u8 },
    /// The code has expired, was used, or was tried too often.
    NewCodeNeeded,
    /// Locked or too early, until this second of Unix time.
    Wait { until: u64 },
    /// Blocked until an administrator calls `unlock`.
    Blocked,
    /// A fault of ours.
    Unavailable,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Wrong { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NewCodeNeeded => StatusCode::GONE,
            Self::Wait { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Blocked => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(self)).into_response()
    }
}

fn wait(until: SystemTime) -> Refused {
    let since = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Refused::Wait { until: since.as_secs() + 1 }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        log(error.kind().as_str(), &error); // your alert
        Self::Unavailable
    }
}

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<QuotaRefused> for Refused {
    fn from(refused: QuotaRefused) -> Self {
        refused.until.map_or(Self::Unavailable, wait)
    }
}

impl From<OpenRefused> for Refused {
    fn from(refused: OpenRefused) -> Self {
        match refused {
            OpenRefused::Blocked => Self::Blocked,
            OpenRefused::DuplicateId => Self::Unavailable,
            OpenRefused::Locked { until } | OpenRefused::TooManyOpen { until } => wait(until),
        }
    }
}

impl From<AttemptRefused> for Refused {
    fn from(refused: AttemptRefused) -> Self {
        match refused {
            AttemptRefused::Blocked => Self::Blocked,
            AttemptRefused::Locked { until } => wait(until),
            AttemptRefused::AttemptsExhausted
            | AttemptRefused::Expired
            | AttemptRefused::NotFound => Self::NewCodeNeeded,
        }
    }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::WrongCode { attempts_left, lockout_state } => match lockout_state {
                LockoutState::Open => Self::Wrong { attempts_left },
                LockoutState::Locked { until } => wait(until),
                LockoutState::Blocked => Self::Blocked,
            },
            Rejected::Expired | Rejected::KeyRetired => Self::NewCodeNeeded,
        }
    }
}

impl From<ConsumeRefused> for Refused {
    fn from(refused: ConsumeRefused) -> Self {
        match refused {
            ConsumeRefused::Expired | ConsumeRefused::NotFound => Self::NewCodeNeeded,
        }
    }
}

impl From<ResendRefused> for Refused {
    fn from(refused: ResendRefused) -> Self {
        match refused {
            ResendRefused::Blocked => Self::Blocked,
            ResendRefused::Locked { until } | ResendRefused::TooEarly { at: until } => wait(until),
            ResendRefused::AttemptsExhausted
            | ResendRefused::Exhausted
            | ResendRefused::Expired
            | ResendRefused::NotFound => Self::NewCodeNeeded,
        }
    }
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/login", post(start))
        .route("/login/code", post(verify))
        .route("/login/resend", post(resend))
        .route("/me", get(me))
        .route("/karaden/{secret}", any(delivery_report))
        .layer(DefaultBodyLimit::max(callback::MAX_REPORT_BYTES))
        .with_state(app)
}

/// Serves until `stop`, then waits for the sends: they may last for minutes, and a runtime that ends drops its tasks.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let server = axum::serve(listener, router(Arc::clone(&app)));
    server.with_graceful_shutdown(stop).await?;
    app.tasks.close();
    app.tasks.wait().await;
    Ok(())
}

/// Puts the parts together. The texts are checked here, not when a message is sent.
pub(crate) fn app(
    karaden: sms::Client,
    callback: callback::CallbackSecret,
    users: HashMap<String, PhoneNumber>,
    now: fn() -> SystemTime,
) -> Result<App, Failure> {
    let format = CodeFormat::digits(6)?;
    // One SMS. Karaden also takes up to 660 characters, and bills a longer text as several.
    let limit =
        TextLimit::new(70, 1).with_line_break(push::LINE_BREAK_UNITS).with_basic_plane_only();
    let settings = TemplateSettings::new(SmsTemplate::JAPANESE, "みどり商店", format, limit)
        .with_host(Host::new("auth.example.jp")?)
        .with_longest_lifetime(LIFETIME);
    Ok(App {
        users,
        logins: Mutex::default(),
        sessions: Mutex::default(),
        store: MemoryStore::new(),
        notifier: LocalNotifier::new(),
        // With a durable store read key and pepper from your secrets, so that they survive a restart too.
        keys: KeyRing::new(KeyId::new(1), DigestKey::random()),
        format,
        policy: Policy::default(),
        template: SmsTemplate::new(&settings)?,
        per_number: Rate::new(5, Duration::from_secs(3600))?,
        pepper: random_text(),
        karaden,
        callback,
        tasks: TaskTracker::new(),
        now,
    })
}
